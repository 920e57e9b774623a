//! A decision is a value: verdict, reasons, obligations and the policy revision that gave it.

use std::{fmt, time::Duration};

use crate::{Charge, Digest, Exceeded, GroupName, Obligation, PolicyId, Risk};

/// The outcome of judging one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Allow, require approval, or deny.
    pub verdict: Verdict,
    /// The policies that decided: grants on allow, gates on require approval, vetoes on deny.
    pub reasons: Vec<Reason>,
    /// What has to be done with an allowed call.
    pub obligations: Vec<Obligation>,
    /// What it puts on counters if it runs.
    pub charges: Vec<Charge>,
    /// The policy set that was in force.
    pub revision: PolicyRevision,
    /// How risky it is, as far as that is known.
    pub risk: Risk,
    /// Nothing but a grant is missing, and one for a time could be asked for.
    pub requestable: bool,
}

/// Allow, require approval, or deny. Closed: adding a member must break every place that decides on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The call may run.
    Allow,
    /// The call may run once people have lifted these gates.
    RequireApproval(Vec<Gate>),
    /// The call may not run.
    Deny(DenyCause),
}

impl Verdict {
    /// The word receipts and metrics use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::RequireApproval(_) => "require_approval",
            Self::Deny(_) => "deny",
        }
    }
}

/// Why a call may not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenyCause {
    /// The arguments do not fit the pinned schema; the text says which and how. The caller can mend it.
    Arguments(String),
    /// Something went wrong while judging; the text says what. Unknown is not permission.
    Error(String),
    /// A limit has no room for it.
    Limit(Box<Exceeded>),
    /// Arguments that a policy requires are not there; the text says which. The caller can mend it.
    Fields(String),
    /// No grant covers the call.
    NoGrant,
    /// A veto forbids it; the reasons name which.
    Veto,
}

/// A policy that took part in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The policy's `@id`.
    pub policy: PolicyId,
    /// Its `@reason`: why, in the author's words.
    pub reason: Option<String>,
    /// Its `@remedy`: what the caller can do about it.
    pub remedy: Option<String>,
}

/// A forbid that a person's approval can lift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The gate's `@id`.
    pub policy: PolicyId,
    /// Groups whose members are asked (`@approvers`). Who may answer is a policy of its own.
    pub approvers: Vec<GroupName>,
    /// How long the question stays open (`@timeout`).
    pub timeout: Duration,
    /// Its `@reason`.
    pub reason: Option<String>,
}

/// A policy set, named by the digest of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyRevision(pub Digest);

impl std::str::FromStr for PolicyRevision {
    type Err = crate::ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("sha256:").unwrap_or(text).parse().map(Self)
    }
}

impl fmt::Display for PolicyRevision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.0)
    }
}
