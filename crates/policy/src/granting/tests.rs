use placet_domain::{
    AgentStatus, Charter, Giver, GrantId, GrantState, Instance, InstanceId, Json, Life, Mandate, Resource,
    ToolCall, ToolDefinition,
};

use super::*;
use crate::{AttributeType, ConnectorModel, PolicyConfig, PolicySource, ResourceBinding};

const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

fn config() -> PolicyConfig {
    let tool = |name: &str, annotations: &str| {
        let schema = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}"#;
        let text = format!(r#"{{"name":"{name}","annotations":{annotations},"inputSchema":{schema}}}"#);
        ToolDefinition { name: name.parse().unwrap(), definition: Json::parse(text.as_bytes()).unwrap() }
    };
    let tools = vec![
        tool("get", r#"{"readOnlyHint":true}"#),
        tool("update", "{}"),
        tool("drop", r#"{"destructiveHint":true}"#),
        tool("odd", "{}"),
    ];
    let deal = ResourceBinding {
        kind: "Deal".to_owned(),
        tools: vec!["update".parse().unwrap()],
        argument: "id".to_owned(),
        resolver: None,
        attributes: [("owner".to_owned(), AttributeType::User)].into(),
    };
    let groups = [("odd".parse().unwrap(), Vec::new())].into();
    let crm = ConnectorModel { name: "crm".parse().unwrap(), tools, groups, bindings: vec![deal] };
    PolicyConfig { connectors: vec![crm], ..PolicyConfig::default() }
}

fn loaded(text: &str) -> Snapshot {
    let sources = [PolicySource { name: "a.cedar".to_owned(), text: text.to_owned() }];
    Snapshot::load(&sources, &config()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn starter() -> Snapshot {
    loaded(include_str!("../../../../policies/grants.cedar"))
}

fn agent(tier: Tier) -> Agent {
    Agent {
        name: "deal-bot".parse().unwrap(),
        owner: "mia".parse().unwrap(),
        purpose: "deals".to_owned(),
        tier,
        groups: Vec::new(),
        registered: NOW,
        status: AgentStatus::Active,
        charter: Charter::default(),
        life: Life::default(),
    }
}

fn grant(tool: &str, minutes: u64) -> Grant {
    Grant {
        id: GrantId::new(NOW, [1; 10]),
        agent: "deal-bot".parse().unwrap(),
        instance: None,
        connector: "crm".parse().unwrap(),
        tools: vec![tool.parse().unwrap()],
        resource: None,
        lasts: Duration::from_secs(minutes * 60),
        justification: "INC-1".to_owned(),
        asked_by: Some("pat".parse().unwrap()),
        on_behalf_of: Some("dana".parse().unwrap()),
        started_by: Some("sam".parse().unwrap()),
        asked: NOW,
        expires: NOW.after(Duration::from_secs(60)),
        state: GrantState::Pending,
        recorded: true,
    }
}

fn person(name: &str, groups: &[&str]) -> Person {
    Person {
        name: name.parse().unwrap(),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
    }
}

#[test]
fn no_grant_reaches_beyond_the_ceiling_of_its_tier() {
    let snapshot = starter();
    for (tier, tool, expected) in [
        (Tier::One, "get", true),
        (Tier::One, "update", false),
        (Tier::Two, "update", true),
        (Tier::Two, "drop", false),
        (Tier::Three, "drop", true),
        // In no group: nothing says how far it reaches.
        (Tier::Three, "odd", false),
        (Tier::Three, "unknown", false),
    ] {
        let found = snapshot.within_ceiling(&agent(tier), &grant(tool, 5));
        assert_eq!(found.is_ok(), expected, "{tier:?} {tool}: {found:?}");
    }
    assert!(snapshot.within_ceiling(&agent(Tier::Two), &grant("get", 24 * 60 + 1)).is_err());
    let on = |kind: &str| Grant {
        resource: Some(Resource { kind: kind.to_owned(), id: "7".to_owned() }),
        ..grant("update", 5)
    };
    assert!(snapshot.within_ceiling(&agent(Tier::Two), &on("Deal")).is_ok());
    assert!(snapshot.within_ceiling(&agent(Tier::Two), &on("Vendor")).is_err());
}

#[test]
fn automated_review_gives_what_is_low_risk_and_short() {
    let (snapshot, agent) = (starter(), agent(Tier::Two));
    let reviewed =
        |tool: &str, minutes| snapshot.may_grant(Grantor::Review, &agent, &grant(tool, minutes), NOW).is_ok();
    assert!(reviewed("get", 60));
    assert!(!reviewed("get", 61));
    assert!(!reviewed("update", 5));
}

#[test]
fn people_give_what_policies_let_them_and_never_their_own() {
    let (snapshot, agent) = (starter(), agent(Tier::Two));
    let answers =
        |person: &Person| snapshot.may_grant(Grantor::Person(person), &agent, &grant("update", 5), NOW);
    assert!(answers(&person("sue", &["security"])).is_ok());
    assert!(answers(&person("lee", &["lead"])).is_ok());
    for (person, expected) in [
        (person("bob", &["sales"]), "no policy lets them"),
        (person("mia", &["security"]), "the owner of an agent"),
        (person("sam", &["security"]), "who started the run"),
        (person("dana", &["security"]), "on their own behalf"),
        (person("pat", &["security"]), "asked for themselves"),
    ] {
        let why = answers(&person).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn a_permit_of_everything_gives_no_grants_and_a_veto_of_everything_stops_them() {
    let all = loaded(r#"@id("all") permit (principal, action, resource);"#);
    let (agent, sue) = (agent(Tier::Two), person("sue", &["security"]));
    for grantor in [Grantor::Review, Grantor::Person(&sue)] {
        assert!(all.may_grant(grantor, &agent, &grant("get", 5), NOW).is_err());
    }
    let text = format!(
        "{}\n@id(\"stop\") forbid (principal, action, resource);",
        include_str!("../../../../policies/grants.cedar")
    );
    let why = loaded(&text).may_grant(Grantor::Person(&sue), &agent, &grant("get", 5), NOW).unwrap_err();
    assert!(why.contains("`stop` forbids it"), "{why}");
}

/// What a run of an agent asks for on a deal.
fn request(agent_name: &str, run: u8, tool: &str, deal: &str, now: Timestamp) -> AccessRequest {
    let agent = Agent { name: agent_name.parse().unwrap(), ..agent(Tier::Two) };
    let instance = Instance {
        id: InstanceId::new(NOW, [run; 10]),
        agent: agent.name.clone(),
        mandate: Mandate::default(),
        parent: None,
        started_by: "mia".parse().unwrap(),
        started: NOW,
        expires: NOW.after(Duration::from_secs(3_600)),
        revoked: None,
    };
    let params = Object::new().with("name", tool).with("arguments", Object::new().with("id", deal));
    let call = ToolCall::new("crm".parse().unwrap(), Operation::Tool(tool.parse().unwrap()), params).unwrap();
    let bound = tool == "update";
    AccessRequest {
        now,
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: None,
        call,
        pin: None,
        resource: bound.then(|| Resource { kind: "Deal".to_owned(), id: deal.to_owned() }),
        facts: None,
        flow: placet_domain::Flow::default(),
        observed: placet_domain::Observed::default(),
        lifted: Vec::new(),
        granted: Vec::new(),
        usage: placet_domain::Usage::default(),
        opinions: Vec::new(),
    }
}

#[test]
fn a_grant_decides_as_the_policy_that_it_is() {
    let bare = loaded("");
    let rule = GrantState::Given(Giver::Policy("r".parse().unwrap(), NOW));
    let ends = NOW.after(Duration::from_secs(300));
    let deal = Resource { kind: "Deal".to_owned(), id: "a\"\\\n7".to_owned() };
    let base = Grant { state: rule, expires: ends, ..grant("update", 5) };
    let both = vec!["get".parse().unwrap(), "update".parse().unwrap()];
    let of_run = Some(InstanceId::new(NOW, [2; 10]));
    let grants = [
        Grant { instance: of_run, ..base.clone() },
        Grant { resource: Some(deal.clone()), ..base.clone() },
        Grant { instance: of_run, resource: Some(deal.clone()), ..base.clone() },
        Grant { tools: both, ..base.clone() },
        base,
    ];
    let moments =
        [NOW, Timestamp::from_micros(ends.micros() - 1_000), ends, ends.after(Duration::from_secs(9))];
    let (mut allowed, mut denied) = (0, 0);
    for grant in grants {
        let written = loaded(&grant.to_cedar());
        let grant = Arc::new(grant);
        for (agent, run, now) in ["deal-bot", "other"]
            .iter()
            .flat_map(|agent| [2, 3].map(|run| (agent, run)))
            .flat_map(|(agent, run)| moments.map(|now| (agent, run, now)))
        {
            for (tool, id) in [("update", deal.id.as_str()), ("update", "8"), ("get", "7"), ("drop", "7")] {
                let plain = request(agent, run, tool, id, now);
                let lent = AccessRequest { granted: vec![grant.clone()], ..plain.clone() };
                let (lent, written) = (bare.decide(&lent), written.decide(&plain));
                let reasons = |decision: &placet_domain::Decision| {
                    decision.reasons.iter().map(|reason| reason.policy.to_string()).collect::<Vec<_>>()
                };
                assert_eq!(lent.verdict, written.verdict, "{} {tool} {id} {now}", grant.to_cedar());
                assert_eq!(reasons(&lent), reasons(&written));
                match lent.verdict {
                    placet_domain::Verdict::Allow => allowed += 1,
                    _ => denied += 1,
                }
            }
        }
    }
    assert!(allowed > 20 && denied > 100, "{allowed} {denied}");
}

#[test]
fn a_grant_ends_with_the_tier_that_it_was_given_under() {
    let bare = loaded("");
    let rule = GrantState::Given(Giver::Policy("r".parse().unwrap(), NOW));
    let given = Arc::new(Grant { state: rule, ..grant("update", 5) });
    let asked = AccessRequest { granted: vec![given], ..request("deal-bot", 2, "update", "7", NOW) };
    assert_eq!(bare.decide(&asked).verdict, placet_domain::Verdict::Allow);
    let lowered = Agent { tier: Tier::One, ..Agent::clone(&asked.agent) };
    let asked = AccessRequest { agent: Arc::new(lowered), ..asked };
    assert_eq!(bare.decide(&asked).verdict, placet_domain::Verdict::Deny(placet_domain::DenyCause::NoGrant));
}

/// Who gets what from whom under the starter rules, written down: the diff of `policies/tests/grants.txt` is the review.
#[test]
fn the_starter_rules_give_as_the_golden_file_says() {
    let snapshot = starter();
    let mut text =
        String::from("# Written by crates/policy/src/granting/tests.rs; UPDATE_GOLDEN=1 rewrites it.\n");
    let people = [
        person("sue", &["security"]),
        person("lee", &["lead"]),
        person("bob", &["sales"]),
        person("mia", &["security"]),
        person("sam", &["security"]),
    ];
    for tier in [Tier::One, Tier::Two, Tier::Three] {
        let agent = agent(tier);
        for (tool, group) in [("get", "read"), ("update", "write"), ("drop", "delete")] {
            for minutes in [60, 61, 300] {
                let grant = grant(tool, minutes);
                let by = match snapshot.within_ceiling(&agent, &grant) {
                    Err(_) => "beyond the ceiling".to_owned(),
                    Ok(()) => match snapshot.may_grant(Grantor::Review, &agent, &grant, NOW) {
                        Ok(rule) => format!("at once [{rule}]"),
                        Err(_) => {
                            let may = |person: &&Person| {
                                snapshot.may_grant(Grantor::Person(person), &agent, &grant, NOW).is_ok()
                            };
                            let names: Vec<&str> =
                                people.iter().filter(may).map(|person| person.name.as_str()).collect();
                            format!("by {}", names.join(", "))
                        }
                    },
                };
                text.push_str(&format!("tier {} {group} {minutes}m: {by}\n", tier.number()));
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/tests/grants.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        text,
        "set UPDATE_GOLDEN=1 and read the diff"
    );
}

#[test]
fn rules_about_grants_are_no_part_of_what_tests_of_calls_cover() {
    let text = include_str!("../../../../policies/grants.cedar").to_owned();
    let sources = [PolicySource { name: "grants.cedar".to_owned(), text }];
    let workbench = crate::Workbench::load(&sources, &config()).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(crate::Coverage::of(&workbench).policies.is_empty());
}
