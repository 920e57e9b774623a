//! Grants for a time: an agent asks in its own name, a person gives, and it ends.

use std::fs;

use serde_json::{Value, json};

use super::{
    deployment::{Deployment, text},
    http::{Post, Response},
};

/// Alice, who runs the tests and owns no agent here, may give grants.
const RULES: &str = r#"
@id("managers-grant")
permit (principal in Group::"sales-managers", action == Action::"grant", resource is GrantRequest);
"#;

fn mails(deployment: &Deployment, token: &str) -> Response {
    deployment.calls(token, "send_email", json!({"to": ["x@example.com"], "subject": "s", "body": "b"}))
}

fn asks(deployment: &Deployment, token: &str, body: &Value) -> Response {
    let mut post = Post::message(deployment.address, token, body);
    post.path = "/v1/grants".to_owned();
    post.send(deployment.address)
}

#[test]
fn an_agent_asks_a_person_gives_and_takes_back() {
    let mut deployment = Deployment::open();
    let folder = deployment.folder.path();
    let rules = fs::read_to_string(folder.join("policies/crm.cedar")).unwrap();
    // Nobody is permitted to send mail.
    let without = rules.replace(
        "permit (\n  principal in Group::\"crm-agents\",\n  action == Action::\"crm.send_email\"",
        "permit (\n  principal in Group::\"nobody\",\n  action == Action::\"crm.send_email\"",
    );
    assert_ne!(without, rules);
    fs::write(folder.join("policies/crm.cedar"), without).unwrap();
    fs::write(folder.join("policies/grants.cedar"), RULES).unwrap();
    deployment.does(&["policy", "reload"]);
    let token = deployment.token();
    let refused = mails(&deployment, &token);
    refused.refused("PL-1201");
    assert!(refused.body.contains("placet-request-permission"), "{refused:?}");
    let wish = json!({"connector": "crm", "tools": ["send_email"], "minutes": 5, "justification": "the customer waits"});
    let asked = asks(&deployment, &token, &wish);
    assert_eq!(asked.status, 200, "{asked:?}");
    let asked: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(asked["state"], "pending");
    let id = asked["id"].as_str().unwrap();
    let listed = deployment.does(&["grant", "list", "--state", "pending"]);
    assert!(listed.contains(id) && listed.contains("crm.send_email"), "{listed}");
    let shown = deployment.does(&["grant", "approve", id, "--because", "they called"]);
    assert!(shown.contains("given") && shown.contains("permit (principal == Agent::"), "{shown}");
    mails(&deployment, &token).answered();
    // What was acknowledged outlives the hardest end.
    deployment.crash();
    mails(&deployment, &token).answered();
    deployment.does(&["grant", "revoke", id]);
    deployment.crash();
    mails(&deployment, &token).refused("PL-1201");
    // Nobody asks without a credential, or with members that nobody knows.
    assert_eq!(asks(&deployment, "x", &wish).status, 401);
    let odd =
        json!({"connector": "crm", "tools": ["send_email"], "minutes": 5, "justification": "j", "tier": 3});
    assert_eq!(asks(&deployment, &token, &odd).status, 400);
    let beyond = deployment.run(&[
        "grant",
        "request",
        "deal-agent",
        "crm.send_email",
        "--for",
        "25h",
        "--because",
        "j",
    ]);
    assert!(!beyond.status.success() && text(&beyond.stderr).contains("at most"), "{}", text(&beyond.stderr));
}

#[test]
fn an_agent_asks_with_the_tool_that_every_server_shows_it() {
    let deployment = Deployment::open();
    let folder = deployment.folder.path();
    // Nobody is permitted to read deals, and reading is given at once.
    let rules = fs::read_to_string(folder.join("policies/crm.cedar")).unwrap();
    let without = rules.replace(
        "action in [Action::\"crm.get_deal\", Action::\"crm.list_deals\"]",
        "action == Action::\"crm.list_deals\"",
    );
    assert_ne!(without, rules);
    fs::write(folder.join("policies/crm.cedar"), without).unwrap();
    let token = deployment.token();
    let listed = |token: &str| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}});
        Post::message(deployment.address, token, &list)
            .with("mcp-protocol-version", "2026-07-28")
            .with("mcp-method", "tools/list")
            .send(deployment.address)
    };
    deployment.does(&["policy", "reload"]);
    assert!(!listed(&token).body.contains("placet-request-permission"));
    fs::write(folder.join("policies/grants.cedar"), include_str!("../../../../policies/grants.cedar"))
        .unwrap();
    deployment.does(&["policy", "reload"]);
    let shown = listed(&token);
    assert!(shown.body.contains("placet-request-permission"), "{shown:?}");
    let reads = || deployment.calls(&token, "get_deal", json!({"deal_id": "789"}));
    reads().refused("PL-1201");
    let wish = json!({"tools": ["get_deal"], "minutes": 5, "justification": "to answer the customer"});
    let asked = deployment.calls(&token, "placet-request-permission", wish.clone()).answered();
    assert_eq!(asked["structuredContent"]["state"], "given", "{asked}");
    assert_eq!(asked["structuredContent"]["rule"], "reads-are-granted-at-once");
    reads().answered();
    let again = deployment.calls(&token, "placet-request-permission", wish).answered();
    assert_eq!(again["structuredContent"]["id"], asked["structuredContent"]["id"]);
    let write = json!({"tools": ["no_such_tool"], "minutes": 5, "justification": "j"});
    let beyond = deployment.calls(&token, "placet-request-permission", write);
    assert!(beyond.body.contains("PL-12") || beyond.body.contains("PL-11"), "{beyond:?}");
    // Nothing of it has reached the CRM.
    assert!(!deployment.ran().iter().any(|line| line.contains("permission")));
}
