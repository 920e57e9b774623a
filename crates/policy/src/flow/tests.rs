use std::sync::Arc;

use placet_domain::{
    AccessRequest, Agent, AgentStatus, Instance, InstanceId, Mandate, Operation, Provenance, Tier, Timestamp,
    ToolDefinition, Verdict,
};

use super::*;
use crate::{ConnectorModel, LoadErrors, PolicyConfig, PolicySource};

fn config(flow: FlowConfig) -> PolicyConfig {
    let tool = |name: &str, annotations: &str| {
        let text = format!(
            r#"{{"annotations":{annotations},"inputSchema":{{"type":"object","properties":{{"to":{{"type":"string"}}}}}}}}"#
        );
        ToolDefinition { name: name.parse().unwrap(), definition: Json::parse(text.as_bytes()).unwrap() }
    };
    let mail = ConnectorModel {
        name: "mail".parse().unwrap(),
        tools: vec![tool("read", r#"{"readOnlyHint":true}"#), tool("send", "{}")],
        groups: BTreeMap::new(),
        bindings: Vec::new(),
    };
    PolicyConfig { connectors: vec![mail], flow, ..PolicyConfig::default() }
}

fn declared() -> FlowConfig {
    let actions = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    FlowConfig {
        labels: vec![LabelRule {
            labels: vec!["secret".parse().unwrap()],
            actions: actions(&["mail.read"]),
            when: None,
        }],
        history: BTreeMap::from([(
            "writes".parse().unwrap(),
            HistoryRule { actions: actions(&["write"]), counts: Counted::Allowed, within: None },
        )]),
        provenance: Some(ProvenanceConfig {
            trusted: actions(&["mail.send"]),
            directory: vec![DirectorySource {
                actions: actions(&["read"]),
                paths: vec!["contacts[*]".parse().unwrap()],
            }],
            ..ProvenanceConfig::default()
        }),
    }
}

fn loaded(flow: FlowConfig, condition: &str) -> Result<Snapshot, LoadErrors> {
    let text = format!(
        "@id(\"all\") permit (principal, action, resource);\n\
         @id(\"flow\") forbid (principal, action == Action::\"mail.send\", resource) when {{ {condition} }};"
    );
    Snapshot::load(&[PolicySource { name: "a.cedar".to_owned(), text }], &config(flow))
}

fn request(tool: &str, flow: Flow) -> AccessRequest {
    let now = Timestamp::from_micros(1_795_300_000_000_000);
    let agent = Agent {
        name: "mailer".parse().unwrap(),
        owner: "mia".parse().unwrap(),
        purpose: String::new(),
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
    let params = Object::new().with("arguments", Object::new().with("to", "ana"));
    AccessRequest {
        now,
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: None,
        call: ToolCall::new("mail".parse().unwrap(), Operation::Tool(tool.parse().unwrap()), params).unwrap(),
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

fn carried(labels: &[&str], writes: i64, to: Source) -> Flow {
    let mut provenance = Provenance::default();
    provenance.put("to", to);
    Flow {
        labels: Some(labels.iter().map(|label| label.parse().unwrap()).collect()),
        history: Some(BTreeMap::from([("writes".parse().unwrap(), writes)])),
        provenance: Some(provenance),
        effect: FlowEffect::default(),
    }
}

#[test]
fn policies_read_labels_histories_and_provenance() {
    for (condition, denied) in [
        (r#"context.labels.contains("secret")"#, true),
        (r#"context.labels.contains("pii")"#, false),
        ("context.history.writes >= 2", true),
        ("context.history.writes > 2", false),
        (r#"!context.provenance.mandate.contains("to")"#, true),
        (r#"context.provenance.directory.contains("to")"#, false),
        (r#"context.provenance.untrusted == ["to"]"#, true),
    ] {
        let snapshot = loaded(declared(), condition).unwrap();
        let decision = snapshot.decide(&request("send", carried(&["secret"], 2, Source::Untrusted)));
        assert_eq!(matches!(decision.verdict, Verdict::Deny(_)), denied, "{condition}");
    }
}

#[test]
fn what_is_read_and_was_not_looked_up_denies() {
    for condition in [
        r#"context.labels.contains("pii")"#,
        "context.history.writes > 2",
        "context.provenance.untrusted.isEmpty()",
    ] {
        let snapshot = loaded(declared(), condition).unwrap();
        let decision = snapshot.decide(&request("send", Flow::default()));
        assert!(matches!(decision.verdict, Verdict::Deny(_)), "{condition}");
    }
}

#[test]
fn what_is_not_declared_cannot_be_read_and_costs_nothing() {
    for condition in [
        r#"context.labels.contains("pii")"#,
        "context.history.writes > 2",
        "context.provenance.untrusted.isEmpty()",
    ] {
        assert!(loaded(FlowConfig::default(), condition).is_err(), "{condition}");
    }
    assert!(loaded(declared(), "context.history.sent > 2").is_err());
    let snapshot = loaded(declared(), "context.time.weekday > 9").unwrap();
    assert!(!snapshot.reads_labels() && !snapshot.reads_history() && !snapshot.reads_provenance());
}

#[test]
fn a_call_does_what_is_declared_for_its_action() {
    let snapshot = loaded(declared(), "context.time.weekday > 9").unwrap();
    let read = request("read", Flow::default()).call;
    let effect = snapshot.flow_effect(&read, None);
    assert_eq!(effect.adds, BTreeSet::from(["secret".parse().unwrap()]));
    assert_eq!((effect.counts.len(), effect.reads), (0, Some(Trust::Untrusted)));
    assert_eq!(snapshot.directory_paths(&read).len(), 1);
    let effect = snapshot.flow_effect(&request("send", Flow::default()).call, None);
    assert_eq!((effect.adds.len(), effect.counts.len(), effect.reads), (0, 1, Some(Trust::Trusted)));
}

#[test]
fn a_label_may_depend_on_a_fact_and_an_unknown_fact_puts_it_on() {
    let mut flow = declared();
    flow.labels[0].when = Some(FactIs { attribute: "class".to_owned(), is: "A".into() });
    let snapshot = loaded(flow, "context.time.weekday > 9").unwrap();
    let adds = |attributes: Option<Object>| {
        let now = Timestamp::from_micros(0);
        let facts = attributes.map(|attributes| ResourceFacts { attributes, fetched: now });
        !snapshot.flow_effect(&request("read", Flow::default()).call, facts.as_ref()).adds.is_empty()
    };
    assert!(adds(Some(Object::new().with("class", "A"))));
    assert!(adds(Some(Object::new().with("class", vec!["B", "A"]))));
    assert!(!adds(Some(Object::new().with("class", "B"))));
    assert!(adds(Some(Object::new())) && adds(None));
}

#[test]
fn a_revision_reads_back_what_was_declared() {
    let mut flow = declared();
    flow.labels[0].when = Some(FactIs { attribute: "class".to_owned(), is: "A".into() });
    flow.history.get_mut(&"writes".parse().unwrap()).unwrap().within = Some(Duration::from_secs(60));
    let kept = Json::Object(flow.canonical());
    assert_eq!(FlowConfig::of_manifest(&kept), Ok(flow));
}

#[test]
fn a_name_that_fits_no_action_is_a_finding() {
    for wrong in ["mail.reed", "post"] {
        let mut flow = declared();
        flow.labels[0].actions = vec![wrong.to_owned()];
        let errors = loaded(flow, "true").unwrap_err().to_string();
        assert!(errors.contains(wrong), "{errors}");
    }
    let mut empty = declared();
    empty.labels[0].actions.clear();
    assert!(loaded(empty, "true").unwrap_err().to_string().contains("names no action"));
}
