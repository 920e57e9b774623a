//! The tools of each connector and their pins. First sight pins; a change quarantines until the operator accepts it.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use placet_domain::{
    Code, ConnectorName, Json, Object, PersonName, Pin, Refusal, RegistryChange, RegistryReceipt,
    ToolDefinition, ToolName,
};

use crate::{
    Engine,
    ports::{ConnectError, PinnedTool, StoreError},
};

/// What is known of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolStatus {
    /// The connector.
    pub connector: ConnectorName,
    /// The tool.
    pub tool: ToolName,
    /// Whether it can be called.
    pub state: ToolState,
}

/// Whether a tool can be called.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolState {
    /// Its definition is the accepted one.
    Accepted(Pin),
    /// Its definition is not the accepted one.
    Quarantined {
        /// The accepted definition; absent for a tool that appeared later.
        accepted: Option<Json>,
        /// The definition seen.
        seen: Json,
    },
}

/// Pinned tools by connector, readable without waiting.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    connectors: ArcSwap<HashMap<ConnectorName, Arc<Tools>>>,
    /// Changes are made one after the other.
    changing: tokio::sync::Mutex<()>,
}

type Tools = HashMap<ToolName, Known>;

/// A pinned tool with its pin at hand: hashing a definition has no place in a call.
#[derive(Debug)]
struct Known {
    pinned: PinnedTool,
    pin: Option<Pin>,
}

pub(crate) enum Lookup {
    Accepted(Pin),
    Quarantined {
        /// It appeared after the others were accepted.
        is_new: bool,
    },
    Unknown,
}

impl Catalogue {
    pub(crate) fn look_up(&self, connector: &ConnectorName, tool: &ToolName) -> Lookup {
        let connectors = self.connectors.load();
        match connectors.get(connector).and_then(|tools| tools.get(tool)) {
            None => Lookup::Unknown,
            Some(Known { pin: Some(pin), .. }) => Lookup::Accepted(*pin),
            Some(Known { pinned, .. }) => Lookup::Quarantined { is_new: pinned.accepted.is_none() },
        }
    }

    /// The definitions that policies are typed by: the accepted ones, quarantined tools included.
    pub(crate) fn accepted(&self, connector: &ConnectorName) -> Vec<ToolDefinition> {
        let connectors = self.connectors.load();
        let tools = connectors.get(connector).into_iter().flat_map(|tools| tools.values());
        let mut accepted: Vec<_> = tools.filter_map(|known| known.pinned.accepted.clone()).collect();
        accepted.sort_by(|left, right| left.name.cmp(&right.name));
        accepted
    }

    fn replace(&self, connector: &ConnectorName, tools: &[PinnedTool]) {
        let known = |pinned: &PinnedTool| {
            Some((pinned.name()?.clone(), Known { pinned: pinned.clone(), pin: pinned.pin() }))
        };
        let tools: Tools = tools.iter().filter_map(known).collect();
        let mut connectors = HashMap::clone(&self.connectors.load());
        connectors.insert(connector.clone(), Arc::new(tools));
        self.connectors.store(Arc::new(connectors));
    }
}

