//! `agents/*.toml` against the registry: what would be done, in words, and doing it.

use std::fmt;

use placet_domain::{Agent, AgentName, PersonName, Stage, Terms};

use super::register::Registration;
use crate::Engine;

/// What becomes of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The agent.
    pub agent: AgentName,
    /// What is done.
    pub kind: StepKind,
    /// The particulars, in words.
    pub words: Vec<String>,
}

/// What is done with an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Its terms are changed.
    Change,
    /// It is registered.
    Create,
    /// It is as it should be.
    Keep,
    /// It cannot be brought there.
    Refuse,
    /// It is retired.
    Retire,
}

impl StepKind {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Create => "create",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
            Self::Retire => "retire",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Engine {
    /// What applying these registrations would do. With `prune`, agents that are in none are retired.
    #[must_use]
    pub fn plan(&self, wanted: &[Registration], prune: bool, by: &PersonName) -> Vec<Step> {
        let mut steps: Vec<Step> = wanted.iter().map(|registration| self.step_of(registration, by)).collect();
        let named = |agent: &Agent| wanted.iter().any(|registration| registration.name == agent.name);
        for agent in self.ports.registry.agents() {
            if named(&agent) || matches!(agent.life.stage, Stage::Retired(_)) {
                continue;
            }
            let (kind, word) = match prune {
                true => (StepKind::Retire, "it is in no file"),
                false => (StepKind::Keep, "it is in no file; `--prune` retires it"),
            };
            steps.push(Step { agent: agent.name.clone(), kind, words: vec![word.to_owned()] });
        }
        steps
    }

    /// Does what [`Engine::plan`] says now. A step that fails becomes a refusal with its reason; the others are done.
    pub async fn apply(&self, wanted: Vec<Registration>, prune: bool, by: &PersonName) -> Vec<Step> {
        let mut steps = self.plan(&wanted, prune, by);
        for step in &mut steps {
            let registration = wanted.iter().find(|registration| registration.name == step.agent).cloned();
            let done = match (step.kind, registration) {
                (StepKind::Create, Some(registration)) => {
                    self.register(registration, by).await.map(drop).map_err(|error| told(&error))
                }
                (StepKind::Change, Some(registration)) => {
                    self.change(registration, by).await.map(drop).map_err(|error| told(&error))
                }
                (StepKind::Retire, _) => {
                    self.retire(&step.agent, by).await.map(drop).map_err(|error| told(&error))
                }
                _ => Ok(()),
            };
            if let Err(why) = done {
                step.kind = StepKind::Refuse;
                step.words = vec![why];
            }
        }
        steps
    }

    fn step_of(&self, wanted: &Registration, by: &PersonName) -> Step {
        let step = |kind, words| Step { agent: wanted.name.clone(), kind, words };
        if let Err(error) = self.check_registration(wanted) {
            return step(StepKind::Refuse, vec![error.to_string()]);
        }
        let (tier, chain) = self.chain(wanted);
        let chain: Vec<&str> = chain.iter().map(|group| group.as_str()).collect();
        let Some(agent) = self.ports.registry.agent(&wanted.name) else {
            if let Err(error) = self.check_chain(wanted, by) {
                return step(StepKind::Refuse, vec![error.to_string()]);
            }
            let mut words = vec![format!("owner {}, tier {}: {}", wanted.owner, wanted.tier, wanted.purpose)];
            let suggestion = self.suggest(&wanted.charter);
            if suggestion.tier > wanted.tier {
                words.push(format!(
                    "tier {} fits better: {}",
                    suggestion.tier,
                    suggestion.reasons.join("; ")
                ));
            }
            words.push(match chain.is_empty() {
                true => "active at once".to_owned(),
                false => format!("waits for the approvers of tier {tier}: {}", chain.join(", ")),
            });
            return step(StepKind::Create, words);
        };
        if matches!(agent.life.stage, Stage::Retired(_)) {
            return step(StepKind::Refuse, vec!["it is retired, and its name stays taken".to_owned()]);
        }
        let terms = wanted.terms();
        let mut words = differences(&agent, &terms);
        if agent.owner != wanted.owner {
            words.insert(0, format!("owner: {} → {}", agent.owner, wanted.owner));
        }
        // What was asked before and waits is not asked again.
        let waits =
            agent.life.proposal.as_ref().is_some_and(|proposal| proposal.terms.as_ref() == Some(&terms));
        if words.is_empty() || waits {
            let words = if waits { vec!["its new terms wait for their approvers".to_owned()] } else { words };
            return step(StepKind::Keep, words);
        }
        if let Err(error) = self.may_change(&agent, by) {
            return step(StepKind::Refuse, vec![error.to_string()]);
        }
        let wider = wider(&agent, &terms);
        if !wider.is_empty() && !chain.is_empty() {
            if let Err(error) = self.check_chain(wanted, by) {
                return step(StepKind::Refuse, vec![error.to_string()]);
            }
            words.push(format!(
                "waits for the approvers of tier {tier} ({}): {}",
                chain.join(", "),
                wider.join("; ")
            ));
        }
        step(StepKind::Change, words)
    }
}

/// What new terms change, in words.
pub(super) fn differences(agent: &Agent, terms: &Terms) -> Vec<String> {
    let mut words = Vec::new();
    if agent.purpose != terms.purpose {
        words.push(format!("purpose: {} → {}", agent.purpose, terms.purpose));
    }
    if agent.tier != terms.tier {
        words.push(format!("tier: {} → {}", agent.tier, terms.tier));
    }
    if agent.groups != terms.groups {
        let names = |groups: &[placet_domain::GroupName]| {
            groups.iter().map(|group| group.as_str()).collect::<Vec<_>>().join(", ")
        };
        words.push(format!("groups: {} → {}", names(&agent.groups), names(&terms.groups)));
    }
    let (before, after) = (agent.charter.to_json(), terms.charter.to_json());
    let shown = |value: Option<&placet_domain::Json>| {
        value.map_or_else(|| "nothing".to_owned(), placet_domain::Json::canonical)
    };
    let keys = before.members().chain(after.members()).map(|(key, _)| key);
    let mut keys: Vec<&str> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let (old, new) = (before.member(key), after.member(key));
        if old != new {
            words.push(format!("{key}: {} → {}", shown(old), shown(new)));
        }
    }
    words
}

/// What new terms allow that nobody has agreed to, in words.
pub(super) fn wider(agent: &Agent, terms: &Terms) -> Vec<String> {
    let mut wider = terms.charter.wider_than(&agent.charter);
    // Policies give rights to tiers and groups, and take them: another one is another question.
    if agent.tier != terms.tier {
        wider.push("its tier changes".to_owned());
    }
    if agent.groups != terms.groups {
        wider.push("its groups change".to_owned());
    }
    wider
}

/// An error with its causes: a step is told in one line.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
