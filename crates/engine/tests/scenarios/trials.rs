//! Policies that are only tried, and past calls judged anew.

use std::time::Duration;

use placet_domain::{Code, Json, Timestamp};
use placet_engine::{Aim, CandidateKind, Forgotten, Origin, Promotion, ReloadError};
use placet_testkit::World;

use super::crm::{HUGE, LARGE, SMALL, UPDATE, answered, asked, billing, refused, rules_and, text, world};

const STRICT: &str = r#"@id("strict") forbid (principal, action == Action::"crm.update_deal", resource)
    when { context.input has amount && context.input.amount < 10 };"#;
const BEFORE: Timestamp = Timestamp::from_micros(0);

async fn promote(world: &World, more: &str, aim: Aim) {
    let by = Some("bob".parse().unwrap());
    let wish = Promotion { sources: rules_and(more), origin: Origin::Folder, by, aim };
    world.engine.promote(wish).await.unwrap();
}

fn shadow_of(receipt: &Json) -> Vec<(String, String)> {
    let shadow = receipt.member("shadow").and_then(Json::as_array).unwrap_or_default();
    shadow.iter().map(|one| (text(one, "policy"), text(one, "verdict"))).collect()
}

#[tokio::test]
async fn a_set_on_trial_changes_no_call_and_leaves_what_it_would_have_said() {
    let world = world().await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    assert_eq!(shadow_of(&world.receipts("decision").pop().unwrap()), []);
    promote(&world, STRICT, Aim::Shadow).await;
    let tried = world.engine.policy_candidates().await.unwrap()[0].revision.to_string();
    assert_ne!(world.engine.revision().to_string(), tried);
    answered(&billing.calls(UPDATE, SMALL).await);
    assert_eq!(shadow_of(&world.receipts("decision").pop().unwrap()), [(tried, "deny".to_owned())]);
    // Where it says the same there is nothing to tell.
    asked(&billing.calls(UPDATE, LARGE).await);
    assert_eq!(shadow_of(&world.receipts("decision").pop().unwrap()), []);
    let found = world.engine.differing().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].agent.as_str(), found[0].count), ("billing", 1));
    assert_eq!((found[0].verdict.as_str(), found[0].shadow.as_str()), ("allow", "deny"));
    assert_eq!(found[0].reasons, ["strict"]);
    let counts = world.engine.tried();
    assert_eq!((counts.same, counts.differing, counts.failed), (1, 1, 0));
    world.engine.withdraw_candidate(CandidateKind::Shadow, None).await.unwrap();
    answered(&billing.calls(UPDATE, SMALL).await);
    assert_eq!(world.engine.tried().differing, 1);
}

#[tokio::test]
async fn a_policy_in_shadow_mode_is_tried_beside_those_that_count() {
    let world = world().await;
    let only_tried = STRICT.replace("@id", "@mode(\"shadow\") @id");
    world.engine.reload(rules_and(&only_tried), None).await.unwrap();
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    let receipt = world.receipts("decision").pop().unwrap();
    assert_eq!(shadow_of(&receipt), [(text(&receipt, "policy"), "deny".to_owned())]);
    assert_eq!(text(&receipt, "verdict"), "allow");
    // A grant that is only tried grants nothing either.
    let tried =
        r#"@id("t") @mode("shadow") permit (principal, action == Action::"crm.delete_deal", resource);"#;
    world.engine.reload(rules_and(tried), None).await.unwrap();
    billing.calls("crm.delete_deal", SMALL).await;
    let receipt = world.receipts("decision").pop().unwrap();
    assert_eq!((text(&receipt, "verdict").as_str(), shadow_of(&receipt)[0].1.as_str()), ("deny", "allow"));
}

