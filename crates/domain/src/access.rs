//! The complete input of a decision, `now` included, so that decisions replay.

use std::sync::Arc;

use crate::{
    Agent, Flow, Grant, Instance, Observed, Opinion, Person, Pin, PolicyId, Resource, ResourceFacts,
    Timestamp, ToolCall, Usage,
};

/// Everything a decision depends on, besides the policy set.
#[derive(Debug, Clone)]
pub struct AccessRequest {
    /// The moment of the call, read once.
    pub now: Timestamp,
    /// Who acts.
    pub agent: Arc<Agent>,
    /// In which run, with which mandate.
    pub instance: Arc<Instance>,
    /// The person acted for, with their groups, when the directory knows them.
    pub user: Option<Arc<Person>>,
    /// What is asked for.
    pub call: ToolCall,
    /// The pin of the tool, if the operation is one.
    pub pin: Option<Pin>,
    /// What it acts on, when the connector binds a resource from an argument.
    pub resource: Option<Resource>,
    /// The looked-up facts of the resource.
    pub facts: Option<ResourceFacts>,
    /// What the run has done and seen before, and where the arguments come from.
    pub flow: Flow,
    /// What was observed for its risk.
    pub observed: Observed,
    /// Gates that a valid approval of exactly this call lifts.
    pub lifted: Vec<PolicyId>,
    /// Grants for a time at hand for this agent, tool and resource.
    pub granted: Vec<Arc<Grant>>,
    /// What the counters of limits showed.
    pub usage: Usage,
    /// What decision points of others said.
    pub opinions: Vec<Opinion>,
}
