//! Handing the ledger over to another key while calls go on, and dying in the middle of it.

use std::fs;

use serde_json::json;

use super::deployment::{Deployment, text};

/// The public half of the key in force.
fn pinned(deployment: &Deployment) -> String {
    fs::read_to_string(deployment.home().join("ledger.vkey")).unwrap().trim().to_owned()
}

#[track_caller]
fn verifies(deployment: &Deployment, arguments: &[&str]) {
    let verified = deployment.run(&[&["ledger", "verify"], arguments].concat());
    assert!(verified.status.success(), "{arguments:?}: {}", text(&verified.stderr));
}

#[test]
fn a_ledger_that_changed_its_key_verifies_from_either_and_old_receipts_keep_verifying() {
    let mut deployment = Deployment::open();
    let token = deployment.token();
    let file = |name: &str| deployment.folder.path().join(name).display().to_string();
    let (kept, saved) = (file("kept"), file("saved.json"));
    let result = deployment.calls(&token, "get_deal", json!({"deal_id": "789"})).answered();
    let receipt = result["_meta"]["dev.placet/receipt"]["decision"]["id"].as_str().unwrap().to_owned();
    let first = pinned(&deployment);
    fs::write(&kept, deployment.does(&["ledger", "checkpoint"])).unwrap();
    fs::write(&saved, deployment.does(&["receipt", "show", &receipt, "--json"])).unwrap();

    let told = deployment.does(&["keys", "rotate", "--log"]);
    let second = pinned(&deployment);
    assert!(told.trim() == second && second != first, "{told}");
    deployment.calls(&token, "get_deal", json!({"deal_id": "789"})).answered();
    for _restarted in 0..2 {
        for key in [&first, &second] {
            verifies(&deployment, &["--key", key]);
            verifies(&deployment, &["--key", key, "--checkpoint", &kept]);
            deployment.does(&["receipt", "verify", &receipt, "--key", key]);
        }
        verifies(&deployment, &[]);
        deployment.does(&["receipt", "verify", &saved]);
        deployment.does(&["receipt", "verify", &saved, "--key", &first]);
        let alone = deployment.run(&["receipt", "verify", &saved, "--key", &second]);
        assert_eq!(alone.status.code(), Some(6), "{}", text(&alone.stdout));
        let keys = deployment.does(&["ledger", "keys"]);
        let lines: Vec<_> = keys.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with(&first) && lines[1].starts_with(&second), "{keys}");
        deployment.crash();
        deployment.calls(&token, "get_deal", json!({"deal_id": "789"})).answered();
    }
    let receipts = deployment.does(&["ledger", "keys", "--json"]);
    assert!(receipts.contains(&second), "{receipts}");
}

#[test]
fn a_crash_at_any_step_of_a_change_leaves_either_key_in_force_and_a_ledger_that_verifies() {
    let mut deployment = Deployment::open();
    let token = deployment.token();
    let first = pinned(&deployment);
    // A start writes entries of its own: steps of the ledger are passed before the change reaches them.
    let steps = [
        "log-key-prepared",
        "before-write",
        "after-write",
        "after-sync",
        "before-release",
        "log-key-changed",
    ];
    let mut changed = 0;
    for step in steps {
        let before = pinned(&deployment);
        let own = match step.starts_with("log") {
            true => 0,
            false => passes_of_a_start(&mut deployment),
        };
        deployment.start_to_die_at(&format!("{step}:{own}"));
        let told = deployment.run(&["keys", "rotate", "--log"]);
        assert!(!told.status.success(), "{step}: it did not die");
        deployment.start_again();
        deployment.calls(&token, "get_deal", json!({"deal_id": "789"})).answered();
        changed += usize::from(pinned(&deployment) != before);
        assert!(!deployment.home().join("keys/ledger.next").exists(), "{step}");
        for key in [&first, &pinned(&deployment)] {
            verifies(&deployment, &["--key", key]);
        }
    }
    // Before the key entry is written the old key stays; once it is synced the new one is in force.
    assert!((3..=4).contains(&changed), "{changed}");
    deployment.does(&["keys", "rotate", "--log"]);
    verifies(&deployment, &["--key", &first]);
}

/// How often a start passes a step of the ledger before it serves: it dies when it is told to at a later pass.
fn passes_of_a_start(deployment: &mut Deployment) -> usize {
    let entries = |deployment: &Deployment| {
        let report = deployment.does(&["ledger", "verify", "--json"]);
        serde_json::from_str::<serde_json::Value>(&report).unwrap()["checkpoints"].as_u64().unwrap()
    };
    let before = entries(deployment);
    deployment.crash();
    usize::try_from(entries(deployment) - before).unwrap()
}
