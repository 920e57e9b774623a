//! Who gets in, and until when.

use serde_json::json;

use super::{
    deployment::{Deployment, text},
    http::Post,
};

#[test]
fn without_a_token_of_ours_there_is_401_a_challenge_and_a_code() {
    let deployment = Deployment::open();
    let ours = deployment.token();
    let other = Deployment::open();
    let foreign = other.token();
    let call = Post::call(deployment.address, &ours, "get_deal", json!({"deal_id": "789"}));
    let (head, tail) = ours.rsplit_once('.').unwrap();
    for (post, code) in [
        (call.clone().without("authorization"), "PL-1001"),
        (call.clone().with("authorization", &format!("Basic {ours}")), "PL-1001"),
        (call.clone().with("authorization", "Bearer sk-live-123"), "PL-1002"),
        (call.clone().with("authorization", &format!("Bearer {foreign}")), "PL-1002"),
        (call.clone().with("authorization", &format!("Bearer {head}.A{tail}")), "PL-1002"),
        (call.clone().with("authorization", &format!("Bearer {}", "a".repeat(10_000))), "PL-1002"),
    ] {
        let response = post.send(deployment.address);
        assert_eq!(response.status, 401, "{response:?}");
        assert!(
            response.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")),
            "{response:?}"
        );
        response.refused(code);
    }
    let mut twice = call.clone();
    twice.headers.push(("authorization".to_owned(), format!("Bearer {foreign}")));
    assert_eq!(twice.send(deployment.address).status, 401);
    assert_eq!(deployment.ran(), Vec::<String>::new());
    call.send(deployment.address).answered();
    assert_eq!(deployment.ran(), ["get_deal"]);
}

#[test]
fn after_a_revocation_was_acknowledged_no_call_runs() {
    let deployment = Deployment::open();
    let (revoked, other) = (deployment.token(), deployment.token());
    deployment.calls(&revoked, "get_deal", json!({"deal_id": "789"})).answered();
    // The token names its instance; the newest but one was started first.
    let listed = deployment.does(&["instance", "list"]);
    let ids: Vec<&str> =
        listed.split(|letter: char| letter.is_whitespace()).filter(|word| word.starts_with("ins_")).collect();
    assert_eq!(ids.len(), 2, "{listed}");
    for id in &ids {
        deployment.does(&["instance", "revoke", id]);
    }
    for token in [&revoked, &other] {
        let response = deployment.calls(token, "get_deal", json!({"deal_id": "789"}));
        assert_eq!(response.status, 401, "{response:?}");
        response.refused("PL-1004");
    }
    assert_eq!(deployment.ran(), ["get_deal"]);
    let unknown = deployment.run(&["instance", "revoke", "ins_01m803g080e5e852fc5m592szc"]);
    assert_eq!(unknown.status.code(), Some(5), "{}", text(&unknown.stderr));
}
