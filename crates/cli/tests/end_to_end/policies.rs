//! Working with policies from files, and with what the ledger says of past decisions.

use std::fs;

use serde_json::{Value, json};

use super::deployment::{Deployment, placet, text};

fn in_the_repository(arguments: &[&str]) -> std::process::Output {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    placet(arguments).args(["--config", "policies/placet.toml"]).current_dir(root).output().unwrap()
}

#[test]
fn the_worked_example_is_laid_out_linted_tested_and_covered() {
    for arguments in [
        &["policy", "fmt", "--check"][..],
        &["policy", "lint", "--strict"],
        &["policy", "test"],
        &["policy", "coverage", "--min", "100"],
    ] {
        let output = in_the_repository(arguments);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    }
}

#[test]
fn a_test_that_fails_says_which_policy_decided_and_ends_with_9() {
    let folder = tempfile::tempdir().unwrap();
    let test = folder.path().join("wrong.toml");
    let written = r#"
        [who.for-dana]
        tier = 2
        groups = ["crm-agents"]
        on_behalf_of = "dana"
        [resource.Deal.789]
        owner = "dana"
        stage = "Prospecting"
        amount = 5
        [[test]]
        name = "large amounts <go> through"
        who = "for-dana"
        call = "crm.update_deal"
        args = { deal_id = "789", amount = 20000 }
        verdict = "allow"
    "#;
    fs::write(&test, written).unwrap();
    let junit = folder.path().join("junit.xml");
    let output =
        in_the_repository(&["policy", "test", test.to_str().unwrap(), "--junit", junit.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(9), "{said}{}", text(&output.stderr));
    for told in [
        "wrong.toml:11 large amounts <go> through",
        "expected `allow`, got `require_approval`",
        "gate `crm-amount-needs-approval` policies/crm.cedar:",
        "`context.input.amount > 10000` is true",
        "context.input.amount = 20000",
    ] {
        assert!(said.contains(told), "{told}\n{said}");
    }
    let report = fs::read_to_string(&junit).unwrap();
    assert!(report.contains("failures=\"1\"") && report.contains("&lt;go&gt;"), "{report}");
}

#[test]
fn a_past_decision_is_explained_and_becomes_a_test() {
    let deployment = Deployment::open();
    let token = deployment.token();
    let arguments = json!({"deal_id": "789", "amount": 20000});
    let asked = deployment.calls(&token, "update_deal", arguments.clone());
    asked.refused("PL-1301");
    let start = asked.body.find("rcp_").unwrap();
    let receipt = &asked.body[start..start + 30];

    let told = deployment.does(&["policy", "why", receipt]);
    assert!(told.contains("require_approval"), "{told}");
    assert!(told.contains("decided by `crm-amount-needs-approval` policies/crm.cedar:"), "{told}");

    // Other arguments than those that were judged are found out.
    let other = json!({"name": "update_deal", "arguments": {"deal_id": "789", "amount": 1}}).to_string();
    let lie = deployment.run(&["policy", "pin", receipt, "--params", &other]);
    assert_eq!(lie.status.code(), Some(6), "{}{}", text(&lie.stdout), text(&lie.stderr));

    let sent: Value = serde_json::from_slice(
        &super::http::Post::call(deployment.address, &token, "update_deal", arguments).body,
    )
    .unwrap();
    let facts = json!({"owner": "bob", "stage": "Prospecting", "amount": 500}).to_string();
    fs::create_dir(deployment.folder.path().join("policies/tests")).unwrap();
    let params = sent["params"].to_string();
    let pinned = deployment.run(&[
        "policy",
        "pin",
        receipt,
        "--params",
        &params,
        "--facts",
        &facts,
        "--write",
        "policies/tests/pinned.toml",
    ]);
    let complained = text(&pinned.stderr);
    assert_eq!(pinned.status.code(), Some(0), "{}{complained}", text(&pinned.stdout));
    let written = fs::read_to_string(deployment.folder.path().join("policies/tests/pinned.toml")).unwrap();
    assert!(written.contains("the receipt's commitment opens to these arguments"), "{written}");
    assert!(written.contains("crm-agents") && written.contains("ticket = \"T-1\""), "{written}");

    // The tools come from the home; written to files, the test needs no home at all.
    let passed = deployment.does(&["policy", "test"]);
    assert!(passed.contains("1 tests, 1 passed"), "{passed}");
    deployment.does(&["policy", "tools"]);
    assert!(deployment.folder.path().join("policies/tools/crm.json").is_file());
    let elsewhere = placet(&["policy", "test", "--home", "/nonexistent"])
        .current_dir(deployment.folder.path())
        .output()
        .unwrap();
    assert_eq!(elsewhere.status.code(), Some(0), "{}", text(&elsewhere.stderr));
}
