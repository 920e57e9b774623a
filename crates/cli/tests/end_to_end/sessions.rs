//! Both eras of MCP through the gateway, and whose a session is.

use serde_json::{Value, json};

use super::{deployment::Deployment, http::Post};

fn initialize(deployment: &Deployment, token: &str) -> String {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let open = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let response = Post::message(deployment.address, token, &open).send(deployment.address);
    assert_eq!(response.answered()["protocolVersion"], "2025-11-25");
    let session = response.header("mcp-session-id").unwrap().to_owned();
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(in_session(deployment, token, &session, &initialized).send(deployment.address).status, 202);
    session
}

fn in_session(deployment: &Deployment, token: &str, session: &str, message: &Value) -> Post {
    Post::message(deployment.address, token, message)
        .with("mcp-session-id", session)
        .with("mcp-protocol-version", "2025-11-25")
}

fn update(notes: &str) -> Value {
    let params = json!({"name": "update_deal", "arguments": {"deal_id": "789", "notes": notes}});
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})
}

#[test]
fn a_stateless_call_and_a_call_in_a_session_both_run() {
    let deployment = Deployment::open();
    let token = deployment.token();
    let notes = json!({"deal_id": "789", "notes": "stateless"});
    let result = deployment.calls(&token, "update_deal", notes).answered();
    assert!(result["_meta"]["dev.placet/receipt"]["outcome"].is_object(), "{result}");
    let session = initialize(&deployment, &token);
    let result =
        in_session(&deployment, &token, &session, &update("session")).send(deployment.address).answered();
    assert!(result["_meta"]["dev.placet/receipt"]["decision"].is_object(), "{result}");
    assert_eq!(deployment.updates(), 2);
}

#[test]
fn a_denied_call_is_a_tool_result_that_a_model_can_read() {
    let deployment = Deployment::open();
    let token = deployment.token();
    let discount = json!({"deal_id": "789", "discount_rate": 0.5});
    let response = deployment.calls(&token, "update_deal", discount);
    assert_eq!(response.status, 200);
    response.refused("PL-1202");
    let message = response.message();
    let told = message["result"]["content"][0]["text"].as_str().unwrap();
    assert!(told.contains("crm-finance-owned-fields") && told.contains("Next:"), "{told}");
    response.refused("PL-1202");
    assert_eq!(deployment.updates(), 0);
}

#[test]
fn a_session_of_another_instance_is_refused() {
    let deployment = Deployment::open();
    let (owner, other) = (deployment.token(), deployment.token());
    let session = initialize(&deployment, &owner);
    let before = deployment.ran();
    let taken = in_session(&deployment, &other, &session, &update("mine now")).send(deployment.address);
    assert_eq!(taken.status, 404, "{taken:?}");
    assert!(taken.body.contains("PL-1108"), "{taken:?}");
    let closed = Post { verb: "DELETE", ..in_session(&deployment, &other, &session, &update("")).body("") };
    assert_eq!(closed.send(deployment.address).status, 404);
    let guessed =
        in_session(&deployment, &owner, &"0".repeat(session.len()), &update("x")).send(deployment.address);
    assert_eq!(guessed.status, 404);
    let bare =
        Post::message(deployment.address, &other, &update("x")).with("mcp-protocol-version", "2025-11-25");
    assert_eq!(bare.send(deployment.address).status, 400);
    assert_eq!(deployment.ran(), before);
    in_session(&deployment, &owner, &session, &update("still mine")).send(deployment.address).answered();
}

#[test]
fn an_agent_is_shown_only_what_it_may_call() {
    let deployment = Deployment::open();
    let token = deployment.token();
    let session = initialize(&deployment, &token);
    let list = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"});
    let result = in_session(&deployment, &token, &session, &list).send(deployment.address).answered();
    let shown: Vec<&str> =
        result["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert!(shown.contains(&"update_deal") && !shown.contains(&"delete_deal"), "{shown:?}");
    deployment.calls(&token, "delete_deal", json!({"deal_id": "789"})).refused("PL-12");
}
