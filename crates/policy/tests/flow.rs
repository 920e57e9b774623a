//! The matrix of `policies/flow.cedar` as a golden file, `policies/tests/flow.txt`: what a run carries, and what it may then do.
//! `UPDATE_GOLDEN=1` rewrites it.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use placet_domain::{
    AccessRequest, Agent, AgentStatus, Flow, FlowEffect, Instance, InstanceId, Json, Mandate, Object,
    Operation, Provenance, Source, Tier, Timestamp, ToolCall, ToolDefinition,
};
use placet_policy::{
    ConnectorModel, Counted, FlowConfig, HistoryRule, LabelRule, PolicyConfig, PolicySource,
    ProvenanceConfig, Snapshot,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
/// Stands for the grants of crm.cedar, which ask for more than this is about.
const GRANTS: &str = r#"@id("all") permit (principal, action, resource);"#;

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

fn config() -> PolicyConfig {
    let tools = Json::parse(file("tools/crm.json").as_bytes()).unwrap();
    let tool = |definition: &Json| ToolDefinition {
        name: definition.member("name").unwrap().as_str().unwrap().parse().unwrap(),
        definition: definition.clone(),
    };
    let crm = ConnectorModel {
        name: "crm".parse().unwrap(),
        tools: tools.as_array().unwrap().iter().map(tool).collect(),
        groups: BTreeMap::new(),
        bindings: Vec::new(),
    };
    let looked = vec!["crm.get_deal".to_owned()];
    let flow = FlowConfig {
        labels: vec![LabelRule {
            labels: vec!["secret".parse().unwrap()],
            actions: looked.clone(),
            when: None,
        }],
        history: BTreeMap::from([(
            "looked".parse().unwrap(),
            HistoryRule { actions: looked, counts: Counted::Succeeded, within: None },
        )]),
        provenance: Some(ProvenanceConfig {
            trusted: vec!["crm.list_deals".to_owned()],
            ..ProvenanceConfig::default()
        }),
    };
    PolicyConfig { connectors: vec![crm], flow, ..PolicyConfig::default() }
}

fn request(tool: &str, arguments: &str, flow: Flow) -> AccessRequest {
    let now = Timestamp::from_micros(1_795_300_000_000_000);
    let agent = Agent {
        name: "deal-update-agent".parse().unwrap(),
        owner: "mia".parse().unwrap(),
        purpose: "updates deals".to_owned(),
        tier: Tier::Two,
        groups: Vec::new(),
        registered: now,
        status: AgentStatus::Active,
        charter: placet_domain::Charter::default(),
        life: placet_domain::Life::default(),
    };
    let instance = Instance {
        id: InstanceId::new(now, [7; 10]),
        agent: agent.name.clone(),
        mandate: Mandate::default(),
        started_by: "mia".parse().unwrap(),
        started: now,
        expires: now,
        revoked: None,
        parent: None,
    };
    let arguments = Json::parse(arguments.as_bytes()).unwrap();
    let params = Object::new().with("name", tool).with("arguments", arguments);
    AccessRequest {
        now,
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: None,
        call: ToolCall::new("crm".parse().unwrap(), Operation::Tool(tool.parse().unwrap()), params).unwrap(),
        pin: None,
        resource: None,
        facts: None,
        flow,
        observed: placet_domain::Observed::default(),
        usage: placet_domain::Usage::default(),
        lifted: Vec::new(),
        granted: Vec::new(),
        opinions: Vec::new(),
    }
}

fn carried(labels: &[&str], looked: i64, to: &[Source]) -> Flow {
    let mut provenance = Provenance::default();
    to.iter().for_each(|source| provenance.put("to", *source));
    Flow {
        labels: Some(labels.iter().map(|label| label.parse().unwrap()).collect::<BTreeSet<_>>()),
        history: Some(BTreeMap::from([("looked".parse().unwrap(), looked)])),
        provenance: Some(provenance),
        effect: FlowEffect::default(),
    }
}

#[test]
fn what_a_run_carries_decides_as_the_golden_file_says() {
    let sources = [("grants", GRANTS.to_owned()), ("flow.cedar", file("flow.cedar"))];
    let sources = sources.map(|(name, text)| PolicySource { name: name.to_owned(), text });
    let snapshot = Snapshot::load(&sources, &config()).unwrap_or_else(|errors| panic!("{errors}"));
    let mut matrix = String::from("# Written by crates/policy/tests/flow.rs; UPDATE_GOLDEN=1 rewrites it.\n");
    let mut row = |tool: &str, arguments: &str, flow: Flow| {
        let told = Json::Object(flow.to_json()).canonical();
        let decision = snapshot.decide(&request(tool, arguments, flow));
        let ids: Vec<&str> = decision.reasons.iter().map(|reason| reason.policy.as_str()).collect();
        let told = format!("{tool} {told}\n    {} [{}]", decision.verdict.as_str(), ids.join(", "));
        writeln!(matrix, "{told}").unwrap();
    };
    let mail = r#"{"to":["ana@example.com"],"subject":"s","body":"b"}"#;
    for source in Source::ALL {
        row("send_email", mail, carried(&[], 0, &[source]));
    }
    row("send_email", mail, carried(&[], 0, &[Source::Mandate, Source::Directory]));
    row("send_email", mail, carried(&[], 0, &[Source::Mandate, Source::Untrusted]));
    row("send_email", mail, carried(&[], 0, &[]));
    row("send_email", mail, carried(&["secret"], 0, &[Source::Mandate]));
    row("send_email", mail, carried(&["pii"], 0, &[Source::Mandate]));
    row("send_email", mail, Flow::default());
    let deal = r#"{"deal_id":"789","notes":"called"}"#;
    row("update_deal", deal, carried(&[], 0, &[]));
    row("update_deal", deal, carried(&["secret"], 1, &[]));
    row("get_deal", r#"{"deal_id":"789"}"#, carried(&["secret"], 0, &[]));

    let path = format!("{FOLDER}/tests/flow.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &matrix).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(matrix, golden, "decisions changed; look at the diff, then run with UPDATE_GOLDEN=1");
}
