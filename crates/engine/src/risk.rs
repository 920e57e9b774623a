//! What is observed about a call for its risk: how it differs from what its agent does, and what anomaly hooks say of it. It is
//! part of the request; what it weighs is the policies' matter. The rule is docs/policies/risk.md; why it is so is
//! docs/decisions/0021-what-is-not-remembered-is-new.md.

mod habits;
mod hooks;
mod learn;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use placet_domain::{AccessRequest, AgentName, Drift, Habit, Observed, Timestamp};
use placet_policy::{RiskConfig, Snapshot};

use crate::Engine;
use habits::AgentHabits;

pub use hooks::{AnomalyHook, Silence};

/// The habits of all agents, where the risk is declared.
#[derive(Debug)]
pub(crate) struct Habits {
    memory: Duration,
    agents: Mutex<HashMap<AgentName, Arc<Mutex<AgentHabits>>>>,
    /// Policies that read the risk are in force, or have been: from here on everything is noted.
    noting: AtomicBool,
    /// The log was read.
    learned: tokio::sync::Mutex<bool>,
}

impl Habits {
    /// `None` if nothing is declared: then nothing of this costs anything.
    pub(crate) fn new(config: Option<&RiskConfig>) -> Option<Self> {
        config.map(|config| Self {
            memory: config.memory,
            agents: Mutex::default(),
            noting: AtomicBool::new(false),
            learned: tokio::sync::Mutex::default(),
        })
    }

    fn of(&self, agent: &AgentName) -> Arc<Mutex<AgentHabits>> {
        let mut agents = lock(&self.agents);
        match agents.get(agent) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(agents.entry(agent.clone()).or_default()),
        }
    }

    /// Takes a decision into the memory. Only what was allowed becomes a habit: whoever is refused often is not known for it.
    fn note(&self, agent: &AgentName, done: Option<(Habit, &placet_domain::Footprint)>, at: Timestamp) {
        let habits = self.of(agent);
        let mut habits = lock(&habits);
        habits.count(at);
        let Some((operation, footprint)) = done else { return };
        habits.learn(operation, at, self.memory);
        footprint
            .shape
            .iter()
            .chain(&footprint.destinations)
            .for_each(|habit| habits.learn(*habit, at, self.memory));
    }
}

impl Engine {
    /// How a call differs from what its agent does, if the policies in force, or those on trial, read it.
    pub(crate) fn observed(&self, policies: &Snapshot, request: &AccessRequest) -> Observed {
        let Some(habits) = &self.habits else { return Observed::default() };
        let is_read = policies.reads_risk() || self.sets_that_read().iter().any(|set| set.reads_risk());
        if !is_read {
            return Observed::default();
        }
        let (footprint, beyond) = policies.footprint(&request.call);
        let known = habits.of(&request.agent.name);
        let known = lock(&known);
        let now = request.now;
        let is_new = |habit: &Habit| !known.knows(habit, now, habits.memory);
        let new = footprint.destinations.iter().filter(|habit| is_new(habit)).count();
        let drift = Drift {
            first_tool: is_new(&operation(request)),
            first_destinations: u16::try_from(new + beyond).unwrap_or(u16::MAX),
            first_shape: footprint.shape.as_ref().is_none_or(is_new),
            recent: known.recent(now),
            usual: known.usual(now),
            footprint,
        };
        Observed { drift: Some(drift), hooks: Vec::new() }
    }

    /// Notes a decision that is on record.
    pub(crate) fn note_habits(&self, request: &AccessRequest, is_allowed: bool) {
        let Some(habits) = self.habits.as_ref().filter(|habits| habits.noting.load(Ordering::Relaxed)) else {
            return;
        };
        let none = placet_domain::Footprint::default();
        let footprint = request.observed.drift.as_ref().map_or(&none, |drift| &drift.footprint);
        let done = is_allowed.then(|| (operation(request), footprint));
        habits.note(&request.agent.name, done, request.now);
    }
}

fn operation(request: &AccessRequest) -> Habit {
    Habit::of_operation(request.call.connector().as_str(), request.call.operation().name())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is at worst a habit that was not noted: new once more.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
