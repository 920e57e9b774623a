//! What a decision point of others said about a request. It can only narrow: a veto, or a gate.

use crate::{Object, PolicyId};

/// The answer of one external decision point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Who: `external:NAME`, as reasons and receipts call it.
    pub of: PolicyId,
    /// Whether it agrees.
    pub verdict: OpinionVerdict,
}

/// Closed: silence is not consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpinionVerdict {
    /// It agrees.
    Agrees,
    /// It does not.
    Objects,
    /// It gave no answer that could be read in time; why.
    Silent(String),
}

impl Opinion {
    pub(crate) fn to_json(&self) -> Object {
        let (word, why) = match &self.verdict {
            OpinionVerdict::Agrees => ("agrees", None),
            OpinionVerdict::Objects => ("objects", None),
            OpinionVerdict::Silent(why) => ("silent", Some(crate::receipt::clip(why))),
        };
        Object::new().with("of", self.of.as_str()).with("verdict", word).with_some("error", why)
    }
}
