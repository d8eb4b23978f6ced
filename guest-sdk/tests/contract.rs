//! The crate brings its own copy of the contract, so that it builds wherever
//! it is. In this repository the copy has to be the original.

#[test]
fn the_copy_of_the_contract_is_the_original() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let Ok(original) = std::fs::read_to_string(format!("{folder}/../wit/handler.wit")) else {
        return; // the crate stands alone
    };
    let copy = include_str!("../wit/handler.wit");
    assert!(original == copy, "run: cp wit/handler.wit guest-sdk/wit/handler.wit");
}
