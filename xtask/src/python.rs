//! A Python environment with packages of exact versions, below `target/xtask/tools`.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use crate::{failure::Failure, process, tree};

/// How long an installation may take.
const INSTALL: Duration = Duration::from_secs(300);

/// A virtual environment.
#[derive(Debug)]
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Installs these packages (`name==version`) into an environment of their own, unless they are there.
    pub(crate) fn with(name: &str, packages: &[&str]) -> Result<Self, Failure> {
        let folder = tree::output().join("tools").join(name);
        let python = Self { folder };
        let wanted = packages.join("\n");
        let marker = python.folder.join("installed");
        if fs::read_to_string(&marker).ok().as_ref() == Some(&wanted) {
            return Ok(python);
        }
        fs::create_dir_all(&python.folder)?;
        let mut create = Command::new("python3");
        create.args(["-m", "venv"]).arg(&python.folder);
        python.step(&mut create, "venv")?;
        let mut install = Command::new(python.binary());
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        python.step(&mut install, "pip")?;
        fs::write(marker, wanted)?;
        Ok(python)
    }

    /// The path of the environment's `python`.
    pub(crate) fn binary(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    fn step(&self, command: &mut Command, step: &str) -> Result<(), Failure> {
        let log = self.folder.with_extension(format!("{step}.log"));
        let done = process::finish(command, &log, INSTALL)
            .map_err(|failure| Failure::Unavailable(format!("Python packages: {failure}")))?;
        match done.code {
            Some(0) => Ok(()),
            _ => Err(Failure::Unavailable(format!("{step} failed:\n{}", done.errors.trim_end()))),
        }
    }
}
