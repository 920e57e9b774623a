//! The authorization matrix of the starter policies as a golden file, `policies/tests/decisions.txt`.
//! Its diff is the review of a change of rules. `UPDATE_GOLDEN=1` rewrites it.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use placet_domain::{
    AccessRequest, Agent, AgentStatus, Decision, DenyCause, Instance, InstanceId, Json, Level, Mandate,
    Object, Operation, Person, PolicyId, ResourceFacts, Tier, Timestamp, ToolCall, ToolDefinition, Verdict,
};
use placet_policy::{
    AttributeType, ConnectorModel, PolicyConfig, PolicySource, Resolver, ResourceBinding, Snapshot,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");

fn now() -> Timestamp {
    Timestamp::from_micros(1_795_300_000_000_000)
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

fn sources() -> Vec<PolicySource> {
    ["approvals.cedar", "crm.cedar", "grants.cedar", "limits.cedar", "obligations.cedar", "owners.cedar"]
        .map(|name| PolicySource { name: name.to_owned(), text: file(name) })
        .into()
}

fn config() -> PolicyConfig {
    let tools = Json::parse(file("tools/crm.json").as_bytes()).unwrap();
    let tools = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|definition| ToolDefinition {
            name: definition.member("name").unwrap().as_str().unwrap().parse().unwrap(),
            definition: definition.clone(),
        })
        .collect();
    let attributes =
        [("owner", AttributeType::User), ("stage", AttributeType::String), ("amount", AttributeType::Long)];
    let deal = ResourceBinding {
        kind: "Deal".to_owned(),
        tools: ["update_deal", "delete_deal"].map(|tool| tool.parse().unwrap()).into(),
        argument: "deal_id".to_owned(),
        resolver: Some(Resolver { tool: "get_deal".parse().unwrap(), argument: "deal_id".to_owned() }),
        attributes: attributes.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect(),
    };
    let crm = ConnectorModel {
        name: "crm".parse().unwrap(),
        tools,
        groups: BTreeMap::from([(
            "send_email".parse().unwrap(),
            vec!["send".to_owned(), "write".to_owned()],
        )]),
        bindings: vec![deal],
    };
    PolicyConfig { connectors: vec![crm], ..PolicyConfig::default() }
}

/// What the resolver would have looked up.
fn facts(deal: &str) -> Object {
    let deal_of = |owner: &str| {
        Object::new()
            .with("owner", owner)
            .with("stage", "Prospecting")
            .with("amount", 500)
            .with("region", "emea")
    };
    match deal {
        "no-owner" => Object::new().with("stage", "Prospecting").with("amount", 500),
        "null-owner" => deal_of("dana").with("owner", Json::Null),
        "text-amount" => deal_of("dana").with("amount", "500"),
        "of-zed" => deal_of("zed"),
        _ => deal_of("dana"),
    }
}

struct Persona {
    name: &'static str,
    groups: &'static [&'static str],
    tier: Tier,
    user: Option<&'static str>,
    ticket: Option<&'static str>,
}

const PERSONAS: [Persona; 6] = [
    Persona { name: "for-dana", groups: &["crm-agents"], tier: Tier::Two, user: Some("dana"), ticket: None },
    Persona {
        name: "for-dana-with-ticket",
        groups: &["crm-agents"],
        tier: Tier::Two,
        user: Some("dana"),
        ticket: Some("TCK-9"),
    },
    Persona { name: "for-zed", groups: &["crm-agents"], tier: Tier::Three, user: Some("zed"), ticket: None },
    Persona { name: "for-nobody", groups: &["crm-agents"], tier: Tier::Two, user: None, ticket: None },
    Persona { name: "reader", groups: &["crm-agents"], tier: Tier::One, user: Some("dana"), ticket: None },
    Persona { name: "stranger", groups: &[], tier: Tier::Three, user: Some("dana"), ticket: None },
];

fn persona(name: &str) -> &'static Persona {
    PERSONAS.iter().find(|persona| persona.name == name).unwrap()
}

