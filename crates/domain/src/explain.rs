//! Every refusal has a stable code and one source of text, the same in MCP, HTTP and the command line.
//! The catalogue itself is `explain/catalogue.rs`.

mod catalogue;

use std::{fmt, str::FromStr, time::Duration};

pub use catalogue::Code;

use crate::{ApprovalId, Json, Object};

/// What a refused caller is told: what happened, why, what to do next, who can change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code, `PL-nnnn`.
    pub code: Code,
    /// Why, in this case.
    pub why: String,
    /// The one next step, in this case.
    pub next: String,
    /// Who can change it.
    pub who: Option<String>,
    /// The approval that was asked for.
    pub ticket: Option<ApprovalId>,
    /// How long the way out takes or stays open.
    pub wait: Option<Duration>,
}

impl Refusal {
    /// A refusal with the catalogue's next step.
    #[must_use]
    pub fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into(), next: code.next().to_owned(), who: None, ticket: None, wait: None }
    }

    /// Replaces the catalogue's next step by one that fits this case.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Names who can change it.
    #[must_use]
    pub fn with_who(mut self, who: impl Into<String>) -> Self {
        self.who = Some(who.into());
        self
    }

    /// The structured form, for programs.
    #[must_use]
    pub fn to_json(&self) -> Object {
        Object::new()
            .with("code", self.code.to_string())
            .with("what", self.code.what())
            .with("why", self.why.as_str())
            .with("next", self.next.as_str())
            .with_some("who", self.who.as_deref())
            .with_some("ticket", self.ticket.map(|ticket| ticket.to_string()))
            .with_some(
                "wait_seconds",
                self.wait.map(|wait| Json::from(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))),
            )
    }
}

impl fmt::Display for Refusal {
    /// One sentence a model or a person can act on.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}. Next: {}.", self.code, self.code.what(), self.why, self.next)?;
        match &self.who {
            Some(who) => write!(formatter, " Who can change it: {who}."),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PL-{}", self.number())
    }
}

/// Why a text is not a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a code; codes look like PL-1201, and `placet explain` lists them")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.to_ascii_uppercase();
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.to_string() == wanted || code.number().to_string() == wanted)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_number_of_its_own_and_reads_back() {
        let mut numbers: Vec<_> = Code::ALL.iter().map(|code| code.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.to_string().parse(), Ok(*code));
            assert!(!code.what().ends_with('.') && !code.next().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn a_refusal_reads_as_one_sentence_with_a_next_step() {
        let refusal = Refusal::new(Code::Vetoed, "policy `crm-amount-cap` forbids it").with_who("crm-owners");
        assert_eq!(
            refusal.to_string(),
            "PL-1202 forbidden by policy: policy `crm-amount-cap` forbids it. Next: do not retry this call unchanged; \
             change the arguments the policy names or ask its owner. Who can change it: crm-owners."
        );
    }
}
