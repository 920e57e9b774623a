//! Grants for a time: given by rules or by people, never wider than the ceiling, over by themselves or at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use placet_domain::{Code, Grant, GrantId, GrantState, Json, Resource, Tier};
use placet_engine::{Asking, GrantError, GrantWish};
use placet_testkit::{Actor, PortOperation, World, refusal};

use super::{
    crm::{APPROVERS, UPDATE, answered, builder, calls_anew, owner, refused, text},
    gated::{Gate, SlowFacts, SlowLedger},
};

const MINUTES: Duration = Duration::from_secs(60);
const REVIEW: &str = include_str!("../../../../policies/grants.cedar");
const NOTE: &str = r#"{"deal_id":"D-bob","notes":"called"}"#;
const READ: &str = "crm.get_deal";
const DEAL: &str = r#"{"deal_id":"D-bob"}"#;

/// Nothing is permitted; `get_deal` reads, the others write.
async fn world() -> World {
    let world = builder()
        .person("sue", &["security"])
        .groups(READ, &["read"])
        .policies(REVIEW)
        .policies(APPROVERS)
        .policies(r#"@id("no-close") forbid (principal, action == Action::"crm.close_deal", resource);"#)
        .open()
        .await;
    owner(&world, "bob", "bob");
    world
}

fn wish(actor: &Actor, tool: &str, minutes: u32) -> GrantWish {
    GrantWish {
        agent: actor.instance.agent.clone(),
        instance: Some(actor.instance.id),
        connector: "crm".parse().unwrap(),
        tools: vec![tool.parse().unwrap()],
        resource: None,
        lasts: MINUTES * minutes,
        justification: "INC-4451".to_owned(),
        asked_by: None,
    }
}

async fn actor(world: &World) -> Actor {
    world.agent("billing").on_behalf_of("bob").life(Duration::from_secs(3600)).start().await
}

async fn given(world: &World, wish: GrantWish) -> Arc<Grant> {
    let asked = world.engine.ask_grant(wish).await.unwrap();
    assert_eq!(asked.state, GrantState::Pending);
    world.engine.answer_grant(asked.id, true, &"sue".parse().unwrap(), "fine").await.unwrap()
}

fn changes(world: &World) -> Vec<String> {
    world.receipts("grant").iter().map(|receipt| text(receipt, "change")).collect()
}

#[tokio::test]
async fn what_is_low_risk_and_read_only_is_given_in_the_same_moment_and_is_unusable_in_minute_six() {
    let world = world().await;
    let billing = actor(&world).await;
    refused(&billing.calls(READ, DEAL).await, Code::NoGrant);
    let grant = world.engine.ask_grant(wish(&billing, "get_deal", 5)).await.unwrap();
    assert_eq!(grant.state.as_str(), "given");
    answered(&billing.calls(READ, DEAL).await);
    let decision = world.receipts("decision").pop().unwrap();
    assert_eq!(decision.member("reasons").unwrap().canonical(), format!(r#"["{}"]"#, grant.id));
    world.clock.advance(MINUTES * 5 - Duration::from_micros(1));
    answered(&billing.calls(READ, DEAL).await);
    world.clock.advance(Duration::from_micros(1));
    refused(&billing.calls(READ, DEAL).await, Code::NoGrant);
    assert_eq!(changes(&world), ["grant_given"]);
    let receipt = world.receipts("grant").pop().unwrap();
    assert_eq!(text(receipt.member("about").unwrap(), "rule"), "reads-are-granted-at-once");
}

#[tokio::test]
async fn other_requests_wait_for_a_person_and_hold_from_the_answer_on() {
    let mut world = world().await;
    let billing = actor(&world).await;
    let asked = world.engine.ask_grant(wish(&billing, "update_deal", 10)).await.unwrap();
    let again = world.engine.ask_grant(wish(&billing, "update_deal", 10)).await.unwrap();
    assert_eq!((again.id, &asked.state), (asked.id, &GrantState::Pending));
    refused(&billing.calls(UPDATE, NOTE).await, Code::NoGrant);
    world.clock.advance(MINUTES * 20);
    let by = |name: &str| name.parse().unwrap();
    for nobody in ["ana", "bob", "eve", "stranger"] {
        let answer = world.engine.answer_grant(asked.id, true, &by(nobody), "").await;
        assert!(matches!(answer, Err(GrantError::NotAllowed { .. })), "{nobody}");
    }
    world.engine.answer_grant(asked.id, true, &by("sue"), "fine").await.unwrap();
    answered(&billing.calls(UPDATE, NOTE).await);
    let twice = world.engine.answer_grant(asked.id, false, &by("sue"), "").await;
    assert!(matches!(twice, Err(GrantError::Closed(_))));
    // A restart knows it, and when it ends.
    world.restart().await;
    world.clock.advance(MINUTES * 9);
    answered(&calls_anew(&world, &billing, UPDATE, NOTE).await);
    world.clock.advance(MINUTES);
    refused(&calls_anew(&world, &billing, UPDATE, NOTE).await, Code::NoGrant);
    assert_eq!(changes(&world), ["grant_asked", "grant_given"]);
}

#[tokio::test]
async fn what_is_denied_or_not_answered_in_time_never_holds() {
    let world = world().await;
    let billing = actor(&world).await;
    let sue = "sue".parse().unwrap();
    let asked = world.engine.ask_grant(wish(&billing, "update_deal", 10)).await.unwrap();
    world.engine.answer_grant(asked.id, false, &sue, "no").await.unwrap();
    // The agent does not ask until somebody gives in; a person who knows better may.
    let again = world.engine.ask_grant(wish(&billing, "update_deal", 11)).await.unwrap();
    assert_eq!(again.id, asked.id);
    let by_person = GrantWish { asked_by: Some("bob".parse().unwrap()), ..wish(&billing, "update_deal", 11) };
    let late = world.engine.ask_grant(by_person).await.unwrap();
    assert_eq!(world.notifier.grants().iter().map(|grant| grant.id).collect::<Vec<_>>(), [asked.id, late.id]);
    world.clock.advance(Duration::from_secs(4 * 3600));
    let answer = world.engine.answer_grant(late.id, true, &sue, "").await;
    assert!(matches!(answer, Err(GrantError::Closed(_))));
    let unknown = GrantId::new(late.asked, [9; 10]);
    assert!(matches!(world.engine.answer_grant(unknown, true, &sue, "").await, Err(GrantError::Unknown(_))));
    assert_eq!(changes(&world), ["grant_asked", "grant_denied", "grant_asked"]);
}

#[tokio::test]
async fn a_grant_is_for_its_run_its_tool_and_its_resource_alone() {
    let world = world().await;
    owner(&world, "dana", "dana");
    let (billing, other) = (actor(&world).await, actor(&world).await);
    let resource = Some(Resource { kind: "Deal".to_owned(), id: "D-bob".to_owned() });
    given(&world, GrantWish { resource, ..wish(&billing, "update_deal", 10) }).await;
    answered(&billing.calls(UPDATE, NOTE).await);
    refused(&billing.calls(UPDATE, r#"{"deal_id":"D-dana","notes":"x"}"#).await, Code::NoGrant);
    refused(&other.calls(UPDATE, NOTE).await, Code::NoGrant);
    refused(&billing.calls("crm.add_note", "{}").await, Code::NoGrant);
    // For the agent: every run of it, and no other agent.
    given(&world, GrantWish { instance: None, ..wish(&billing, "add_note", 10) }).await;
    answered(&other.calls("crm.add_note", "{}").await);
    let stranger = world.agent("stranger").start().await;
    refused(&stranger.calls("crm.add_note", "{}").await, Code::NoGrant);
}

#[tokio::test]
async fn vetoes_hold_whatever_is_granted() {
    let world = world().await;
    let billing = actor(&world).await;
    given(&world, wish(&billing, "close_deal", 10)).await;
    refused(&billing.calls("crm.close_deal", NOTE).await, Code::Vetoed);
}

#[tokio::test]
async fn nothing_is_granted_beyond_the_ceiling_of_the_tier() {
    let world = world().await;
    let reader = world.agent("reader").tier(Tier::One).start().await;
    let asked = world.engine.ask_grant(wish(&reader, "update_deal", 5)).await;
    assert!(matches!(asked, Err(GrantError::Ceiling(_))), "{asked:?}");
    let billing = actor(&world).await;
    let long = world.engine.ask_grant(wish(&billing, "get_deal", 24 * 60 + 1)).await;
    assert!(matches!(long, Err(GrantError::Ceiling(_))), "{long:?}");
    for (wish, why) in [
        (GrantWish { justification: " ".to_owned(), ..wish(&billing, "get_deal", 5) }, "say why"),
        (GrantWish { tools: vec![], ..wish(&billing, "get_deal", 5) }, "name 1 to"),
        (GrantWish { lasts: Duration::ZERO, ..wish(&billing, "get_deal", 5) }, "for how long"),
        (GrantWish { instance: Some(reader.instance.id), ..wish(&billing, "get_deal", 5) }, "no run of"),
    ] {
        let error = world.engine.ask_grant(wish).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(changes(&world), [""; 0]);
}

#[tokio::test]
async fn after_a_grant_is_taken_back_no_call_runs_by_it() {
    let mut world = world().await;
    let billing = actor(&world).await;
    let grant = given(&world, wish(&billing, "update_deal", 10)).await;
    answered(&billing.calls(UPDATE, NOTE).await);
    world.engine.revoke_grant(grant.id, &"sue".parse().unwrap(), "enough").await.unwrap();
    refused(&billing.calls(UPDATE, NOTE).await, Code::NoGrant);
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, NOTE).await, Code::NoGrant);
    let twice = world.engine.revoke_grant(grant.id, &"eve".parse().unwrap(), "").await.unwrap();
    assert!(matches!(&twice.state, GrantState::Revoked(answer) if answer.by.as_str() == "sue"));
    assert_eq!(changes(&world), ["grant_asked", "grant_given", "grant_revoked"]);
}

#[tokio::test]
async fn a_running_call_is_told_when_the_grant_it_runs_by_has_ended() {
    let world = world().await;
    let billing = actor(&world).await;
    let (connector, operation) =
        ("crm".parse().unwrap(), placet_domain::Operation::Tool("update_deal".parse().unwrap()));
    let stands = || world.engine.stands(billing.instance.id, &connector, Some(&operation));
    let grant = given(&world, wish(&billing, "update_deal", 10)).await;
    world.failpoints.hang(PortOperation::ConnectorsPerform);
    let running = tokio::spawn({
        let billing = billing.clone();
        async move { billing.calls(UPDATE, NOTE).await }
    });
    while world.sent().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(stands().is_ok());
    let caller = world.engine.authenticate(&billing.credential()).unwrap();
    let ended = world.engine.ended(&caller, &connector, Some(&operation));
    world.engine.revoke_grant(grant.id, &"sue".parse().unwrap(), "").await.unwrap();
    let refusal = tokio::time::timeout(Duration::from_secs(1), ended).await.unwrap();
    assert_eq!(refusal.code, Code::GrantEnded);
    running.abort();
    drop(running.await);
    // Nothing leans on it any more.
    assert!(stands().is_ok());
    let second = given(&world, wish(&billing, "update_deal", 10)).await;
    let running = tokio::spawn({
        let billing = billing.clone();
        async move { billing.calls(UPDATE, NOTE).await }
    });
    while world.sent().len() < 2 {
        tokio::task::yield_now().await;
    }
    world.clock.set(second.expires);
    assert_eq!(stands().unwrap_err().code, Code::GrantEnded);
    running.abort();
}

#[tokio::test]
async fn a_grant_that_is_not_on_record_or_not_stored_does_not_hold() {
    for operation in [PortOperation::LedgerAppend, PortOperation::GrantsPut] {
        let world = world().await;
        let billing = actor(&world).await;
        world.failpoints.fail_before(operation);
        assert!(world.engine.ask_grant(wish(&billing, "get_deal", 5)).await.is_err());
        world.failpoints.heal();
        refused(&billing.calls(READ, DEAL).await, Code::NoGrant);
    }
    let world = world().await;
    let billing = actor(&world).await;
    let grant = world.engine.ask_grant(wish(&billing, "get_deal", 5)).await.unwrap();
    world.failpoints.fail_before(PortOperation::GrantsPut);
    assert!(world.engine.revoke_grant(grant.id, &"sue".parse().unwrap(), "").await.is_err());
    world.failpoints.heal();
    refused(&billing.calls(READ, DEAL).await, Code::NoGrant);
}

#[tokio::test]
async fn a_granted_tool_is_shown_as_long_as_the_grant_holds() {
    let world = world().await;
    let billing = actor(&world).await;
    let caller = world.engine.authenticate(&billing.credential()).unwrap();
    let shown = || world.engine.shows(&caller, &"crm".parse().unwrap(), &"get_deal".parse().unwrap());
    assert!(!shown());
    world.engine.ask_grant(wish(&billing, "get_deal", 5)).await.unwrap();
    assert!(shown());
    world.clock.advance(MINUTES * 5);
    assert!(!shown());
}

#[tokio::test]
async fn an_agent_has_only_so_many_requests_open() {
    let world = world().await;
    let billing = actor(&world).await;
    for minutes in 1..=20 {
        world.engine.ask_grant(wish(&billing, "update_deal", minutes)).await.unwrap();
    }
    let more = world.engine.ask_grant(wish(&billing, "update_deal", 21)).await;
    assert!(matches!(more, Err(GrantError::TooMany { .. })));
}

#[tokio::test]
async fn whoever_asked_started_the_run_or_is_acted_for_does_not_give() {
    let world = builder()
        .person("sue", &["security"])
        .person("sam", &["security"])
        .person("ben", &["security"])
        .policies(REVIEW)
        .policies(r#"@id("generous") permit (principal is User, action == Action::"grant", resource);"#)
        .open()
        .await;
    let billing = world.agent("billing").on_behalf_of("ben").start().await;
    let asked_by = Some("sam".parse().unwrap());
    let asked =
        world.engine.ask_grant(GrantWish { asked_by, ..wish(&billing, "update_deal", 5) }).await.unwrap();
    for (who, why) in [
        ("sam", "asked for themselves"),
        ("ben", "on their own behalf"),
        ("ana", "who started the run"),
        ("nobody", "not declared"),
    ] {
        let answer = world.engine.answer_grant(asked.id, true, &who.parse().unwrap(), "").await;
        let told = answer.unwrap_err().to_string();
        assert!(told.contains(why) || who == "ana" && told.contains("forbids it"), "{who}: {told}");
    }
    world.engine.answer_grant(asked.id, true, &"sue".parse().unwrap(), "").await.unwrap();
}

#[tokio::test]
async fn a_refused_agent_is_told_to_ask_where_that_would_help_and_only_there() {
    let world = world().await;
    let billing = actor(&world).await;
    let next = |reply| refusal(reply).unwrap().next.clone();
    let reply = billing.calls(UPDATE, NOTE).await;
    assert!(next(&reply).contains("`placet-request-permission` with `tools` [\"update_deal\"]"), "{reply:?}");
    // A veto is not lifted by a grant, nor is the ceiling.
    let vetoed = billing.calls("crm.close_deal", NOTE).await;
    assert!(!next(&vetoed).contains("placet-request-permission"), "{vetoed:?}");
    let reader = world.agent("reader").tier(Tier::One).start().await;
    let beyond = reader.calls("crm.add_note", "{}").await;
    refused(&beyond, Code::NoGrant);
    assert!(!next(&beyond).contains("placet-request-permission"), "{beyond:?}");
    // Nor where no policy gives grants.
    let without = builder().policies(APPROVERS).open().await;
    let billing = without.agent("billing").start().await;
    assert!(!next(&billing.calls("crm.add_note", "{}").await).contains("placet-request-permission"));
    let asked = without.engine.ask_grant(wish(&billing, "add_note", 5)).await;
    assert!(matches!(asked, Err(GrantError::Ceiling(_))), "{asked:?}");
}

#[tokio::test]
async fn a_grant_that_is_taken_back_while_its_call_is_judged_lets_nothing_go() {
    let mut world = world().await;
    let sue = "sue".parse().unwrap();
    let gate = Arc::new(Gate::default());
    world.ports.connectors = Arc::new(SlowFacts { connectors: world.connectors.clone(), gate: gate.clone() });
    world.ports.ledger = Arc::new(SlowLedger { ledger: world.ledger.clone(), gate: gate.clone() });
    world.restart().await;
    let billing = actor(&world).await;
    // While its facts are looked up; and while its decision is being written.
    for arrivals in [1, 2] {
        let grant = given(&world, wish(&billing, "update_deal", 10)).await;
        gate.shut();
        let running = billing.clone();
        let late = tokio::spawn(async move { running.calls(UPDATE, NOTE).await });
        for arrival in 1..=arrivals {
            gate.arrival().await;
            if arrival < arrivals {
                gate.shut();
                gate.open();
            }
        }
        world.engine.revoke_grant(grant.id, &sue, "").await.unwrap();
        gate.open();
        let reply = late.await.unwrap();
        refused(&reply, if arrivals == 1 { Code::NoGrant } else { Code::GrantEnded });
        assert_eq!(world.sent(), []);
    }
    let outcome = world.receipts("outcome").pop().unwrap();
    assert_eq!(text(&outcome, "outcome"), "failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_is_sent_after_its_grant_was_taken_back() {
    let world = Arc::new(world().await);
    let billing = actor(&world).await;
    for round in 0..10 {
        let grant = given(&world, wish(&billing, "update_deal", 10)).await;
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let billing = billing.clone();
                tokio::spawn(async move { while refusal(&billing.calls(UPDATE, NOTE).await).is_none() {} })
            })
            .collect();
        while world.sent().len() < round + 1 {
            tokio::task::yield_now().await;
        }
        world.engine.revoke_grant(grant.id, &"sue".parse().unwrap(), "").await.unwrap();
        refused(&billing.calls(UPDATE, NOTE).await, Code::NoGrant);
        for caller in callers {
            caller.await.unwrap();
        }
    }
    // In the order of the ledger: what was allowed by a grant that had been taken back did not go out.
    let (mut gone, mut late, mut unsent) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for receipt in world.ledger.receipts() {
        let of = |member| text(&receipt, member);
        match (of("kind").as_str(), of("change").as_str()) {
            ("grant", "grant_revoked") => {
                gone.insert(text(receipt.member("about").unwrap(), "grant"));
            }
            ("decision", _) if of("verdict") == "allow" && of("code").is_empty() => {
                let reasons = receipt.member("reasons").and_then(Json::as_array).unwrap();
                if reasons.iter().any(|reason| gone.contains(reason.as_str().unwrap())) {
                    late.insert(of("call"));
                }
            }
            ("outcome", _) if of("outcome") == "failed" => {
                unsent.insert(of("call"));
            }
            _ => {}
        }
    }
    assert!(late.is_subset(&unsent), "{late:?} {unsent:?}");
    assert_eq!(world.receipts("outcome").len(), world.sent().len() + unsent.len());
}

#[tokio::test]
async fn what_was_taken_back_without_its_receipt_stays_so_and_is_recorded_later() {
    let mut world = world().await;
    let billing = actor(&world).await;
    let grant = given(&world, wish(&billing, "update_deal", 30)).await;
    let sue: placet_domain::PersonName = "sue".parse().unwrap();
    world.failpoints.fail_before(PortOperation::LedgerAppend);
    assert!(matches!(world.engine.revoke_grant(grant.id, &sue, "x").await, Err(GrantError::Ledger(_))));
    world.failpoints.heal();
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, NOTE).await, Code::NoGrant);
    assert_eq!(changes(&world), ["grant_asked", "grant_given"]);
    for _ in 0..2 {
        world.engine.tend_grants().await.unwrap();
        assert_eq!(changes(&world), ["grant_asked", "grant_given", "grant_revoked"]);
    }
    // What the store did not take is asked for again.
    let second = given(&world, wish(&billing.at(&world), "update_deal", 30)).await;
    world.failpoints.fail_before(PortOperation::GrantsPut);
    assert!(matches!(world.engine.revoke_grant(second.id, &sue, "x").await, Err(GrantError::Store(_))));
    world.failpoints.heal();
    world.engine.revoke_grant(second.id, &sue, "x").await.unwrap();
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, NOTE).await, Code::NoGrant);
    // Long after, nothing but the receipts is kept.
    world.clock.advance(Duration::from_secs(31 * 24 * 3600));
    world.engine.tend_grants().await.unwrap();
    assert!(world.engine.grants().is_empty() && world.ports.grants.grants().is_empty());
}

