//! `cargo xtask dist`: what is released, in `target/dist`.

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    build::{self, run, target},
    tool,
};

pub(crate) const HELP: &str = "\
  dist              makes what is released, in target/dist: an archive with the
                    program, its manual and completions, a Debian package, a
                    container's image where an engine runs, and their checksums";

const VERSION: &str = env!("CARGO_PKG_VERSION");
const CARGO_DEB_VERSION: &str = "3.8.0";

/// Makes all of it.
pub(crate) fn dist() -> Result<()> {
    let released = build::released_host()?;
    let program = released.join("wshost");
    // Where cargo-deb looks for it.
    let generated = released.join("generated");
    run(Command::new(&program).arg("generate").arg(&generated))?;

    let dist = target().join("dist");
    // There is none the first time.
    let _ = fs::remove_dir_all(&dist);
    let name = format!("wshost-{VERSION}-{ARCH}-linux");
    let folder = dist.join(&name);
    fill(&folder, &program, &generated)?;
    run(Command::new("tar")
        .args(["--create", "--gzip", "--owner=0", "--group=0", "--file"])
        .arg(dist.join(format!("{name}.tar.gz")))
        .arg("--directory")
        .args([&dist, Path::new(&name)]))?;
    debian_package(&dist)?;
    image(&folder)?;
    checksums(&dist)
}

/// Puts everything into the folder that is archived.
fn fill(folder: &Path, program: &Path, generated: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let stripped = folder.join("wshost");
    run(Command::new("strip").arg("-o").args([&stripped, program]))?;
    let files = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];
    run(Command::new("cp")
        .arg("--recursive")
        .args(["xtask/dist/Containerfile", "docs"])
        .args(files)
        .args([generated.join("man"), generated.join("completions"), folder.to_owned()]))?;
    let bytes = fs::metadata(stripped)?.len();
    eprintln!("xtask: the program has {:.1} MB", bytes as f64 / 1e6);
    Ok(())
}

/// Made by cargo-deb, as `host/Cargo.toml` says.
fn debian_package(dist: &Path) -> Result<()> {
    let cargo_deb = tool::program("cargo-deb", CARGO_DEB_VERSION)?;
    run(Command::new(cargo_deb)
        .args(["--package", "wshost", "--profile", "production", "--no-build", "--strip"])
        .args(["--locked", "--output"])
        .arg(dist))
}

/// Made by the engine that runs here, if one does.
fn image(folder: &Path) -> Result<()> {
    let runs = |engine: &&&str| {
        let mut info = Command::new(engine);
        info.arg("info").stdout(Stdio::null()).stderr(Stdio::null());
        info.status().is_ok_and(|status| status.success())
    };
    let Some(engine) = ["podman", "docker"].iter().find(runs) else {
        eprintln!("xtask: neither podman nor docker runs here, so no image is built");
        return Ok(());
    };
    let tag = format!("wshost:{VERSION}");
    run(Command::new(engine)
        .args(["build", "--tag", &tag, "--file"])
        .args([&folder.join("Containerfile"), folder]))
}

/// `SHA256SUMS`, of the files beside it.
fn checksums(dist: &Path) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(PathBuf::from(entry.file_name()));
        }
    }
    files.sort();
    let summed = Command::new("sha256sum").args(files).current_dir(dist).output();
    let summed = summed.context("can't run sha256sum")?;
    let said = String::from_utf8_lossy(&summed.stderr);
    ensure!(summed.status.success(), "sha256sum failed: {said}");
    let sums = summed.stdout;
    fs::write(dist.join("SHA256SUMS"), &sums)?;
    eprint!("{}", String::from_utf8_lossy(&sums));
    Ok(())
}
