//! The decision: grants and vetoes first, then gates. Total and pure; any error denies.
//! The person acted for is judged in a second pass, in which every veto and gate that a `User` can meet counts;
//! a grant for the person is needed only where the configuration says so. The strictest pass wins.
//! The rule is in ARCHITECTURE.md, "Policy semantics".

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Entity, Value};
use cedar_policy_core::entities::Entities;
use placet_domain::{
    AccessRequest, Agent, AgentStatus, Decision, DenyCause, Instance, Object, Operation, Person, Reason,
    Timestamp, Verdict,
};
use smol_str::SmolStr;

use crate::entities::{self, text, texts, user_value, value};
use crate::evaluate::{self, Members, Trial};
use crate::facts::fact;
use crate::index::{Caller, Place};
use crate::model::{Action, Bound};
use crate::rule::{Class, Rule};
use crate::{Snapshot, binding, input, moment};

/// Members of a method's params that are transport.
const TRANSPORT: [&str; 3] = ["_meta", "inputResponses", "requestState"];

impl Snapshot {
    /// Judges one request. The same request and revision always give the same decision.
    #[must_use]
    pub fn decide(&self, request: &AccessRequest) -> Decision {
        let Some(action) = self.model.action(request.call.connector(), request.call.operation()) else {
            let why = binding::unknown_action(&request.call).to_string();
            return self.decision(0, Verdict::Deny(DenyCause::Error(why)), Vec::new());
        };
        match self.prepare(action, request) {
            Ok(prepared) => self.judge(&prepared, request),
            Err(why) => self.decision(action.risk, Verdict::Deny(DenyCause::Error(why)), Vec::new()),
        }
    }

    fn judge(&self, prepared: &Prepared<'_>, request: &AccessRequest) -> Decision {
        let passes = self.passes(prepared, request);
        let is_first = |class: &Class| matches!(class, Class::Grant { .. } | Class::Veto);
        let first: Vec<Tally> =
            passes.iter().map(|pass| self.tally(pass, prepared, request.now, &is_first)).collect();
        let risk = prepared.action.risk;
        if let Some((cause, reasons)) = self.refusal(&first) {
            return self.decision(risk, Verdict::Deny(cause), reasons);
        }
        let second: Vec<Tally> = passes
            .iter()
            .map(|pass| self.tally(pass, prepared, request.now, &|class| !is_first(class)))
            .collect();
        if let Some((cause, reasons)) = self.broken(&second) {
            return self.decision(risk, Verdict::Deny(cause), reasons);
        }
        let mut satisfied: Vec<Place> = second.into_iter().flat_map(|tally| tally.forbids).collect();
        satisfied.sort_unstable();
        satisfied.dedup();
        let (mut gates, mut obligations, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
        for rule in self.rules_at(&satisfied) {
            match &rule.class {
                Class::Gate(gate) if !request.lifted.contains(&rule.id) => {
                    gates.push(gate.clone());
                    reasons.push(rule.to_reason());
                }
                Class::Duty(duty) => obligations.push(duty.clone()),
                Class::Gate(_) | Class::Grant { .. } | Class::Veto => {}
            }
        }
        let verdict = if gates.is_empty() {
            reasons = self.reasons(first.into_iter().flat_map(|tally| tally.grants));
            Verdict::Allow
        } else {
            Verdict::RequireApproval(gates)
        };
        Decision { obligations, ..self.decision(risk, verdict, reasons) }
    }

    fn passes<'a>(&self, prepared: &'a Prepared<'_>, request: &AccessRequest) -> Vec<Pass<'a>> {
        let pass = |caller, entity: &'a Arc<Entity>, name: &str, groups, needs_grant| Pass {
            trial: Trial::new(
                entity.uid(),
                prepared.action.entity.uid(),
                prepared.resource.uid(),
                &prepared.context,
                &prepared.entities,
            ),
            candidates: self.index.candidates(prepared.action.number, caller, name, groups),
            needs_grant,
        };
        let agent = &request.agent;
        let mut passes = vec![pass(Caller::Agent, &prepared.agent, agent.name.as_str(), &agent.groups, true)];
        if let (Some(entity), Some(user)) = (&prepared.user, &request.user) {
            let needs_grant = self.require_user_grants;
            passes.push(pass(Caller::User, entity, user.name.as_str(), &user.groups, needs_grant));
        }
        passes
    }

    /// Tries the candidates of some classes.
    fn tally(
        &self,
        pass: &Pass<'_>,
        prepared: &Prepared<'_>,
        now: Timestamp,
        counts: &dyn Fn(&Class) -> bool,
    ) -> Tally {
        let mut tally = Tally { needs_grant: pass.needs_grant, ..Tally::default() };
        for place in &pass.candidates {
            let Some(rule) = self.rule(*place).filter(|rule| counts(&rule.class)) else { continue };
            let is_grant = matches!(rule.class, Class::Grant { .. });
            if is_grant && !pass.needs_grant
                || !rule.resource.matches(&prepared.resource)
                || !rule.is_in_force(now)
            {
                continue;
            }
            match pass.trial.holds(rule) {
                Ok(true) if is_grant => tally.grants.push(*place),
                Ok(true) => tally.forbids.push(*place),
                Ok(false) => {}
                // Cedar skips whatever errs. For a permit that only narrows.
                Err(why) if is_grant => tally.skipped.push((*place, why)),
                Err(why) => tally.broken.push((*place, why)),
            }
        }
        tally
    }

