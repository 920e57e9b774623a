//! `demo`, `init` and `up`, as somebody meets them who has just installed it.

use std::fs;

use super::deployment::{Deployment, placet, text, up};

#[test]
fn the_demo_plays_every_outcome_and_ends() {
    let output = placet(&["demo", "--once", "--yes"]).output().unwrap();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    for scene in [
        "[allowed ] update the notes, amount $500",
        "[denied  ] close the deal at $50,000 and change the discount",
        "[approval] close the deal at $50,000",
        "[allowed ] the identical call again",
        "[approval] and once more: an approval runs one call once",
        "[denied  ] delete a deal",
        "verify offline",
    ] {
        assert!(said.contains(scene), "{scene}\n{said}");
    }
}

#[test]
fn what_init_writes_works_and_is_never_overwritten() {
    let deployment = Deployment::open();
    let folder = tempfile::tempdir().unwrap();
    let url = fs::read_to_string(deployment.folder.path().join("placet.toml")).unwrap();
    let url =
        url.lines().find_map(|line| line.strip_prefix("url = \"")?.strip_suffix('"')).unwrap().to_owned();
    let init = || {
        placet(&["init", "--person", "alice", "--connector", "crm", "--url", &url])
            .arg(folder.path())
            .output()
            .unwrap()
    };
    let first = init();
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    // Another port, so that tests do not meet.
    let config = folder.path().join("placet.toml");
    let written = fs::read_to_string(&config).unwrap().replace("127.0.0.1:7420\"", "127.0.0.1:0\"");
    fs::write(&config, &written).unwrap();
    let policies: Vec<_> = fs::read_dir(folder.path().join("policies")).unwrap().flatten().collect();
    assert_eq!(policies.len(), 2);

    let second = init();
    assert_ne!(second.status.code(), Some(0));
    assert!(text(&second.stderr).contains("nothing is overwritten"), "{}", text(&second.stderr));
    assert_eq!(fs::read_to_string(&config).unwrap(), written);

    let (_up, address) = up(folder.path());
    let ready = super::http::Post::message(address, "", &serde_json::Value::Null).body("");
    let ready = super::http::Post { verb: "GET", path: "/readyz".to_owned(), ..ready }.send(address);
    assert_eq!(ready.status, 200, "{ready:?}");
}

#[test]
fn a_configuration_that_makes_no_sense_ends_with_2_and_teaches() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("placet.toml");
    for (written, taught) in [
        ("[gateway]\nlisten_on = \"127.0.0.1:1\"", "`listen`"),
        ("[gateway]\nlisten = \"0.0.0.0:7420\"", "behind_proxy"),
        ("[connector.crm]", "`url`"),
        ("[policy]\ntime_zone = \"Mars/Olympus\"", "policy.time_zone"),
        ("gateway = ", "placet.toml"),
    ] {
        fs::write(&config, written).unwrap();
        let output = placet(&["up", "--config"]).arg(&config).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{written}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(taught), "{written}: {}", text(&output.stderr));
        // Nothing was opened or made before the configuration was understood.
        assert!(!folder.path().join(".placet").exists());
    }
    let missing = placet(&["up", "--config", "/nonexistent/placet.toml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("placet init"));
}

#[test]
fn a_second_placet_in_the_same_home_is_refused() {
    let deployment = Deployment::open();
    let second = placet(&["up"]).current_dir(deployment.folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another Placet runs in"), "{}", text(&second.stderr));
    assert_eq!(deployment.fetch("/readyz").status, 200);
}

#[test]
fn health_is_for_everybody_and_everything_else_is_not() {
    let deployment = Deployment::open();
    assert_eq!(deployment.fetch("/healthz").status, 200);
    assert_eq!(deployment.fetch("/readyz").status, 200);
    assert_eq!(deployment.fetch("/mcp/crm").status, 401);
    // What operators do has no address here.
    for path in ["/v1/agents", "/v1/status", "/v1/approvals", "/"] {
        assert_eq!(deployment.fetch(path).status, 404, "{path}");
    }
}
