//! How one exchange with an upstream ended, and what that means to the engine.
//! Whatever may have left without an answer is unknown: never retried, never guessed.

use std::time::Duration;

use placet_domain::{Operation, Outcome};
use placet_engine::ports::{Answered, ConnectError, Passed, Performed};

/// How an exchange ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With an answer to our request.
    Answered(Reply),
    /// With an HTTP status and nothing of MCP.
    Status(u16),
    /// The session is gone. `sent` tells whether the upstream said so itself.
    NoSession { sent: bool },
    /// Before anything left.
    NotSent(String),
    /// After something may have left, with no answer.
    Lost(String),
    /// With something that is not MCP.
    Malformed(String),
    /// With our credential refused, or without one. `sent` tells whether the upstream said so itself.
    Unauthorized { sent: bool, detail: String },
}

/// An answer and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) answered: Answered,
    /// Whether it is an error, or a result of a tool that reports a failure.
    pub(crate) is_error: bool,
    /// Id of the server-sent event that carried it.
    pub(crate) event_id: Option<String>,
    /// The HTTP status, if it was not a success.
    pub(crate) status: Option<u16>,
}

const SESSION_ENDED: &str = "the session has ended";

impl Ending {
    /// What the engine records about a call.
    pub(crate) fn performed(self, operation: &Operation, elapsed: Duration) -> Performed {
        let without_answer = |outcome, sent, detail: String| Performed {
            outcome,
            answer: None,
            event_id: None,
            detail: Some(detail),
            sent,
            elapsed,
        };
        match self {
            Self::Answered(reply) => answered(reply, operation, elapsed),
            // A gateway or a crashed server answers 5xx after the call may have run.
            Self::Status(status) if status >= 500 => {
                without_answer(Outcome::Unknown, true, status_detail(status))
            }
            Self::Status(status) => without_answer(Outcome::Failed, true, status_detail(status)),
            Self::NoSession { sent } => without_answer(Outcome::Failed, sent, SESSION_ENDED.to_owned()),
            Self::NotSent(detail) => without_answer(Outcome::Failed, false, detail),
            // Authorization comes before the work: what was refused has not run.
            Self::Unauthorized { sent, detail } => without_answer(Outcome::Failed, sent, detail),
            Self::Lost(detail) | Self::Malformed(detail) => without_answer(Outcome::Unknown, true, detail),
        }
    }

    /// What the engine is told about protocol traffic.
    pub(crate) fn passed(self) -> Result<Passed, ConnectError> {
        match self {
            Self::Answered(Reply { answered, event_id, status, .. }) => {
                Ok(Passed { answer: Some(answered), session: None, event_id, status })
            }
            Self::Status(status) if status >= 500 => Err(ConnectError::Unreachable(status_detail(status))),
            Self::Status(status) => {
                Ok(Passed { answer: None, session: None, event_id: None, status: Some(status) })
            }
            Self::NoSession { .. } => Err(ConnectError::NoSession),
            Self::NotSent(detail) | Self::Lost(detail) => Err(ConnectError::Unreachable(detail)),
            Self::Malformed(detail) => Err(ConnectError::Protocol(detail)),
            Self::Unauthorized { detail, .. } => Err(ConnectError::Refused(detail)),
        }
    }
}

fn answered(reply: Reply, operation: &Operation, elapsed: Duration) -> Performed {
    let outcome = match (&reply.answered, operation) {
        (Answered::Error(_), _) => Outcome::Failed,
        (Answered::Result(_), Operation::Tool(_)) if reply.is_error => Outcome::Failed,
        (Answered::Result(_), _) => Outcome::Succeeded,
    };
    Performed {
        outcome,
        answer: Some(reply.answered),
        event_id: reply.event_id,
        detail: None,
        sent: true,
        elapsed,
    }
}

fn status_detail(status: u16) -> String {
    match status {
        300..=399 => format!("the upstream answered HTTP {status}; redirects are not followed"),
        _ => format!("the upstream answered HTTP {status}"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn outcome(ending: Ending) -> (Outcome, bool) {
        let tool = Operation::Tool("t".parse().unwrap());
        let performed = ending.performed(&tool, Duration::ZERO);
        (performed.outcome, performed.sent)
    }

    fn reply(answered: Answered, is_error: bool) -> Ending {
        Ending::Answered(Reply { answered, is_error, event_id: None, status: None })
    }

    #[test]
    fn each_ending_has_one_outcome() {
        let table = [
            (reply(Answered::Result(Bytes::new()), false), Outcome::Succeeded, true),
            (reply(Answered::Result(Bytes::new()), true), Outcome::Failed, true),
            (reply(Answered::Error(Bytes::new()), true), Outcome::Failed, true),
            (Ending::Status(302), Outcome::Failed, true),
            (Ending::Status(403), Outcome::Failed, true),
            (Ending::Status(502), Outcome::Unknown, true),
            (Ending::NoSession { sent: false }, Outcome::Failed, false),
            (Ending::NotSent(String::new()), Outcome::Failed, false),
            (Ending::Lost(String::new()), Outcome::Unknown, true),
            (Ending::Malformed(String::new()), Outcome::Unknown, true),
        ];
        for (ending, expected, sent) in table {
            let shown = format!("{ending:?}");
            assert_eq!(outcome(ending), (expected, sent), "{shown}");
        }
    }
}
