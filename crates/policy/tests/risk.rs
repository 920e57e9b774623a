//! The matrix of `policies/risk.cedar` as a golden file, `policies/tests/risk.txt`: what was observed, and what comes of it.
//! `UPDATE_GOLDEN=1` rewrites it.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::collections::BTreeMap;
use std::fmt::Write;

use placet_domain::{
    AccessRequest, Drift, HookAnswer, Json, Mandate, Object, Observed, Operation, Tier, ToolDefinition,
};
use placet_policy::{
    Case, ConnectorModel, Expectation, OffHours, PolicyConfig, PolicySource, RateRisk, RiskConfig, Snapshot,
    Who,
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
        groups: BTreeMap::from([(
            "send_email".parse().unwrap(),
            vec!["send".to_owned(), "write".to_owned()],
        )]),
        bindings: Vec::new(),
    };
    let risk = RiskConfig {
        first_tool: 15,
        first_destination: 30,
        first_shape: 10,
        rate: Some(RateRisk { points: 30, times: 3, at_least: 30 }),
        off_hours: Some(OffHours { points: 15, days: (1..=5).collect(), from: 480, until: 1_140 }),
        ..RiskConfig::default()
    };
    PolicyConfig { connectors: vec![crm], risk: Some(risk), ..PolicyConfig::default() }
}

fn request(snapshot: &Snapshot, tool: &str, now: &str, observed: Observed) -> AccessRequest {
    let arguments = match tool {
        "send_email" => r#"{"to":["ana@example.com"],"subject":"s","body":"b"}"#,
        "get_deal" => r#"{"deal_id":"789"}"#,
        _ => r#"{"deal_id":"789","notes":"called"}"#,
    };
    let case = Case {
        name: String::new(),
        now: now.parse().unwrap(),
        who: Who {
            agent: "deal-update-agent".parse().unwrap(),
            owner: "mia".parse().unwrap(),
            purpose: "updates deals".to_owned(),
            tier: Tier::Two,
            groups: Vec::new(),
            mandate: Mandate::default(),
            user: None,
        },
        connector: "crm".parse().unwrap(),
        operation: Operation::Tool(tool.parse().unwrap()),
        params: Object::new()
            .with("name", tool)
            .with("arguments", Json::parse(arguments.as_bytes()).unwrap()),
        resources: BTreeMap::new(),
        usage: BTreeMap::new(),
        flow: placet_domain::Flow::default(),
        lifted: Vec::new(),
        expects: Expectation { verdicts: Vec::new(), because: None, error: None, obligations: None },
    };
    AccessRequest { observed, ..case.request(snapshot).unwrap() }
}

#[test]
fn what_is_out_of_the_ordinary_decides_as_the_golden_file_says() {
    let sources = [("grants", GRANTS.to_owned()), ("risk.cedar", file("risk.cedar"))];
    let sources = sources.map(|(name, text)| PolicySource { name: name.to_owned(), text });
    let snapshot = Snapshot::load(&sources, &config()).unwrap_or_else(|errors| panic!("{errors}"));
    let mut matrix = String::from("# Written by crates/policy/tests/risk.rs; UPDATE_GOLDEN=1 rewrites it.\n");
    let mut row = |tool: &str, now: &str, observed: Observed| {
        let decision = snapshot.decide(&request(&snapshot, tool, now, observed));
        let ids: Vec<&str> = decision.reasons.iter().map(|reason| reason.policy.as_str()).collect();
        writeln!(matrix, "{tool} {now}\n    risk {}", decision.risk.score).unwrap();
        for part in &decision.risk.parts {
            writeln!(matrix, "    {:>3} {}: {}", part.points, part.of, part.why).unwrap();
        }
        writeln!(matrix, "    {} [{}]", decision.verdict.as_str(), ids.join(", ")).unwrap();
    };
    let usual = Drift { recent: 4, usual: 12, ..Drift::default() };
    let drift = |drift: Drift| Observed { drift: Some(drift), hooks: Vec::new() };
    let (monday, night) = ("2026-11-23T10:00:00Z", "2026-11-23T23:00:00Z");
    for (tool, now) in
        [("get_deal", monday), ("get_deal", night), ("update_deal", monday), ("update_deal", night)]
    {
        row(tool, now, drift(usual.clone()));
    }
    row("update_deal", monday, drift(Drift { first_tool: true, first_shape: true, ..usual.clone() }));
    row("update_deal", night, drift(Drift { first_shape: true, ..usual.clone() }));
    row("update_deal", monday, drift(Drift { recent: 200, ..usual.clone() }));
    row("send_email", monday, drift(Drift { first_destinations: 1, ..usual.clone() }));
    row("send_email", night, drift(Drift { first_tool: true, first_destinations: 1, ..usual.clone() }));
    let hook = |points, vetoes, why: &str| HookAnswer {
        of: "hook:fraud".parse().unwrap(),
        points,
        vetoes,
        silent: why.is_empty(),
        why: why.to_owned(),
    };
    for answer in [hook(25, false, "three agents of one owner do the same"), hook(0, true, "a stolen token")]
    {
        row("update_deal", monday, Observed { drift: Some(usual.clone()), hooks: vec![answer] });
    }

    let path = format!("{FOLDER}/tests/risk.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &matrix).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(matrix, golden, "decisions changed; look at the diff, then run with UPDATE_GOLDEN=1");
}
