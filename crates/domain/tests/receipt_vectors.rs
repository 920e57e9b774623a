//! The vectors of `spec/receipt.md`: every leaf byte for byte, the commitments, and the digest of a call.
//! `UPDATE_GOLDEN=1` rewrites them; the diff is the review.
#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use placet_domain::{
    AccessRequest, Agent, AgentStatus, Amount, Answer, Approval, ApprovalId, ApprovalReceipt, ApprovalState,
    CallDigest, CallId, Charge, Charter, ClientFacts, Code, Commitment, CounterKey, Decision,
    DecisionReceipt, DenyCause, Digest, Discharge, Duty, EditedResult, EvaluationNote, Exceeded, Gate,
    HaltTarget, Instance, InstanceId, Json, Life, Mandate, Meter, Object, Obligation, Opening, Operation,
    Outcome, OutcomeReceipt, PersonName, Pin, PolicyRevision, Reason, ReceiptId, Refund, Refusal,
    RegistryChange, RegistryReceipt, Requester, Resource, ResourceFacts, Tier, Timestamp, ToolCall, Usage,
    Verdict,
};

const PARAMS: &str =
    r#"{"arguments":{"amount":50000,"deal_id":"789","stage":"Closed Won"},"name":"update_deal"}"#;

#[test]
fn decision_receipts_are_these_bytes() {
    let veto = decision(Verdict::Deny(DenyCause::Veto), &["crm-finance-owned-fields"]);
    let broken = decision(Verdict::Deny(DenyCause::Error("argument `deal_id` is missing".into())), &[]);
    let granted = decision(Verdict::Allow, &["crm-update-own-deals"]);
    let duty = Obligation {
        policy: "mask-notes".parse().unwrap(),
        duty: Duty::Redact(vec!["$.structuredContent.notes".parse().unwrap()]),
    };
    let obliged = Decision { obligations: vec![duty], ..granted.clone() };
    let (request, silent) = (request(), ClientFacts::default());
    for (name, decision, code) in [
        ("decision-allow", &granted, None),
        ("decision-deny-veto", &veto, Some(Code::Vetoed)),
        ("decision-deny-error", &broken, Some(Code::NotJudged)),
        ("decision-allow-obliged", &obliged, Some(Code::NotJudged)),
    ] {
        check(name, &DecisionReceipt { decision: Ok(decision), code, ..judged(&request, &silent) }.to_json());
    }
}

#[test]
fn decision_receipts_with_an_approval_are_these_bytes() {
    let pending = approval(ApprovalState::Pending);
    let used = approval(ApprovalState::Consumed(answer()));
    let gated = decision(Verdict::RequireApproval(pending.gates.clone()), &["crm-close-needs-approval"]);
    let granted = decision(Verdict::Allow, &["crm-update-own-deals"]);
    let client = ClientFacts {
        model: Some("example-model-1".into()),
        prompt: Some(Digest::of(b"prompt").to_string()),
        rationale: Some("the customer signed".into()),
    };
    let request = request();
    for (name, decision, approval, code) in [
        ("decision-require-approval", &gated, &pending, Some(Code::ApprovalRequired)),
        ("decision-allow-approved", &granted, &used, None),
    ] {
        let digest = Some(approval.digest);
        let base = judged(&request, &client);
        let receipt =
            DecisionReceipt { decision: Ok(decision), approval: Some(approval), digest, code, ..base };
        check(name, &receipt.to_json());
    }
}

#[test]
fn decision_receipts_of_limits_are_these_bytes() {
    let silent = ClientFacts::default();
    let charges = [charge()];
    let granted =
        Decision { charges: charges.to_vec(), ..decision(Verdict::Allow, &["crm-update-own-deals"]) };
    let values = [("changes_today".parse().unwrap(), Amount::of_units(7).unwrap())].into();
    let counted = AccessRequest { usage: Usage { values, ..Usage::default() }, ..request() };
    let receipt = DecisionReceipt { decision: Ok(&granted), charges: &charges, ..judged(&counted, &silent) };
    check("decision-allow-charged", &receipt.to_json());
    let exceeded = Exceeded {
        meter: charge().meter,
        rate: charge().rate.unwrap(),
        of: charge().of,
        used: "249999.5".parse().unwrap(),
        amount: charge().amount,
        room_at: Some(charge().until),
    };
    let full = decision(Verdict::Deny(DenyCause::Limit(Box::new(exceeded))), &["crm-volume-per-day"]);
    let (request, code) = (request(), Some(Code::LimitReached));
    check(
        "decision-deny-limit",
        &DecisionReceipt { decision: Ok(&full), code, ..judged(&request, &silent) }.to_json(),
    );
}