    /// Why grants and vetoes refuse the call, if they do.
    fn refusal(&self, passes: &[Tally]) -> Option<(DenyCause, Vec<Reason>)> {
        if let Some(broken) = self.broken(passes) {
            return Some(broken);
        }
        let vetoes = self.reasons(passes.iter().flat_map(|tally| tally.forbids.iter().copied()));
        if !vetoes.is_empty() {
            return Some((DenyCause::Veto, vetoes));
        }
        let ungranted = passes.iter().find(|tally| tally.needs_grant && tally.grants.is_empty())?;
        let skipped = ungranted.skipped.iter().filter_map(|(place, why)| {
            let note = format!("skipped, because it could not be evaluated: {why}");
            Some(Reason { reason: Some(note), ..self.rule(*place)?.to_reason() })
        });
        Some((DenyCause::NoGrant, skipped.collect()))
    }

    /// The first error of a veto or a gate, with every policy that forbids or errs.
    fn broken(&self, passes: &[Tally]) -> Option<(DenyCause, Vec<Reason>)> {
        let (place, why) = passes.iter().find_map(|tally| tally.broken.first())?;
        let why = match self.rule(*place) {
            Some(rule) => format!("policy `{}` could not be evaluated: {why}", rule.id),
            None => why.clone(),
        };
        let broken = passes.iter().flat_map(|tally| tally.broken.iter().map(|(place, _)| *place));
        let forbids = passes.iter().flat_map(|tally| tally.forbids.iter().copied());
        Some((DenyCause::Error(why), self.reasons(broken.chain(forbids))))
    }

    fn decision(&self, risk: u8, verdict: Verdict, reasons: Vec<Reason>) -> Decision {
        Decision { verdict, reasons, obligations: Vec::new(), revision: self.revision, risk }
    }

    fn reasons(&self, places: impl Iterator<Item = Place>) -> Vec<Reason> {
        let mut places: Vec<Place> = places.collect();
        places.sort_unstable();
        places.dedup();
        self.rules_at(&places).map(Rule::to_reason).collect()
    }

    pub(crate) fn rule(&self, place: Place) -> Option<&Rule> {
        self.rules.get(usize::try_from(place).ok()?)
    }

    fn rules_at<'a>(&'a self, places: &'a [Place]) -> impl Iterator<Item = &'a Rule> {
        places.iter().filter_map(|place| self.rule(*place))
    }
}

/// One principal's view of a request.
struct Pass<'a> {
    trial: Trial<'a>,
    candidates: Vec<Place>,
    needs_grant: bool,
}

/// What the candidates of one pass said.
#[derive(Debug, Default)]
struct Tally {
    needs_grant: bool,
    grants: Vec<Place>,
    forbids: Vec<Place>,
    broken: Vec<(Place, String)>,
    skipped: Vec<(Place, String)>,
}

/// A request in Cedar's terms.
pub(crate) struct Prepared<'a> {
    pub(crate) action: &'a Action,
    pub(crate) agent: Arc<Entity>,
    pub(crate) user: Option<Arc<Entity>>,
    pub(crate) resource: Arc<Entity>,
    pub(crate) entities: Entities,
    pub(crate) context: Members,
}

