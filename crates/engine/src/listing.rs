//! What an agent is shown: exactly the tools that it may call, by the rules that judge the call.

use placet_domain::{ConnectorName, Operation, ToolName};

use crate::{Caller, Engine, catalogue::Lookup};

impl Engine {
    /// Whether a tool is shown to this caller now.
    #[must_use]
    pub fn shows(&self, caller: &Caller, connector: &ConnectorName, tool: &ToolName) -> bool {
        let now = self.ports.clock.now();
        let user = self.acted_for(&caller.instance().mandate);
        let policies = self.rules_for(&caller.agent().name);
        let (agent, run) = (caller.agent(), caller.instance());
        let lent = || {
            self.lending.lends(&agent.name, run.id, connector, tool, now)
                && policies.may_list_lent(agent, run, user.as_deref(), connector, tool, now)
        };
        matches!(self.catalogue.look_up(connector, tool), Lookup::Accepted(_))
            && self.within_charter(caller.agent(), connector, &Operation::Tool(tool.clone())).is_ok()
            && self.may_be_within_mandate(caller, connector, &Operation::Tool(tool.clone()))
            && self.unless_road_halted(connector, Some(&Operation::Tool(tool.clone()))).is_ok()
            && (policies.may_list(agent, run, user.as_deref(), connector, tool, now) || lent())
    }
}