impl Engine {
    /// Reads the stored pins into memory. Done before anything is served.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn load_pins(&self) -> Result<(), StoreError> {
        for connector in self.connectors() {
            let pinned = match self.decisions.application(connector) {
                // Declared by the operator: nobody else could have changed it.
                Some(application) => application
                    .actions
                    .iter()
                    .map(|(action, _)| PinnedTool { accepted: Some(action.clone()), seen: None })
                    .collect(),
                None => self.ports.pins.pinned(connector).await?,
            };
            self.catalogue.replace(connector, &pinned);
        }
        Ok(())
    }

    /// Asks a connector for its tools today and compares them with the pins.
    ///
    /// # Errors
    /// The connector cannot be reached, or the change could not be recorded.
    pub async fn refresh(&self, connector: &ConnectorName) -> Result<(), Refusal> {
        let unreachable = |error: ConnectError| Refusal::new(Code::ToolUnreachable, error.to_string());
        let seen = self.ports.connectors.tools(connector).await.map_err(unreachable)?;
        self.observe(connector, seen).await
    }

    /// Compares definitions that a connector has just shown with the pins.
    ///
    /// # Errors
    /// A change could not be recorded.
    pub async fn observe(&self, connector: &ConnectorName, seen: Vec<ToolDefinition>) -> Result<(), Refusal> {
        let _one_at_a_time = self.catalogue.changing.lock().await;
        let unavailable = |error: StoreError| Refusal::new(Code::StoreUnavailable, error.to_string());
        let before = self.ports.pins.pinned(connector).await.map_err(unavailable)?;
        let after = compare(&before, seen);
        if after == before {
            return Ok(());
        }
        for pinned in after.iter().filter(|pinned| !before.contains(pinned)) {
            self.record_pin(connector, pinned, None).await?;
        }
        self.ports.pins.pin(connector, after.clone()).await.map_err(unavailable)?;
        self.catalogue.replace(connector, &after);
        self.retype_policies().await;
        Ok(())
    }

    /// Accepts what is seen of a connector's tools today: one tool, or all in quarantine. Returns the tools accepted.
    ///
    /// # Errors
    /// The change could not be recorded.
    pub async fn accept(
        &self,
        connector: &ConnectorName,
        tool: Option<&ToolName>,
        by: &PersonName,
    ) -> Result<Vec<ToolName>, Refusal> {
        let _one_at_a_time = self.catalogue.changing.lock().await;
        let unavailable = |error: StoreError| Refusal::new(Code::StoreUnavailable, error.to_string());
        let mut pinned = self.ports.pins.pinned(connector).await.map_err(unavailable)?;
        let mut accepted = Vec::new();
        for one in &mut pinned {
            let wanted = tool.is_none_or(|tool| one.name() == Some(tool));
            if wanted && let Some(seen) = one.seen.take() {
                accepted.push(seen.name.clone());
                one.accepted = Some(seen);
                self.record_pin(connector, one, Some(by)).await?;
            }
        }
        self.ports.pins.pin(connector, pinned.clone()).await.map_err(unavailable)?;
        self.catalogue.replace(connector, &pinned);
        self.retype_policies().await;
        Ok(accepted)
    }

    /// Reads the accepted definition of a tool without copying it.
    pub fn with_definition<T>(
        &self,
        connector: &ConnectorName,
        tool: &ToolName,
        read: impl FnOnce(Option<&ToolDefinition>) -> T,
    ) -> T {
        let connectors = self.catalogue.connectors.load();
        let pinned = connectors.get(connector).and_then(|tools| tools.get(tool));
        read(pinned.and_then(|known| known.pinned.accepted.as_ref()))
    }

    /// Every tool known of, by connector and name.
    #[must_use]
    pub fn tools(&self) -> Vec<ToolStatus> {
        let connectors = self.catalogue.connectors.load();
        let mut all: Vec<ToolStatus> = connectors
            .iter()
            .flat_map(|(connector, tools)| {
                tools.iter().map(move |(tool, known)| (connector, tool, &known.pinned))
            })
            .filter_map(|(connector, tool, pinned)| {
                let state = match (&pinned.accepted, &pinned.seen) {
                    (Some(accepted), None) => ToolState::Accepted(accepted.pin()),
                    (accepted, Some(seen)) => ToolState::Quarantined {
                        accepted: accepted.as_ref().map(|definition| definition.definition.clone()),
                        seen: seen.definition.clone(),
                    },
                    (None, None) => return None,
                };
                Some(ToolStatus { connector: connector.clone(), tool: tool.clone(), state })
            })
            .collect();
        all.sort_by(|left, right| (&left.connector, &left.tool).cmp(&(&right.connector, &right.tool)));
        all
    }

    async fn record_pin(
        &self,
        connector: &ConnectorName,
        pinned: &PinnedTool,
        by: Option<&PersonName>,
    ) -> Result<(), Refusal> {
        let now = self.ports.clock.now();
        let change = if pinned.seen.is_none() {
            RegistryChange::ToolAccepted
        } else {
            RegistryChange::ToolQuarantined
        };
        let about = Object::new()
            .with("connector", connector.as_str())
            .with_some("tool", pinned.name().map(|tool| tool.as_str()))
            .with_some("accepted", pinned.accepted.as_ref().map(|definition| definition.pin().to_string()))
            .with_some("seen", pinned.seen.as_ref().map(|definition| definition.pin().to_string()));
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by, about })
            .await
            .map_err(|error| Refusal::new(Code::LedgerUnavailable, error.reason))
    }
}

/// What the pins become when these definitions are seen. Pure.
fn compare(before: &[PinnedTool], seen: Vec<ToolDefinition>) -> Vec<PinnedTool> {
    let first_sight = before.is_empty();
    let mut after: Vec<PinnedTool> = before.to_vec();
    for definition in seen {
        match after.iter_mut().find(|pinned| pinned.name() == Some(&definition.name)) {
            Some(pinned) => {
                let same =
                    pinned.accepted.as_ref().is_some_and(|accepted| accepted.pin() == definition.pin());
                pinned.seen = (!same).then_some(definition);
            }
            None if first_sight => after.push(PinnedTool { accepted: Some(definition), seen: None }),
            None => after.push(PinnedTool { accepted: None, seen: Some(definition) }),
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, description: &str) -> ToolDefinition {
        let definition = Object::new().with("name", name).with("description", description);
        ToolDefinition { name: name.parse().unwrap(), definition: Json::Object(definition) }
    }

    #[test]
    fn first_sight_pins_and_a_change_quarantines_until_it_is_reverted() {
        let pinned = compare(&[], vec![tool("a", "one"), tool("b", "two")]);
        assert!(pinned.iter().all(|pinned| pinned.pin().is_some()));
        let changed = compare(&pinned, vec![tool("a", "one!"), tool("b", "two")]);
        assert_eq!(changed[0].pin(), None);
        assert!(changed[1].pin().is_some());
        assert_eq!(compare(&changed, vec![tool("a", "one"), tool("b", "two")]), pinned);
    }

    #[test]
    fn a_tool_that_appears_later_is_quarantined() {
        let pinned = compare(&[], vec![tool("a", "one")]);
        let more = compare(&pinned, vec![tool("a", "one"), tool("late", "x")]);
        assert_eq!(more[1].pin(), None);
        assert_eq!(more[1].accepted, None);
    }

    #[test]
    fn the_same_definition_in_another_member_order_is_the_same_tool() {
        let turned = Object::new().with("description", "one").with("name", "a");
        let turned = ToolDefinition { name: "a".parse().unwrap(), definition: Json::Object(turned) };
        let pinned = compare(&[], vec![tool("a", "one")]);
        assert_eq!(compare(&pinned, vec![turned]), pinned);
    }
}
