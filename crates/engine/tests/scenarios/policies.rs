//! The rules in force: none denies, a bad set changes nothing, and a swap is seen whole or not at all.

use std::sync::Arc;

use placet_domain::{Code, Json};
use placet_engine::ReloadError;
use placet_policy::PolicySource;

use super::{
    crm::{
        APPROVERS, LARGE, RULES, SMALL, UPDATE, answered, asked, billing, builder, described, owner, refused,
        rules_and, text, world,
    },
    gated::{Gate, SlowLedger},
};

fn source(text: &str) -> Vec<PolicySource> {
    vec![PolicySource { name: "all.cedar".to_owned(), text: text.to_owned() }]
}

#[tokio::test]
async fn without_policies_everything_is_denied() {
    let world = builder().open().await;
    owner(&world, "bob", "bob");
    let billing = billing(&world).await;
    for operation in [UPDATE, "crm.get_deal", "crm.delete_deal"] {
        refused(&billing.calls(operation, SMALL).await, Code::NotJudged);
    }
    assert!(world.engine.ready().is_err());
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn an_empty_policy_set_denies_everything_that_was_allowed() {
    let world = world().await;
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    world.engine.reload(vec![], None).await.unwrap();
    refused(&billing.calls(UPDATE, SMALL).await, Code::NoGrant);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn a_bad_policy_set_changes_nothing() {
    let world = world().await;
    let billing = billing(&world).await;
    let before = world.engine.revision();
    for bad in [
        "permit (principal, action, resource);",
        r#"@id("a") permit (principal, action, resource"#,
        r#"@id("a") permit (principal, action == Action::"crm.no_such_tool", resource);"#,
        r#"@id("a") @unless("luck") forbid (principal, action, resource);"#,
        r#"@id("a") @unless("approval") forbid (principal, action, resource);"#,
        r#"@id("a") permit (principal, action, resource) when { context.input.amount > 1 };"#,
    ] {
        assert!(matches!(world.engine.reload(source(bad), None).await, Err(ReloadError::Load(_))), "{bad}");
        assert_eq!(world.engine.revision(), before, "{bad}");
        answered(&billing.calls(UPDATE, SMALL).await);
        asked(&billing.calls(UPDATE, LARGE).await);
    }
    assert_eq!(world.receipts("policy").len(), 1);
}

#[tokio::test]
async fn each_activation_leaves_a_receipt_that_names_both_revisions() {
    let world = world().await;
    let before = world.engine.revision();
    let after = world.engine.reload(rules_and(""), Some(&"ana".parse().unwrap())).await.unwrap();
    let receipt = world.receipts("policy").pop().unwrap();
    let about = receipt.member("about").unwrap();
    assert_eq!((text(about, "before"), text(about, "policy")), (before.to_string(), after.to_string()));
    assert_eq!(text(&receipt, "by"), "ana");
    // The same set again is no change.
    world.engine.reload(rules_and(""), None).await.unwrap();
    assert_eq!(world.receipts("policy").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_during_a_reload_are_judged_by_one_set_or_the_other() {
    let world = Arc::new(world().await);
    let strict = r#"@id("freeze") forbid (principal, action == Action::"crm.update_deal", resource)
        when { context.input has amount && context.input.amount > 3 };"#;
    let sets = [rules_and(""), rules_and(strict)];
    let first = world.engine.reload(sets[0].clone(), None).await.unwrap().to_string();
    let second = world.engine.reload(sets[1].clone(), None).await.unwrap().to_string();
    let mark = world.receipts("decision").len();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let billing = billing(&world).await;
                for amount in 0..50 {
                    let arguments = format!(r#"{{"deal_id":"D-bob","amount":{}}}"#, amount % 7);
                    billing.calls(UPDATE, &arguments).await;
                }
            })
        })
        .collect();
    for turn in 0..12 {
        world.engine.reload(sets[turn % 2].clone(), None).await.unwrap();
        tokio::task::yield_now().await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    let leaves = world.ledger.receipts();
    let mut seen = [0, 0];
    for (index, receipt) in
        leaves.iter().enumerate().filter(|(_, one)| text(one, "kind") == "decision").skip(mark)
    {
        let amount = opened(&world, index, receipt).expect("one of the amounts was committed to");
        let revision = text(receipt, "policy");
        let expected = match (revision == first, revision == second) {
            (true, _) => ("allow", "own-deals"),
            (_, true) if amount > 3 => ("deny", "freeze"),
            (_, true) => ("allow", "own-deals"),
            _ => panic!("a revision that was never in force: {revision}"),
        };
        let reasons = receipt.member("reasons").and_then(Json::as_array).unwrap();
        assert_eq!((text(receipt, "verdict").as_str(), reasons[0].as_str().unwrap()), expected);
        seen[usize::from(revision == second)] += 1;
    }
    assert_eq!(seen.iter().sum::<i32>(), 200);
}

/// Which of the amounts a decision receipt committed to.
fn opened(world: &placet_testkit::World, index: usize, receipt: &Json) -> Option<i64> {
    let opening = world.ledger.opening(index).unwrap();
    (0..7).find(|amount| {
        let params =
            format!(r#"{{"arguments":{{"amount":{amount},"deal_id":"D-bob"}},"name":"update_deal"}}"#);
        opening.commit("request", params.as_bytes()).to_string() == text(receipt, "request")
    })
}

#[tokio::test]
async fn a_tool_that_changes_during_a_reload_does_not_bring_the_old_policies_back() {
    let mut world = world().await;
    let gate = Arc::new(Gate::default());
    world.ports.ledger = Arc::new(SlowLedger { ledger: world.ledger.clone(), gate: gate.clone() });
    world.restart().await;
    let freeze =
        rules_and(r#"@id("freeze") forbid (principal, action == Action::"crm.update_deal", resource);"#);
    // One reload is being recorded and the next one waits for it when a new definition of a tool is seen.
    gate.shut();
    let reload = |set| {
        let engine = world.engine.clone();
        tokio::spawn(async move { engine.reload(set, None).await.unwrap() })
    };
    let first = reload(rules_and("// Reviewed."));
    gate.arrival().await;
    let second = reload(freeze);
    tokio::task::yield_now().await;
    world.connectors.show_tool("crm", described("get_deal", "other"));
    let look = tokio::spawn({
        let engine = world.engine.clone();
        async move { engine.refresh(&"crm".parse().unwrap()).await.unwrap() }
    });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    gate.open();
    first.await.unwrap();
    second.await.unwrap();
    look.await.unwrap();
    let actor = billing(&world).await;
    refused(&actor.calls(UPDATE, SMALL).await, Code::Vetoed);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn policies_that_do_not_fit_the_tools_yet_come_into_force_with_the_tool() {
    let world = builder().policies(RULES).policies(APPROVERS).open().await;
    owner(&world, "bob", "bob");
    let late = rules_and(r#"@id("late") permit (principal, action == Action::"crm.late_tool", resource);"#);
    assert!(world.engine.reload(late, None).await.is_err());
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    world.connectors.show_tool("crm", described("late_tool", "new"));
    let (crm, ana) = ("crm".parse().unwrap(), "ana".parse().unwrap());
    world.engine.refresh(&crm).await.unwrap();
    world.engine.accept(&crm, None, &ana).await.unwrap();
    answered(&billing.calls("crm.late_tool", SMALL).await);
}
