//! Policy sets over time: kept, promoted, rolled back, before some agents only, and with a second person.

use placet_domain::{Code, Json, PolicyRevision};
use placet_engine::{
    Aim, CandidateKind, KeptError, Origin, PolicyRules, Promoted, Promotion, ReloadError, SecondPerson,
    Standing,
};
use placet_policy::PolicySource;
use placet_testkit::World;

use super::crm::{
    SMALL, UPDATE, answered, billing, builder, calls_anew, owner, refused, rules_and, text, world,
};

const FREEZE: &str = r#"@id("freeze") @reason("stocktaking") forbid (principal, action == Action::"crm.update_deal", resource);"#;
const THAW: &str = r#"@id("thaw") permit (principal, action == Action::"crm.delete_deal", resource);"#;

fn promotion(sources: Vec<PolicySource>, by: &str, aim: Aim) -> Promotion {
    Promotion { sources, origin: Origin::Folder, by: Some(by.parse().unwrap()), aim }
}

async fn promoted(world: &World, more: &str, aim: Aim) -> Result<Promoted, ReloadError> {
    world.engine.promote(promotion(rules_and(more), "bob", aim)).await
}

/// Where changes that widen need somebody of `security`.
async fn careful() -> World {
    let rules = PolicyRules { second_person: SecondPerson::Widening, ..PolicyRules::default() };
    let world = builder().person("sam", &["security"]).person("bert", &["security"]).policy_rules(rules);
    let world = world.policies(super::crm::RULES).policies(super::crm::APPROVERS).open().await;
    owner(&world, "bob", "bob");
    world
}

fn last_about(world: &World) -> Json {
    world.receipts("policy").pop().unwrap().member("about").unwrap().clone()
}

#[tokio::test]
async fn every_revision_that_judged_loads_again_by_its_digest_and_judges_the_same() {
    let world = world().await;
    let first = world.engine.revision();
    let second = promoted(&world, FREEZE, Aim::Everybody).await.unwrap().revision;
    assert_ne!(first, second);
    for revision in [first, second] {
        let kept = world.engine.kept_revision(revision).await.unwrap();
        assert_eq!(kept.revision(), revision);
        let frozen = kept.policy_count() > world.engine.kept_revision(first).await.unwrap().policy_count();
        assert_eq!(frozen, revision == second);
    }
    let unknown = PolicyRevision(placet_domain::Digest::of(b"never"));
    assert!(matches!(world.engine.kept_revision(unknown).await, Err(KeptError::Unknown(_))));
}

