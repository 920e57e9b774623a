//! What policies oblige us to do with a call that they allow: which of it is possible, holding back what would pass
//! before it is done, and doing it. Nothing passes undone. The rules are in `docs/policies/obligations.md`.

mod cut;
mod edit;
mod sweep;

use std::fmt;

use placet_domain::{
    Code, Decision, Discharge, EditedResult, Obligation, Opening, Operation, PolicyId, Refusal, ToolCall,
    limits,
};
use tokio::sync::mpsc;

use crate::{
    Engine, Placet,
    ports::{Answered, Link, Performed, Relay},
};

/// What is still to be done with the result of a call. Empty for most.
#[derive(Debug, Default)]
pub(crate) struct Duties(Vec<Obligation>);

/// A result as it may pass, and what was done to it.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The result as it may pass; `Err` says why nothing of it may.
    pub(crate) answer: Result<Answered, Withheld>,
    pub(crate) discharges: Vec<Discharge>,
}

/// An obligation that could not be carried out on a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Withheld {
    /// The gate that asked for it.
    pub(crate) policy: PolicyId,
    /// Why it could not be done.
    pub(crate) why: String,
}

impl Carried {
    /// Why nothing of the answer may pass.
    pub(crate) fn why_not(&self) -> Option<&str> {
        self.answer.as_ref().err().map(|withheld| withheld.why.as_str())
    }

    /// What the outcome receipt says of it.
    pub(crate) fn told(&self, opening: &Opening) -> EditedResult<'_> {
        let delivered = match &self.answer {
            Ok(Answered::Result(bytes) | Answered::Error(bytes)) => Some(opening.commit("delivered", bytes)),
            Err(_) => None,
        };
        let withheld = self.answer.as_ref().err().map(|withheld| &withheld.policy);
        EditedResult { delivered, discharged: &self.discharges, withheld }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "policy `{}` obliges to edit the answer, and {}", self.policy, self.why)
    }
}

/// Why a call whose result is to be edited cannot run here; `None` if it can, or nothing is to be edited.
pub(crate) fn impossible(call: &ToolCall, decision: &Decision) -> Option<Refusal> {
    let obligation = decision.obligations.iter().find(|obligation| obligation.duty.edits_the_result())?;
    let why = match call.operation() {
        // The result of a task is fetched by other calls, which nobody obliged.
        Operation::Tool(_) if call.params().member("task").is_some() => "the result of a task",
        Operation::Tool(_) => return None,
        _ => "an answer that is not the result of a tool",
    };
    let why = format!(
        "policy `{}` obliges to `{}` {why}, which is not possible",
        obligation.policy,
        obligation.duty.kind()
    );
    let next = "call the tool without a task; everything else needs a policy that permits it unedited";
    Some(Refusal::new(Code::NotJudged, why).with_next(next).with_who("the operator"))
}

/// Why an enforcement point that has not said that it edits is told no; `None` if nothing is to be edited.
pub(crate) fn unedited(decision: &Decision) -> Option<Refusal> {
    let obligation = decision.obligations.iter().find(|obligation| obligation.duty.edits_the_result())?;
    let (policy, kind) = (&obligation.policy, obligation.duty.kind());
    let why = format!(
        "policy `{policy}` obliges to `{kind}`, which whoever enforces this decision has not said it does"
    );
    let next = "send the call through the gateway, which edits its result; or let the enforcement point carry \
                obligations out and say so";
    Some(Refusal::new(Code::NotJudged, why).with_next(next).with_who("the operator"))
}

impl Duties {
    /// What an allowing decision leaves to be done with the result.
    pub(crate) fn of(decision: Decision) -> Self {
        // Most decisions have none, and then nothing is allocated.
        let mut obligations = decision.obligations;
        obligations.retain(|obligation| obligation.duty.edits_the_result());
        Self(obligations)
    }

    /// Does it; `None` if nothing is to be done.
    pub(crate) fn carry_out(&self, answer: &Answered) -> Option<Carried> {
        let first = self.0.first()?;
        let edited = match answer {
            Answered::Result(raw) => edit::edit(raw, &first.policy, &self.0),
            Answered::Error(_) => Err(Withheld {
                policy: first.policy.clone(),
                why: "the tool answered with an error, whose text cannot be edited".to_owned(),
            }),
        };
        Some(match edited {
            Ok((raw, discharges)) => Carried { answer: Ok(Answered::Result(raw)), discharges },
            Err(withheld) => Carried { answer: Err(withheld), discharges: Vec::new() },
        })
    }
}

impl Engine {
    /// Sends a placeted call. If its result is to be edited, what the tool says before the result goes nowhere.
    pub(crate) async fn perform(
        &self,
        placet: Placet<ToolCall>,
        link: Link,
        relay: Relay,
        duties: &Duties,
    ) -> Performed {
        if duties.0.is_empty() {
            return self.ports.connectors.perform(placet, link, relay).await;
        }
        let (held, mut frames) = mpsc::channel(limits::RELAY_FRAMES);
        let call = self.ports.connectors.perform(placet, link, held);
        tokio::pin!(call);
        let (mut speaks, mut listened) = (true, true);
        loop {
            tokio::select! {
                biased;
                performed = &mut call => return performed,
                frame = frames.recv(), if speaks => speaks = frame.is_some(),
                // A client that goes away cancels the call, as without obligations.
                () = relay.closed(), if listened => {
                    listened = false;
                    frames.close();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
