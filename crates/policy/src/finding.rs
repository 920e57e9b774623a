//! What the loader has to say about a policy set: each finding with its place, a sentence and what to do.

use std::fmt;

/// One thing found while loading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file it is in.
    pub file: String,
    /// Line, from 1, if it has a place.
    pub line: Option<usize>,
    /// Column in characters, from 1, if it has a place.
    pub column: Option<usize>,
    /// The `@id` of the policy, if it has one.
    pub policy: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// A finding about the configuration or the tools rather than a policy file.
    pub(crate) fn of_config(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            file: "placet.toml".to_owned(),
            line: None,
            column: None,
            policy: None,
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(formatter, ":{column}")?;
        }
        if let Some(policy) = &self.policy {
            write!(formatter, ": policy `{policy}`")?;
        }
        write!(formatter, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Why a policy set is not accepted: every finding, not the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadErrors {
    /// At least one, in order of file and line.
    pub findings: Vec<Finding>,
}

impl LoadErrors {
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|left, right| {
            (&left.file, left.line, left.column).cmp(&(&right.file, right.line, right.column))
        });
        findings.dedup();
        Self { findings }
    }
}

impl fmt::Display for LoadErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.findings.len();
        write!(
            formatter,
            "the policies were not accepted ({count} finding{})",
            if count == 1 { "" } else { "s" }
        )?;
        self.findings.iter().try_for_each(|finding| write!(formatter, "\n  {finding}"))
    }
}

impl std::error::Error for LoadErrors {}

impl From<String> for LoadErrors {
    /// A fault that is no file's: loading itself went wrong.
    fn from(message: String) -> Self {
        let file = "placet.toml".to_owned();
        Self { findings: vec![Finding { file, line: None, column: None, policy: None, message, help: None }] }
    }
}
