//! Which tools a caller is shown: those that some call of could be allowed or approved.
//! A tool is hidden when no grant's scope fits, or when a veto holds whatever the arguments and the resource are.
//! That never hides a callable tool; it may show one whose every call is denied for its arguments.

use placet_domain::{Agent, ConnectorName, Instance, Operation, Person, Timestamp, ToolName};

use crate::evaluate::{self, Trial};
use crate::index::Caller;
use crate::model::Action;
use crate::prepare::check_caller;
use crate::rule::{Class, Head, Rule};
use crate::{Snapshot, entities};

/// What the calls of a tool can come to, whatever their arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prospect {
    /// None is allowed.
    Denied,
    /// None is allowed without a person.
    Asked,
    /// Some may be allowed at once.
    Open,
}

impl Prospect {
    /// The word receipts use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Asked => "asked",
            Self::Open => "open",
        }
    }
}

impl Snapshot {
    /// Whether `tools/list` shows the tool to this caller at this moment.
    #[must_use]
    pub fn may_list(
        &self,
        agent: &Agent,
        instance: &Instance,
        user: Option<&Person>,
        connector: &ConnectorName,
        tool: &ToolName,
        now: Timestamp,
    ) -> bool {
        self.prospect(agent, instance, user, connector, tool, now) > Prospect::Denied
    }

    /// [`Snapshot::may_list`] for an agent that a grant for a time lets use the tool.
    #[must_use]
    pub fn may_list_lent(
        &self,
        agent: &Agent,
        instance: &Instance,
        user: Option<&Person>,
        connector: &ConnectorName,
        tool: &ToolName,
        now: Timestamp,
    ) -> bool {
        let action = self.model.action(connector, &Operation::Tool(tool.clone()));
        action.is_some_and(|action| {
            self.below_ceiling(agent.tier, action)
                && self.prospect_of(action, (agent, instance, user), true, now) > Prospect::Denied
        })
    }

    /// What this caller's calls of the tool can come to at this moment.
    #[must_use]
    pub fn prospect(
        &self,
        agent: &Agent,
        instance: &Instance,
        user: Option<&Person>,
        connector: &ConnectorName,
        tool: &ToolName,
        now: Timestamp,
    ) -> Prospect {
        match self.model.action(connector, &Operation::Tool(tool.clone())) {
            Some(action) => self.prospect_of(action, (agent, instance, user), false, now),
            None => Prospect::Denied,
        }
    }

    fn prospect_of(
        &self,
        action: &Action,
        (agent, instance, user): (&Agent, &Instance, Option<&Person>),
        lent: bool,
        now: Timestamp,
    ) -> Prospect {
        if check_caller(agent, instance, user).is_err() {
            return Prospect::Denied;
        }
        // What cannot be told of the caller cannot be told of any call either.
        let Ok(members) = self.caller_context(action, instance, user, now) else { return Prospect::Denied };
        let context = std::sync::Arc::new(members.into_iter().collect());
        let types = &self.model.types;
        let mut callers = vec![(
            std::sync::Arc::new(entities::agent(types, &self.mentions, agent)),
            self.index.candidates(action.number, Caller::Agent, agent.name.as_str(), &agent.groups),
            // A grant for a time stands in for the agent's grant, and for nobody else's.
            !lent,
        )];
        if let Some(person) = user {
            callers.push((
                std::sync::Arc::new(entities::person(types, person)),
                self.index.candidates(action.number, Caller::User, person.name.as_str(), &person.groups),
                self.require_user_grants,
            ));
        }
        let all = callers.iter().map(|(entity, ..)| entity).chain([&action.entity, &action.tool]).cloned();
        let Ok(store) = evaluate::entities(all) else { return Prospect::Denied };
        let prospects = callers.iter().map(|(entity, candidates, needs_grant)| {
            let trial = Trial::new(entity.uid(), action.entity.uid(), action.tool.uid(), &context, &store);
            let rules = || candidates.iter().filter_map(|place| self.rule(*place));
            let granted =
                rules().any(|rule| matches!(rule.class, Class::Grant { .. }) && rule.is_in_force(now));
            let always = |rule: &Rule| forbids_every_call(rule, &trial);
            match () {
                () if *needs_grant && !granted => Prospect::Denied,
                () if rules().any(|rule| rule.class == Class::Veto && always(rule)) => Prospect::Denied,
                () if rules().any(|rule| matches!(rule.class, Class::Gate(_)) && always(rule)) => {
                    Prospect::Asked
                }
                () => Prospect::Open,
            }
        });
        prospects.min().unwrap_or(Prospect::Denied)
    }
}

/// A forbid on any resource whose condition reads the caller alone. One that errs denies each call as well, but
/// the call tells why, so the tool is shown.
fn forbids_every_call(rule: &Rule, trial: &Trial<'_>) -> bool {
    matches!(rule.resource, Head::Any) && rule.of_caller && trial.holds(rule) == Ok(true)
}