#[test]
fn receipts_of_attempts_that_were_not_judged_are_these_bytes() {
    let silent = ClientFacts::default();
    let known = request();
    let why = Refusal::new(Code::Malformed, "key \"a\" appears twice in one object").to_string();
    let unread = DecisionReceipt {
        request: None,
        agent: Some(&known.agent.name),
        instance: Some(instance_id()),
        decision: Err(&why),
        code: Some(Code::Malformed),
        payload: None,
        ..judged(&known, &silent)
    };
    check("decision-unread", &unread.to_json());
    let bare = AccessRequest { pin: None, resource: None, facts: None, ..request() };
    let why = "the definition of `crm.update_deal` is not the one that was accepted";
    let why = Refusal::new(Code::Quarantined, why).to_string();
    let code = Some(Code::Quarantined);
    let unresolved = DecisionReceipt { decision: Err(&why), code, ..judged(&bare, &silent) };
    check("decision-unresolved", &unresolved.to_json());
}

#[test]
fn a_receipt_of_a_question_says_who_asked_about_whom() {
    let silent = ClientFacts::default();
    let known = request();
    let note = EvaluationNote {
        protocol: "authzen",
        asker: "todo-app".parse().unwrap(),
        instance: instance_id(),
        subject: "user:bob".to_owned(),
    };
    let decision = Decision {
        verdict: Verdict::Deny(DenyCause::NoGrant),
        reasons: Vec::new(),
        obligations: Vec::new(),
        charges: Vec::new(),
        revision: PolicyRevision(Digest::of(b"policies")),
        risk: placet_domain::Risk::of_group(40),
        requestable: false,
    };
    let code = Some(Code::NoGrant);
    let base = judged(&known, &silent);
    let receipt = DecisionReceipt { decision: Ok(&decision), code, evaluation: Some(&note), ..base };
    check("decision-evaluation", &receipt.to_json());
}

#[test]
fn a_receipt_of_a_run_with_a_past_is_these_bytes() {
    use placet_domain::{Flow, FlowEffect, Provenance, Source, Trust};
    let mut provenance = Provenance::default();
    provenance.put("stage", Source::Mandate);
    provenance.put("notes", Source::Untrusted);
    let flow = Flow {
        labels: Some(BTreeSet::from(["secret".parse().unwrap()])),
        history: Some(BTreeMap::from([("looked".parse().unwrap(), 2)])),
        provenance: Some(provenance),
        effect: FlowEffect {
            adds: BTreeSet::from(["pii".parse().unwrap()]),
            counts: vec!["changed".parse().unwrap()],
            reads: Some(Trust::Trusted),
        },
    };
    let request = AccessRequest { flow, ..request() };
    check("decision-flow", &judged(&request, &ClientFacts::default()).to_json());
}

#[test]
fn a_receipt_of_a_call_out_of_the_ordinary_is_these_bytes() {
    use placet_domain::{Drift, Footprint, Habit, HookAnswer, Observed, Risk, RiskPart};
    let part = |of: &str, points, why: &str| RiskPart { of: of.to_owned(), points, why: why.to_owned() };
    let hook = HookAnswer {
        of: "hook:fraud".parse().unwrap(),
        points: 20,
        vetoes: false,
        silent: true,
        why: "the anomaly hook `fraud` gave no answer: it takes longer than 250 ms".to_owned(),
    };
    let drift = Drift {
        first_tool: true,
        first_destinations: 1,
        first_shape: true,
        recent: 4,
        usual: 12,
        footprint: Footprint {
            destinations: vec![Habit::of("destination", &["example.com"])],
            shape: Some(Habit::of("shape", &["crm", "update_deal", "{}"])),
        },
    };
    let observed = Observed { drift: Some(drift), hooks: vec![hook.clone()] };
    let request = AccessRequest { observed, ..request() };
    let silent = ClientFacts::default();
    let decision = Decision {
        verdict: Verdict::Allow,
        reasons: Vec::new(),
        obligations: Vec::new(),
        charges: Vec::new(),
        revision: PolicyRevision(Digest::of(b"policies")),
        risk: Risk::of_parts(vec![
            part("group", 40, "`crm.update_deal` is in `write`"),
            part("first_tool", 15, "`deal-update-agent` has not used `crm.update_deal` in 30 days"),
            part("hook:fraud", 20, &hook.why),
        ]),
        requestable: false,
    };
    let receipt = DecisionReceipt { decision: Ok(&decision), ..judged(&request, &silent) };
    check("decision-risk", &receipt.to_json());
}

