//! `/v1/status`: whether calls can be taken, what is in force, and who you are.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use futures_util::future::join_all;
use placet_domain::ConnectorName;
use serde::{Deserialize, Serialize};

use crate::{Control, answer::Answer, argument::Asked, peer::Caller};

/// How long a connector may take to show its tools to a probe.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);

/// The state of the whole as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct StatusView {
    ready: bool,
    /// Why no calls can be taken.
    why_not: Option<String>,
    version: &'static str,
    you: String,
    policy: String,
    policies: usize,
    ledger_size: u64,
    uptime_seconds: u64,
    agents: usize,
    quarantined_tools: usize,
    connectors: Vec<ProbeView>,
}

/// A connector; whether it answers, if that was asked.
#[derive(Debug, Serialize)]
struct ProbeView {
    name: String,
    reachable: Option<bool>,
    why_not: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// Ask every connector for its tools. A changed definition goes into quarantine, as it would on any listing.
    #[serde(default)]
    probe: bool,
}

pub(crate) async fn show(
    State(control): State<Arc<Control>>,
    Caller(you): Caller,
    Asked(Wish { probe }): Asked<Wish>,
) -> Answer<StatusView> {
    let probes = control.config.connectors.iter().map(|connector| look(&control, connector, probe));
    let connectors = join_all(probes).await;
    Answer::new("placet/v1/status", view(&control, you.to_string(), connectors))
}

fn view(control: &Control, you: String, connectors: Vec<ProbeView>) -> StatusView {
    let (engine, ports) = (&control.engine, control.engine.ports());
    let ready = engine.ready();
    let tools = engine.tools();
    let policies = engine.policies();
    StatusView {
        ready: ready.is_ok(),
        why_not: ready.err(),
        version: env!("CARGO_PKG_VERSION"),
        you,
        policy: policies.revision().to_string(),
        policies: policies.policy_count(),
        ledger_size: ports.ledger.size(),
        uptime_seconds: ports.clock.now().since(control.started).as_secs(),
        agents: ports.registry.agents().len(),
        quarantined_tools: tools
            .iter()
            .filter(|tool| matches!(tool.state, placet_engine::ToolState::Quarantined { .. }))
            .count(),
        connectors,
    }
}

async fn look(control: &Control, connector: &ConnectorName, probe: bool) -> ProbeView {
    let name = connector.to_string();
    if !probe {
        return ProbeView { name, reachable: None, why_not: None };
    }
    let why_not = match tokio::time::timeout(PROBE_DEADLINE, control.engine.refresh(connector)).await {
        Ok(Ok(())) => None,
        Ok(Err(refusal)) => Some(refusal.to_string()),
        Err(_) => Some(format!("no answer within {} seconds", PROBE_DEADLINE.as_secs())),
    };
    ProbeView { name, reachable: Some(why_not.is_none()), why_not }
}
