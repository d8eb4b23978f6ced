//! Writes `docs/configuration.md`, and tests that it is up to date.

use super::{
    keys::{Key, Shape, keys},
    settings::{Scope, Setting, settings},
};

const BEGINNING: &str = include_str!("reference.md");
const SETTINGS: &str = "\
A name ends in its unit. A setting is the host's, which has one value, or a plugin's:
then what stands at the top of the file is the default for every plugin, and each may
be given another one. No plugin may be given more memory or larger tables than the
host has room for, which is what `memory_max_bytes` and `table_elements_max` say at
the top.
";

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
    page += "\n## The host\n\n";
    page += "| Key of `[host]` | Default | Takes | |\n|---|---|---|---|\n";
    for Key { name, shape, expected, default, live, doc, .. } in keys() {
        let default =
            if default.is_empty() { "none".into() } else { format!("`{}`", default.join(",")) };
        let takes = match shape {
            Shape::List => format!("a list of {expected}"),
            Shape::Boolean | Shape::Text | Shape::Path => expected.replace('|', " or "),
        };
        let live = if live { " A reload changes it." } else { "" };
        page += &format!("| `{name}` | {default} | {takes} | {}{live} |\n", line(doc));
    }
    page += "\n## Settings\n\n";
    page += SETTINGS;
    page += "\n| Setting | Whose | Default | Takes | |\n|---|---|---|---|---|\n";
    for Setting { name, scope, default, expected, doc } in settings() {
        let doc = line(doc);
        let whose = match scope {
            Scope::Host => "host",
            Scope::Plugin => "plugin",
        };
        page += &format!("| `{name}` | {whose} | {default} | {expected} | {doc} |\n");
    }
    page
}

/// Several lines of a doc comment as one.
fn line(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
