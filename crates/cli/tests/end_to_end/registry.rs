//! The registry from outside: files in a folder, a plan, an owner who leaves, and the question who it was.

use std::fs;

use serde_json::{Value, json};

use super::deployment::{Deployment, eventually, text};

fn shown(deployment: &Deployment, arguments: &[&str]) -> Value {
    serde_json::from_str(&deployment.does(&[arguments, &["--json"]].concat())).unwrap()
}

const READER: &str = r#"
owner = "dora"
backup_owner = "bob"
purpose = "reads deals"
wants = ["crm.get_deal"]
groups = ["crm-agents"]
contact = "the deal desk"
"#;

#[test]
fn agents_of_a_repository_are_planned_applied_and_go_when_their_owner_leaves() {
    let deployment = Deployment::open();
    let folder = deployment.folder.path();
    fs::write(folder.join("people.toml"), "[[person]]\nname = \"dora\"\n").unwrap();
    fs::create_dir(folder.join("agents")).unwrap();
    fs::write(folder.join("agents/deal-reader.toml"), READER).unwrap();
    eventually("dora is known", || deployment.run(&["apply", "--plan"]).status.success());

    let plan = deployment.does(&["apply", "--plan"]);
    assert!(plan.contains("create deal-reader") && plan.contains("tier 1: reads deals"), "{plan}");
    assert!(shown(&deployment, &["agent", "list"])["agents"].as_array().unwrap().is_empty());
    let silent = deployment.run(&["apply"]);
    assert_eq!(silent.status.code(), Some(2), "{}", text(&silent.stderr));
    deployment.does(&["apply", "--yes"]);
    let plan = deployment.does(&["apply", "--plan"]);
    assert!(plan.contains("keep deal-reader"), "{plan}");
    fs::write(folder.join("agents/odd.toml"), "owner = \"sales-managers\"\npurpose = \"p\"\ntier = 1\n")
        .unwrap();
    let refused = deployment.run(&["apply", "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).contains("`sales-managers` is a team"), "{}", text(&refused.stdout));
    fs::remove_file(folder.join("agents/odd.toml")).unwrap();

    let token = deployment.does(&[
        "instance",
        "start",
        "deal-reader",
        "--ticket",
        "T-9",
        "--on-behalf-of",
        "bob",
        "--token-only",
    ]);
    let token = token.trim();
    deployment.calls(token, "get_deal", json!({"deal_id": "789"})).answered();
    let refused = deployment.calls(token, "update_deal", json!({"deal_id": "789", "notes": "x"}));
    refused.refused("PL-1222");
    let agent = &shown(&deployment, &["agent", "show", "deal-reader"])["agent"];
    assert_eq!(agent["used"][0]["operation"], "crm.get_deal");
    assert_eq!(
        (&agent["stage"], &agent["live_instances"], &agent["calls"]),
        (&json!("active"), &json!(1), &json!(1))
    );
    assert_eq!(agent["evidence"], "used 1 of 1 permitted tools, last call today");
    let unused = shown(&deployment, &["agent", "list", "--unused-for", "1d"]);
    assert!(unused["agents"].as_array().unwrap().is_empty());

    // An incident begins with an id.
    let instances = shown(&deployment, &["instance", "list"]);
    let who = shown(&deployment, &["who", instances["instances"][0]["id"].as_str().unwrap()]);
    assert_eq!((&who["agent"], &who["started_by"]), (&json!("deal-reader"), &json!("alice")));
    assert_eq!((&who["page"], &who["mandate"]["ticket"]), (&json!(["dora", "bob"]), &json!("T-9")));
    assert_eq!(who["contact"], "the deal desk");
    let told = deployment.does(&["who", instances["instances"][0]["id"].as_str().unwrap()]);
    assert!(told.contains("dora, bob") && told.contains("placet instance revoke ins_"), "{told}");

    // The owner leaves: the countdown begins without anybody doing anything, and the backup is paged.
    fs::write(folder.join("people.toml"), "[[person]]\nname = \"dora\"\nleft = true\n").unwrap();
    let stage = || shown(&deployment, &["agent", "show", "deal-reader"])["agent"]["stage"].clone();
    eventually("the countdown begins", || stage() == "countdown");
    let log = || fs::read_to_string(folder.join("up.err")).unwrap();
    eventually("the backup is told", || log().contains("`dora` has left"));
    let late = deployment.run(&["agent", "certify", "deal-reader"]);
    assert_eq!(late.status.code(), Some(3), "{}", text(&late.stderr));
    // alice asked for it, but only who answers for it or an administrator names another owner.
    assert_eq!(deployment.run(&["agent", "owner", "deal-reader", "carol"]).status.code(), Some(3));
    deployment.does(&["agent", "suspend", "deal-reader"]);
    deployment.calls(token, "get_deal", json!({"deal_id": "789"})).refused("PL-1005");
    deployment.does(&["agent", "retire", "deal-reader"]);
    let history = deployment.does(&["agent", "history", "deal-reader"]);
    for change in
        ["agent_registered", "agent_stage", "agent_reminded", "to=countdown", "to=suspended", "to=retired"]
    {
        assert!(history.contains(change), "{change}: {history}");
    }
}

#[test]
fn stages_outlive_a_crash() {
    let mut deployment = Deployment::open();
    deployment.token();
    deployment.does(&["agent", "suspend", "deal-agent"]);
    deployment.crash();
    let start = deployment.run(&["instance", "start", "deal-agent"]);
    assert_eq!(start.status.code(), Some(1));
    assert!(text(&start.stderr).contains("is suspended since"), "{}", text(&start.stderr));
    deployment.does(&["agent", "resume", "deal-agent"]);
    deployment.token();
}
