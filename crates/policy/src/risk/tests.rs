use std::collections::BTreeSet;

use placet_domain::{HookAnswer, Json, Observed, ToolDefinition, Verdict};

use super::*;
use crate::{Case, ConnectorModel, Expectation, LoadErrors, PolicyConfig, PolicySource, Who};

fn config(risk: Option<RiskConfig>) -> PolicyConfig {
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
    PolicyConfig { connectors: vec![mail], risk, ..PolicyConfig::default() }
}

fn declared() -> RiskConfig {
    RiskConfig {
        groups: BTreeMap::from([("read".to_owned(), 0)]),
        declared: vec![DeclaredRisk {
            actions: vec!["mail.send".to_owned()],
            points: 5,
            because: "mail leaves the house".to_owned(),
        }],
        first_tool: 20,
        first_destination: 25,
        first_shape: 10,
        rate: Some(RateRisk { points: 30, times: 3, at_least: 30 }),
        off_hours: Some(OffHours { points: 15, days: (1..=5).collect(), from: 480, until: 1_080 }),
        ..RiskConfig::default()
    }
}

fn loaded(risk: Option<RiskConfig>, condition: &str) -> Result<Snapshot, LoadErrors> {
    let text = format!(
        "@id(\"all\") permit (principal, action, resource);\n\
         @id(\"risk\") forbid (principal, action == Action::\"mail.send\", resource) when {{ {condition} }};"
    );
    Snapshot::load(&[PolicySource { name: "a.cedar".to_owned(), text }], &config(risk))
}

/// A Monday, ten in the morning.
const MORNING: &str = "2026-11-23T10:00:00Z";
const READS: &str = "context.risk >= 100";

fn request(snapshot: &Snapshot, tool: &str, now: &str, observed: Observed) -> AccessRequest {
    let case = Case {
        name: String::new(),
        now: now.parse().unwrap(),
        who: Who {
            agent: "mailer".parse().unwrap(),
            owner: "mia".parse().unwrap(),
            purpose: String::new(),
            tier: placet_domain::Tier::Two,
            groups: Vec::new(),
            mandate: placet_domain::Mandate::default(),
            user: None,
        },
        connector: "mail".parse().unwrap(),
        operation: placet_domain::Operation::Tool(tool.parse().unwrap()),
        params: placet_domain::Object::new()
            .with("name", tool)
            .with("arguments", placet_domain::Object::new()),
        resources: BTreeMap::new(),
        usage: BTreeMap::new(),
        flow: placet_domain::Flow::default(),
        lifted: Vec::new(),
        expects: Expectation { verdicts: Vec::new(), because: None, error: None, obligations: None },
    };
    AccessRequest { observed, ..case.request(snapshot).unwrap() }
}

fn drift(change: impl FnOnce(&mut Drift)) -> Observed {
    let mut drift = Drift::default();
    change(&mut drift);
    Observed { drift: Some(drift), hooks: Vec::new() }
}

fn parts(risk: &Risk) -> Vec<(&str, u8)> {
    risk.parts.iter().map(|part| (part.of.as_str(), part.points)).collect()
}

#[test]
fn every_part_has_its_points_and_a_sentence() {
    let snapshot = loaded(Some(declared()), READS).unwrap();
    let judged = |now: &str, observed| snapshot.decide(&request(&snapshot, "send", now, observed)).risk;
    let usual = [("group", 40), ("declared", 5)];
    assert_eq!(parts(&judged(MORNING, drift(|_| {}))), usual);
    for (now, observed, more, sentence) in [
        (
            MORNING,
            drift(|it| (it.first_tool, it.first_shape) = (true, true)),
            ("first_tool", 20),
            "`mailer` has not used `mail.send` in 30 days",
        ),
        (
            MORNING,
            drift(|it| it.first_shape = true),
            ("first_shape", 10),
            "`mailer` has not used `mail.send` with such arguments in 30 days",
        ),
        (
            MORNING,
            drift(|it| it.first_destinations = 2),
            ("first_destination", 25),
            "`mailer` has not used `mail.send` for 2 of its destinations in 30 days",
        ),
        (
            MORNING,
            drift(|it| (it.recent, it.usual) = (91, 30)),
            ("rate", 30),
            "`mailer` has made 91 calls in the last hour; in an hour it makes 30",
        ),
        ("2026-11-23T18:00:00Z", drift(|_| {}), ("off_hours", 15), "it is outside of working hours in UTC"),
    ] {
        let risk = judged(now, observed);
        assert_eq!(parts(&risk), [usual[0], usual[1], more]);
        assert_eq!(risk.parts[2].why, sentence);
        assert_eq!(risk.score, 45 + more.1);
    }
    // Few calls are nothing to talk about, and a busy agent may be busy.
    for (recent, usual_calls) in [(29, 0), (90, 30)] {
        let observed = drift(|it| (it.recent, it.usual) = (recent, usual_calls));
        assert_eq!(parts(&judged(MORNING, observed)), usual);
    }
    let read = request(&snapshot, "read", MORNING, drift(|it| it.first_tool = true));
    assert_eq!(parts(&snapshot.decide(&read).risk), [("first_tool", 20)]);
}

