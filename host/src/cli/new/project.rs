//! The files of a new project.

use std::path::{Path, PathBuf};

use super::name::Name;

/// The SDK's, by their paths in it.
const SDK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Those that are the same in every project: the SDK's manifests take versions from
/// a workspace, and its licences ask to be given on with it.
const FIXED: [(&str, &str); 5] = [
    ("src/page.html", include_str!("template/page.html")),
    (".gitignore", "/target\n"),
    ("vendor/Cargo.toml", include_str!("template/vendor.toml")),
    ("vendor/LICENSE-APACHE", include_str!("../../../../LICENSE-APACHE")),
    ("vendor/LICENSE-MIT", include_str!("../../../../LICENSE-MIT")),
];

/// All files of a project of this name, by their paths in it.
pub(super) fn files(name: &Name) -> Vec<(PathBuf, String)> {
    let plugin = name.plugin();
    let filled =
        |template: &str| template.replace("@package@", name.package()).replace("@plugin@", &plugin);
    let own = [
        ("Cargo.toml".to_owned(), filled(include_str!("template/manifest.toml"))),
        ("README.md".to_owned(), filled(include_str!("template/README.md"))),
        ("src/lib.rs".to_owned(), filled(include_str!("template/lib.rs"))),
        (format!("{plugin}.toml"), filled(include_str!("template/settings.toml"))),
    ];
    let own = own.into_iter().map(|(path, text)| (path.into(), text));
    let fixed = FIXED.iter().map(|&(path, text)| (path.into(), text.to_owned()));
    let sdk = SDK
        .iter()
        .map(|&(path, text)| (Path::new("vendor/wshost-sdk").join(path), text.to_owned()));
    own.chain(fixed).chain(sdk).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Configuration;

    fn file(path: &str) -> String {
        let files = files(&Name::new("my-chat").unwrap());
        files.into_iter().find(|(found, _)| found == Path::new(path)).unwrap().1
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for (path, text) in files(&Name::new("my-chat").unwrap()) {
            let own = !path.starts_with("vendor");
            assert!(!(own && text.contains('@')), "{}: {text}", path.display());
        }
    }

    #[test]
    fn the_workspace_of_the_sdk_says_what_this_one_says() {
        let original = include_str!("../../../../Cargo.toml");
        let copy = file("vendor/Cargo.toml");
        let own = |line: &&str| line.starts_with("members") || line.contains("path = ");
        for line in copy.lines().filter(|line| line.contains(" = ") && !own(line)) {
            assert!(original.lines().any(|said| said == line), "{line}");
        }
    }

    #[test]
    fn the_settings_that_are_shown_are_valid() {
        let text = file("my_chat.toml");
        let active: String = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '))
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(active.contains("idle_timeout_ms"), "{text}");
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("my_chat.toml"), active).unwrap();
        let config = Configuration::of(&[]).unwrap();
        config.plugin(&directory.path().join("my_chat.wasm")).unwrap();
    }
}
