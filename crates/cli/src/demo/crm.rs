//! The CRM of the demo: the example program, started as a process of its own.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::failure::Failure;

/// A running CRM; it ends with this value.
#[derive(Debug)]
pub(crate) struct Crm {
    /// Its MCP endpoint.
    pub(crate) url: String,
    _process: Child,
}

impl Crm {
    /// Starts the CRM on a free port of loopback.
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(Failure::of("this program cannot be found"))?;
        let mut process = Command::new(program)
            .arg("example-crm")
            .arg("--log")
            .arg(folder.join("crm.jsonl"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::of("the example CRM cannot be started"))?;
        let output = process.stdout.take().ok_or_else(|| Failure::new("the example CRM has no output"))?;
        let mut lines = BufReader::new(output).lines();
        let line = lines.next_line().await.map_err(Failure::of("the example CRM said nothing"))?;
        let url = line.as_deref().and_then(|line| line.split_whitespace().last()).map(str::to_owned);
        let url = url.ok_or_else(|| Failure::new("the example CRM did not start"))?;
        Ok(Self { url, _process: process })
    }
}
