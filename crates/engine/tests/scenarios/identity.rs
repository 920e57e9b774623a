//! Only live instances of registered agents act, and revoked means revoked.

use std::{sync::Arc, time::Duration};

use placet_domain::{Cause, Code, Instance, Mandate, Stage, Timestamp};
use placet_engine::Credential;
use placet_identity::{Claims, Deployment};
use placet_testkit::{Actor, World};

use super::{
    crm::{SMALL, UPDATE, answered, billing, calls_anew, code, refused, text, world},
    gated::{Gate, SlowFacts},
    receipts::{own_key, token},
};

async fn revoke(world: &World, actor: &Actor) {
    assert!(world.engine.revoke(actor.instance.id, &"ana".parse().unwrap()).await.unwrap());
}

#[tokio::test]
async fn an_instance_acts_until_the_moment_it_expires() {
    let world = world().await;
    let billing = world.agent("billing").on_behalf_of("bob").life(Duration::from_secs(60)).start().await;
    world.clock.advance(Duration::from_micros(59_999_999));
    answered(&billing.calls(UPDATE, SMALL).await);
    world.clock.advance(Duration::from_micros(1));
    refused(&billing.calls(UPDATE, SMALL).await, Code::ExpiredCredential);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn an_instance_that_is_revoked_between_two_calls_makes_only_the_first() {
    let world = world().await;
    let (billing, other) = (billing(&world).await, billing(&world).await);
    answered(&billing.calls(UPDATE, SMALL).await);
    revoke(&world, &billing).await;
    refused(&billing.calls(UPDATE, SMALL).await, Code::RevokedInstance);
    answered(&other.calls(UPDATE, SMALL).await);
    assert_eq!(world.sent().len(), 2);
}

#[tokio::test]
async fn a_revocation_outlives_a_restart() {
    let mut world = world().await;
    let billing = billing(&world).await;
    revoke(&world, &billing).await;
    world.restart().await;
    refused(&calls_anew(&world, &billing, UPDATE, SMALL).await, Code::RevokedInstance);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn a_call_that_waits_for_facts_while_its_instance_is_revoked_does_not_run() {
    let mut world = world().await;
    let gate = Arc::new(Gate::default());
    world.ports.connectors = Arc::new(SlowFacts { connectors: world.connectors.clone(), gate: gate.clone() });
    world.restart().await;
    let billing = billing(&world).await;
    gate.shut();
    let late = tokio::spawn({
        let billing = billing.clone();
        async move { billing.calls(UPDATE, SMALL).await }
    });
    gate.arrival().await;
    revoke(&world, &billing).await;
    gate.open();
    refused(&late.await.unwrap(), Code::RevokedInstance);
    assert_eq!(world.sent(), []);
    let last = world.receipts("decision").pop().unwrap();
    assert_eq!(text(&last, "code"), Code::RevokedInstance.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_that_begins_after_a_revocation_was_acknowledged_is_accepted() {
    let world = Arc::new(world().await);
    for _ in 0..20 {
        let actor = billing(&world).await;
        let callers = (0..4).map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move {
                let mut accepted = 0;
                while code(&actor.calls(UPDATE, SMALL).await).is_none() {
                    accepted += 1;
                }
                accepted
            })
        });
        let callers: Vec<_> = callers.collect();
        tokio::task::yield_now().await;
        revoke(&world, &actor).await;
        refused(&actor.calls(UPDATE, SMALL).await, Code::RevokedInstance);
        for caller in callers {
            let _accepted: i32 = caller.await.unwrap();
        }
    }
    // Whatever was revoked while its decision was being written is on record as not sent.
    let sent = world.receipts("outcome").iter().filter(|one| text(one, "outcome") == "succeeded").count();
    assert_eq!(sent, world.sent().len());
}

#[tokio::test]
async fn a_token_of_ours_for_another_audience_is_refused() {
    let world = world().await;
    let billing = billing(&world).await;
    let claims = Claims {
        instance: billing.instance.id,
        agent: billing.instance.agent.clone(),
        expires: billing.instance.expires,
    };
    let other =
        Deployment { audience: "https://other.example/mcp".to_owned(), ..world.engine.deployment().clone() };
    let mut attempt = billing.attempt(UPDATE, SMALL);
    let token = own_key().issue(&other, &claims, world.ports.clock.now()).unwrap();
    attempt.credential = Credential::Bearer(token.into());
    refused(&billing.sends(attempt).await, Code::WrongAudience);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn an_instance_that_was_never_started_is_refused() {
    let world = world().await;
    let billing = billing(&world).await;
    let mut attempt = billing.attempt(UPDATE, SMALL);
    attempt.credential = Credential::Bearer(token(&world, "billing").into());
    refused(&billing.sends(attempt).await, Code::UnknownAgent);
}

#[tokio::test]
async fn a_token_that_names_another_agent_than_its_instance_is_refused() {
    let world = world().await;
    let (billing, other) = (billing(&world).await, world.agent("mailer").on_behalf_of("bob").start().await);
    let claims = Claims {
        instance: billing.instance.id,
        agent: other.instance.agent.clone(),
        expires: billing.instance.expires,
    };
    let mut attempt = billing.attempt(UPDATE, SMALL);
    let token = own_key().issue(world.engine.deployment(), &claims, world.ports.clock.now()).unwrap();
    attempt.credential = Credential::Bearer(token.into());
    refused(&billing.sends(attempt).await, Code::UnknownAgent);
    assert_eq!(world.sent(), []);
}

#[tokio::test]
async fn an_agent_that_is_switched_off_does_not_act_and_does_not_start() {
    let world = world().await;
    let billing = billing(&world).await;
    let mut off = placet_domain::Agent::clone(&world.ports.registry.agents()[0]);
    off.name = "retired".parse().unwrap();
    off.enter(Stage::Suspended(Cause::Operator), world.ports.clock.now(), None);
    assert!(world.ports.registry.register(off).await.unwrap());
    let now: Timestamp = world.ports.clock.now();
    let instance = Instance { agent: "retired".parse().unwrap(), revoked: None, ..billing.instance.clone() };
    let instance = Instance { id: placet_domain::InstanceId::new(now, [8; 10]), ..instance };
    world.ports.mandates.start(instance.clone()).await.unwrap();
    let claims = Claims { instance: instance.id, agent: instance.agent.clone(), expires: instance.expires };
    let mut attempt = billing.attempt(UPDATE, SMALL);
    let token = own_key().issue(world.engine.deployment(), &claims, now).unwrap();
    attempt.credential = Credential::Bearer(token.into());
    refused(&billing.sends(attempt).await, Code::UnknownAgent);
    let request = placet_engine::StartRequest {
        agent: "retired".parse().unwrap(),
        mandate: Mandate::default(),
        life: Duration::from_secs(60),
        by: "ana".parse().unwrap(),
        parent: None,
    };
    let error = world.engine.start(request).await.unwrap_err();
    assert!(error.to_string().contains("`retired` is suspended since"), "{error}");
    assert_eq!(world.sent(), []);
}