#[tokio::test]
async fn an_activation_tells_which_policies_differ_and_who_gains_and_loses() {
    let world = world().await;
    answered(&billing(&world).await.calls(UPDATE, SMALL).await);
    let found = promoted(&world, FREEZE, Aim::Everybody).await.unwrap();
    assert_eq!(found.standing, Standing::InForce);
    let difference = found.difference.unwrap();
    assert!(!difference.policies.widens);
    let about = last_about(&world);
    let names = |key: &str| -> Vec<String> {
        let names = about.member(key).and_then(Json::as_array).unwrap_or_default();
        names.iter().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    assert_eq!((names("added"), names("removed")), (vec!["freeze".to_owned()], vec![]));
    assert_eq!(text(&about, "origin"), "folder");
    let losses = about.member("losses").and_then(Json::as_array).unwrap();
    assert_eq!((text(&losses[0], "agent"), text(&losses[0], "tool")), ("billing".into(), UPDATE.into()));
    assert_eq!((text(&losses[0], "from"), text(&losses[0], "to")), ("open".into(), "denied".into()));
    assert!(promoted(&world, THAW, Aim::Everybody).await.unwrap().difference.unwrap().policies.widens);
}

#[tokio::test]
async fn a_rollback_goes_back_step_by_step() {
    let world = world().await;
    let first = world.engine.revision();
    let second = promoted(&world, FREEZE, Aim::Everybody).await.unwrap().revision;
    promoted(&world, "// later", Aim::Everybody).await.unwrap();
    let bob = "bob".parse().unwrap();
    assert_eq!(world.engine.rollback(&bob).await.unwrap().revision, second);
    assert_eq!(text(&last_about(&world), "origin"), "rollback");
    refused(&billing(&world).await.calls(UPDATE, SMALL).await, Code::Vetoed);
    assert_eq!(world.engine.rollback(&bob).await.unwrap().revision, first);
    answered(&billing(&world).await.calls(UPDATE, SMALL).await);
    assert!(matches!(world.engine.rollback(&bob).await, Err(ReloadError::Nothing(_))));
    assert_eq!(world.engine.policy_history(9).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_promotion_and_a_rollback_outlive_a_restart_until_the_files_change() {
    let mut world = world().await;
    let files = world.engine.revision();
    let frozen = promoted(&world, FREEZE, Aim::Everybody).await.unwrap().revision;
    let lines = world.engine.policy_history(9).await.unwrap().len();
    world.restart().await;
    assert_eq!(world.engine.revision(), frozen);
    assert_eq!(world.engine.policy_history(9).await.unwrap().len(), lines, "a start adds no line");
    let other = r#"@id("other") permit (principal, action == Action::"crm.add_note", resource);"#;
    world.restart_with(other).await;
    assert_eq!(world.engine.policies().policy_count(), 1);
    assert_ne!(world.engine.revision(), files);
    let actor = billing(&world).await;
    refused(&calls_anew(&world, &actor, UPDATE, SMALL).await, Code::NoGrant);
}

#[tokio::test]
async fn faulty_files_at_a_start_leave_the_set_of_before_in_force() {
    let mut world = world().await;
    let before = world.engine.revision();
    let restored = world.engine.restore_policies(Some(vec![PolicySource {
        name: "bad.cedar".to_owned(),
        text: "permit (".to_owned(),
    }]));
    assert!(matches!(restored.await, Err(ReloadError::Load(_))));
    assert_eq!(world.engine.revision(), before);
    world.restart().await;
    assert_eq!(world.engine.revision(), before);
}

#[tokio::test]
async fn a_canary_judges_the_named_agents_and_nobody_else() {
    let mut world = world().await;
    let aim = Aim::Canary(vec!["billing".parse().unwrap()]);
    let tried = promoted(&world, FREEZE, aim).await.unwrap();
    assert_eq!(tried.standing, Standing::Candidate(CandidateKind::Canary));
    refused(&billing(&world).await.calls(UPDATE, SMALL).await, Code::Vetoed);
    let receipt = world.receipts("decision").pop().unwrap();
    assert_eq!(text(&receipt, "policy"), tried.revision.to_string());
    let other = world.agent("other").on_behalf_of("bob").start().await;
    answered(&other.calls(UPDATE, SMALL).await);
    world.restart().await;
    let actor = billing(&world).await;
    refused(&calls_anew(&world, &actor, UPDATE, SMALL).await, Code::Vetoed);
    // For everybody: no candidate any more.
    promoted(&world, FREEZE, Aim::Everybody).await.unwrap();
    assert_eq!(world.engine.policy_candidates().await.unwrap(), []);
    let changes: Vec<String> = world.receipts("policy").iter().map(|one| text(one, "change")).collect();
    assert_eq!(changes[changes.len() - 2..], ["policy_activated", "policy_withdrawn"]);
}

#[tokio::test]
async fn a_canary_that_is_withdrawn_leaves_its_agents_to_the_set_in_force() {
    let world = world().await;
    promoted(&world, FREEZE, Aim::Canary(vec!["billing".parse().unwrap()])).await.unwrap();
    let bob = "bob".parse().unwrap();
    world.engine.withdraw_candidate(CandidateKind::Canary, Some(&bob)).await.unwrap();
    answered(&billing(&world).await.calls(UPDATE, SMALL).await);
    let again = world.engine.withdraw_candidate(CandidateKind::Canary, Some(&bob)).await;
    assert!(matches!(again, Err(ReloadError::Nothing(_))));
}

#[tokio::test]
async fn what_widens_waits_for_a_second_person_and_what_narrows_does_not() {
    let world = careful().await;
    let first = world.engine.revision();
    let narrowed = promoted(&world, FREEZE, Aim::Everybody).await.unwrap();
    assert_eq!(narrowed.standing, Standing::InForce);
    let wider = promoted(&world, THAW, Aim::Everybody).await.unwrap();
    assert_eq!(wider.standing, Standing::WAITS);
    assert_eq!(world.engine.revision(), narrowed.revision);
    assert_eq!(text(&last_about(&world), "asks"), "security");
    let approve = |revision, by: &str| {
        let (engine, by) = (world.engine.clone(), by.parse().unwrap());
        async move { engine.approve_policies(revision, &by).await }
    };
    for by in ["bob", "alice", "stranger"] {
        assert!(matches!(approve(wider.revision, by).await, Err(ReloadError::NotAllowed { .. })), "{by}");
    }
    assert!(matches!(approve(first, "sam").await, Err(ReloadError::Nothing(_))));
    assert_eq!(world.engine.revision(), narrowed.revision);
    assert_eq!(approve(wider.revision, "sam").await.unwrap().standing, Standing::InForce);
    assert_eq!(world.engine.revision(), wider.revision);
    assert_eq!(text(&last_about(&world), "approved_by"), "sam");
    assert_eq!(world.engine.policy_candidates().await.unwrap(), []);
    let history = world.engine.policy_history(1).await.unwrap();
    assert_eq!(history[0].approved_by.as_ref().map(ToString::to_string).as_deref(), Some("sam"));
}

#[tokio::test]
async fn nobody_is_the_second_person_of_their_own_change_and_of_another_than_was_shown() {
    let world = careful().await;
    let wish = promotion(rules_and(THAW), "sam", Aim::Everybody);
    let waits = world.engine.promote(wish).await.unwrap();
    let (sam, bert) = ("sam".parse().unwrap(), "bert".parse().unwrap());
    let own = world.engine.approve_policies(waits.revision, &sam).await;
    assert!(matches!(own, Err(ReloadError::NotAllowed { .. })));
    // What was in force when it was shown is not any more.
    promoted(&world, FREEZE, Aim::Everybody).await.unwrap();
    let late = world.engine.approve_policies(waits.revision, &bert).await;
    assert!(matches!(late, Err(ReloadError::Base(_))));
}

#[tokio::test]
async fn edited_files_and_canaries_that_widen_wait_as_well() {
    let mut world = careful().await;
    let before = world.engine.revision();
    let edited = world.engine.reload(rules_and(THAW), None).await;
    assert!(matches!(edited, Err(ReloadError::Waits { .. })));
    world.restart_with(&format!("{}{}{THAW}", super::crm::RULES, super::crm::APPROVERS)).await;
    assert_eq!(world.engine.revision(), before);
    let canary = Aim::Canary(vec!["billing".parse().unwrap()]);
    let waits = promoted(&world, THAW, canary).await.unwrap();
    assert_eq!(waits.standing, Standing::WAITS);
    let sam = "sam".parse().unwrap();
    let agreed = world.engine.approve_policies(waits.revision, &sam).await.unwrap();
    assert_eq!(agreed.standing, Standing::Candidate(CandidateKind::Canary));
    assert_eq!(world.engine.revision(), before);
}
