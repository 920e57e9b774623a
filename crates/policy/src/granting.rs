//! Grants for a time: who may give one (Cedar's word on `Action::"grant"` of a `GrantRequest`), how much one may permit
//! at most, and whether one of those at hand permits a call. The rules are in `docs/policies/grants.md`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cedar_policy_core::ast::{Entity, Literal, Value};
use placet_domain::{AccessRequest, Agent, Grant, Object, Operation, Person, PolicyId, Tier, Timestamp};
use smol_str::SmolStr;

use crate::entities::{self, text, texts, user_value, value};
use crate::evaluate::{self, Trial};
use crate::model::{Action, GROUPS};
use crate::rule::{Class, Rule};
use crate::{Snapshot, moment};

/// What grants may permit at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRules {
    /// Action groups that a grant may reach, for tier 1, 2 and 3.
    pub ceilings: [Vec<String>; 3],
    /// The longest time a grant may hold.
    pub longest: Duration,
}

impl Default for GrantRules {
    /// Tier 1 reads, tier 2 writes and sends as well, tier 3 does whatever there is; a day at most.
    fn default() -> Self {
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            ceilings: [
                groups(&["read"]),
                groups(&["read", "write", "send"]),
                GROUPS.iter().map(|(group, _)| (*group).to_owned()).collect(),
            ],
            longest: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl GrantRules {
    pub(crate) fn canonical(&self) -> Object {
        let [one, two, three] = &self.ceilings;
        Object::new()
            .with("1", strings(one))
            .with("2", strings(two))
            .with("3", strings(three))
            .with("longest_s", i64::try_from(self.longest.as_secs()).unwrap_or(i64::MAX))
    }
}

/// Who would give a grant.
#[derive(Debug, Clone, Copy)]
pub enum Grantor<'a> {
    /// Automated review, in the same moment.
    Review,
    /// A person.
    Person(&'a Person),
}

impl Snapshot {
    /// Whether a grant stays below the ceiling of the agent's tier, and the configured length.
    ///
    /// # Errors
    /// What it would pass, in words for whoever asks.
    pub fn within_ceiling(&self, agent: &Agent, grant: &Grant) -> Result<(), String> {
        if grant.lasts > self.grants.longest {
            return Err(format!("a grant holds {} minutes at most", self.grants.longest.as_secs() / 60));
        }
        grant.tools.iter().try_for_each(|tool| {
            let operation = Operation::Tool(tool.clone());
            let action = self.model.action(&grant.connector, &operation).ok_or_else(|| {
                format!("the policies in force do not know the tool `{}.{tool}`", grant.connector)
            })?;
            match &grant.resource {
                Some(resource) if action.bound.as_ref().is_none_or(|bound| bound.kind != resource.kind) => {
                    return Err(format!("`{}` acts on no `{}`", action.name, resource.kind));
                }
                _ => {}
            }
            match self.below_ceiling(agent.tier, action) {
                true => Ok(()),
                false => Err(format!(
                    "`{}` is `{}`, and grants for tier {} reach `{}` at most",
                    action.name,
                    groups(action).collect::<Vec<_>>().join(", "),
                    agent.tier.number(),
                    self.ceiling(agent.tier).join(", ")
                )),
            }
        })
    }

    /// Whether this person, or automated review, may give a grant; the first policy that says so.
    ///
    /// # Errors
    /// Why not, in words for whoever wants to.
    pub fn may_grant(
        &self,
        grantor: Grantor<'_>,
        agent: &Agent,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<PolicyId, String> {
        let types = &self.model.types;
        let principal = Arc::new(match grantor {
            Grantor::Review => {
                let uid = entities::uid(&types.grant_review, AUTOMATIC);
                entities::entity(uid, Vec::new(), Default::default())
            }
            Grantor::Person(person) => {
                if grant.on_behalf_of.as_ref() == Some(&person.name) {
                    return Err("nobody grants what is used on their own behalf".to_owned());
                }
                if grant.asked_by.as_ref() == Some(&person.name) {
                    return Err("nobody grants what they have asked for themselves".to_owned());
                }
                entities::person(types, person)
            }
        });
        let resource = Arc::new(self.grant_request(agent, grant)?);
        let store = evaluate::entities([&principal, &resource, &self.model.grant].map(Arc::clone))?;
        let time = moment::time(&self.constructors, &self.model.zone, &self.mentions, now)?;
        let context = Arc::new([(SmolStr::new_static("time"), time)].into_iter().collect());
        let trial = Trial::new(principal.uid(), self.model.grant.uid(), resource.uid(), &context, &store);
        let mut granting = None;
        for (place, by_name) in &self.granting {
            let Some(rule) = self.rule(*place) else { continue };
            let is_permit = matches!(rule.class, Class::Grant { .. });
            // A permit of every action is about tools: what widens has to say so.
            if is_permit && !by_name
                || !rule.principal.matches(&principal)
                || !rule.resource.matches(&resource)
                || !rule.is_in_force(now)
            {
                continue;
            }
            match (is_permit, trial.holds(rule)) {
                (true, Ok(true)) => granting = granting.or_else(|| Some(rule.id.clone())),
                (false, Ok(true)) => return Err(forbidden(rule)),
                (false, Err(why)) => {
                    return Err(format!("policy `{}` could not be evaluated: {why}", rule.id));
                }
                (true, Ok(false) | Err(_)) | (false, Ok(false)) => {}
            }
        }
        granting.ok_or_else(|| "no policy lets them grant it".to_owned())
    }

    /// Whether some policy gives grants at all.
    #[must_use]
    pub fn gives_grants(&self) -> bool {
        self.granting.iter().any(|(place, by_name)| {
            *by_name && self.rule(*place).is_some_and(|rule| matches!(rule.class, Class::Grant { .. }))
        })
    }

    /// Whether an agent of this tier could be given anything.
    #[must_use]
    pub fn may_ask(&self, tier: Tier) -> bool {
        self.gives_grants() && !self.ceiling(tier).is_empty()
    }

    /// The grant for a time that permits a call, if one at hand does.
    pub(crate) fn lent<'a>(&self, action: &Action, request: &'a AccessRequest) -> Option<&'a Grant> {
        let call = &request.call;
        let covers = |grant: &&Arc<Grant>| {
            grant.agent == request.agent.name
                && grant.covers(
                    request.instance.id,
                    call.connector(),
                    call.operation(),
                    request.resource.as_ref(),
                    request.now,
                )
        };
        // A tier may have been lowered since it was given.
        request
            .granted
            .iter()
            .find(covers)
            .filter(|_| self.below_ceiling(request.agent.tier, action))
            .map(|grant| &**grant)
    }

    /// Whether the tier's ceiling reaches an action: all of its groups, and it has one.
    pub(crate) fn below_ceiling(&self, tier: Tier, action: &Action) -> bool {
        let ceiling = self.ceiling(tier);
        let mut groups = groups(action).peekable();
        groups.peek().is_some() && groups.all(|group| ceiling.iter().any(|reached| reached == group))
    }

    fn ceiling(&self, tier: Tier) -> &[String] {
        let [one, two, three] = &self.grants.ceilings;
        match tier {
            Tier::One => one,
            Tier::Two => two,
            Tier::Three => three,
        }
    }

    /// The question whether a grant may be given.
    fn grant_request(&self, agent: &Agent, grant: &Grant) -> Result<Entity, String> {
        let types = &self.model.types;
        let (mut risk, mut all): (u8, BTreeSet<&str>) = (0, BTreeSet::new());
        for tool in &grant.tools {
            let operation = Operation::Tool(tool.clone());
            let action = self.model.action(&grant.connector, &operation);
            let action = action.ok_or_else(|| format!("there is no action `{}.{tool}`", grant.connector))?;
            risk = risk.max(action.risk);
            all.extend(groups(action));
        }
        let minutes = grant.lasts.as_secs().div_ceil(60);
        let mut attributes: Vec<(SmolStr, Value)> = vec![
            (SmolStr::new_static("agent"), text(agent.name.as_str())),
            (
                SmolStr::new_static("agent_groups"),
                Value::set_of_lits(
                    agent.groups.iter().map(|group| {
                        Literal::EntityUID(Arc::new(entities::uid(&types.group, group.as_str())))
                    }),
                    None,
                ),
            ),
            (SmolStr::new_static("connector"), text(grant.connector.as_str())),
            (SmolStr::new_static("groups"), texts(all.iter().copied())),
            (SmolStr::new_static("minutes"), value(i64::try_from(minutes).unwrap_or(i64::MAX))),
            (SmolStr::new_static("of_run"), value(grant.instance.is_some())),
            (SmolStr::new_static("owner"), user_value(types, agent.owner.as_str())),
            (SmolStr::new_static("read_only"), value(all.len() == 1 && all.contains("read"))),
            (SmolStr::new_static("risk"), value(i64::from(risk))),
            (SmolStr::new_static("tier"), value(agent.tier.number())),
            (
                SmolStr::new_static("tools"),
                Value::set_of_lits(
                    grant.tools.iter().map(|tool| Literal::String(SmolStr::new(tool.as_str()))),
                    None,
                ),
            ),
        ];
        if let Some(person) = &grant.on_behalf_of {
            attributes.push((SmolStr::new_static("on_behalf_of"), user_value(types, person.as_str())));
        }
        if let Some(person) = &grant.started_by {
            attributes.push((SmolStr::new_static("started_by"), user_value(types, person.as_str())));
        }
        if let Some(resource) = &grant.resource {
            attributes.push((SmolStr::new_static("resource_kind"), text(&resource.kind)));
        }
        let uid = entities::uid(&types.grant_request, &grant.id.to_string());
        Ok(entities::entity(uid, attributes, Default::default()))
    }
}

fn strings(groups: &[String]) -> Vec<&str> {
    groups.iter().map(String::as_str).collect()
}

/// The groups of an action that every connector has.
fn groups(action: &Action) -> impl Iterator<Item = &str> {
    let known = |group: &&str| GROUPS.iter().any(|(name, _)| name == group);
    action.groups.iter().map(String::as_str).filter(known)
}

/// The one `GrantReview`.
const AUTOMATIC: &str = "automatic";

fn forbidden(rule: &Rule) -> String {
    let why = rule.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("policy `{}` forbids it{why}", rule.id)
}

#[cfg(test)]
mod tests;
