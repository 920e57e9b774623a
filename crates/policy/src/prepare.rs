//! An access request in Cedar's terms: entities and context. This is where facts get their types; whatever does not
//! fit is an error, and an error denies.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use cedar_policy_core::ast::{Entity, Value};
use cedar_policy_core::entities::Entities;
use placet_domain::{
    AccessRequest, Agent, AgentStatus, DenyCause, Instance, Json, Object, Operation, Person, Risk, Timestamp,
};
use smol_str::SmolStr;

use crate::entities::{self, text, texts, user_value, value};
use crate::evaluate::{self, Members};
use crate::facts::fact;
use crate::model::{Action, Bound};
use crate::{Snapshot, binding, input, moment};

/// Members of a method's params that are transport.
const TRANSPORT: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// A request in Cedar's terms.
pub(crate) struct Prepared<'a> {
    pub(crate) action: &'a Action,
    pub(crate) agent: Arc<Entity>,
    pub(crate) user: Option<Arc<Entity>>,
    pub(crate) resource: Arc<Entity>,
    pub(crate) entities: Entities,
    pub(crate) context: Members,
    pub(crate) risk: Risk,
}

impl Snapshot {
    pub(crate) fn prepare<'a>(
        &self,
        action: &'a Action,
        request: &AccessRequest,
    ) -> Result<Prepared<'a>, DenyCause> {
        check_caller(&request.agent, &request.instance, request.user.as_deref()).map_err(DenyCause::Error)?;
        let arguments = binding::arguments(&request.call);
        let resource = self.resource(action, request, arguments).map_err(DenyCause::Error)?;
        let mut members = self
            .caller_context(action, &request.instance, request.user.as_deref(), request.now)
            .map_err(DenyCause::Error)?;
        let skip: &[&str] = match request.call.operation() {
            Operation::Tool(_) => &[],
            _ => &TRANSPORT,
        };
        let none = Object::new();
        let arguments = arguments.unwrap_or(&none);
        let input =
            input::read(&self.constructors, &action.input, arguments, skip).map_err(DenyCause::Arguments)?;
        members.push((SmolStr::new_static("input"), input.value));
        if self.mentions.reads("input_unknown") {
            let unknown = texts(input.unknown.iter().map(String::as_str));
            members.push((SmolStr::new_static("input_unknown"), unknown));
        }
        if !action.addresses.is_empty() && self.mentions.reads("to_domains") {
            let domains = input::domains(arguments, &action.addresses);
            members.push((SmolStr::new_static("to_domains"), texts(domains.iter().map(String::as_str))));
        }
        if let Some(usage) = self.usage_value(request).map_err(DenyCause::Error)? {
            members.push((SmolStr::new_static("usage"), usage));
        }
        self.flow_context(&request.flow, &mut members).map_err(DenyCause::Error)?;
        let risk = self.risk(action, request).map_err(DenyCause::Error)?;
        if self.reads_risk() {
            members.push((SmolStr::new_static("risk"), value(i64::from(risk.score))));
        }
        let types = &self.model.types;
        let agent = Arc::new(entities::agent(types, &self.mentions, &request.agent));
        let user = request.user.as_deref().map(|person| Arc::new(entities::person(types, person)));
        let all = [&agent, &action.entity, &resource].into_iter().chain(&user).cloned();
        let entities = evaluate::entities(all).map_err(DenyCause::Error)?;
        let context: BTreeMap<SmolStr, Value> = members.into_iter().collect();
        Ok(Prepared { action, agent, user, resource, entities, context: Arc::new(context), risk })
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
        // Where it depends on the call, it is told with the call.
        if !self.reads_risk() {
            members.push((SmolStr::new_static("risk"), value(i64::from(action.risk))));
        }
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
        let mut members = vec![
            (SmolStr::new_static("facts"), Value::record(facts, None)),
            (SmolStr::new_static("scope"), texts(mandate.scope.iter().map(String::as_str))),
        ];
        if let Some(kind) = &mandate.kind {
            members.push((SmolStr::new_static("kind"), text(kind.as_str())));
        }
        if let Some(purpose) = &mandate.purpose {
            members.push((SmolStr::new_static("purpose"), text(purpose)));
        }
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
            match looked_up.filter(|json| **json != Json::Null) {
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
        Ok(Arc::new(entities::entity(uid, attributes, HashSet::new())))
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