#[tokio::test]
async fn a_grant_dies_with_its_run_and_cannot_be_given_after_it() {
    let world = world().await;
    let billing = actor(&world).await;
    let grant = given(&world, wish(&billing, "update_deal", 30)).await;
    let open = world.engine.ask_grant(wish(&billing, "add_note", 30)).await.unwrap();
    assert_eq!(world.engine.standing(&grant), "given");
    world.engine.revoke(billing.instance.id, &"ana".parse().unwrap()).await.unwrap();
    assert_eq!((world.engine.standing(&grant), world.engine.standing(&open)), ("expired", "expired"));
    refused(&billing.calls(UPDATE, NOTE).await, Code::RevokedInstance);
    let late = world.engine.answer_grant(open.id, true, &"sue".parse().unwrap(), "").await;
    assert!(matches!(late, Err(GrantError::Wish(_))), "{late:?}");
    // Nor does one outlive it that asks for more time than the run has.
    let short = world.agent("billing").on_behalf_of("bob").life(MINUTES * 5).start().await;
    let grant = given(&world, wish(&short, "add_note", 30)).await;
    assert_eq!(grant.expires, short.instance.expires);
}

#[tokio::test]
async fn what_is_lent_is_not_lent_on() {
    let world = builder()
        .person("sue", &["security"])
        .policies(REVIEW)
        .policies(r#"@id("helps") permit (principal == Agent::"helper", action == Action::"crm.add_note", resource);"#)
        .open()
        .await;
    let parent = world.agent("billing").on_behalf_of("bob").start().await;
    given(&world, GrantWish { instance: None, ..wish(&parent, "add_note", 10) }).await;
    answered(&parent.calls("crm.add_note", "{}").await);
    let child = world.agent("billing").on_behalf_of("bob").child_of(&parent).start().await;
    answered(&child.calls("crm.add_note", "{}").await);
    let helper = world.agent("helper").on_behalf_of("bob").child_of(&parent).start().await;
    refused(&helper.calls("crm.add_note", "{}").await, Code::NoGrant);
}

#[tokio::test]
async fn gates_and_limits_count_for_a_granted_call_and_it_replays() {
    let world = builder()
        .person("sue", &["security"])
        .policies(REVIEW)
        .policies(APPROVERS)
        .policies(
            r#"@id("ask") @unless("approval") @approvers("sales-managers") @timeout("1h")
            forbid (principal, action == Action::"crm.update_deal", resource);
            @id("two") @unless("rate_limit") @limit("2/1h") @key("agent")
            forbid (principal, action == Action::"crm.add_note", resource);"#,
        )
        .open()
        .await;
    owner(&world, "bob", "bob");
    let billing = actor(&world).await;
    given(&world, wish(&billing, "update_deal", 30)).await;
    let ticket = super::crm::asked(&billing.calls(UPDATE, NOTE).await);
    world.approve(ticket, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, NOTE).await);
    given(&world, wish(&billing, "add_note", 30)).await;
    answered(&billing.calls("crm.add_note", "{}").await);
    answered(&billing.calls("crm.add_note", "{}").await);
    refused(&billing.calls("crm.add_note", "{}").await, Code::LimitReached);
    let found = world.engine.replay_as_recorded(placet_domain::Timestamp::from_micros(0)).await.unwrap();
    assert_eq!((found.flips, found.not_kept), (vec![], 0), "{:?}", found.unknown);
    assert!(found.judged >= 4, "{}", found.judged);
}

#[tokio::test]
async fn a_grant_counts_where_another_enforcement_point_asks() {
    let world = world().await;
    let billing = actor(&world).await;
    let caller = world.engine.authenticate(&billing.credential()).unwrap();
    let call = || billing.attempt(READ, DEAL).call.unwrap();
    let asking = Asking::Nobody(None);
    let before = world.engine.evaluate_call(&caller, call(), asking, "authzen").await;
    assert_eq!(before.refusal.unwrap().code, Code::NoGrant);
    let grant = world.engine.ask_grant(wish(&billing, "get_deal", 5)).await.unwrap();
    assert!(world.engine.evaluate_call(&caller, call(), asking, "authzen").await.allows());
    let decision = world.receipts("decision").pop().unwrap();
    assert_eq!(decision.member("reasons").unwrap().canonical(), format!(r#"["{}"]"#, grant.id));
    world.clock.advance(MINUTES * 5);
    let after = world.engine.evaluate_call(&caller, call(), asking, "authzen").await;
    assert_eq!(after.refusal.unwrap().code, Code::NoGrant);
}