#[tokio::test]
async fn every_decision_of_the_log_comes_out_again_under_the_revision_it_names() {
    let world = world().await;
    for turn in 0..3 {
        let billing = billing(&world).await;
        for arguments in [SMALL, HUGE, LARGE] {
            billing.calls(UPDATE, arguments).await;
        }
        billing.calls("crm.get_deal", r#"{"deal_id":"D-bob"}"#).await;
        billing.calls("crm.delete_deal", SMALL).await;
        billing.calls("crm.add_note", r#"{"anything":[1,{"x":null}]}"#).await;
        world.clock.advance(Duration::from_secs(40_000));
        promote(&world, &format!("{STRICT} // {turn}"), Aim::Everybody).await;
    }
    let billing = billing(&world).await;
    let ticket = asked(&billing.calls(UPDATE, LARGE).await);
    world.approve(ticket, "alice").await.unwrap();
    answered(&billing.calls(UPDATE, LARGE).await);
    let found = world.engine.replay_as_recorded(BEFORE).await.unwrap();
    assert_eq!((found.flips, found.unknown.len(), found.not_kept), (vec![], 0, 0));
    assert_eq!(found.judged, found.decisions);
    assert!(found.decisions >= 20, "{}", found.decisions);
}

#[tokio::test]
async fn a_replay_tells_what_a_candidate_would_change_by_agent_owner_and_tool() {
    let world = world().await;
    let billing = billing(&world).await;
    for arguments in [SMALL, SMALL, HUGE, LARGE] {
        billing.calls(UPDATE, arguments).await;
    }
    let found = world.engine.replay(rules_and(STRICT), BEFORE).await.unwrap();
    assert_eq!((found.decisions, found.judged), (4, 4));
    assert_eq!(found.flips.len(), 1);
    let flip = &found.flips[0];
    assert_eq!(
        (flip.agent.as_str(), flip.owner.as_str(), flip.operation.as_str()),
        ("billing", "ana", UPDATE)
    );
    assert_eq!((flip.from.as_str(), flip.to.as_str(), flip.count), ("allow", "deny", 2));
    assert_eq!(flip.reasons, ["strict"]);
    let more = r#"@id("ask") @unless("approval") @approvers("sales-managers")
        forbid (principal, action == Action::"crm.update_deal", resource);"#;
    let found = world.engine.replay(rules_and(more), BEFORE).await.unwrap();
    assert_eq!(found.asking.values().copied().collect::<Vec<_>>(), [(1, 3)]);
    let later = world.engine.replay(rules_and(STRICT), Timestamp::from_micros(i64::MAX)).await.unwrap();
    assert_eq!(later.decisions, 0);
}

#[tokio::test]
async fn a_call_that_a_limit_refused_comes_out_again_and_a_wider_limit_lets_it_pass() {
    const LIMIT: &str = r#"@id("changes") @unless("rate_limit") @limit("1/1h") @key("agent")
        forbid (principal, action == Action::"crm.update_deal", resource);"#;
    let world = world().await;
    promote(&world, LIMIT, Aim::Everybody).await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    for _ in 0..2 {
        refused(&billing.calls(UPDATE, SMALL).await, Code::LimitReached);
    }
    let found = world.engine.replay_as_recorded(BEFORE).await.unwrap();
    assert_eq!((found.flips, found.unknown.len()), (vec![], 0));
    assert_eq!((found.judged, found.decisions), (3, 3));
    // Each call beside what the counter showed at its time.
    let found = world.engine.replay(rules_and(&LIMIT.replace("1/1h", "2/1h")), BEFORE).await.unwrap();
    let flips: Vec<_> =
        found.flips.iter().map(|flip| (flip.from.as_str(), flip.to.as_str(), flip.count)).collect();
    assert_eq!(flips, [("deny", "allow", 2)]);
}

#[tokio::test]
async fn what_no_policy_read_is_not_kept_and_a_candidate_that_reads_it_is_told() {
    let world = world().await;
    let billing = billing(&world).await;
    let secret = r#"{"deal_id":"D-bob","amount":5,"notes":"a secret"}"#;
    answered(&billing.calls(UPDATE, secret).await);
    let extracts = world.ports.extracts.clone().unwrap();
    let mut kept = String::new();
    for day in extracts.days().unwrap() {
        extracts.day(day, &mut |_, extract| kept.push_str(&extract.canonical())).unwrap();
    }
    assert!(kept.contains("\"amount\":5") && !kept.contains("a secret"), "{kept}");
    let curious = r#"@id("c") forbid (principal, action == Action::"crm.update_deal", resource)
        when { context.input has notes && context.input.notes like "*secret*" };"#;
    let found = world.engine.replay(rules_and(curious), BEFORE).await.unwrap();
    assert_eq!((found.judged, found.flips.len()), (0, 0));
    assert_eq!(found.unknown.keys().collect::<Vec<_>>(), ["it reads `notes`, which was not kept"]);
    // Once it is on trial, what it reads is kept.
    promote(&world, curious, Aim::Shadow).await;
    answered(&billing.calls(UPDATE, secret).await);
    let found = world.engine.replay(rules_and(curious), BEFORE).await.unwrap();
    assert_eq!((found.judged, found.flips.len()), (1, 1));
}

#[tokio::test]
async fn erased_extracts_are_gone_and_that_is_on_record() {
    let world = world().await;
    answered(&billing(&world).await.calls(UPDATE, SMALL).await);
    let other = world.agent("other").on_behalf_of("bob").start().await;
    answered(&other.calls(UPDATE, SMALL).await);
    let ana = "ana".parse().unwrap();
    let erased = world.engine.forget_extracts(Forgotten::Agent("other".parse().unwrap()), &ana).await;
    assert_eq!(erased.unwrap(), 1);
    let receipt = world.receipts("policy").pop().unwrap();
    assert_eq!(
        (text(&receipt, "change").as_str(), text(&receipt, "by").as_str()),
        ("extracts_erased", "ana")
    );
    let found = world.engine.replay(rules_and(""), BEFORE).await.unwrap();
    assert_eq!((found.decisions, found.judged, found.not_kept), (2, 1, 1));
}

#[tokio::test]
async fn a_policy_that_decided_nothing_is_unused() {
    let world = world().await;
    answered(&billing(&world).await.calls(UPDATE, SMALL).await);
    let found = world.engine.unused_policies(BEFORE).await.unwrap();
    assert_eq!(found.decisions, 1);
    assert!(found.policies.contains(&"nothing-huge".to_owned()));
    assert!(!found.policies.contains(&"own-deals".to_owned()));
    // Policies about who may approve decide about no call.
    assert!(found.policies.iter().all(|id| !id.contains("approv")), "{:?}", found.policies);
}

#[tokio::test]
async fn without_extracts_there_is_no_replay() {
    let mut world = world().await;
    world.ports.extracts = None;
    world.restart().await;
    let replayed = world.engine.replay(rules_and(""), BEFORE).await;
    assert!(matches!(replayed, Err(ReloadError::Nothing(_))));
}
