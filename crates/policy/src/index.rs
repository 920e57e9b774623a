//! Which policies can apply to a request, by the heads of their scopes: first the action with its groups, then the
//! principal. Exact: a policy whose scope is false contributes nothing, and scope operators never err.

use std::collections::HashMap;

use cedar_policy_core::ast::{EntityType, EntityUID};
use placet_domain::GroupName;

use crate::entities::Types;
use crate::rule::{Head, Rule};

/// A policy's place in the snapshot's list.
pub(crate) type Place = u32;

/// The policies of one snapshot by action and principal.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Policies for any action.
    any: Heads,
    /// Policies for one action, by the action's number.
    actions: Vec<Heads>,
}

/// The policies of one action by principal.
#[derive(Debug, Default)]
struct Heads {
    agent: Principals,
    user: Principals,
}

/// The policies of one action and one type of principal. A policy is in one of the three.
#[derive(Debug, Default)]
struct Principals {
    every: Vec<Place>,
    one: HashMap<Box<str>, Vec<Place>>,
    group: HashMap<Box<str>, Vec<Place>>,
}

/// The type of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Agent,
    User,
}

/// The actions that a scope names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    Any,
    /// Numbers of actions, without repetition.
    Of(Vec<usize>),
}

impl Index {
    pub(crate) fn new(actions: usize) -> Self {
        Self { any: Heads::default(), actions: (0..actions).map(|_| Heads::default()).collect() }
    }

    pub(crate) fn add(&mut self, types: &Types, place: Place, rule: &Rule, reach: &Reach) {
        match reach {
            Reach::Any => self.any.add(types, place, &rule.principal),
            Reach::Of(numbers) => {
                for number in numbers {
                    if let Some(heads) = self.actions.get_mut(*number) {
                        heads.add(types, place, &rule.principal);
                    }
                }
            }
        }
    }

    /// The policies whose action and principal fit, in order of their places.
    pub(crate) fn candidates(
        &self,
        action: usize,
        caller: Caller,
        name: &str,
        groups: &[GroupName],
    ) -> Vec<Place> {
        let mut found = Vec::with_capacity(32);
        for heads in self.actions.get(action).into_iter().chain([&self.any]) {
            let principals = match caller {
                Caller::Agent => &heads.agent,
                Caller::User => &heads.user,
            };
            principals.collect(name, groups, &mut found);
        }
        found.sort_unstable();
        // A group that is named twice brings its policies twice.
        found.dedup();
        found
    }
}

impl Heads {
    fn add(&mut self, types: &Types, place: Place, principal: &Head) {
        match principal {
            Head::Any => {
                self.agent.every.push(place);
                self.user.every.push(place);
            }
            Head::Is(kind) => {
                if let Some(principals) = self.of(types, kind) {
                    principals.every.push(place);
                }
            }
            Head::Equal(uid) => self.add_one(types, place, uid),
            Head::In(uid) if *uid.entity_type() == types.group => {
                add(&mut self.agent.group, uid, place);
                add(&mut self.user.group, uid, place);
            }
            // An entity is in itself; agents and people have only groups above them.
            Head::In(uid) => self.add_one(types, place, uid),
            Head::IsIn(kind, uid) if *uid.entity_type() == types.group => {
                if let Some(principals) = self.of(types, kind) {
                    add(&mut principals.group, uid, place);
                }
            }
            Head::IsIn(kind, uid) if **kind == *uid.entity_type() => self.add_one(types, place, uid),
            Head::IsIn(..) | Head::Open => {}
        }
    }

    fn add_one(&mut self, types: &Types, place: Place, uid: &EntityUID) {
        if let Some(principals) = self.of(types, uid.entity_type()) {
            add(&mut principals.one, uid, place);
        }
    }

    fn of(&mut self, types: &Types, kind: &EntityType) -> Option<&mut Principals> {
        if *kind == types.agent {
            Some(&mut self.agent)
        } else if *kind == types.user {
            Some(&mut self.user)
        } else {
            None
        }
    }
}

impl Principals {
    fn collect(&self, name: &str, groups: &[GroupName], found: &mut Vec<Place>) {
        found.extend_from_slice(&self.every);
        found.extend(self.one.get(name).into_iter().flatten());
        if !self.group.is_empty() {
            found.extend(groups.iter().filter_map(|group| self.group.get(group.as_str())).flatten());
        }
    }
}

fn add(map: &mut HashMap<Box<str>, Vec<Place>>, uid: &EntityUID, place: Place) {
    map.entry(uid.eid().as_ref().into()).or_default().push(place);
}
