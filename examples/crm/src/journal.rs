//! The CRM's own record of the calls that it executed, kept apart from anybody else's.
//! A line is on file before the call has an effect and before it is answered.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rmcp::model::JsonObject;
use serde::Serialize;

/// One executed `tools/call`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedCall {
    /// Counts from 1 without gaps.
    pub sequence: u64,
    pub tool: String,
    /// The arguments as they arrived.
    pub arguments: JsonObject,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
}

/// The calls so far, in memory and, where a file was named, as JSON lines in it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: Vec<LoggedCall>,
    file: Option<File>,
}

impl Journal {
    /// Appends to `path`, creating it if needed. Sequence numbers start at 1 with each process.
    pub(crate) fn with_file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { calls: Vec::new(), file: Some(file) })
    }

    pub(crate) fn append(&mut self, tool: &str, arguments: &JsonObject) -> io::Result<()> {
        let sequence = self.calls.last().map_or(1, |last| last.sequence.saturating_add(1));
        let call = LoggedCall { sequence, tool: tool.into(), arguments: arguments.clone(), time: now() };
        if let Some(file) = &mut self.file {
            // One write per line, so that a reader never sees half of one.
            let mut line = serde_json::to_vec(&call)?;
            line.push(b'\n');
            file.write_all(&line)?;
            file.flush()?;
        }
        self.calls.push(call);
        Ok(())
    }

    pub(crate) fn calls(&self) -> &[LoggedCall] {
        &self.calls
    }
}

#[expect(clippy::disallowed_methods, reason = "the CRM is a program of its own, with no clock port")]
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| u64::try_from(elapsed.as_millis()).ok())
        .unwrap_or_default()
}
