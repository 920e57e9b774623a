//! The inventory: each agent with what it may use, what it used, when it was last seen and how many runs live.

use std::sync::Arc;

use placet_domain::{Agent, AgentName, Timestamp};

use super::usage::Usage;
use crate::{Engine, ports::LedgerUnavailable};

/// All that is known of one agent.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// Its registration and stage.
    pub agent: Arc<Agent>,
    /// Runs that live now.
    pub live: usize,
    /// What it used.
    pub usage: Usage,
    /// The tools it may use today, as `connector.tool`.
    pub permitted: Vec<String>,
    /// When time takes something away, if nobody does anything.
    pub deadline: Option<Timestamp>,
    /// When its certification runs out.
    pub certification_ends: Timestamp,
    /// Who is paged about it.
    pub page: Vec<placet_domain::PersonName>,
    /// When this was put together.
    pub now: Timestamp,
}

impl Dossier {
    /// The permitted tools it has used.
    #[must_use]
    pub fn used_of_permitted(&self) -> Vec<&str> {
        let used = |tool: &&String| self.usage.operations.contains_key(*tool);
        self.permitted.iter().filter(used).map(String::as_str).collect()
    }

    /// The evidence a certification rests on, as a sentence.
    #[must_use]
    pub fn evidence(&self) -> String {
        let last = match self.usage.last_call {
            None => "it has never made a call".to_owned(),
            Some(at) => match self.now.since(at).as_secs() / (24 * 60 * 60) {
                0 => "last call today".to_owned(),
                1 => "last call a day ago".to_owned(),
                days => format!("last call {days} days ago"),
            },
        };
        format!("used {} of {} permitted tools, {last}", self.used_of_permitted().len(), self.permitted.len())
    }
}

impl Engine {
    /// Every registered agent, by name.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn inventory(&self) -> Result<Vec<Dossier>, LedgerUnavailable> {
        let now = self.ports.clock.now();
        let mut usages = self.usages().await?;
        let agents = self.ports.registry.agents();
        Ok(agents
            .into_iter()
            .map(|agent| {
                let usage = usages.remove(&agent.name).unwrap_or_default();
                self.put_together(agent, usage, now)
            })
            .collect())
    }

    /// One agent; `None` if it is not registered.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn dossier(&self, name: &AgentName) -> Result<Option<Dossier>, LedgerUnavailable> {
        match self.ports.registry.agent(name) {
            None => Ok(None),
            Some(agent) => self.dossier_of(agent, self.ports.clock.now()).await.map(Some),
        }
    }

    pub(super) async fn dossier_of(
        &self,
        agent: Arc<Agent>,
        now: Timestamp,
    ) -> Result<Dossier, LedgerUnavailable> {
        let usage = self.usage(&agent.name).await?;
        Ok(self.put_together(agent, usage, now))
    }

    fn put_together(&self, agent: Arc<Agent>, usage: Usage, now: Timestamp) -> Dossier {
        let instances = self.ports.mandates.instances();
        let lives = instances
            .iter()
            .filter(|one| one.agent == agent.name && one.revoked.is_none() && now < one.expires);
        let facts = self.life_facts(&agent);
        Dossier {
            live: lives.count(),
            usage,
            permitted: self.permitted(&agent, now),
            deadline: agent.life.deadline(&facts),
            certification_ends: agent.life.certification_ends(&facts),
            page: self.page(&agent),
            now,
            agent,
        }
    }
}
