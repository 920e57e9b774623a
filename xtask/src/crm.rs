//! The example CRM as the upstream of a check. It outlives every gateway, and its log is the other side's truth.

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    failure::Failure,
    process::{self, Running},
};

/// A running CRM.
#[derive(Debug)]
pub(crate) struct Crm {
    address: SocketAddr,
    log: PathBuf,
    read: u64,
    /// How often a call with these notes was executed.
    seen: HashMap<String, u64>,
    _running: Running,
}

impl Crm {
    /// Starts the binary on a free port of loopback.
    pub(crate) fn start(binary: &Path, folder: &Path) -> Result<Self, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
        let log = folder.join("crm.jsonl");
        fs::write(&log, "")?;
        let mut command = Command::new(binary);
        command.args(["--listen", &address.to_string(), "--log"]).arg(&log);
        let mut running = process::start(&mut command, &folder.join("crm.log"))?;
        running.wait_for(address, Duration::from_secs(10))?;
        Ok(Self { address, log, read: 0, seen: HashMap::new(), _running: running })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads what it has executed since the last time.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        let mut file = fs::File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // The CRM may be writing its last line.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text.get(..whole).unwrap_or_default().lines() {
            let call: Value = serde_json::from_str(line)?;
            let arguments = call.get("arguments");
            let of = |key: &str| arguments.and_then(|all| all.get(key)?.as_str());
            let marker = of("notes").or_else(|| of("deal_id")).unwrap_or_default();
            *self.seen.entry(marker.to_owned()).or_default() += 1;
        }
        self.read += whole as u64;
        Ok(())
    }

    /// How long its log is, bytes. A line is written before the call has an effect.
    pub(crate) fn written(&self) -> Result<u64, Failure> {
        Ok(fs::metadata(&self.log)?.len())
    }

    /// Its log.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// The executed calls by their notes (or else the deal), with how often each was.
    pub(crate) fn seen(&self) -> &HashMap<String, u64> {
        &self.seen
    }

    /// How often a call with these notes was executed.
    pub(crate) fn times(&self, notes: &str) -> u64 {
        self.seen.get(notes).copied().unwrap_or(0)
    }
}
