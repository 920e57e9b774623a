//! What a run was narrowed to. The effective right is policy ∩ its own scope ∩ those of the instances that started it:
//! a job to look at one deal can do that and nothing else, although its agent may do more.

use std::{sync::Arc, time::Duration};

use placet_domain::{
    AccessRequest, Agent, Charge, Code, ConnectorName, Effect, Instance, InstanceId, Mandate, Operation,
    Refusal, Resource, TaskKind, Tier, Verdict, limits,
};
use placet_identity::Scope;
use placet_policy::Snapshot;

use crate::{Caller, DefaultScope, Engine, StartError};

/// A mandate as it will hold.
pub(crate) struct SettledMandate {
    pub(crate) mandate: Mandate,
    /// How long the run may live.
    pub(crate) life: Duration,
    /// The tier whose default narrows it, if nobody said what the run is for.
    pub(crate) default_of: Option<Tier>,
}

impl Engine {
    /// Refuses a call outside of what the caller, or an instance that started it, was started for.
    pub(crate) fn within_mandate(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        operation: &Operation,
        resource: Option<&Resource>,
    ) -> Result<(), Refusal> {
        self.unless_only_reading(caller, connector, operation)?;
        self.each_scope(caller, |of, scope| match scope.permits(connector, operation, resource) {
            true => Ok(()),
            false => {
                let on = resource.map(|resource| format!(" on `{resource}`")).unwrap_or_default();
                let why = format!(
                    "{of} may do `{scope}`; `{connector}.{}`{on} is not part of it",
                    operation.name()
                );
                Err(Refusal::new(Code::OutsideScope, why)
                    .with_who(format!("whoever starts `{}`", caller.agent().name)))
            }
        })
    }

    /// Refuses what the agents for whom a run acts could not do themselves: a run of another agent is no way around
    /// their registrations, vetoes and gates. What it puts on counters of theirs is returned: nor around their limits.
    pub(crate) fn within_parents(
        &self,
        policies: &Snapshot,
        request: &AccessRequest,
    ) -> Result<Vec<Charge>, Refusal> {
        let mut inherited: Vec<Charge> = Vec::new();
        let mut parent = request.instance.parent;
        for _ in 1..limits::INSTANCE_DEPTH {
            let Some(instance) = parent.and_then(|id| self.ports.mandates.instance(id)) else { break };
            parent = instance.parent;
            if instance.agent == request.agent.name {
                continue;
            }
            let refused = |why: &str| {
                let name = &instance.agent;
                let why = format!("`{}` acts for a run of `{name}`, which {why}", request.agent.name);
                Refusal::new(Code::NoGrant, why)
                    .with_next(format!("let `{name}` make the call itself, if it may"))
            };
            let agent =
                self.ports.registry.agent(&instance.agent).ok_or_else(|| refused("is not registered"))?;
            self.within_charter(&agent, request.call.connector(), request.call.operation())
                .map_err(|refusal| refused(&format!("may not do this: {}", refusal.why)))?;
            // The same call under the same mandate, if the parent's agent made it.
            let run = Instance { agent: agent.name.clone(), ..Instance::clone(&request.instance) };
            // What is granted to it for a time is not handed on.
            let granted = Vec::new();
            let mut made = AccessRequest { agent, instance: Arc::new(run), granted, ..request.clone() };
            made.usage.values = self.usage_values(policies, &made);
            let decision = policies.decide(&made);
            for charge in decision.charges {
                if inherited.iter().all(|known| known.key != charge.key) {
                    inherited.push(charge);
                }
            }
            match decision.verdict {
                Verdict::Allow => {}
                Verdict::Deny(_) => return Err(refused("may not do this")),
                Verdict::RequireApproval(gates) => {
                    let Verdict::RequireApproval(own) = policies.decide(request).verdict else {
                        return Err(refused("would need an approval for this"));
                    };
                    if gates.iter().any(|gate| own.iter().all(|own| own.policy != gate.policy)) {
                        return Err(refused("would need another approval for this"));
                    }
                }
            }
        }
        Ok(inherited)
    }

    /// Whether some call of a tool could be within the caller's scopes.
    pub(crate) fn may_be_within_mandate(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        operation: &Operation,
    ) -> bool {
        self.unless_only_reading(caller, connector, operation).is_ok()
            && self
                .each_scope(caller, |_, scope| match scope.may_permit(connector, operation) {
                    true => Ok(()),
                    false => Err(Refusal::new(Code::OutsideScope, "no call of it is")),
                })
                .is_ok()
    }

    /// Refuses what changes something to a run that may only read, or that was started by one.
    fn unless_only_reading(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        let only_reads = self.line(caller.instance()).find(|instance| instance.mandate.reads_only);
        match only_reads {
            Some(instance) if self.effect(connector, operation) != Effect::Reads => {
                let agent = caller.agent();
                let why = format!(
                    "instance `{}` was started without a mandate, and may only read then; `{connector}.{}` may change \
                     something",
                    instance.id,
                    operation.name()
                );
                Err(Refusal::new(Code::OutsideScope, why)
                    .with_next(format!(
                        "stop; whoever starts `{}` says what the run is for: {}",
                        agent.name,
                        how_to_say(agent)
                    ))
                    .with_who(format!("whoever starts `{}`", agent.name)))
            }
            _ => Ok(()),
        }
    }

    /// A run, and those that started it.
    fn line(&self, instance: &Arc<Instance>) -> impl Iterator<Item = Arc<Instance>> {
        let before = |instance: &Arc<Instance>| {
            instance.parent.and_then(|parent| self.ports.mandates.instance(parent))
        };
        std::iter::successors(Some(instance.clone()), before).take(limits::INSTANCE_DEPTH)
    }

