//! Why a command failed: what happened, why, and with which exit code.

use std::{error::Error, fmt};

use crate::exit::Exit;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that is nobody else's fault.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), cause: None }
    }

    /// Wraps an error: `.map_err(Failure::of("the file cannot be read"))`.
    pub(crate) fn of<E: Error + Send + Sync + 'static>(message: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |error| Self { exit: Exit::Failed, message: message.into(), cause: Some(Box::new(error)) }
    }

    /// Something that should verify does not.
    pub(crate) fn integrity(message: impl Into<String>) -> Self {
        Self::new(message).with_exit(Exit::Integrity)
    }

    /// Says how the process ends.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// How the process ends.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        let mut cause: Option<&(dyn Error + 'static)> = self.cause.as_deref().map(|cause| cause as _);
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        let failure = Self { exit: Exit::Usage, message: error.to_string(), cause: None };
        match error.source() {
            Some(source) => Self { message: format!("{}: {source}", failure.message), ..failure },
            None => failure,
        }
    }
}

impl From<crate::serve::ServeError> for Failure {
    fn from(error: crate::serve::ServeError) -> Self {
        let exit = match &error {
            crate::serve::ServeError::Ledger(placet_ledger::LedgerError::Damaged(_)) => Exit::Integrity,
            crate::serve::ServeError::Config(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        Self { exit, message: chain(&error), cause: None }
    }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
