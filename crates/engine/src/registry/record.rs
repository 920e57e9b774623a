//! Changes of one agent, in the order that keeps the invariant, each with its receipt.

use std::sync::Arc;

use placet_domain::{
    Agent, AgentName, Object, PersonName, RegistryChange, RegistryReceipt, Stage, Timestamp,
};

use super::change::ChangeError;
use crate::{Engine, ports::LedgerUnavailable};

impl Engine {
    /// The agent of a name, to be changed while the lock is held.
    pub(super) fn registered(&self, name: &AgentName) -> Result<Agent, ChangeError> {
        let agent = self.ports.registry.agent(name).ok_or_else(|| ChangeError::Unknown(name.clone()))?;
        Ok(Arc::unwrap_or_clone(agent))
    }

    pub(super) async fn keep(&self, agent: &Agent) -> Result<(), ChangeError> {
        match self.ports.registry.update(agent.clone()).await? {
            true => {
                self.halting.announce();
                Ok(())
            }
            false => Err(ChangeError::Unknown(agent.name.clone())),
        }
    }

    pub(super) async fn record_agent(
        &self,
        change: RegistryChange,
        by: Option<&PersonName>,
        about: Object,
        now: Timestamp,
    ) -> Result<(), LedgerUnavailable> {
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by, about }).await
    }

    /// Takes an agent to a stage, with its receipt, and tells people.
    pub(super) async fn move_to(
        &self,
        mut agent: Agent,
        stage: Stage,
        by: Option<&PersonName>,
        now: Timestamp,
    ) -> Result<Agent, ChangeError> {
        let from = agent.life.stage;
        agent.enter(stage, now, by.cloned());
        if stage.reach() < from.reach() {
            // INVARIANT: what is taken away is gone before its receipt; a crash in between is mended by the next tick.
            agent.life.recorded = false;
            self.keep(&agent).await?;
            self.record_stage(&agent, Some(from)).await?;
            agent.life.recorded = true;
            self.keep(&agent).await?;
        } else {
            self.record_stage(&agent, Some(from)).await?;
            agent.life.recorded = true;
            self.keep(&agent).await?;
        }
        // A stage with a deadline is told of by its first reminder.
        if agent.life.deadline(&self.life_facts(&agent)).is_none() {
            self.tell_of_stage(&agent, now);
        }
        Ok(agent)
    }

    /// The receipt of the stage an agent is in.
    pub(super) async fn record_stage(
        &self,
        agent: &Agent,
        from: Option<Stage>,
    ) -> Result<(), LedgerUnavailable> {
        let life = &agent.life;
        let ends = match life.stage {
            Stage::Countdown { ends, .. } => Some(ends.micros()),
            _ => None,
        };
        let about = Object::new()
            .with("agent", agent.name.as_str())
            .with("owner", agent.owner.as_str())
            .with_some("from", from.map(Stage::as_str))
            .with("to", life.stage.as_str())
            .with_some("cause", life.stage.cause().map(|cause| cause.as_str()))
            .with_some("ends_us", ends);
        self.record_agent(RegistryChange::AgentStage, life.by.as_ref(), about, life.since).await
    }
}
