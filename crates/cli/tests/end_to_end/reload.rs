//! Policy files change while it runs: a good set comes into force, a bad one changes nothing.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::deployment::{Deployment, eventually};

fn notes() -> Value {
    json!({"deal_id": "789", "notes": "x"})
}

#[test]
fn a_policy_file_takes_effect_and_a_bad_one_keeps_the_old_set() {
    let deployment = Deployment::open();
    let token = deployment.token();
    deployment.calls(&token, "update_deal", notes()).answered();
    let file = deployment.folder.path().join("policies/freeze.cedar");

    fs::write(&file, r#"@id("freeze") forbid (principal, action == Action::"crm.update_deal", resource);"#)
        .unwrap();
    eventually("the freeze is in force", || {
        deployment.calls(&token, "update_deal", notes()).body.contains("freeze")
    });
    let updates = deployment.updates();

    fs::write(&file, r#"@id("freeze") permit (principal, action, resource) when { nonsense };"#).unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    deployment.calls(&token, "update_deal", notes()).refused("freeze");
    assert_eq!(deployment.updates(), updates);
    // Asked for by an operator, the reload says what is wrong.
    let asked = deployment.run(&["policy", "reload"]);
    assert_ne!(asked.status.code(), Some(0));

    fs::remove_file(&file).unwrap();
    eventually("the freeze is over", || {
        deployment.calls(&token, "update_deal", notes()).body.contains("\"outcome\"")
    });
    assert!(deployment.updates() > updates);
}
