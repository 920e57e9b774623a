//! Explanations, coverage and cases on the starter policies' CRM.

use std::collections::{BTreeMap, BTreeSet};

use placet_domain::{Json, Object, Operation, Tier, Timestamp, ToolDefinition, Verdict};

use super::*;
use crate::{
    AttributeType, Case, ConnectorModel, Coverage, Expectation, ExpectedVerdict, PolicyConfig, PolicySource,
    Resolver, ResourceBinding, Who,
};

const POLICIES: &str = r#"
@id("update-own")
permit (principal in Group::"crm-agents", action == Action::"crm.update_deal", resource is Deal)
when { context has user && resource.owner == context.user };

@id("small-only")
@reason("large amounts are not for agents")
forbid (principal is Agent, action == Action::"crm.update_deal", resource)
when { context.input has amount && context.input.amount > 10000 }
unless { context.mandate has ticket };

@id("close-asks")
@unless("approval") @approvers("sales-managers")
forbid (principal is Agent, action in Action::"write", resource)
when { context.input has stage && (context.input.stage == "Closed Won" || context.input.stage == "Closed Lost") };
"#;

fn workbench() -> Workbench {
    let update = r#"{"inputSchema":{"type":"object","required":["deal_id"],"properties":{"deal_id":{"type":"string"},
        "amount":{"type":"integer"},"stage":{"type":"string"}}}}"#;
    let get = r#"{"annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"deal_id":{"type":"string"}}}}"#;
    let tools = [("update_deal", update), ("get_deal", get)].map(|(name, text)| ToolDefinition {
        name: name.parse().unwrap(),
        definition: Json::parse(text.as_bytes()).unwrap(),
    });
    let binding = ResourceBinding {
        kind: "Deal".to_owned(),
        tools: vec!["update_deal".parse().unwrap()],
        argument: "deal_id".to_owned(),
        resolver: Some(Resolver { tool: "get_deal".parse().unwrap(), argument: "deal_id".to_owned() }),
        attributes: BTreeMap::from([("owner".to_owned(), AttributeType::User)]),
    };
    let crm = ConnectorModel {
        name: "crm".parse().unwrap(),
        tools: tools.into(),
        groups: BTreeMap::new(),
        bindings: vec![binding],
    };
    let config = PolicyConfig { connectors: vec![crm], ..PolicyConfig::default() };
    let sources = [PolicySource { name: "crm.cedar".to_owned(), text: POLICIES.to_owned() }];
    Workbench::load(&sources, &config).unwrap_or_else(|errors| panic!("{errors}"))
}

fn case(arguments: &str, change: impl FnOnce(&mut Case)) -> Case {
    let arguments = Json::parse(arguments.as_bytes()).unwrap();
    let mut case = Case {
        name: "a test".to_owned(),
        now: Timestamp::from_micros(1_795_300_000_000_000),
        who: Who {
            agent: "deal-update-agent".parse().unwrap(),
            owner: "mia".parse().unwrap(),
            purpose: "updates deals".to_owned(),
            tier: Tier::Two,
            groups: vec!["crm-agents".parse().unwrap()],
            mandate: placet_domain::Mandate::default(),
            user: Some(placet_domain::Person { name: "dana".parse().unwrap(), groups: Vec::new() }),
        },
        connector: "crm".parse().unwrap(),
        operation: Operation::Tool("update_deal".parse().unwrap()),
        params: Object::new().with("arguments", arguments),
        resources: BTreeMap::from([(
            "Deal".to_owned(),
            BTreeMap::from([("789".to_owned(), Object::new().with("owner", "dana"))]),
        )]),
        flow: placet_domain::Flow::default(),
        usage: BTreeMap::new(),
        lifted: Vec::new(),
        expects: Expectation {
            verdicts: vec![ExpectedVerdict::Allow],
            because: None,
            error: None,
            obligations: None,
        },
    };
    change(&mut case);
    case
}

fn explained(workbench: &Workbench, case: &Case) -> Explanation {
    workbench.explain(&case.request(workbench.snapshot()).unwrap())
}

fn ids<'a>(accounts: impl Iterator<Item = &'a Account>) -> Vec<String> {
    accounts.map(|account| account.policy.to_string()).collect()
}

