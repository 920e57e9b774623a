//! What is wished for, read as a grant: what makes no sense is refused before anything is judged or recorded.

use std::{sync::Arc, time::Duration};

use placet_domain::{
    Agent, AgentName, AgentStatus, ConnectorName, Grant, GrantId, GrantState, Instance, InstanceId,
    Operation, PersonName, Resource, Timestamp, ToolName, limits,
};

use super::GrantError;
use crate::Engine;

/// What is wished for.
#[derive(Debug, Clone)]
pub struct GrantWish {
    /// For whom.
    pub agent: AgentName,
    /// For this run alone.
    pub instance: Option<InstanceId>,
    /// Where.
    pub connector: ConnectorName,
    /// With which tools.
    pub tools: Vec<ToolName>,
    /// On this alone.
    pub resource: Option<Resource>,
    /// For how long.
    pub lasts: Duration,
    /// Why.
    pub justification: String,
    /// The person who wishes; the agent itself if absent.
    pub asked_by: Option<PersonName>,
}

impl Engine {
    /// The grant that is wished for, if the wish makes sense.
    pub(super) fn grant_of(
        &self,
        wish: GrantWish,
        now: Timestamp,
    ) -> Result<(Arc<Agent>, Grant), GrantError> {
        let registered = self.granted_agent(&wish.agent)?;
        let run = wish.instance.map(|id| self.granted_run(id, &wish.agent, now)).transpose()?;
        let GrantWish { agent, instance, connector, mut tools, resource, lasts, justification, asked_by } =
            wish;
        let wrong = |why: &str| GrantError::Wish(why.to_owned());
        tools.sort();
        tools.dedup();
        if tools.is_empty() || tools.len() > limits::GRANT_TOOLS {
            return Err(GrantError::Wish(format!("name 1 to {} tools", limits::GRANT_TOOLS)));
        }
        for tool in &tools {
            self.within_charter(&registered, &connector, &Operation::Tool(tool.clone()))
                .map_err(|refusal| GrantError::Wish(refusal.why))?;
        }
        if resource.as_ref().is_some_and(|resource| resource.id.len() > limits::TEXT_CHARS) {
            return Err(wrong("the id of the resource is too long"));
        }
        let justification = justification.trim().to_owned();
        if justification.is_empty() || justification.chars().count() > limits::TEXT_CHARS {
            return Err(wrong("say why, in a few sentences: approvers and auditors read it"));
        }
        if lasts < Duration::from_secs(1) {
            return Err(wrong("say for how long, for example 30 minutes"));
        }
        let grant = Grant {
            id: GrantId::new(now, self.random()),
            agent,
            instance,
            connector,
            tools,
            resource,
            lasts,
            justification,
            asked_by,
            on_behalf_of: run.as_ref().and_then(|run| run.mandate.on_behalf_of.clone()),
            started_by: run.map(|run| run.started_by.clone()),
            asked: now,
            expires: now.after(limits::GRANT_WAIT),
            state: GrantState::Pending,
            recorded: true,
        };
        Ok((registered, grant))
    }

    /// The run that a grant is for, if it lives.
    pub(super) fn granted_run(
        &self,
        id: InstanceId,
        agent: &AgentName,
        now: Timestamp,
    ) -> Result<Arc<Instance>, GrantError> {
        let caller = self.lives(id, now).map_err(|refusal| GrantError::Wish(refusal.why))?;
        match caller.agent().name == *agent {
            true => Ok(caller.instance().clone()),
            false => Err(GrantError::Wish(format!("instance `{id}` is no run of `{agent}`"))),
        }
    }

    /// The agent that a grant is for, if it is active.
    pub(super) fn granted_agent(&self, name: &AgentName) -> Result<Arc<Agent>, GrantError> {
        let agent = self.ports.registry.agent(name);
        agent
            .filter(|agent| agent.status == AgentStatus::Active)
            .ok_or_else(|| GrantError::Wish(format!("agent `{name}` is not registered, or not active")))
    }
}
