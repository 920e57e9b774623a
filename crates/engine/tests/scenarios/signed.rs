//! Where policies have to be signed, none comes into force by any way without it, and what was signed stays so.

use placet_domain::Code;
use placet_engine::{
    Aim, Origin, PolicyRules, Promoted, Promotion, ReloadError, Standing, signature_file, text_to_sign,
};
use placet_ledger::LogKey;
use placet_policy::PolicySource;
use placet_testkit::World;

use super::crm::{APPROVERS, RULES, SMALL, UPDATE, answered, billing, builder, owner, refused, rules_and};

const FREEZE: &str = r#"@id("freeze") @reason("stocktaking") forbid (principal, action == Action::"crm.update_deal", resource);"#;

fn key() -> LogKey {
    LogKey::from_seed("security@corp.example", &[7; 32]).unwrap()
}

fn signed(mut sources: Vec<PolicySource>) -> Vec<PolicySource> {
    let text = signature_file(&key().sign(&text_to_sign(&sources)));
    sources.push(PolicySource { name: "signature.cedar".to_owned(), text });
    sources
}

async fn world() -> World {
    let rules = PolicyRules { signers: vec![key().verifier().clone()], ..PolicyRules::default() };
    let named = |(number, text): (usize, &str)| PolicySource {
        name: format!("policies-{number}.cedar"),
        text: text.to_owned(),
    };
    let sources: Vec<PolicySource> = [RULES, APPROVERS].into_iter().enumerate().map(named).collect();
    let signature = signature_file(&key().sign(&text_to_sign(&sources)));
    let world = builder().policy_rules(rules).policies(RULES).policies(APPROVERS).policies(&signature);
    let world = world.open().await;
    owner(&world, "bob", "bob");
    world
}

async fn promoted(world: &World, sources: Vec<PolicySource>, aim: Aim) -> Result<Promoted, ReloadError> {
    let by = Some("bob".parse().unwrap());
    world.engine.promote(Promotion { sources, origin: Origin::Folder, by, aim }).await
}

#[tokio::test]
async fn unsigned_policies_come_into_force_in_no_way_and_signed_ones_hold_over_rollback_and_restart() {
    let mut world = world().await;
    let first = world.engine.revision();
    let billing = billing(&world).await;
    answered(&billing.calls(UPDATE, SMALL).await);
    for aim in [Aim::Everybody, Aim::Shadow, Aim::Canary(vec!["billing".parse().unwrap()])] {
        let mut altered = signed(rules_and(""));
        altered[2].text = FREEZE.to_owned();
        for sources in [rules_and(FREEZE), altered] {
            let error = promoted(&world, sources, aim.clone()).await.unwrap_err();
            assert!(matches!(error, ReloadError::Load(_)), "{error:?}");
        }
    }
    assert_eq!(world.engine.revision(), first);
    let frozen = promoted(&world, signed(rules_and(FREEZE)), Aim::Everybody).await.unwrap();
    assert_eq!(frozen.standing, Standing::InForce);
    refused(&billing.calls(UPDATE, SMALL).await, Code::Vetoed);
    // What was kept was kept with its signature.
    world.engine.rollback(&"bob".parse().unwrap()).await.unwrap();
    assert_eq!(world.engine.revision(), first);
    world.restart().await;
    assert_eq!(world.engine.revision(), first);
}