#[test]
fn a_receipt_tells_what_policies_on_trial_would_have_decided() {
    let silent = ClientFacts::default();
    let known = request();
    let decision = |verdict, reason: &str, policies: &[u8]| Decision {
        verdict,
        reasons: vec![Reason { policy: reason.parse().unwrap(), reason: None, remedy: None }],
        obligations: Vec::new(),
        charges: Vec::new(),
        revision: PolicyRevision(Digest::of(policies)),
        risk: placet_domain::Risk::of_group(40),
        requestable: false,
    };
    let made = decision(Verdict::Allow, "own-deals", b"policies");
    let tried = [decision(Verdict::Deny(DenyCause::Veto), "freeze", b"candidate")];
    let receipt = DecisionReceipt { decision: Ok(&made), shadow: &tried, ..judged(&known, &silent) };
    check("decision-shadow", &receipt.to_json());
}

#[test]
fn outcome_receipts_are_these_bytes() {
    let base = OutcomeReceipt {
        id: receipt_id(2),
        now: now().after(Duration::from_millis(12)),
        call: call_id(),
        decision: Some(Digest::of(b"leaf")),
        outcome: Outcome::Succeeded,
        response: Some(Opening::from_bytes([2; 32]).commit("response", br#"{"content":[]}"#)),
        elapsed_us: 11_250,
        edited: None,
        detail: None,
        refund: None,
    };
    check("outcome-succeeded", &base.to_json());
    let discharged = [Discharge { policy: "mask-notes".parse().unwrap(), kind: "redact", count: 2 }];
    let delivered =
        Some(Opening::from_bytes([2; 32]).commit("delivered", br#"{"content":[],"structuredContent":{}}"#));
    let edited = Some(EditedResult { delivered, discharged: &discharged, withheld: None });
    check("outcome-edited", &OutcomeReceipt { edited, ..base }.to_json());
    let edited =
        Some(EditedResult { delivered: None, discharged: &[], withheld: Some(&discharged[0].policy) });
    let detail = Some("the result is not JSON: it has neither structured content nor a JSON text");
    check("outcome-withheld", &OutcomeReceipt { edited, detail, ..base }.to_json());
    let lost = OutcomeReceipt {
        outcome: Outcome::Unknown,
        response: None,
        detail: Some("the stream ended before the answer"),
        ..base
    };
    check("outcome-unknown", &lost.to_json());
    let unsent = OutcomeReceipt {
        outcome: Outcome::Failed,
        response: None,
        elapsed_us: 0,
        detail: Some("cannot connect"),
        ..base
    };
    check("outcome-failed", &unsent.to_json());
    let charges = [charge()];
    let refund = Some(Refund { charged: now(), charges: &charges });
    check("outcome-refunded", &OutcomeReceipt { refund, ..unsent }.to_json());
}

#[test]
fn approval_receipts_are_these_bytes() {
    for (name, state) in [
        ("approval-approved", ApprovalState::Approved(answer())),
        ("approval-denied", ApprovalState::Denied(answer())),
    ] {
        let receipt = ApprovalReceipt { id: receipt_id(3), now: now(), approval: &approval(state) };
        check(name, &receipt.to_json());
    }
}

#[test]
fn receipts_of_changed_rights_are_these_bytes() {
    let alice: PersonName = "alice".parse().unwrap();
    let pin = |text: &[u8]| Pin(Digest::of(text)).to_string();
    let revision = |text: &[u8]| PolicyRevision(Digest::of(text)).to_string();
    let agent = Object::new()
        .with("agent", "deal-update-agent")
        .with("owner", "carol")
        .with("purpose", "keeps deals up to date after calls")
        .with("tier", 3)
        .with("groups", vec!["crm-agents"]);
    let started = Object::new()
        .with("agent", "deal-update-agent")
        .with("instance", instance_id().to_string())
        .with("expires_us", now().after(Duration::from_secs(900)).micros())
        .with("ticket", "INC-4451")
        .with("on_behalf_of", "bob");
    let revoked = Object::new().with("instance", instance_id().to_string());
    let tool = HaltTarget::named("tool", Some("crm.update_deal")).unwrap();
    let halted = tool.to_json().with("reason", "it writes to the wrong deals");
    let lifted = tool.to_json().with("halted_us", now().micros());
    let rotated = Object::new()
        .with("key", Digest::of(b"next").short())
        .with("before", Digest::of(b"before").short())
        .with("until_us", now().after(Duration::from_secs(3_600)).micros());
    let vkey = |name: &str| {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/ledger/rotated");
        fs::read_to_string(format!("{vectors}/{name}.vkey")).unwrap().trim().to_owned()
    };
    let log_key = Object::new().with("log_key", vkey("second")).with("log_key_before", vkey("first"));
    let policy = Object::new().with("policy", revision(b"new")).with("before", revision(b"old"));
    let accepted =
        Object::new().with("connector", "crm").with("tool", "update_deal").with("accepted", pin(b"one"));
    let quarantined = accepted.clone().with("seen", pin(b"two"));
    for (name, change, by, about) in [
        ("agent-registered", RegistryChange::AgentRegistered, Some(&alice), agent),
        ("instance-started", RegistryChange::InstanceStarted, Some(&alice), started),
        ("instance-revoked", RegistryChange::InstanceRevoked, Some(&alice), revoked),
        ("halted", RegistryChange::Halted, Some(&alice), halted),
        ("halt-lifted", RegistryChange::HaltLifted, Some(&alice), lifted),
        ("token-key-rotated", RegistryChange::TokenKeyRotated, Some(&alice), rotated),
        ("log-key-changed", RegistryChange::LogKeyChanged, Some(&alice), log_key),
        ("policy-activated", RegistryChange::PolicyActivated, None, policy),
        ("tool-accepted", RegistryChange::ToolAccepted, Some(&alice), accepted),
        ("tool-quarantined", RegistryChange::ToolQuarantined, None, quarantined),
    ] {
        let receipt = RegistryReceipt { id: receipt_id(4), now: now(), change, by, about };
        check(name, &receipt.to_json());
    }
}

#[test]
fn receipts_of_grants_for_a_time_are_these_bytes() {
    let alice: PersonName = "alice".parse().unwrap();
    let grant = |more: Object| {
        let base = Object::new()
            .with("agent", "deal-update-agent")
            .with("connector", "crm")
            .with("grant", "grt_01k9sbabr0e1q4w7r9t0v2x5z8")
            .with("tools", vec!["update_deal"]);
        more.members().fold(base, |all, (name, value)| all.with(name, value.clone()))
    };
    let why = || Object::new().with("justification", "INC-4451: the amount was mistyped");
    let wished = why()
        .with("minutes", 30)
        .with("instance", instance_id().to_string())
        .with("resource", "Deal::\"789\"");
    let ends = now().after(Duration::from_secs(1_800)).micros();
    for (name, change, by, about) in [
        ("grant-asked", RegistryChange::GrantAsked, None, grant(wished)),
        (
            "grant-given",
            RegistryChange::GrantGiven,
            Some(&alice),
            grant(why().with("expires_us", ends).with("rationale", "checked with the rep")),
        ),
        (
            "grant-given-by-rule",
            RegistryChange::GrantGiven,
            None,
            grant(why().with("expires_us", ends).with("rule", "reads-are-granted-at-once")),
        ),
        (
            "grant-denied",
            RegistryChange::GrantDenied,
            Some(&alice),
            grant(Object::new().with("rationale", "not today")),
        ),
        (
            "grant-revoked",
            RegistryChange::GrantRevoked,
            Some(&alice),
            grant(Object::new().with("rationale", "done")),
        ),
    ] {
        let receipt = RegistryReceipt { id: receipt_id(4), now: now(), change, by, about };
        check(name, &receipt.to_json());
    }
}

#[test]
fn receipts_of_an_agents_life_are_these_bytes() {
    let (alice, carol): (PersonName, PersonName) = ("alice".parse().unwrap(), "carol".parse().unwrap());
    let agent = || Object::new().with("agent", "deal-update-agent");
    let answered = agent()
        .with("group", "security")
        .with("approve", true)
        .with("rationale", "seen")
        .with("open", vec!["lead"]);
    let stage = agent()
        .with("owner", "carol")
        .with("from", "certification_due")
        .with("to", "countdown")
        .with("cause", "certification_missed")
        .with("ends_us", now().after(Duration::from_secs(30 * 86_400)).micros());
    let certified = agent()
        .with("owner", "carol")
        .with("permitted", 41)
        .with("used", 2)
        .with("tools", vec!["crm.get_deal", "crm.update_deal"])
        .with("calls", 96)
        .with("last_call_us", now().micros())
        .with("next_us", now().after(Duration::from_secs(90 * 86_400)).micros());
    let changed = agent().with("changes", vec!["wants: `crm` → `crm.get_deal`"]);
    let owner = agent().with("owner", "carol").with("before", "bob");
    let reminded = agent().with("stage", "countdown").with("days", 14).with("to", vec!["carol"]);
    for (name, change, by, about) in [
        ("agent-answered", RegistryChange::AgentAnswered, Some(&alice), answered),
        ("agent-stage", RegistryChange::AgentStage, None, stage),
        ("agent-certified", RegistryChange::AgentCertified, Some(&carol), certified),
        ("agent-changed", RegistryChange::AgentChanged, Some(&carol), changed),
        ("agent-owner-replaced", RegistryChange::AgentOwnerReplaced, Some(&alice), owner),
        ("agent-reminded", RegistryChange::AgentReminded, None, reminded),
    ] {
        let receipt = RegistryReceipt { id: receipt_id(5), now: now(), change, by, about };
        check(name, &receipt.to_json());
    }
}

#[test]
fn a_commitment_opens_with_its_seed() {
    let vector = |seed: u8, field: &str, text: &str| {
        Object::new()
            .with("seed", format!("{seed:02x}").repeat(32))
            .with("field", field)
            .with("text", text)
            .with("commitment", Opening::from_bytes([seed; 32]).commit(field, text.as_bytes()).to_string())
    };
    let vectors = vec![
        vector(1, "request", PARAMS),
        vector(2, "response", r#"{"content":[]}"#),
        vector(3, "request", ""),
    ];
    compare(Path::new("commitments.json"), &Json::from(vectors).canonical());
}

#[test]
fn an_approval_is_bound_to_this_digest() {
    let AccessRequest { agent, instance, call, pin, .. } = request();
    let digest = call.digest(&agent.name, &instance, pin, revision());
    let bound = Object::new()
        .with("_type", "placet.dev/call/v1")
        .with("agent", agent.name.as_str())
        .with("connector", "crm")
        .with("instance", instance.id.to_string())
        .with("method", "tools/call")
        .with("on_behalf_of", "bob")
        .with("params", Json::parse(PARAMS.as_bytes()).unwrap())
        .with_some("pin", pin.map(|pin| pin.to_string()))
        .with("policy", revision().to_string());
    let text = Json::Object(bound).canonical();
    assert_eq!(digest, CallDigest(Digest::of(text.as_bytes())));
    let vector = Object::new().with("text", text).with("call_digest", digest.to_string());
    compare(Path::new("call-digest.json"), &Json::Object(vector).canonical());
}

fn check(name: &str, receipt: &Object) {
    let leaf = Json::Object(receipt.clone()).canonical();
    // A leaf reads back strictly, and says the same in the same bytes.
    assert_eq!(Json::parse(leaf.as_bytes()).unwrap().canonical(), leaf, "{name}");
    compare(&Path::new("receipt").join(name).with_extension("json"), &leaf);
}

fn compare(file: &Path, bytes: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(golden, bytes, "{}: set UPDATE_GOLDEN=1 and read the diff", file.display());
}

fn judged<'a>(request: &'a AccessRequest, client: &'a ClientFacts) -> DecisionReceipt<'a> {
    DecisionReceipt {
        id: receipt_id(1),
        now: now(),
        call: call_id(),
        request: Some(request),
        agent: None,
        instance: None,
        connector: request.call.connector(),
        decision: Err(""),
        code: None,
        client,
        payload: Some(commitment()),
        digest: None,
        approval: None,
        shadow: &[],
        evaluation: None,
        charges: &[],
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_795_300_000_000_000)
}

fn receipt_id(last: u8) -> ReceiptId {
    ReceiptId::new(now(), [0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}

fn call_id() -> CallId {
    CallId::new(now(), [7; 10])
}

fn instance_id() -> InstanceId {
    InstanceId::new(now(), [9; 10])
}

fn charge() -> Charge {
    Charge {
        meter: Meter::Limit("crm-volume-per-day".parse().unwrap()),
        key: CounterKey(Digest::of(b"counter")),
        of: "user=bob".into(),
        amount: Amount::of_units(50_000).unwrap(),
        rate: Some("250000/day".parse().unwrap()),
        until: Timestamp::from_micros(1_795_305_600_000_000),
    }
}

fn revision() -> PolicyRevision {
    PolicyRevision(Digest::of(b"policies"))
}

fn commitment() -> Commitment {
    Opening::from_bytes([1; 32]).commit("request", PARAMS.as_bytes())
}

fn decision(verdict: Verdict, policies: &[&str]) -> Decision {
    let reason = |id: &&str| Reason { policy: id.parse().unwrap(), reason: None, remedy: None };
    Decision {
        verdict,
        reasons: policies.iter().map(reason).collect(),
        obligations: Vec::new(),
        charges: Vec::new(),
        revision: revision(),
        risk: placet_domain::Risk::of_group(40),
        requestable: false,
    }
}

fn answer() -> Answer {
    Answer { by: "alice".parse().unwrap(), at: now(), rationale: "the customer signed".into() }
}

fn approval(state: ApprovalState) -> Approval {
    let AccessRequest { agent, instance, call, pin, .. } = request();
    let gate = Gate {
        policy: "crm-close-needs-approval".parse().unwrap(),
        approvers: vec!["sales-managers".parse().unwrap()],
        timeout: Duration::from_secs(4 * 60 * 60),
        reason: None,
    };
    Approval {
        id: ApprovalId::new(now(), [3; 10]),
        digest: call.digest(&agent.name, &instance, pin, revision()),
        requester: Requester {
            agent: agent.name.clone(),
            instance: instance.id,
            owner: agent.owner.clone(),
            on_behalf_of: instance.mandate.on_behalf_of.clone(),
            ticket: instance.mandate.ticket.clone(),
        },
        connector: call.connector().clone(),
        operation: call.operation().name().to_owned(),
        arguments: call.arguments(),
        gates: vec![gate],
        policy: revision(),
        asked: now(),
        expires: now().after(Duration::from_secs(4 * 60 * 60)),
        state,
    }
}

fn request() -> AccessRequest {
    let agent = Agent {
        name: "deal-update-agent".parse().unwrap(),
        owner: "carol".parse().unwrap(),
        purpose: "keeps deals up to date after calls".into(),
        tier: Tier::Three,
        groups: vec!["crm-agents".parse().unwrap()],
        registered: now(),
        status: AgentStatus::Active,
        charter: Charter::default(),
        life: Life::default(),
    };
    let mandate = Mandate {
        task: Some("close the deal".into()),
        ticket: Some("INC-4451".into()),
        on_behalf_of: Some("bob".parse().unwrap()),
        ..Mandate::default()
    };
    let instance = Instance {
        id: instance_id(),
        agent: agent.name.clone(),
        mandate,
        started_by: "alice".parse().unwrap(),
        started: now(),
        expires: now().after(Duration::from_secs(900)),
        revoked: None,
        parent: None,
    };
    let params = Json::parse(PARAMS.as_bytes()).unwrap().as_object().cloned().unwrap();
    let facts = Object::new().with("owner", "bob").with("amount", 500).with("stage", "Negotiation");
    AccessRequest {
        now: now(),
        agent: Arc::new(agent),
        instance: Arc::new(instance),
        user: None,
        call: ToolCall::new("crm".parse().unwrap(), Operation::Tool("update_deal".parse().unwrap()), params)
            .unwrap(),
        pin: Some(Pin(Digest::of(b"definition"))),
        resource: Some(Resource { kind: "Deal".into(), id: "789".into() }),
        facts: Some(ResourceFacts { attributes: facts, fetched: now() }),
        flow: placet_domain::Flow::default(),
        observed: placet_domain::Observed::default(),
        lifted: Vec::new(),
        granted: Vec::new(),
        usage: Usage::default(),
        opinions: Vec::new(),
    }
}