impl Snapshot {
    pub(crate) fn prepare<'a>(
        &self,
        action: &'a Action,
        request: &AccessRequest,
    ) -> Result<Prepared<'a>, String> {
        check_caller(&request.agent, &request.instance, request.user.as_deref())?;
        let arguments = binding::arguments(&request.call);
        let resource = self.resource(action, request, arguments)?;
        let mut members =
            self.caller_context(action, &request.instance, request.user.as_deref(), request.now)?;
        let skip: &[&str] = match request.call.operation() {
            Operation::Tool(_) => &[],
            _ => &TRANSPORT,
        };
        let none = Object::new();
        let arguments = arguments.unwrap_or(&none);
        let input = input::read(&self.constructors, &action.input, arguments, skip)?;
        members.push((SmolStr::new_static("input"), input.value));
        if self.mentions.reads("input_unknown") {
            let unknown = texts(input.unknown.iter().map(String::as_str));
            members.push((SmolStr::new_static("input_unknown"), unknown));
        }
        if !action.addresses.is_empty() && self.mentions.reads("to_domains") {
            let domains = input::domains(arguments, &action.addresses);
            members.push((SmolStr::new_static("to_domains"), texts(domains.iter().map(String::as_str))));
        }
        let types = &self.model.types;
        let agent = Arc::new(entities::agent(types, &self.mentions, &request.agent));
        let user = request.user.as_deref().map(|person| Arc::new(entities::person(types, person)));
        let all = [&agent, &action.entity, &resource].into_iter().chain(&user).cloned();
        let entities = evaluate::entities(all)?;
        let context: BTreeMap<SmolStr, Value> = members.into_iter().collect();
        Ok(Prepared { action, agent, user, resource, entities, context: Arc::new(context) })
    }

    /// The members of the context that do not depend on the call's arguments.
    pub(crate) fn caller_context(
        &self,
        action: &Action,
        instance: &Instance,
        user: Option<&Person>,
        now: Timestamp,
    ) -> Result<Vec<(SmolStr, Value)>, String> {
        let mut members = Vec::with_capacity(8);
        members.push((SmolStr::new_static("risk"), value(i64::from(action.risk))));
        if self.mentions.reads("instance") {
            members.push((SmolStr::new_static("instance"), text(&instance.id.to_string())));
        }
        if self.mentions.reads("mandate") {
            members.push((SmolStr::new_static("mandate"), self.mandate(instance)?));
        }
        if self.mentions.reads("time") {
            let time = moment::time(&self.constructors, &self.model.zone, &self.mentions, now)?;
            members.push((SmolStr::new_static("time"), time));
        }
        if let Some(user) = user {
            members.push((SmolStr::new_static("user"), user_value(&self.model.types, user.name.as_str())));
        }
        Ok(members)
    }

    fn mandate(&self, instance: &Instance) -> Result<Value, String> {
        let mandate = &instance.mandate;
        let mut facts = Vec::with_capacity(self.model.facts.len());
        for (name, kind) in &self.model.facts {
            let Some(json) = mandate.facts.member(name) else { continue };
            let value = fact(&self.model.types, &self.constructors, *kind, json)
                .map_err(|why| format!("mandate fact `{name}` {why}"))?;
            facts.push((name.clone(), value));
        }
        let mut members = vec![(SmolStr::new_static("facts"), Value::record(facts, None))];
        if let Some(task) = &mandate.task {
            members.push((SmolStr::new_static("task"), text(task)));
        }
        if let Some(ticket) = &mandate.ticket {
            members.push((SmolStr::new_static("ticket"), text(ticket)));
        }
        Ok(Value::record(members, None))
    }

    /// The bound resource with its facts, or the tool itself.
    fn resource(
        &self,
        action: &Action,
        request: &AccessRequest,
        arguments: Option<&Object>,
    ) -> Result<Arc<Entity>, String> {
        let bound = match &action.bound {
            Some(bound) => binding::resource_id(action, bound, arguments)
                .map_err(|error| error.to_string())?
                .map(|id| (bound, id)),
            None => None,
        };
        // The caller of this function looked the resource up: it has to be the one that is judged.
        match (bound, &request.resource) {
            (None, None) => Ok(Arc::clone(&action.tool)),
            (Some((bound, id)), Some(resource)) if resource.kind == bound.kind && resource.id == id => {
                self.bound_resource(bound, &id, request)
            }
            (_, Some(resource)) => {
                Err(format!("resource `{resource}` is not the one that the arguments name"))
            }
            (Some((bound, id)), None) => Err(format!("resource `{}::{id:?}` was not looked up", bound.kind)),
        }
    }

    fn bound_resource(
        &self,
        bound: &Bound,
        id: &str,
        request: &AccessRequest,
    ) -> Result<Arc<Entity>, String> {
        let mut attributes = Vec::with_capacity(bound.attributes.len());
        for (name, kind) in &bound.attributes {
            let looked_up = request.facts.as_ref().and_then(|facts| facts.attributes.member(name));
            match looked_up.filter(|json| **json != placet_domain::Json::Null) {
                Some(json) => {
                    let value = fact(&self.model.types, &self.constructors, *kind, json)
                        .map_err(|why| format!("fact `{name}` of {} {id:?} {why}", bound.kind))?;
                    attributes.push((name.clone(), value));
                }
                None if bound.resolver.is_some() => {
                    return Err(format!("fact `{name}` of {} {id:?} is missing", bound.kind));
                }
                None => {}
            }
        }
        let uid = entities::uid(&bound.entity_type, id);
        Ok(Arc::new(entities::entity(uid, attributes, std::collections::HashSet::new())))
    }
}

/// The parts of a request have to speak of the same caller.
pub(crate) fn check_caller(agent: &Agent, instance: &Instance, user: Option<&Person>) -> Result<(), String> {
    if instance.agent != agent.name {
        return Err(format!("instance `{}` is not a run of agent `{}`", instance.id, agent.name));
    }
    if agent.status == AgentStatus::Revoked {
        return Err(format!("agent `{}` is revoked", agent.name));
    }
    match (&instance.mandate.on_behalf_of, user) {
        (None, None) => Ok(()),
        (Some(named), Some(person)) if *named == person.name => Ok(()),
        (Some(named), None) => Err(format!("`{named}`, acted for, is not known")),
        (_, Some(person)) => Err(format!("`{}` is not the person that the mandate acts for", person.name)),
    }
}

#[cfg(test)]
mod tests;
