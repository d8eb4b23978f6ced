//! Lists the SDK's files, which `wshost new` puts into a project.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// What a handler is built with. Its tests stay here.
const PARTS: [&str; 4] = ["Cargo.toml", "macros", "src", "wit"];

fn main() -> io::Result<()> {
    let sdk = PathBuf::from("../guest-sdk").canonicalize()?;
    let mut files = Vec::new();
    for part in PARTS {
        let part = sdk.join(part);
        println!("cargo::rerun-if-changed={}", part.display());
        list(&part, &mut files)?;
    }
    files.sort();
    let mut source = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&sdk).map_err(io::Error::other)?;
        writeln!(source, "({name:?}, include_str!({file:?})),").map_err(io::Error::other)?;
    }
    source += "]\n";
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("sdk.rs"), source)
}

/// The files in a directory and below; or the file itself.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        list(&entry?.path(), files)?;
    }
    Ok(())
}
