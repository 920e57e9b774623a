//! What time does: stages that are due, reminders, proposals that lapse. Idempotent; it may run as often as it likes.

use placet_domain::{Agent, AgentName, Object, RegistryChange, Timestamp, limits};

use super::change::ChangeError;
use crate::Engine;

/// What one look at the clock did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Changes of stage.
    pub moved: usize,
    /// Reminders given.
    pub reminded: usize,
    /// Agents that could not be dealt with, and why. The next look tries again.
    pub failed: Vec<(AgentName, String)>,
}

impl Engine {
    /// Does everything in the registry that is due. Called every so often; nothing depends on when.
    pub async fn tick(&self) -> Ticked {
        let _one_at_a_time = self.agents_changing.lock().await;
        let now = self.ports.clock.now();
        let mut ticked = Ticked::default();
        for agent in self.ports.registry.agents() {
            if let Err(error) = self.tend(Agent::clone(&agent), now, &mut ticked).await {
                ticked.failed.push((agent.name.clone(), error.to_string()));
            }
        }
        ticked
    }

    async fn tend(&self, mut agent: Agent, now: Timestamp, ticked: &mut Ticked) -> Result<(), ChangeError> {
        if !agent.life.recorded {
            // The program stopped, or the ledger was not there, between taking a right away and its receipt.
            self.record_stage(&agent, None).await?;
            agent.life.recorded = true;
            self.keep(&agent).await?;
        }
        while let Some(stage) = agent.life.due(&self.life_facts(&agent), now) {
            agent = self.move_to(agent, stage, None, now).await?;
            ticked.moved += 1;
        }
        let lapsed = agent.life.proposal.as_ref().is_some_and(|proposal| {
            proposal.is_open() && proposal.terms.is_some() && now >= proposal.asked.after(limits::PROPOSAL)
        });
        if lapsed {
            agent.life.proposal = None;
            self.keep(&agent).await?;
            let about = Object::new().with("agent", agent.name.as_str()).with("lapsed", true);
            self.record_agent(RegistryChange::AgentChanged, None, about, now).await?;
        }
        if let Some(days) = agent.life.reminder(&self.life_facts(&agent), now) {
            self.remind(agent, days, now).await?;
            ticked.reminded += 1;
        }
        Ok(())
    }

    async fn remind(&self, mut agent: Agent, days: u32, now: Timestamp) -> Result<(), ChangeError> {
        let to = self.page(&agent);
        let about = Object::new()
            .with("agent", agent.name.as_str())
            .with("stage", agent.life.stage.as_str())
            .with("days", i64::from(days))
            .with("to", to.iter().map(|person| person.as_str()).collect::<Vec<_>>());
        self.record_agent(RegistryChange::AgentReminded, None, about, now).await?;
        agent.life.reminded = Some(days);
        self.keep(&agent).await?;
        self.tell_reminder(&agent, days, now);
        Ok(())
    }
}