    fn each_scope(
        &self,
        caller: &Caller,
        look: impl Fn(&str, &Scope) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if let Some(scope) = caller.token_scope() {
            look("the token", scope)?;
        }
        for instance in self.line(caller.instance()) {
            if !instance.mandate.scope.is_empty() {
                let scope =
                    read(&instance.mandate.scope).map_err(|why| Refusal::new(Code::NotJudged, why))?;
                look(&format!("instance `{}`", instance.id), &scope)?;
            }
        }
        Ok(())
    }

    /// A mandate as it will hold: its kind of task looked up, its scope and life narrowed by kind and parent, and by the
    /// default of the agent's tier if nobody said what the run is for.
    pub(crate) fn settled_mandate(
        &self,
        agent: &Agent,
        mut mandate: Mandate,
        life: Duration,
        parent: Option<InstanceId>,
    ) -> Result<SettledMandate, StartError> {
        let mut life = life;
        let asked = match mandate.scope.is_empty() {
            true => None,
            false => Some(read(&mandate.scope).map_err(StartError::Scope)?),
        };
        let of_parent = parent.and_then(|parent| self.ports.mandates.instance(parent));
        let by_default = self.default_scope(agent, &mandate, of_parent.as_deref());
        let default_of = by_default.map(|_| agent.tier);
        let mut scopes: Vec<Scope> = asked.into_iter().collect();
        if let Some(kind) = task_kind(agent, &mandate)? {
            life = kind.longest.map_or(life, |longest| longest.min(life));
            if !kind.scope.is_empty() {
                scopes.push(read(&kind.scope).map_err(StartError::Scope)?);
            }
        }
        if let Some(parent) = of_parent.filter(|parent| !parent.mandate.scope.is_empty()) {
            scopes.push(read(&parent.mandate.scope).map_err(StartError::Scope)?);
        }
        match by_default {
            None | Some(DefaultScope::Everything) => {}
            Some(DefaultScope::Reads) => mandate.reads_only = true,
            Some(DefaultScope::Scope(tokens)) => scopes.push(read(tokens).map_err(StartError::Scope)?),
        }
        let Some(scope) = scopes.into_iter().reduce(|one, other| one.narrow(&other)) else {
            return Ok(SettledMandate { mandate, life, default_of });
        };
        if scope.is_empty() {
            return Err(match default_of {
                None => StartError::Scope(
                    "nothing is left to do: the scope, the kind of task and the parent have nothing in common"
                        .to_owned(),
                ),
                Some(tier) => StartError::Task(format!(
                    "the scope is not part of what a run of tier {tier} may do that does not say what it is for; {}",
                    how_to_say(agent)
                )),
            });
        }
        mandate.scope = tokens(&scope);
        Ok(SettledMandate { mandate, life, default_of })
    }

    /// What a run is narrowed to because nobody said what it is for. An agent that declares kinds of task names one for
    /// more. What a run hands on to a run of its own agent is said already.
    fn default_scope(
        &self,
        agent: &Agent,
        mandate: &Mandate,
        parent: Option<&Instance>,
    ) -> Option<&DefaultScope> {
        let silent = match agent.charter.tasks.is_empty() {
            true => mandate.is_silent() && parent.is_none(),
            false => mandate.kind.is_none() && parent.is_none_or(|parent| parent.agent != agent.name),
        };
        self.registry.default_scopes.get(&agent.tier).filter(|_| silent)
    }
}

/// How one says what a run of an agent is for.
fn how_to_say(agent: &Agent) -> String {
    let kinds: Vec<&str> = agent.charter.tasks.iter().map(|kind| kind.name.as_str()).collect();
    match kinds.is_empty() {
        true => "give a task, a ticket, a purpose, a person acted for, facts or a scope".to_owned(),
        false => format!("name one of its kinds of task: {}", kinds.join(", ")),
    }
}

/// The kind of task a mandate names, if the agent has it and everything it asks for is given.
fn task_kind<'a>(agent: &'a Agent, mandate: &Mandate) -> Result<Option<&'a TaskKind>, StartError> {
    let Some(name) = &mandate.kind else { return Ok(None) };
    let kinds = &agent.charter.tasks;
    let kind = kinds.iter().find(|kind| kind.name == *name).ok_or_else(|| {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        StartError::Task(format!(
            "agent `{}` declares no kind of task `{name}`; declared are: {known}",
            agent.name
        ))
    })?;
    let is_given = |fact: &str| match fact {
        "task" => mandate.task.is_some(),
        "ticket" => mandate.ticket.is_some(),
        "purpose" => mandate.purpose.is_some(),
        "on_behalf_of" => mandate.on_behalf_of.is_some(),
        fact => mandate.facts.member(fact).is_some(),
    };
    match kind.facts.iter().find(|fact| !is_given(fact)) {
        None => Ok(Some(kind)),
        Some(missing) => Err(StartError::Task(format!("a task of kind `{name}` needs `{missing}`"))),
    }
}

/// The scope that these tokens write.
pub(crate) fn read(texts: &[String]) -> Result<Scope, String> {
    texts.join(" ").parse().map_err(|error| format!("scope: {error}"))
}

/// The tokens of a scope, as mandates keep them.
pub(crate) fn tokens(scope: &Scope) -> Vec<String> {
    scope.to_string().split(' ').filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

/// What both a list of tokens (empty: everything) and a text permit.
pub(crate) fn narrowed_by(texts: &[String], other: &str) -> Result<Vec<String>, String> {
    let other: Scope = other.parse().map_err(|error| format!("scope: {error}"))?;
    let scope = if texts.is_empty() { other } else { read(texts)?.narrow(&other) };
    match scope.is_empty() {
        true => Err("the scopes have nothing in common".to_owned()),
        false => Ok(tokens(&scope)),
    }
}
