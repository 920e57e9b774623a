//! Where things are: the source tree, its build output, and the folder of one check.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{failure::Failure, process};

/// How long a build of the binaries may take.
const BUILD: Duration = Duration::from_secs(900);

/// The root of the source tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Everything that the checks write is below this.
pub(crate) fn output() -> PathBuf {
    target().join("xtask")
}

/// The folder of one check, emptied.
pub(crate) fn fresh(check: &str) -> Result<PathBuf, Failure> {
    let folder = output().join(check);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Builds these binaries and says where they are; `(package, binary)` each. `XTASK_BINARIES` names a folder that holds
/// them already, a release for instance.
pub(crate) fn binaries<const N: usize>(
    wanted: [(&str, &str); N],
    folder: &Path,
) -> Result<[PathBuf; N], Failure> {
    build("debug", &[], wanted, folder)
}

/// [`binaries`] as they are shipped.
pub(crate) fn shipped<const N: usize>(
    wanted: [(&str, &str); N],
    folder: &Path,
) -> Result<[PathBuf; N], Failure> {
    build("dist", &["--profile", "dist"], wanted, folder)
}

fn build<const N: usize>(
    profile: &str,
    options: &[&str],
    wanted: [(&str, &str); N],
    folder: &Path,
) -> Result<[PathBuf; N], Failure> {
    if let Some(built) = std::env::var_os("XTASK_BINARIES").map(PathBuf::from) {
        return Ok(wanted.map(|(_, binary)| built.join(binary)));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(root()).args(["build", "--quiet", "--locked"]).args(options);
    for (package, binary) in wanted {
        build.args(["--package", package, "--bin", binary]);
    }
    let built = process::finish(&mut build, &folder.join("build.log"), BUILD)?;
    if built.code != Some(0) {
        return Err(Failure::Broke(format!("the build failed:\n{}", built.errors)));
    }
    Ok(wanted.map(|(_, binary)| target().join(profile).join(binary)))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
