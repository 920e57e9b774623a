//! The indexed decision against stock `is_authorized`, and the rules that stock Cedar does not have.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{PolicySet, Schema};
use cedar_policy_core::ast::{Context, Request};
use cedar_policy_core::authorizer::{Authorizer, Decision as Stock};
use cedar_policy_core::entities::{Entities, TCComputation};
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::CoreSchema;
use placet_domain::{
    Agent, AgentStatus, Instance, InstanceId, Json, Mandate, Object, Operation, Person, Resource,
    ResourceFacts, Tier, ToolCall, ToolDefinition,
};

use super::*;
use crate::mentions::Mentions;
use crate::{AttributeType, ConnectorModel, FactType, PolicyConfig, PolicySource, ResourceBinding};

/// Splitmix64: the same requests in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.roll(choices.len())]
    }

    fn some<'a>(&mut self, choices: &[&'a str]) -> Vec<&'a str> {
        choices.iter().filter(|_| self.roll(2) == 0).copied().collect()
    }
}

const TOOLS: [(&str, &str); 4] = [
    ("get", r#"{"readOnlyHint":true}"#),
    ("update", "{}"),
    ("drop", r#"{"destructiveHint":true}"#),
    ("send", "{}"),
];

fn config() -> PolicyConfig {
    let schema = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"amount":{"type":"integer"},
        "rate":{"type":"number"},"to":{"type":"array","items":{"type":"string"}},"flag":{"type":["boolean","null"]},
        "address":{"type":"object","properties":{"city":{"type":"string"}}},"any":{}}}"#;
    let tools = TOOLS.map(|(name, annotations)| {
        let text = format!(r#"{{"annotations":{annotations},"inputSchema":{schema}}}"#);
        ToolDefinition { name: name.parse().unwrap(), definition: Json::parse(text.as_bytes()).unwrap() }
    });
    let binding = ResourceBinding {
        kind: "Deal".to_owned(),
        tools: ["update", "drop"].map(|tool| tool.parse().unwrap()).into(),
        argument: "id".to_owned(),
        resolver: None,
        attributes: BTreeMap::from([
            ("owner".to_owned(), AttributeType::User),
            ("size".to_owned(), AttributeType::Long),
            ("rate".to_owned(), AttributeType::Decimal),
        ]),
    };
    let crm = ConnectorModel {
        name: "crm".parse().unwrap(),
        tools: tools.into(),
        groups: BTreeMap::from([("send".parse().unwrap(), vec!["send".to_owned(), "export".to_owned()])]),
        bindings: vec![binding],
    };
    PolicyConfig {
        time_zone: "Europe/Berlin".to_owned(),
        facts: BTreeMap::from([("customers".to_owned(), FactType::SetOfString)]),
        connectors: vec![crm],
        require_user_grants: true,
        ..PolicyConfig::default()
    }
}

/// The last ones can err.
const CONDITIONS: [&str; 17] = [
    "context has user",
    r#"context.mandate has ticket && context.mandate.ticket like "TCK-*""#,
    "context.time.weekday <= 5",
    r#"context.time.now < datetime("2026-11-22T00:00:00Z")"#,
    "context.input has amount && context.input.amount > 100",
    r#"context.input has rate && context.input.rate.lessThan(decimal("0.5"))"#,
    r#"context.input has to && context.to_domains.contains("example.com")"#,
    r#"context.input has address && context.input.address has city && context.input.address.city == "Bonn""#,
    "context.input has address.city",
    "context.input_unknown.isEmpty()",
    r#"context.mandate.facts has customers && context.mandate.facts.customers.contains(context.input.id)"#,
    "principal is Agent && principal.tier >= 2",
    r#"principal in Group::"g1" || principal == User::"u1""#,
    r#"resource is Deal && resource has owner && resource.owner == principal"#,
    "context.risk * 9223372036854775807 > 0",
    "context.time.minute_of_day * 9223372036854775807 > 1 || true",
    r#"context.input has amount && context.input.amount * 92233720368547758 > 100"#,
];

fn policy(dice: &mut Dice, number: usize) -> String {
    let principal = dice.pick(&[
        "principal",
        "principal",
        "principal is Agent",
        "principal is User",
        r#"principal == Agent::"a1""#,
        r#"principal == Agent::"a2""#,
        r#"principal == User::"u1""#,
        r#"principal in Group::"g1""#,
        r#"principal in Group::"g2""#,
        r#"principal is Agent in Group::"g1""#,
        r#"principal is User in Group::"g3""#,
        r#"principal in Agent::"a1""#,
        r#"principal is User in User::"u2""#,
    ]);
    let action = dice.pick(&[
        r#"action == Action::"crm.get""#,
        r#"action == Action::"crm.update""#,
        r#"action in Action::"write""#,
        r#"action in Action::"read""#,
        r#"action in [Action::"delete", Action::"write", Action::"crm.drop"]"#,
        r#"action in Action::"crm""#,
        r#"action in [Action::"crm.send", Action::"crm.update"]"#,
        r#"action in Action::"export""#,
        r#"action in Action::"crm.drop""#,
    ]);
    let resource = dice.pick(&[
        "resource",
        "resource",
        "resource is Deal",
        "resource is Tool",
        r#"resource == Deal::"1""#,
        r#"resource in Connector::"crm""#,
        r#"resource == Tool::"crm.get""#,
        r#"resource is Tool in Connector::"crm""#,
    ]);
    let (annotation, effect) = [
        ("", "permit"),
        ("", "permit"),
        ("", "forbid"),
        (r#"@unless("approval") @approvers("x")"#, "forbid"),
        (r#"@unless("redact") @fields("$.structuredContent.x")"#, "forbid"),
    ][dice.roll(5)];
    let clauses = match dice.roll(4) {
        0 => String::new(),
        1 => format!("unless {{ {} }}", dice.pick(&CONDITIONS)),
        2 => format!("when {{ {} }}", dice.pick(&CONDITIONS)),
        _ => format!(
            "when {{ {} || {} }} unless {{ {} }}",
            dice.pick(&CONDITIONS),
            dice.pick(&CONDITIONS),
            dice.pick(&CONDITIONS)
        ),
    };
    format!("@id(\"p{number}\") {annotation} {effect} ({principal}, {action}, {resource}) {clauses};\n")
}

/// A set that loads: whatever the validator calls impossible is left out.
fn policies(dice: &mut Dice) -> String {
    let mut all: Vec<String> = (0..24).map(|number| policy(dice, number)).collect();
    for _ in 0..24 {
        let sources = [source(&all.concat())];
        let Err(errors) = Snapshot::load(&sources, &config()) else { break };
        let bad: BTreeSet<String> = errors
            .findings
            .iter()
            .filter_map(|finding| Some(format!("@id(\"{}\")", finding.policy.as_ref()?)))
            .collect();
        assert!(!bad.is_empty(), "{errors}");
        all.retain(|policy| !bad.iter().any(|id| policy.starts_with(id)));
    }
    all.concat()
}

fn source(text: &str) -> PolicySource {
    PolicySource { name: "a.cedar".to_owned(), text: text.to_owned() }
}

fn arguments(dice: &mut Dice) -> Object {
    let mut arguments = Object::new().with("id", dice.pick(&["1", "2"]));
    for (name, value) in [
        ("amount", ["5", "101", "-7"][dice.roll(3)]),
        ("rate", ["0.25", "3", "-0.5"][dice.roll(3)]),
        ("to", [r#"["a@example.com"]"#, r#"["a@b.c","x"]"#, "[]"][dice.roll(3)]),
        ("flag", ["true", "null", "false"][dice.roll(3)]),
        ("address", [r#"{"city":"Bonn"}"#, "{}", r#"{"city":"Rome","zip":1}"#][dice.roll(3)]),
        ("any", ["1", "[{}]", "\"x\""][dice.roll(3)]),
        ("extra", "1"),
    ] {
        if dice.roll(2) == 0 {
            arguments.set(name, Json::parse(value.as_bytes()).unwrap());
        }
    }
    arguments
}

fn request(snapshot: &Snapshot, dice: &mut Dice) -> AccessRequest {
    let now = Timestamp::from_micros(1_795_300_000_000_000 + 3_600_000_000 * dice.roll(200) as i64);
    let user = dice.pick(&["u1", "u2", ""]);
    let agent = Agent {
        name: dice.pick(&["a1", "a2", "a3"]).parse().unwrap(),
        owner: "mia".parse().unwrap(),
        purpose: "tests".to_owned(),
        tier: [Tier::One, Tier::Two, Tier::Three][dice.roll(3)],
        groups: dice.some(&["g1", "g2", "g3", "g1"]).iter().map(|group| group.parse().unwrap()).collect(),
        registered: now,
        status: AgentStatus::Active,
        charter: placet_domain::Charter::default(),
        life: placet_domain::Life::default(),
    };
    let facts =
        if dice.roll(2) == 0 { Object::new().with("customers", vec!["1", "7"]) } else { Object::new() };
    let instance = Instance {
        id: InstanceId::new(now, [7; 10]),
        agent: agent.name.clone(),
        mandate: Mandate {
            on_behalf_of: user.parse().ok(),
            ticket: [None, Some("TCK-1".to_owned()), Some("none".to_owned())][dice.roll(3)].clone(),
            facts,
            ..Mandate::default()
        },
        started_by: "mia".parse().unwrap(),
        started: now,
        expires: now,
        revoked: None,
        parent: None,
    };
    let tool = TOOLS[dice.roll(TOOLS.len())].0;
    let params = Object::new().with("arguments", arguments(dice));
    let call = ToolCall::new("crm".parse().unwrap(), Operation::Tool(tool.parse().unwrap()), params).unwrap();
    let resource: Option<Resource> = snapshot.binding(&call).unwrap().map(|binding| binding.resource);
    let owner = dice.pick(&["u1", "u2", "zed"]);
    let attributes = [
        Object::new(),
        Object::new().with("owner", owner),
        Object::new().with("owner", owner).with("size", 4),
    ];
    let facts = resource
        .as_ref()
        .map(|_| ResourceFacts { attributes: attributes[dice.roll(3)].clone(), fetched: now });
    let person = |name: &str| {
        Arc::new(Person {
            name: name.parse().unwrap(),
            groups: dice.some(&["g1", "g3"]).iter().map(|group| group.parse().unwrap()).collect(),
        })
    };
    AccessRequest {
        now,
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: (!user.is_empty()).then_some(user).map(person),
        call,
        pin: None,
        resource,
        facts,
        flow: placet_domain::Flow::default(),
        observed: placet_domain::Observed::default(),
        lifted: Vec::new(),
        granted: Vec::new(),
        usage: placet_domain::Usage::default(),
        opinions: Vec::new(),
    }
}

/// What one pass says: allowed, reasons, errors.
type Said = (bool, BTreeSet<String>, BTreeSet<String>);

fn ours(snapshot: &Snapshot, tally: &Tally) -> Said {
    let names = |places: &[Place]| -> BTreeSet<String> {
        places.iter().map(|place| snapshot.rule(*place).unwrap().id.to_string()).collect()
    };
    let allowed = !tally.grants.is_empty() && tally.forbids.is_empty();
    let errors: Vec<Place> = tally.broken.iter().chain(&tally.skipped).map(|(place, _)| *place).collect();
    (allowed, names(if allowed { &tally.grants } else { &tally.forbids }), names(&errors))
}

struct StockCedar {
    schema: Schema,
    first: PolicySet,
    gates: PolicySet,
}

impl StockCedar {
    fn new(snapshot: &Snapshot, text: &str) -> Self {
        let all: PolicySet = text.parse().unwrap();
        let of = |gates: bool| {
            let some = all.policies().filter(|policy| policy.annotation("unless").is_some() == gates);
            let named = some
                .map(|policy| policy.new_id(cedar_policy::PolicyId::new(policy.annotation("id").unwrap())));
            PolicySet::from_policies(named).unwrap()
        };
        Self {
            schema: Schema::from_cedarschema_str(snapshot.schema_text()).unwrap().0,
            first: of(false),
            gates: of(true),
        }
    }

    /// The complete entities of a request, checked against the schema, with every action.
    fn entities(&self, full: &Prepared<'_>) -> Entities {
        let others = full.entities.iter().filter(|entity| !entity.uid().is_action()).cloned();
        let closure = TCComputation::AssumeAlreadyComputed;
        Entities::from_entities(
            others,
            Some(&CoreSchema::new(self.schema.as_ref())),
            closure,
            Extensions::all_available(),
        )
        .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The complete request, checked against the schema.
    fn request(&self, full: &Prepared<'_>, principal: &Arc<Entity>) -> Request {
        Request::new(
            (principal.uid().clone(), None),
            (full.action.entity.uid().clone(), None),
            (full.resource.uid().clone(), None),
            Context::Value(Arc::clone(&full.context)),
            Some(&CoreSchema::new(self.schema.as_ref())),
            Extensions::all_available(),
        )
        .unwrap_or_else(|error| panic!("{error}"))
    }

    fn say(&self, request: &Request, entities: &Entities, gates: bool) -> Said {
        let set = if gates { &self.gates } else { &self.first };
        let response = Authorizer::new().is_authorized(request.clone(), set.as_ref(), entities);
        let errors = response.diagnostics.errors.iter().map(|error| {
            let cedar_policy_core::authorizer::AuthorizationError::PolicyEvaluationError { id, .. } = error;
            id.to_string()
        });
        let reasons = response.diagnostics.reason.iter().map(ToString::to_string).collect();
        (response.decision == Stock::Allow, reasons, errors.collect())
    }
}

/// What was compared.
#[derive(Default)]
struct Totals {
    requests: usize,
    compared: usize,
    errors: usize,
    allowed: usize,
}

#[test]
fn the_index_changes_nothing_that_stock_cedar_says() {
    let (mut dice, mut totals) = (Dice(7), Totals::default());
    for _ in 0..10 {
        let text = policies(&mut dice);
        compare_set(&text, 680, &mut dice, &mut totals);
    }
    let Totals { compared, errors, allowed, .. } = totals;
    assert!(compared >= 20_000 && errors > 1_000 && allowed > 1_000, "{compared} {errors} {allowed}");
}

/// Judges requests by a set here and by stock Cedar; how many policies it has.
fn compare_set(text: &str, requests: usize, dice: &mut Dice, totals: &mut Totals) -> usize {
    let snapshot = Snapshot::load(&[source(text)], &config()).unwrap();
    let complete = crate::load::load(&[source(text)], &config(), Mentions::everything()).unwrap();
    let stock = StockCedar::new(&snapshot, text);
    for _ in 0..requests {
        let request = request(&snapshot, dice);
        let action = snapshot.model.action(request.call.connector(), request.call.operation()).unwrap();
        let prepared = snapshot.prepare(action, &request).unwrap();
        let full_action = complete.model.action(request.call.connector(), request.call.operation()).unwrap();
        let full = complete.prepare(full_action, &request).unwrap();
        let principals = [Some(&full.agent), full.user.as_ref()];
        let entities = stock.entities(&full);
        for (pass, principal) in
            snapshot.passes(&prepared, &request).iter().zip(principals.into_iter().flatten())
        {
            let whole = stock.request(&full, principal);
            for gates in [false, true] {
                let counts = |class: &Class| {
                    matches!(class, Class::Gate(_) | Class::Duty(_) | Class::Limit(_)) == gates
                };
                let tally = snapshot.tally(pass, &prepared, request.now, &counts);
                let (ours, stock) = (ours(&snapshot, &tally), stock.say(&whole, &entities, gates));
                assert_eq!(ours, stock, "{request:?}\n{text}");
                totals.compared += 1;
                totals.errors += ours.2.len();
                totals.allowed += usize::from(ours.0);
            }
        }
        assert_eq!(snapshot.decide(&request).verdict, complete.decide(&request).verdict);
        totals.requests += 1;
    }
    snapshot.policy_count()
}

fn decided(text: &str, change: impl Fn(&mut AccessRequest)) -> Decision {
    let snapshot = Snapshot::load(&[source(text)], &PolicyConfig { require_user_grants: false, ..config() })
        .unwrap_or_else(|errors| panic!("{errors}"));
    let now = Timestamp::from_micros(1_795_300_000_000_000);
    let mut request = request(&snapshot, &mut Dice(1));
    let mut agent = Agent::clone(&request.agent);
    agent.tier = Tier::Two;
    agent.groups = vec!["g1".parse().unwrap()];
    let mut instance = Instance::clone(&request.instance);
    instance.mandate = Mandate { on_behalf_of: Some("u1".parse().unwrap()), ..Mandate::default() };
    let params = Object::new().with("arguments", Object::new().with("id", "1").with("amount", 500));
    request.now = now;
    request.agent = Arc::new(agent);
    request.instance = Arc::new(instance);
    request.user =
        Some(Arc::new(Person { name: "u1".parse().unwrap(), groups: vec!["g3".parse().unwrap()] }));
    request.call =
        ToolCall::new("crm".parse().unwrap(), Operation::Tool("update".parse().unwrap()), params).unwrap();
    request.resource = snapshot.binding(&request.call).unwrap().map(|binding| binding.resource);
    request.facts = None;
    change(&mut request);
    snapshot.decide(&request)
}

const GRANT: &str = r#"@id("grant") permit (principal is Agent, action == Action::"crm.update", resource);"#;

fn verdict(text: &str) -> String {
    let decision = decided(&format!("{GRANT}\n{text}"), |_| {});
    match decision.verdict {
        Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why)) => why,
        Verdict::Deny(cause) => format!("{cause:?}"),
        other => other.as_str().to_owned(),
    }
}

#[test]
fn a_veto_on_a_group_of_actions_reaches_each_tool_in_it() {
    for group in ["write", "crm"] {
        assert_eq!(
            verdict(&format!(r#"@id("v") forbid (principal, action in Action::"{group}", resource);"#)),
            "Veto"
        );
    }
    assert_eq!(verdict(r#"@id("v") forbid (principal, action in Action::"read", resource);"#), "allow");
    let inside = r#"@id("v") forbid (principal, action, resource) when { action in Action::"write" };"#;
    assert_eq!(verdict(inside), "Veto");
}

#[test]
fn a_veto_or_a_gate_that_errs_denies_and_a_permit_that_errs_is_skipped() {
    let errs = "when { context.input has amount && context.input.amount * 9223372036854775807 > 0 }";
    let scope = r#"(principal is Agent, action == Action::"crm.update", resource)"#;
    assert!(
        verdict(&format!("@id(\"v\") forbid {scope} {errs};"))
            .starts_with("policy `v` could not be evaluated: integer overflow")
    );
    let gate = format!("@id(\"k\") @unless(\"approval\") @approvers(\"x\") forbid {scope} {errs};");
    assert!(verdict(&gate).starts_with("policy `k` could not be evaluated"));
    assert_eq!(verdict(&format!("@id(\"p\") permit {scope} {errs};")), "allow");
    let alone = decided(&format!("@id(\"p\") permit {scope} {errs};"), |_| {});
    assert_eq!(alone.verdict, Verdict::Deny(DenyCause::NoGrant));
    assert!(
        alone.reasons[0].reason.as_deref().unwrap().starts_with("skipped, because it could not be evaluated")
    );
}

#[test]
fn the_person_acted_for_is_judged_as_well() {
    let veto = r#"@id("v") forbid (principal in Group::"g3", action == Action::"crm.update", resource);"#;
    assert_eq!(verdict(veto), "Veto");
    let gate = r#"@id("k") @unless("approval") @approvers("x") forbid (principal is User, action == Action::"crm.update", resource);"#;
    assert_eq!(verdict(gate), "require_approval");
    // A grant of the person is no grant of the agent.
    let person = r#"@id("g") permit (principal is User, action == Action::"crm.update", resource);"#;
    assert_eq!(decided(person, |_| {}).verdict, Verdict::Deny(DenyCause::NoGrant));
}

#[test]
fn every_gate_has_to_be_lifted_and_duties_are_handed_on() {
    let gates = format!(
        r#"{GRANT} @id("k1") @unless("approval") @approvers("x") @timeout("1h") forbid (principal is Agent, action == Action::"crm.update", resource);
        @id("k2") @unless("approval") @approvers("y") forbid (principal is Agent, action in Action::"write", resource);
        @id("d") @unless("redact") @fields("$.structuredContent.ssn") forbid (principal is Agent, action in Action::"write", resource);"#
    );
    let lifting = |ids: &[&str]| {
        decided(&gates, |request| request.lifted = ids.iter().map(|id| id.parse().unwrap()).collect())
    };
    let waiting = |decision: &Decision| match &decision.verdict {
        Verdict::RequireApproval(gates) => gates.iter().map(|gate| gate.policy.to_string()).collect(),
        Verdict::Allow | Verdict::Deny(_) => Vec::new(),
    };
    assert_eq!(waiting(&lifting(&[])), ["k1", "k2"]);
    assert_eq!(waiting(&lifting(&["k2", "grant", "other"])), ["k1"]);
    let allowed = lifting(&["k1", "k2"]);
    assert_eq!(allowed.verdict, Verdict::Allow);
    let paths = vec!["$.structuredContent.ssn".parse().unwrap()];
    assert_eq!(allowed.obligations[0].duty, placet_domain::Duty::Redact(paths));
}

#[test]
fn an_expired_grant_grants_nothing() {
    let grant = |end: &str| {
        format!(r#"@id("g") @expires("{end}") permit (principal, action == Action::"crm.update", resource);"#)
    };
    assert_eq!(decided(&grant("2026-11-21T22:26:41Z"), |_| {}).verdict, Verdict::Allow);
    assert_eq!(decided(&grant("2026-11-21T22:26:40Z"), |_| {}).verdict, Verdict::Deny(DenyCause::NoGrant));
}

#[test]
fn time_is_told_in_the_configured_zone() {
    // 22:26 UTC on Saturday is 23:26 in Berlin.
    let veto = r#"@id("v") forbid (principal, action == Action::"crm.update", resource) unless {
        context.time.weekday == 6 && context.time.minute_of_day == 1406 && context.time.date == "2026-11-21" &&
        context.time.now == datetime("2026-11-21T22:26:40.000Z") };"#;
    assert_eq!(verdict(veto), "allow");
}

#[test]
fn a_request_that_does_not_fit_together_is_denied() {
    type Change = fn(&mut AccessRequest);
    let changes: [(&str, Change); 6] = [
        ("is not a run of agent", |request| {
            Arc::make_mut(&mut request.instance).agent = "other".parse().unwrap()
        }),
        ("is revoked", |request| Arc::make_mut(&mut request.agent).status = AgentStatus::Revoked),
        ("acted for, is not known", |request| request.user = None),
        ("is not the person that the mandate acts for", |request| {
            Arc::make_mut(request.user.as_mut().unwrap()).name = "eve".parse().unwrap();
        }),
        ("was not looked up", |request| request.resource = None),
        ("is not the one that the arguments name", |request| {
            request.resource.as_mut().unwrap().id = "2".to_owned()
        }),
    ];
    for (expected, change) in changes {
        match decided(GRANT, change).verdict {
            Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why)) => {
                assert!(why.contains(expected), "{why}")
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

mod corpus;