#[test]
fn the_deciding_policies_are_told_with_their_places() {
    let workbench = workbench();
    let allowed = explained(&workbench, &case(r#"{"deal_id":"789","amount":5}"#, |_| {}));
    assert_eq!(allowed.decision.verdict, Verdict::Allow);
    assert_eq!(ids(allowed.deciding()), ["update-own"]);
    let denied = explained(&workbench, &case(r#"{"deal_id":"789","amount":10001}"#, |_| {}));
    let veto = denied.deciding().next().unwrap();
    assert_eq!((veto.policy.as_str(), veto.file.as_str(), veto.line), ("small-only", "crm.cedar", 6));
    let told: Vec<(&str, usize, bool)> = veto
        .answers
        .iter()
        .map(|answer| (answer.text.as_str(), answer.line, answer.truth == Ok(true)))
        .collect();
    assert_eq!(told[1], ("context.input.amount > 10000", 9, true));
    assert_eq!(veto.answers[1].values, [("context.input.amount".to_owned(), "10001".to_owned())]);
}

#[test]
fn a_default_deny_names_the_nearest_grant_and_its_first_false_condition() {
    let workbench = workbench();
    let of_another = case(r#"{"deal_id":"789"}"#, |case| {
        case.who.user.as_mut().unwrap().name = "zed".parse().unwrap();
    });
    let denied = explained(&workbench, &of_another);
    let nearest = denied.nearest_grants(3);
    assert_eq!(ids(nearest.iter().copied()), ["update-own"]);
    let first = nearest[0].first_false().unwrap();
    assert_eq!((first.text.as_str(), first.truth.clone()), ("resource.owner == context.user", Ok(false)));
    assert!(first.values.iter().any(|(_, value)| value == r#"User::"dana""#), "{first:?}");
    assert!(first.values.iter().any(|(_, value)| value == r#"User::"zed""#), "{first:?}");
    let stranger = case(r#"{"deal_id":"789"}"#, |case| case.who.groups.clear());
    let denied = explained(&workbench, &stranger);
    let nearest = denied.nearest_grants(3);
    assert_eq!(nearest[0].found, Found::OutOfScope);
    assert_eq!(
        nearest[0].misfits,
        [r#"principal in Group::"crm-agents" (it is Agent::"deal-update-agent")"#]
    );
}

#[test]
fn what_the_policies_say_is_what_was_decided() {
    let workbench = workbench();
    for amount in [5, 10_001] {
        for stage in ["Open", "Closed Won"] {
            for groups in [&["crm-agents"][..], &[]] {
                let arguments = format!(r#"{{"deal_id":"789","amount":{amount},"stage":"{stage}"}}"#);
                let case = case(&arguments, |case| {
                    case.who.groups = groups.iter().map(|group| group.parse().unwrap()).collect();
                });
                let told = explained(&workbench, &case);
                let holds =
                    |class| told.accounts.iter().any(|one| one.class == class && one.found == Found::Holds);
                let verdict = match (holds(RuleClass::Veto), holds(RuleClass::Grant), holds(RuleClass::Gate))
                {
                    (true, ..) | (_, false, _) => "deny",
                    (.., true) => "require_approval",
                    (.., false) => "allow",
                };
                assert_eq!(told.decision.verdict.as_str(), verdict, "{arguments}");
            }
        }
    }
}

#[test]
fn coverage_asks_for_each_question_both_ways() {
    let workbench = workbench();
    let mut coverage = Coverage::of(&workbench);
    coverage.add(&explained(&workbench, &case(r#"{"deal_id":"789","amount":5,"stage":"Open"}"#, |_| {})));
    let veto = &coverage.policies[1];
    assert_eq!((veto.judged, veto.held), (1, 0));
    let missing: Vec<String> = veto.missing().into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        missing,
        [
            "it never held",
            "never false: context.input has amount",
            "never true: context.input.amount > 10000",
            "never true: context.mandate has ticket",
            "never false: context.mandate has ticket",
        ]
    );
    let (tried, all) = coverage.tried();
    assert!(tried < all && coverage.percent() < 100);
    for arguments in [
        r#"{"deal_id":"789","amount":20000}"#,
        r#"{"deal_id":"789","stage":"Closed Won"}"#,
        r#"{"deal_id":"789","stage":"Closed Lost"}"#,
    ] {
        coverage.add(&explained(&workbench, &case(arguments, |_| {})));
    }
    let ticket = case(r#"{"deal_id":"789","amount":20000}"#, |case| {
        case.who.mandate.ticket = Some("TCK-1".to_owned());
    });
    coverage.add(&explained(&workbench, &ticket));
    let nobody = case(r#"{"deal_id":"789"}"#, |case| case.who.user = None);
    coverage.add(&explained(&workbench, &nobody));
    let zed = case(r#"{"deal_id":"789"}"#, |case| {
        case.who.user.as_mut().unwrap().name = "zed".parse().unwrap();
    });
    coverage.add(&explained(&workbench, &zed));
    let missing: Vec<_> = coverage.policies.iter().flat_map(|policy| policy.missing()).collect();
    assert_eq!(missing, []);
    assert_eq!(coverage.percent(), 100);
}

#[test]
fn an_expectation_tells_every_difference_and_no_error_passes_for_a_veto() {
    let workbench = workbench();
    let expects = |because: &[&str]| Expectation {
        verdicts: vec![ExpectedVerdict::Deny],
        because: Some(because.iter().map(ToString::to_string).collect::<BTreeSet<_>>()),
        error: None,
        obligations: None,
    };
    let decided = |arguments| explained(&workbench, &case(arguments, |_| {})).decision;
    assert_eq!(
        expects(&["small-only"]).differences(&decided(r#"{"deal_id":"789","amount":10001}"#)),
        [""; 0]
    );
    assert_eq!(
        expects(&["small-only"]).differences(&decided(r#"{"deal_id":"789"}"#)),
        ["expected `deny`, got `allow`", "because: expected [small-only], got [update-own]"]
    );
    let misspelt = expects(&[]).differences(&decided(r#"{"deal_id":"789","amount":"10001"}"#));
    assert!(misspelt[0].starts_with("it could not be judged: argument `amount`"), "{misspelt:?}");
    let unknown = case(r#"{"deal_id":"1"}"#, |_| {});
    let why = expects(&[]).differences(&explained(&workbench, &unknown).decision);
    assert!(why[0].contains("is missing"), "{why:?}");
}
