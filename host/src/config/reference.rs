//! Writes `docs/configuration.md`, and tests that it is up to date.

use super::settings::{Scope, Setting, settings};

const BEGINNING: &str = include_str!("reference.md");

/// `cargo xtask docs` writes it.
#[test]
fn the_reference_says_what_stands_here() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let reference = reference();
    if std::env::var_os("WSHOST_WRITE_DOCS").is_some() {
        std::fs::write(path, &reference).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == reference,
        "docs/configuration.md is not up to date: run `cargo xtask docs`"
    );
}

fn reference() -> String {
    let mut page = String::from(BEGINNING);
    page += "\n| Setting | Whose | Default | Takes | |\n|---|---|---|---|---|\n";
    for Setting { name, scope, default, expected, doc } in settings() {
        let doc = doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let whose = match scope {
            Scope::Host => "host",
            Scope::Plugin => "plugin",
        };
        page += &format!("| `{name}` | {whose} | {default} | {expected} | {doc} |\n");
    }
    page
}
