//! Signing in at upstreams: no call without it, and a receipt of each sign-in before it counts.

use placet_domain::{Code, Json};
use placet_engine::ports::{LoginStep, Withdrawal};
use placet_testkit::{Failure, PortOperation, refusal};

use super::crm::{SMALL, UPDATE, answered, billing, refused, text, world};

const AT: &str = "http://127.0.0.1:7429/callback";

#[tokio::test]
async fn a_call_of_a_connector_that_nobody_is_signed_in_for_is_refused_on_record_and_not_sent() {
    let world = world().await;
    let billing = billing(&world).await;
    world
        .connectors
        .sign_out("crm", "connector `crm`: nobody is signed in; run `placet connector login crm`");
    let reply = billing.calls(UPDATE, SMALL).await;
    refused(&reply, Code::UpstreamSignIn);
    let told = refusal(&reply).unwrap();
    assert!(told.why.contains("`placet connector login crm`") && told.who.is_some(), "{told:?}");
    assert!(world.sent().is_empty());
    let last = world.receipts("decision").pop().unwrap();
    assert_eq!(text(&last, "code"), Code::UpstreamSignIn.to_string());
}

#[tokio::test]
async fn a_sign_in_and_its_end_are_on_record_with_whoever_did_it() {
    let world = world().await;
    let billing = billing(&world).await;
    world.connectors.sign_out("crm", "nobody is signed in");
    let (crm, ana) = ("crm".parse().unwrap(), "ana".parse().unwrap());
    let begun = world.engine.begin_login(&crm, AT, &ana).await.unwrap();
    assert!(matches!(begun, LoginStep::Authorize { .. }));
    assert!(world.receipts("upstream").is_empty());
    assert!(world.engine.end_login(&crm, "another answer", &ana).await.is_err());
    world.engine.end_login(&crm, "the answer", &ana).await.unwrap();
    answered(&billing.calls(UPDATE, SMALL).await);
    assert_eq!(world.engine.forget_login(&crm, &ana).await.unwrap(), Some(Withdrawal::Revoked));
    assert_eq!(world.engine.forget_login(&crm, &ana).await.unwrap(), None);
    refused(&billing.calls(UPDATE, SMALL).await, Code::UpstreamSignIn);
    let receipts = world.receipts("upstream");
    let changes: Vec<_> = receipts.iter().map(|receipt| text(receipt, "change")).collect();
    assert_eq!(changes, ["upstream_signed_in", "upstream_signed_out"]);
    let about = receipts[0].member("about").unwrap();
    let told = |name| about.member(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    assert_eq!((told("connector"), told("issuer")), ("crm".to_owned(), "https://as.example".to_owned()));
    assert_eq!(text(&receipts[0], "by"), "ana");
    assert_eq!(text(receipts[1].member("about").unwrap(), "tokens"), "revoked");
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_recorded_is_not_used() {
    let world = world().await;
    let billing = billing(&world).await;
    world.connectors.sign_out("crm", "nobody is signed in");
    let (crm, ana) = ("crm".parse().unwrap(), "ana".parse().unwrap());
    world.engine.begin_login(&crm, AT, &ana).await.unwrap();
    world.failpoints.fail_nth(PortOperation::LedgerAppend, 0, Failure::Before);
    assert!(world.engine.end_login(&crm, "the answer", &ana).await.is_err());
    refused(&billing.calls(UPDATE, SMALL).await, Code::UpstreamSignIn);
}
