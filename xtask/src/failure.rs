//! How a check ends when it does not pass.

use std::fmt;

/// Why a check did not pass.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It ran, and what it measured is below its bar.
    Missed(String),
    /// It could not be carried through.
    Broke(String),
    /// A foreign program it needs cannot be had here, most likely for want of a network.
    Unavailable(String),
}

impl Failure {
    /// The exit code; 77 is the one that test harnesses read as "skipped".
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Missed(_) => 1,
            Self::Broke(_) => 2,
            Self::Unavailable(_) => 77,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed(what) => write!(formatter, "bar missed: {what}"),
            Self::Broke(what) => write!(formatter, "broke: {what}"),
            Self::Unavailable(what) => write!(formatter, "could not run: {what}"),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broke(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Broke(format!("not the JSON that was expected: {error}"))
    }
}