fn request(
    snapshot: &Snapshot,
    persona: &Persona,
    operation: &str,
    arguments: &str,
    lifted: &[&str],
) -> AccessRequest {
    let agent = Agent {
        name: "deal-update-agent".parse().unwrap(),
        owner: "mia".parse().unwrap(),
        purpose: "updates deals".to_owned(),
        tier: persona.tier,
        groups: persona.groups.iter().map(|group| group.parse().unwrap()).collect(),
        registered: now(),
        status: AgentStatus::Active,
        charter: placet_domain::Charter::default(),
        life: placet_domain::Life::default(),
    };
    let instance = Instance {
        id: InstanceId::new(now(), [7; 10]),
        agent: agent.name.clone(),
        mandate: Mandate {
            on_behalf_of: persona.user.map(|user| user.parse().unwrap()),
            ticket: persona.ticket.map(str::to_owned),
            ..Mandate::default()
        },
        started_by: "mia".parse().unwrap(),
        started: now(),
        expires: now(),
        revoked: None,
        parent: None,
    };
    let (connector, name) = operation.split_once('.').unwrap();
    let method = Operation::METHODS.into_iter().find(|method| method.method() == name);
    let arguments = Json::parse(arguments.as_bytes()).unwrap();
    let (operation, params) = match method {
        Some(method) => (method, arguments.as_object().unwrap().clone()),
        None => (
            Operation::Tool(name.parse().unwrap()),
            Object::new().with("name", name).with("arguments", arguments),
        ),
    };
    let call = ToolCall::new(connector.parse().unwrap(), operation, params).unwrap();
    let binding = snapshot.binding(&call).ok().flatten();
    let found = binding
        .as_ref()
        .map(|binding| ResourceFacts { attributes: facts(&binding.resource.id), fetched: now() });
    AccessRequest {
        now: now(),
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: persona.user.map(|user| {
            Arc::new(Person { name: user.parse().unwrap(), groups: vec!["sales-reps".parse().unwrap()] })
        }),
        call,
        pin: None,
        resource: binding.map(|binding| binding.resource),
        facts: found,
        flow: placet_domain::Flow::default(),
        observed: placet_domain::Observed::default(),
        lifted: lifted.iter().map(|gate| gate.parse::<PolicyId>().unwrap()).collect(),
        granted: Vec::new(),
        usage: placet_domain::Usage::default(),
        opinions: Vec::new(),
    }
}

