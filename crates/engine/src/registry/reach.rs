//! What an agent's registration and stage leave of its rights, before any policy is asked.

use placet_domain::{
    Agent, Asked, Charter, Code, ConnectorName, Effect, Operation, Refusal, Stage, Suggestion, Timestamp,
    ToolName, suggest,
};

use crate::{Engine, catalogue::Lookup};

impl Engine {
    /// Refuses what an agent was not registered for, and what changes something while it is read-only.
    pub(crate) fn within_charter(
        &self,
        agent: &Agent,
        connector: &ConnectorName,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        let name = operation.name();
        let owner = || format!("{}, owner of `{}`", agent.owner, agent.name);
        if !agent.wants(connector, name) {
            let why = format!("`{}` was registered without `{connector}.{name}`", agent.name);
            return Err(Refusal::new(Code::NotWanted, why).with_who(owner()));
        }
        if agent.is_read_only() && self.effect(connector, operation) != Effect::Reads {
            let cause = agent.life.stage.cause().map_or("", |cause| cause.words());
            let why = format!("`{}` may only read since {}, because {cause}", agent.name, agent.life.since);
            return Err(Refusal::new(Code::ReadOnlyAgent, why)
                .with_next(format!(
                    "use tools that read; `placet agent certify {0}` (after `placet agent owner {0} PERSON` if the \
                     owner has left) gives the rest back",
                    agent.name
                ))
                .with_who(owner()));
        }
        Ok(())
    }

    /// What an operation does, by its action groups: the configured ones, else those its annotations admit. The same
    /// rule gives Cedar's action groups; whatever is in doubt does not count as reading.
    pub(crate) fn effect(&self, connector: &ConnectorName, operation: &Operation) -> Effect {
        let tool = match operation {
            Operation::Tool(tool) => tool,
            Operation::TaskCancel | Operation::TaskUpdate => return Effect::Writes,
            Operation::Complete
            | Operation::GetPrompt
            | Operation::Listen
            | Operation::ListPrompts
            | Operation::ListResources
            | Operation::ListResourceTemplates
            | Operation::ReadResource
            | Operation::Subscribe
            | Operation::TaskGet
            | Operation::TaskList
            | Operation::TaskResult
            | Operation::Unsubscribe => return Effect::Reads,
        };
        let model = self.policy.connectors.iter().find(|model| model.name == *connector);
        if let Some(groups) = model.and_then(|model| model.groups.get(tool)) {
            return Effect::of_groups(groups.iter().map(String::as_str));
        }
        self.with_definition(connector, tool, |definition| {
            let Some(definition) = definition else { return Effect::Unknown };
            let reads = definition.hint("readOnlyHint") == Some(true);
            match reads && definition.hint("destructiveHint") != Some(true) {
                true => Effect::Reads,
                false => Effect::Writes,
            }
        })
    }

    /// The tier that a charter suggests, with reasons.
    #[must_use]
    pub fn suggest(&self, charter: &Charter) -> Suggestion {
        let mut asked = Vec::new();
        for want in &charter.wants {
            let named = |operation: &Operation| Asked {
                operation: format!("{}.{}", want.connector, operation.name()),
                effect: self.effect(&want.connector, operation),
            };
            match &want.tool {
                Some(tool) => asked.push(named(&operation(tool))),
                None => {
                    let tools = self.catalogue.accepted(&want.connector);
                    if tools.is_empty() {
                        asked.push(Asked { operation: want.to_string(), effect: Effect::Unknown });
                    }
                    asked.extend(tools.into_iter().map(|tool| named(&Operation::Tool(tool.name))));
                }
            }
        }
        suggest(&asked, &charter.data)
    }

    /// The tools that some call of an agent could be allowed for today, as `connector.tool`.
    #[must_use]
    pub fn permitted(&self, agent: &Agent, now: Timestamp) -> Vec<String> {
        let policies = self.rules_for(&agent.name);
        let run = run_without_mandate(agent, now);
        let may = |connector: &ConnectorName, tool: &ToolName| {
            matches!(self.catalogue.look_up(connector, tool), Lookup::Accepted(_))
                && self.within_charter(agent, connector, &Operation::Tool(tool.clone())).is_ok()
                && policies.may_list(agent, &run, None, connector, tool, now)
        };
        self.tools()
            .into_iter()
            .filter(|status| may(&status.connector, &status.tool))
            .map(|status| format!("{}.{}", status.connector, status.tool))
            .collect()
    }
}

/// A run as listings imagine it: no task, and nobody acted for.
pub(crate) fn run_without_mandate(agent: &Agent, now: Timestamp) -> placet_domain::Instance {
    placet_domain::Instance {
        id: placet_domain::InstanceId::new(now, [0; 10]),
        agent: agent.name.clone(),
        mandate: placet_domain::Mandate::default(),
        started_by: agent.owner.clone(),
        started: now,
        expires: now,
        revoked: None,
        parent: None,
    }
}

/// Why an agent that is switched off is refused, and what to do.
pub(crate) fn refusal(agent: &Agent) -> Refusal {
    let owner = format!("{}, owner of `{}`", agent.owner, agent.name);
    let (why, next) = standing(agent);
    let who = match (&agent.life.stage, &agent.life.proposal) {
        (Stage::Proposed, Some(proposal)) => {
            proposal.open().map(|group| group.as_str()).collect::<Vec<_>>().join(", ")
        }
        _ => owner,
    };
    Refusal::new(Code::UnknownAgent, why).with_next(next).with_who(who)
}

/// What an agent's stage means for somebody who wants to use it: what is the case, and what to do.
pub(crate) fn standing(agent: &Agent) -> (String, String) {
    let (name, since) = (&agent.name, agent.life.since);
    match agent.life.stage {
        Stage::Proposed => (
            format!("agent `{name}` was proposed at {since} and waits for its approvers"),
            format!("wait until they have answered: `placet agent show {name}` says who is missing"),
        ),
        Stage::Suspended(cause) => (
            format!("agent `{name}` is suspended since {since}: {}", cause.words()),
            format!("stop; `placet agent resume {name}` lifts the suspension"),
        ),
        Stage::Retired(cause) => (
            format!("agent `{name}` was retired at {since}: {}", cause.words()),
            "stop; a retired agent does not come back, register a new one".to_owned(),
        ),
        Stage::Active | Stage::CertificationDue | Stage::Countdown { .. } | Stage::Restricted(_) => {
            (format!("agent `{name}` is switched off"), format!("ask {}, its owner", agent.owner))
        }
    }
}

/// What a wanted tool name stands for: an MCP method has a name of its own.
fn operation(tool: &ToolName) -> Operation {
    Operation::METHODS
        .into_iter()
        .find(|method| method.name() == tool.as_str())
        .unwrap_or_else(|| Operation::Tool(tool.clone()))
}
