//! What a change of policies means: policy by policy, and over the registry, for which agent which tool comes into reach
//! or leaves it. Told in the receipt of the change.

use std::sync::Arc;

use placet_domain::{Agent, AgentName, ConnectorName, Json, Object, PolicyId, Timestamp, ToolName};
use placet_policy::{Comparison, Prospect, Snapshot};

use crate::{Engine, registry::run_without_mandate};

/// Pairs of agent and tool that are looked at. Beyond it a summary would take longer than it is worth.
const PAIRS: usize = 20_000;
/// Names in one list of a receipt.
const NAMED: usize = 64;
/// Shifts in one list of a receipt.
const SHIFTS: usize = 32;

/// What differs between two policy sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Policy by policy.
    pub policies: Comparison,
    /// What agents gain.
    pub gains: Vec<Shift>,
    /// What agents lose.
    pub losses: Vec<Shift>,
    /// Pairs of agent and tool that were not looked at, because there are too many.
    pub skipped: usize,
}

/// What becomes of one agent's calls of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// The agent.
    pub agent: AgentName,
    /// `connector.tool`.
    pub tool: String,
    /// Before.
    pub from: Prospect,
    /// After.
    pub to: Prospect,
}

impl Difference {
    /// As members of a receipt.
    pub(crate) fn put_into(&self, about: &mut Object) {
        let Comparison { added, removed, changed, widens } = &self.policies;
        for (key, ids) in [("added", added), ("changed", changed), ("removed", removed)] {
            put_names(about, key, ids);
        }
        about.set("widens", *widens);
        for (key, shifts) in [("gains", &self.gains), ("losses", &self.losses)] {
            if !shifts.is_empty() {
                let named: Vec<Object> = shifts.iter().take(SHIFTS).map(Shift::to_json).collect();
                about.set(key, named);
                about.set(format!("{key}_count"), count(shifts.len()));
            }
        }
        if self.skipped > 0 {
            about.set("pairs_skipped", count(self.skipped));
        }
    }
}

impl Shift {
    fn to_json(&self) -> Object {
        Object::new()
            .with("agent", self.agent.as_str())
            .with("from", self.from.as_str())
            .with("to", self.to.as_str())
            .with("tool", self.tool.as_str())
    }
}

fn put_names(about: &mut Object, key: &str, ids: &[PolicyId]) {
    if !ids.is_empty() {
        let named: Vec<Json> = ids.iter().take(NAMED).map(|id| id.as_str().into()).collect();
        about.set(key, named);
        about.set(format!("{key}_count"), count(ids.len()));
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl Engine {
    /// Compares two sets. Large ones take a while: calls do not wait for it.
    pub(crate) async fn difference(
        &self,
        before: Arc<Snapshot>,
        after: Arc<Snapshot>,
        now: Timestamp,
    ) -> Difference {
        let agents = self.ports.registry.agents();
        let tools: Vec<_> = self.tools().into_iter().map(|status| (status.connector, status.tool)).collect();
        let comparing = tokio::task::spawn_blocking(move || compare(&before, &after, &agents, &tools, now));
        comparing.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the policy sets could not be compared");
            // Whatever cannot be told counts as widening.
            let policies = Comparison { added: vec![], removed: vec![], changed: vec![], widens: true };
            Difference { policies, gains: vec![], losses: vec![], skipped: 0 }
        })
    }
}

fn compare(
    before: &Snapshot,
    after: &Snapshot,
    agents: &[Arc<Agent>],
    tools: &[(ConnectorName, ToolName)],
    now: Timestamp,
) -> Difference {
    let policies = before.compare(after);
    let pairs = agents.len() * tools.len();
    let mut found = Difference { policies, gains: vec![], losses: vec![], skipped: 0 };
    if pairs > PAIRS {
        found.skipped = pairs;
        return found;
    }
    for agent in agents {
        let run = run_without_mandate(agent, now);
        for (connector, tool) in tools {
            let prospect = |set: &Snapshot| set.prospect(agent, &run, None, connector, tool, now);
            let (from, to) = (prospect(before), prospect(after));
            let shift = || Shift { agent: agent.name.clone(), tool: format!("{connector}.{tool}"), from, to };
            match from.cmp(&to) {
                std::cmp::Ordering::Less => found.gains.push(shift()),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => found.losses.push(shift()),
            }
        }
    }
    found
}
