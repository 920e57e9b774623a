//! Short readings of replies, for assertions.

use placet_domain::{ApprovalId, Json, Refusal};
use placet_engine::{Reply, ports::Answered};

/// The refusal, if it is one.
#[must_use]
pub fn refusal(reply: &Reply) -> Option<&Refusal> {
    match reply {
        Reply::Answered { .. } => None,
        Reply::Refused { refusal, .. } => Some(refusal),
    }
}

/// The ticket of the question that was asked, if one was.
#[must_use]
pub fn ticket(reply: &Reply) -> Option<ApprovalId> {
    refusal(reply)?.ticket
}

/// The tool's result, if it gave one.
#[must_use]
pub fn result(reply: &Reply) -> Option<Json> {
    match reply {
        Reply::Answered { answer: Answered::Result(bytes), .. } => Json::parse(bytes).ok(),
        Reply::Answered { answer: Answered::Error(_), .. } | Reply::Refused { .. } => None,
    }
}
