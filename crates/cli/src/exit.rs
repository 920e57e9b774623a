//! How the process ends. The numbers are a contract: scripts and CI jobs depend on them.

use std::process::{ExitCode, Termination};

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Something went wrong that has no code of its own.
    Failed = 1,
    /// The command or the configuration makes no sense.
    Usage = 2,
    /// Denied by policy or by a person.
    Denied = 3,
    /// Not authenticated.
    Unauthenticated = 4,
    /// There is no such thing.
    NotFound = 5,
    /// A ledger or a receipt does not verify.
    Integrity = 6,
    /// The server cannot be reached.
    Unreachable = 7,
    /// An approval is pending.
    Pending = 8,
    /// A check has findings: policies that do not load, a test that fails, a file to lay out.
    Findings = 9,
    /// Something that the check needs is not here: it was skipped, which is not passed.
    Skipped = 77,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_a_contract() {
        let codes = [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Denied,
            Exit::Unauthenticated,
            Exit::NotFound,
            Exit::Integrity,
            Exit::Unreachable,
            Exit::Pending,
            Exit::Findings,
            Exit::Skipped,
        ];
        assert_eq!(codes.map(|code| code as u8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 77]);
    }
}
