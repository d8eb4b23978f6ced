//! Components that are made to keep a compiler busy, against the limits.

use std::fs;

use wshost_tests::run_to_end;

use super::hostile;

/// A quarter of a gigabyte: as much as a test may have.
const MEMORY: &str = "compile_memory_max_bytes=268_435_456";
const EXPORTS: &str = "it exports nothing";

/// Such a component is refused by one line with this in it. That nothing else in
/// the host takes long for it, or much memory, the test's end shows.
async fn refused(component: &[u8], settings: &[&str], why: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, component).unwrap();
    let (path, cache) = (path.to_str().unwrap(), directory.path().join("cache"));
    let mut arguments = vec!["check", path, "--cache", cache.to_str().unwrap()];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    let finished = run_to_end(&arguments).await;
    let line = finished.only_line();
    assert!(line.contains(why), "`{why}` is missing in: {line}");
    assert!(line.len() < 1_000, "a long line: {line}");
}

#[tokio::test]
async fn a_huge_function() {
    // It looks worse than it is.
    let memory = "compile_memory_max_bytes=1_073_741_824";
    refused(&hostile::huge_function(), &[memory], EXPORTS).await;
}

#[tokio::test]
async fn a_function_of_many_paths() {
    refused(&hostile::many_paths(), &[MEMORY], "compile_memory_max_bytes=268435456").await;
}

#[tokio::test]
async fn blocks_in_blocks() {
    refused(&hostile::deep_blocks(), &[MEMORY], "compile_memory_max_bytes").await;
}

#[tokio::test]
async fn a_jump_to_a_million_places() {
    refused(&hostile::wide_jump(), &[MEMORY], "`br_table` has 1000000 targets").await;
}

#[tokio::test]
async fn a_million_functions() {
    let component = hostile::many_functions();
    refused(&component, &[MEMORY], "compile_memory_max_bytes").await;
    let second = ["compile_time_max_ms=1", "compile_memory_max_bytes=8_589_934_592"];
    refused(&component, &second, "compile_time_max_ms=1").await;
    refused(&component, &["compile_wait_max_ms=1"], "compile_wait_max_ms=1").await;
}

#[tokio::test]
async fn large_images_of_a_small_file() {
    let component = hostile::large_images();
    assert!(component.len() < 40_000);
    refused(&component, &[MEMORY], "compile_memory_max_bytes").await;
}

#[tokio::test]
async fn a_large_table() {
    refused(&hostile::large_table(), &[MEMORY], "compile_memory_max_bytes").await;
}

#[tokio::test]
async fn deep_and_doubling_types() {
    refused(&hostile::deep_types(), &[MEMORY], "type nesting is too deep").await;
    refused(&hostile::doubling_types(), &[MEMORY], "effective type size exceeds").await;
}

#[tokio::test]
async fn many_types() {
    refused(&hostile::many_types(), &[MEMORY], "compile_memory_max_bytes").await;
}

#[tokio::test]
async fn components_in_components() {
    refused(&hostile::deep_components(), &[MEMORY], EXPORTS).await;
}

#[tokio::test]
async fn a_file_that_is_too_large() {
    refused(&[0; 2_000], &["component_max_bytes=1_999"], "component_max_bytes=1999").await;
}

#[tokio::test]
async fn code_that_is_too_large() {
    let component = b"\0asm\x0d\0\x01\0";
    refused(component, &["code_max_bytes=1024"], "code_max_bytes=1024").await;
    refused(component, &[], EXPORTS).await;
}
