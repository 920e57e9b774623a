//! Which tools a caller is shown: those that some call of could be allowed or approved.
//! A tool is hidden when no grant's scope fits, or when a veto holds whatever the arguments and the resource are.
//! That never hides a callable tool; it may show one whose every call is denied for its arguments.

use placet_domain::{Agent, ConnectorName, Instance, Operation, Person, Timestamp, ToolName};

use crate::evaluate::{self, Trial};
use crate::index::Caller;
use crate::prepare::check_caller;
use crate::rule::{Class, Head, Rule};
use crate::{Snapshot, entities};

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
        let operation = Operation::Tool(tool.clone());
        let Some(action) = self.model.action(connector, &operation) else { return false };
        if check_caller(agent, instance, user).is_err() {
            return false;
        }
        // What cannot be told of the caller cannot be told of any call either.
        let Ok(members) = self.caller_context(action, instance, user, now) else { return false };
        let context = std::sync::Arc::new(members.into_iter().collect());
        let types = &self.model.types;
        let mut callers = vec![(
            std::sync::Arc::new(entities::agent(types, &self.mentions, agent)),
            self.index.candidates(action.number, Caller::Agent, agent.name.as_str(), &agent.groups),
            true,
        )];
        if let Some(person) = user {
            callers.push((
                std::sync::Arc::new(entities::person(types, person)),
                self.index.candidates(action.number, Caller::User, person.name.as_str(), &person.groups),
                self.require_user_grants,
            ));
        }
        let all = callers.iter().map(|(entity, ..)| entity).chain([&action.entity, &action.tool]).cloned();
        let Ok(store) = evaluate::entities(all) else { return false };
        callers.iter().all(|(entity, candidates, needs_grant)| {
            let trial = Trial::new(entity.uid(), action.entity.uid(), action.tool.uid(), &context, &store);
            let rules = || candidates.iter().filter_map(|place| self.rule(*place));
            let granted =
                rules().any(|rule| matches!(rule.class, Class::Grant { .. }) && rule.is_in_force(now));
            (granted || !needs_grant) && !rules().any(|rule| forbids_every_call(rule, &trial))
        })
    }
}

/// A veto on any resource whose condition reads the caller alone. One that errs denies each call as well, but
/// the call tells why, so the tool is shown.
fn forbids_every_call(rule: &Rule, trial: &Trial<'_>) -> bool {
    rule.class == Class::Veto
        && matches!(rule.resource, Head::Any)
        && rule.of_caller
        && trial.holds(rule) == Ok(true)
}
