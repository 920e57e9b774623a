//! How it ends: politely, letting open calls end, or not at all politely, losing nothing that was acknowledged.

use std::time::Duration;

use serde_json::json;

use super::deployment::{Deployment, text};

#[test]
fn sigterm_lets_an_open_call_end() {
    let mut deployment = Deployment::open();
    let token = deployment.token();
    // The CRM stands still in the middle of a call.
    deployment.crm.signal("-STOP");
    let post = super::http::Post::call(deployment.address, &token, "get_deal", json!({"deal_id": "789"}));
    let address = deployment.address;
    let open = std::thread::spawn(move || post.send(address));
    std::thread::sleep(Duration::from_millis(500));
    deployment.up.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(std::net::TcpStream::connect(address).is_err(), "new connections are refused while it drains");
    deployment.crm.signal("-CONT");
    open.join().unwrap().answered();
    assert_eq!(deployment.up.ended(), Some(0));
    let verified = deployment.run(&["ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
}

#[test]
fn kill_9_loses_no_agent_no_instance_and_no_approval() {
    let mut deployment = Deployment::open();
    let token = deployment.token();
    let large = json!({"deal_id": "791", "amount": 12_000});
    let asked = deployment.calls(&token, "update_deal", large.clone());
    asked.refused("PL-1301");
    let pending = |deployment: &Deployment| {
        let listed = deployment.does(&["approval", "list"]);
        listed.split_whitespace().find(|word| word.starts_with("apr_")).map(str::to_owned)
    };
    let question = pending(&deployment).unwrap();

    deployment.crash();
    assert!(deployment.does(&["agent", "list"]).contains("deal-agent"));
    assert_eq!(pending(&deployment).as_deref(), Some(question.as_str()));
    deployment.calls(&token, "get_deal", json!({"deal_id": "789"})).answered();
    deployment.does(&["approval", "approve", &question, "--because", "the customer signed"]);

    deployment.crash();
    deployment.calls(&token, "update_deal", large.clone()).answered();
    assert_eq!(deployment.updates(), 1);

    deployment.crash();
    // The approval was used: the same call asks again.
    deployment.calls(&token, "update_deal", large).refused("PL-1301");
    assert_eq!(deployment.updates(), 1);
    let verified = deployment.run(&["ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
}

#[test]
fn a_call_that_was_open_when_it_was_killed_is_unknown_and_not_sent_again() {
    let mut deployment = Deployment::open();
    let token = deployment.token();
    deployment.crm.signal("-STOP");
    let post = super::http::Post::call(deployment.address, &token, "get_deal", json!({"deal_id": "789"}));
    let address = deployment.address;
    let open = std::thread::spawn(move || std::panic::catch_unwind(|| post.send(address)).is_err());
    std::thread::sleep(Duration::from_millis(500));
    deployment.up.signal("-KILL");
    assert!(open.join().unwrap(), "the call has no answer");
    deployment.crm.signal("-CONT");
    deployment.start_again();
    let log = std::fs::read_to_string(deployment.folder.path().join("up.err")).unwrap();
    assert!(log.contains("recorded as unknown"), "{log}");
    assert!(deployment.ran().len() <= 1);
}