#[test]
fn what_was_not_observed_is_not_taken_for_nothing() {
    let snapshot = loaded(Some(declared()), READS).unwrap();
    let decision = snapshot.decide(&request(&snapshot, "send", MORNING, Observed::default()));
    assert!(matches!(decision.verdict, Verdict::Deny(placet_domain::DenyCause::Error(_))), "{decision:?}");
    // Nobody reads it: then nothing has to be observed, and the score is that of the group.
    let snapshot = loaded(Some(declared()), "context.input has to").unwrap();
    let decision = snapshot.decide(&request(&snapshot, "send", MORNING, Observed::default()));
    assert_eq!((decision.verdict, decision.risk), (Verdict::Allow, Risk::of_group(40)));
    assert!(!snapshot.reads_risk());
    // Without `[risk]` it is what it always was.
    let snapshot = loaded(None, "context.risk >= 40").unwrap();
    let decision = snapshot.decide(&request(&snapshot, "send", MORNING, Observed::default()));
    assert_eq!((decision.verdict.as_str(), decision.risk), ("deny", Risk::of_group(40)));
}

#[test]
fn a_hook_adds_to_the_score_or_refuses() {
    let snapshot = loaded(Some(declared()), "context.risk >= 75").unwrap();
    let answer = |points, vetoes| HookAnswer {
        of: "hook:fraud".parse().unwrap(),
        points,
        vetoes,
        silent: false,
        why: "a new country".to_owned(),
    };
    let judged = |hooks| {
        let observed = Observed { hooks, ..drift(|_| {}) };
        snapshot.decide(&request(&snapshot, "send", MORNING, observed))
    };
    for (hooks, verdict, reason, score) in [
        (vec![answer(29, false)], "allow", "all", 74),
        (vec![answer(30, false)], "deny", "risk", 75),
        (vec![answer(0, true)], "deny", "hook:fraud", 45),
        (vec![answer(90, false), answer(90, true)], "deny", "risk", 100),
    ] {
        let decision = judged(hooks);
        let reasons: Vec<&str> = decision.reasons.iter().map(|reason| reason.policy.as_str()).collect();
        assert_eq!((decision.verdict.as_str(), reasons, decision.risk.score), (verdict, vec![reason], score));
    }
}

#[test]
fn a_tool_is_not_hidden_for_a_risk_that_only_a_call_has() {
    let shown = |risk: Option<RiskConfig>| {
        let snapshot = loaded(risk, "context.risk >= 40").unwrap();
        let asked = request(&snapshot, "send", MORNING, drift(|_| {}));
        let (connector, tool) = ("mail".parse().unwrap(), "send".parse().unwrap());
        snapshot.may_list(&asked.agent, &asked.instance, None, &connector, &tool, asked.now)
    };
    assert!(!shown(None));
    assert!(shown(Some(declared())));
}

#[test]
fn a_declaration_that_fits_nothing_is_a_finding() {
    let rule = |actions: &[&str]| DeclaredRisk {
        actions: actions.iter().map(|&name| name.to_owned()).collect(),
        points: 5,
        because: "it is so".to_owned(),
    };
    let with = |change: fn(&mut RiskConfig)| {
        let mut risk = declared();
        change(&mut risk);
        risk
    };
    let named = RiskConfig { declared: vec![rule(&["mail.sent"])], ..declared() };
    let none = RiskConfig { declared: vec![rule(&[])], ..declared() };
    for (risk, part) in [
        (named, "`mail.sent`"),
        (none, "names no action"),
        (with(|risk| risk.first_shape = 101), "100 points"),
        (with(|risk| risk.groups = BTreeMap::from([("reads".to_owned(), 1)])), "`reads`"),
        (with(|risk| risk.memory = Duration::ZERO), "risk.memory"),
    ] {
        let errors = loaded(Some(risk), READS).unwrap_err().to_string();
        assert!(errors.contains(part), "{errors}");
    }
}

#[test]
fn working_hours_are_those_of_the_zone() {
    let off = OffHours { points: 1, days: BTreeSet::from([1]), from: 540, until: 1_020 };
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (now, is_off) in [
        ("2026-11-23T07:59:59Z", true),
        ("2026-11-23T08:00:00Z", false),
        ("2026-11-23T15:59:59Z", false),
        ("2026-11-23T16:00:00Z", true),
        ("2026-11-24T10:00:00Z", true),
        // A Sunday in London, a Monday further east.
        ("2026-07-26T23:30:00Z", true),
    ] {
        assert_eq!(off.is_off(&berlin, now.parse().unwrap()), Ok(is_off), "{now}");
    }
}
