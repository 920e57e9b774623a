//! Grants for a time: asked for with a justification, given by review rules at once or by a person, over by themselves.
//! They widen what policies permit, below the ceiling of the agent's tier. The rules are `docs/policies/grants.md`.

mod change;
mod lending;
mod wish;

use std::sync::Arc;

use placet_domain::{
    AccessRequest, AgentName, Code, ConnectorName, Decision, Grant, GrantId, GrantState, InstanceId,
    Operation, REQUEST_PERMISSION, Refusal, Timestamp, ToolCall,
};

use crate::{Caller, Engine};

pub use change::GrantError;
pub(crate) use lending::{Leaning, Lending};
pub use wish::GrantWish;

impl Engine {
    /// Every grant that is kept, newest first.
    #[must_use]
    pub fn grants(&self) -> Vec<Arc<Grant>> {
        self.lending.all()
    }

    /// Every grant of an agent that is kept, newest first.
    #[must_use]
    pub fn grants_of(&self, agent: &AgentName) -> Vec<Arc<Grant>> {
        self.lending.of_agent(agent)
    }

    /// Where a grant stands today, in a word. It ends with its time, and with the run that it is for.
    #[must_use]
    pub fn standing(&self, grant: &Grant) -> &'static str {
        let now = self.ports.clock.now();
        let is_open = matches!(grant.state, GrantState::Given(_) | GrantState::Pending);
        let run_ended = || grant.instance.is_some_and(|id| self.lives(id, now).is_err());
        match is_open && (now >= grant.expires || run_ended()) {
            true => "expired",
            false => grant.state.as_str(),
        }
    }

    /// Whether an agent of this run could be given more than it has: what is told about asking is told only then.
    #[must_use]
    pub fn may_ask_grants(&self, caller: &Caller) -> bool {
        self.rules_for(&caller.agent().name).may_ask(caller.agent().tier)
    }

    /// The grant of this id.
    #[must_use]
    pub fn known_grant(&self, id: GrantId) -> Option<Arc<Grant>> {
        self.lending.grant(id)
    }

    /// Refuses what a grant permitted that was taken back while the call was judged.
    pub(crate) fn unless_grant_revoked(
        &self,
        request: &AccessRequest,
        decision: Option<&Decision>,
    ) -> Result<(), Refusal> {
        match decision.and_then(|decision| relied_on(request, decision)) {
            // The clock is read again: what ended while the call was judged does not let it go.
            Some(grant) => self.still_given(grant.id, self.ports.clock.now()),
            None => Ok(()),
        }
    }

    /// Remembers, until the call ends, that it runs by a grant: its streams end with that.
    pub(crate) fn lean(&self, request: &AccessRequest, decision: &Decision) -> Option<Leaning> {
        let grant = relied_on(request, decision)?;
        let call = &request.call;
        Some(self.lending.lean(request.instance.id, call.connector(), call.operation(), grant.id))
    }

    /// Refuses to go on where a running call was permitted by a grant that has ended.
    pub(crate) fn unless_grant_ended(
        &self,
        instance: InstanceId,
        connector: &ConnectorName,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let leans = self.lending.leans(instance, connector, operation);
        leans.into_iter().try_for_each(|grant| self.still_given(grant, now))
    }

    /// When the first of the grants ends by which calls of a run to one tool run at the moment.
    pub(crate) fn grant_end(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        operation: &Operation,
    ) -> Option<Timestamp> {
        let leans = self.lending.leans(caller.instance().id, connector, operation);
        leans.into_iter().filter_map(|id| self.lending.grant(id)).map(|grant| grant.expires).min()
    }

    fn still_given(&self, id: GrantId, now: Timestamp) -> Result<(), Refusal> {
        let why = match self.lending.grant(id) {
            Some(grant) if grant.holds(now) => return Ok(()),
            Some(grant) if now >= grant.expires => format!("grant `{id}` ended at {}", grant.expires),
            _ => format!("grant `{id}` was taken back"),
        };
        Err(Refusal::new(Code::GrantEnded, why))
    }
}

/// The next step of whom nothing but a grant is missing.
pub(crate) fn how_to_ask(call: &ToolCall) -> String {
    format!(
        "if the task needs it, ask once for permission: the tool `{REQUEST_PERMISSION}` with `tools` [\"{}\"], \
         `minutes` and `justification` (or `POST /v1/grants`), and send the call again when it is given",
        call.operation().name()
    )
}

/// The grant that permitted a call, if policies alone did not.
fn relied_on<'a>(request: &'a AccessRequest, decision: &Decision) -> Option<&'a Grant> {
    let is_reason = |grant: &&Arc<Grant>| {
        let id = grant.id.to_string();
        decision.reasons.iter().any(|reason| reason.policy.as_str() == id)
    };
    request.granted.iter().find(is_reason).map(|grant| &**grant)
}