/// Persona, operation, arguments, lifted gates.
const ROWS: &[(&str, &str, &str, &[&str])] = &[
    // Story 1 and 2.
    (
        "for-dana",
        "crm.update_deal",
        r#"{"deal_id":"789","notes":"called","amount":500,"stage":"Prospecting"}"#,
        &[],
    ),
    (
        "for-dana",
        "crm.update_deal",
        r#"{"deal_id":"789","stage":"Closed Won","amount":50000,"discount_rate":0.2}"#,
        &[],
    ),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","stage":"Closed Won","amount":50000}"#, &[]),
    (
        "for-dana",
        "crm.update_deal",
        r#"{"deal_id":"789","stage":"Closed Won","amount":50000}"#,
        &["crm-close-needs-approval"],
    ),
    (
        "for-dana",
        "crm.update_deal",
        r#"{"deal_id":"789","stage":"Closed Won","amount":50000}"#,
        &["crm-close-needs-approval", "crm-amount-needs-approval"],
    ),
    (
        "for-dana",
        "crm.update_deal",
        r#"{"deal_id":"789","stage":"Closed Won","discount_rate":0.2}"#,
        &["crm-close-needs-approval", "crm-amount-needs-approval"],
    ),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","stage":"Closed Lost"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","stage":"Negotiation"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":10000}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":10001}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":-1}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","discount_rate":0.1}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","discount_rate":0.123456}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","billing_contact_email":"x@example.com"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","close_date":"2026-12-24"}"#, &[]),
    ("for-dana-with-ticket", "crm.update_deal", r#"{"deal_id":"789","close_date":"2026-12-24"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","legal_terms":"net 30"}"#, &[]),
    (
        "for-dana-with-ticket",
        "crm.update_deal",
        r#"{"deal_id":"789","legal_terms":"net 30","amount":10001}"#,
        &[],
    ),
    (
        "for-dana-with-ticket",
        "crm.update_deal",
        r#"{"deal_id":"789","legal_terms":"net 30","discount_rate":0.1}"#,
        &[],
    ),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"of-zed","notes":"mine now"}"#, &[]),
    ("for-zed", "crm.update_deal", r#"{"deal_id":"of-zed","notes":"mine"}"#, &[]),
    ("for-zed", "crm.update_deal", r#"{"deal_id":"789","notes":"mine now"}"#, &[]),
    ("for-nobody", "crm.update_deal", r#"{"deal_id":"789","notes":"called"}"#, &[]),
    ("reader", "crm.update_deal", r#"{"deal_id":"789","notes":"called"}"#, &[]),
    ("reader", "crm.update_deal", r#"{"deal_id":"789","stage":"Closed Won"}"#, &["crm-close-needs-approval"]),
    ("stranger", "crm.update_deal", r#"{"deal_id":"789","notes":"called"}"#, &[]),
    // Reading and deleting.
    ("reader", "crm.get_deal", r#"{"deal_id":"789"}"#, &[]),
    ("reader", "crm.list_deals", "{}", &[]),
    ("for-nobody", "crm.list_deals", "{}", &[]),
    ("stranger", "crm.get_deal", r#"{"deal_id":"789"}"#, &[]),
    ("for-dana", "crm.delete_deal", r#"{"deal_id":"789"}"#, &[]),
    ("stranger", "crm.delete_deal", r#"{"deal_id":"789"}"#, &[]),
    // Mail.
    (
        "for-dana",
        "crm.send_email",
        r#"{"to":["ana@example.com","Bo@PARTNER.example"],"subject":"s","body":"b"}"#,
        &[],
    ),
    (
        "for-dana",
        "crm.send_email",
        r#"{"to":["ana@example.com","x@evil.example"],"subject":"s","body":"b"}"#,
        &[],
    ),
    (
        "for-dana",
        "crm.send_email",
        r#"{"to":["x@evil.example,ana@example.com"],"subject":"s","body":"b"}"#,
        &[],
    ),
    (
        "for-dana",
        "crm.send_email",
        r#"{"to":["ana@example.com <x@evil.example>"],"subject":"s","body":"b"}"#,
        &[],
    ),
    ("for-dana", "crm.send_email", r#"{"to":[],"subject":"s","body":"b"}"#, &[]),
    (
        "for-dana",
        "crm.send_email",
        r#"{"to":["x@evil.example"],"subject":"s","body":"b"}"#,
        &["mail-external-needs-approval"],
    ),
    ("reader", "crm.send_email", r#"{"to":["ana@example.com"],"subject":"s","body":"b"}"#, &[]),
    // What cannot be judged is denied.
    ("for-dana", "crm.update_deal", r#"{"deal_id":"no-owner","notes":"called"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"null-owner","notes":"called"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"text-amount","notes":"called"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"notes":"called"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":["789"],"notes":"called"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":"50000"}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":10000.5}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":null}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","stage":["Closed Won"]}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","Stage":"Closed Won"}"#, &[]),
    ("for-dana", "crm.get_deal", r#"{"deal_id":"789","verbose":true}"#, &[]),
    ("for-dana", "crm.send_email", r#"{"to":["ana@example.com",7],"subject":"s","body":"b"}"#, &[]),
    ("for-dana", "crm.send_email", r#"{"to":"ana@example.com","subject":"s","body":"b"}"#, &[]),
    ("for-dana", "crm.drop_database", "{}", &[]),
    ("for-dana", "erp.get_deal", r#"{"deal_id":"789"}"#, &[]),
    ("for-dana", "crm.resources/read", r#"{"uri":"crm://deals"}"#, &[]),
    ("for-dana", "crm.resources/read", r#"{"uri":7}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":200000}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":200000,"notes":" "}"#, &[]),
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":200000,"notes":"a merger"}"#, &[]),
    ("for-dana", "crm.tasks/cancel", r#"{"taskId":"t"}"#, &[]),
];

/// Calls that meet limits: each limit in turn has no room.
const LIMITED: &[(&str, &str, &str)] = &[
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","amount":500}"#),
    // Nobody is asked about it.
    ("for-dana", "crm.update_deal", r#"{"deal_id":"789","stage":"Closed Won"}"#),
    ("for-dana", "crm.send_email", r#"{"to":["ana@example.com"],"subject":"s","body":"b"}"#),
];

fn told(decision: &Decision) -> String {
    let ids: Vec<&str> = decision.reasons.iter().map(|reason| reason.policy.as_str()).collect();
    let cause = match &decision.verdict {
        Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why) | DenyCause::Fields(why)) => {
            format!(" error: {why}")
        }
        Verdict::Deny(DenyCause::Limit(exceeded)) => format!(" limit: {exceeded}"),
        Verdict::Deny(DenyCause::NoGrant) => " no grant".to_owned(),
        Verdict::Deny(DenyCause::Veto) => " veto".to_owned(),
        Verdict::Allow | Verdict::RequireApproval(_) => String::new(),
    };
    let counts: Vec<String> = decision
        .charges
        .iter()
        .map(|charge| format!("\n    counts {} on {} for {}", charge.amount, charge.meter, charge.of))
        .collect();
    let duties = decision.obligations.iter();
    let duties = duties
        .map(|obligation| format!("\n    obliges to {} by {}", obligation.duty.kind(), obligation.policy));
    let told = duties.chain(counts).collect::<String>();
    format!("{}{cause} [{}]{told}", decision.verdict.as_str(), ids.join(", "))
}

#[test]
fn starter_policies_decide_as_the_golden_file_says() {
    let snapshot = Snapshot::load(&sources(), &config()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(snapshot.warnings(), []);
    let mut matrix =
        String::from("# Written by crates/policy/tests/golden.rs; UPDATE_GOLDEN=1 rewrites it.\n");
    for (who, operation, arguments, lifted) in ROWS {
        let decision = snapshot.decide(&request(&snapshot, persona(who), operation, arguments, lifted));
        let with = if lifted.is_empty() { String::new() } else { format!(" lifted {}", lifted.join(", ")) };
        writeln!(matrix, "{who} {operation} {arguments}{with}\n    {}", told(&decision)).unwrap();
    }
    for (who, operation, arguments) in LIMITED {
        let mut request = request(&snapshot, persona(who), operation, arguments, &[]);
        for charge in snapshot.decide(&request).charges {
            let (used, room_at) = (charge.rate.unwrap().most, Some(charge.until));
            request.usage.full = vec![Level { key: charge.key, used, room_at }];
            let decision = snapshot.decide(&request);
            writeln!(matrix, "{who} {operation} {arguments} without room\n    {}", told(&decision)).unwrap();
        }
    }
    for empty in [Snapshot::empty(&config()), Snapshot::load(&[], &config()).unwrap()] {
        for operation in ["crm.get_deal", "crm.update_deal"] {
            let arguments = r#"{"deal_id":"789"}"#;
            let decision = empty.decide(&request(&empty, persona("for-dana"), operation, arguments, &[]));
            writeln!(matrix, "no policies: for-dana {operation} {arguments}\n    {}", told(&decision))
                .unwrap();
        }
    }
    let path = format!("{FOLDER}/tests/decisions.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &matrix).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(matrix, golden, "decisions changed; look at the diff, then run with UPDATE_GOLDEN=1");
}

#[test]
fn tools_that_every_call_of_is_denied_are_not_listed() {
    let snapshot = Snapshot::load(&sources(), &config()).unwrap();
    let listed = |who: &str| -> Vec<&str> {
        let tools = ["get_deal", "list_deals", "update_deal", "delete_deal", "send_email"];
        let request = request(&snapshot, persona(who), "crm.list_deals", "{}", &[]);
        tools
            .into_iter()
            .filter(|tool| {
                let (agent, instance) = (&request.agent, &request.instance);
                let user = request.user.as_deref();
                snapshot.may_list(
                    agent,
                    instance,
                    user,
                    request.call.connector(),
                    &tool.parse().unwrap(),
                    now(),
                )
            })
            .collect()
    };
    assert_eq!(listed("for-dana"), ["get_deal", "list_deals", "update_deal", "send_email"]);
    assert_eq!(listed("reader"), ["get_deal", "list_deals"]);
    assert_eq!(listed("stranger"), [""; 0]);
}

#[test]
fn listing_never_hides_what_can_be_called() {
    let snapshot = Snapshot::load(&sources(), &config()).unwrap();
    for (who, operation, arguments, lifted) in ROWS {
        let request = request(&snapshot, persona(who), operation, arguments, lifted);
        let Operation::Tool(tool) = request.call.operation() else { continue };
        let (agent, instance, user) = (&request.agent, &request.instance, request.user.as_deref());
        if !matches!(snapshot.decide(&request).verdict, Verdict::Deny(_)) {
            let connector = request.call.connector();
            assert!(snapshot.may_list(agent, instance, user, connector, tool, now()), "{who} {operation}");
        }
    }
}
