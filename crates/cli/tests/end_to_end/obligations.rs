//! Obligations over HTTP: what a policy takes out of an answer is in no byte that the agent gets.

use std::fs;

use serde_json::json;

use super::deployment::Deployment;

const RULES: &str = r#"
@id("no-contacts") @unless("redact") @fields("$.structuredContent.billing_contact_email, $.structuredContent.amount")
forbid (principal, action == Action::"crm.get_deal", resource);

@id("says-why") @unless("require_fields") @fields("notes") @remedy("say why in the notes")
forbid (principal, action == Action::"crm.update_deal", resource);
"#;

#[test]
fn an_answer_is_edited_counted_and_still_proved() {
    let mut deployment = Deployment::open();
    fs::write(deployment.folder.path().join("policies/obligations.cedar"), RULES).unwrap();
    deployment.crash();
    let token = deployment.token();
    let answered = deployment.calls(&token, "get_deal", json!({"deal_id": "789"}));
    let result = answered.answered();
    assert_eq!(result["structuredContent"]["billing_contact_email"], "[redacted]", "{result}");
    assert_eq!(result["structuredContent"]["amount"], json!(null), "{result}");
    assert!(!answered.body.contains("billing@") && answered.body.contains("\"stage\""), "{answered:?}");
    let call = result["_meta"]["dev.placet/receipt"]["call"].as_str().unwrap();
    let told = deployment.does(&["receipt", "show", call]);
    assert!(
        told.contains("no-contacts") && told.contains("\"count\"") && !told.contains("billing@"),
        "{told}"
    );

    deployment.calls(&token, "update_deal", json!({"deal_id": "789", "amount": 5})).refused("PL-1208");
    assert_eq!(deployment.updates(), 0);
    deployment
        .calls(&token, "update_deal", json!({"deal_id": "789", "amount": 5, "notes": "small"}))
        .answered();
}
