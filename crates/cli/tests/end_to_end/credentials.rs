//! An agent proves itself from outside: by a code and a key that never leaves its folder, over plain HTTP.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    deployment::{Deployment, placet, text},
    http::{Post, Response},
};

/// A machine of somebody, with a folder for keys.
struct Laptop {
    folder: TempDir,
    gateway: String,
}

impl Laptop {
    fn of(deployment: &Deployment) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), gateway: format!("http://{}", deployment.address) }
    }

    fn keys(&self) -> std::path::PathBuf {
        self.folder.path().join("keys")
    }

    fn run(&self, arguments: &[&str], token: Option<&str>) -> Output {
        let mut command = placet(arguments);
        command.env("PLACET_KEYS", self.keys()).env_remove("PLACET_TOKEN").current_dir(self.folder.path());
        if let Some(token) = token {
            command.env("PLACET_TOKEN", token);
        }
        command.output().unwrap()
    }

    #[track_caller]
    fn does(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, None);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }
}

fn registered(deployment: &Deployment) {
    let register = ["agent", "register", "deal-agent", "--owner", "alice", "--purpose", "keeps deals fresh"];
    deployment.does(&[&register[..], &["--tier", "3", "--group", "crm-agents"]].concat());
}

fn enrolled(deployment: &Deployment) -> (Laptop, String) {
    registered(deployment);
    let code = deployment.does(&["enrol", "deal-agent", "--code-only"]).trim().to_owned();
    let laptop = Laptop::of(deployment);
    laptop.does(&["join", &laptop.gateway, "--code", &code]);
    (laptop, code)
}

fn read(deployment: &Deployment, token: &str) -> Response {
    deployment.calls(token, "get_deal", json!({"deal_id": "789"}))
}

fn modes(folder: &Path) -> Vec<u32> {
    let mode = |entry: fs::DirEntry| entry.metadata().unwrap().permissions().mode() & 0o777;
    fs::read_dir(folder).unwrap().map(|entry| mode(entry.unwrap())).collect()
}

#[test]
fn a_laptop_joins_by_a_code_gets_tokens_by_its_key_and_ends_its_run() {
    let deployment = Deployment::open();
    let (laptop, code) = enrolled(&deployment);
    let again = laptop.run(&["join", &laptop.gateway, "--code", &code], None);
    assert_eq!(again.status.code(), Some(3), "{}", text(&again.stderr));
    let token = laptop.does(&["token", "--token-only", "--task", "look", "--scope", "crm.get_deal"]);
    read(&deployment, &token).answered();
    // The same job has the same token until it is about to end.
    assert_eq!(laptop.does(&["token", "--token-only", "--task", "look", "--scope", "crm.get_deal"]), token);
    let other = laptop.does(&["token", "--token-only", "--task", "other"]);
    assert_ne!(other, token);
    deployment.calls(&token, "update_deal", json!({"deal_id": "789", "amount": 5})).refused("PL-1223");
    let ended = laptop.run(&["instance", "end", "--gateway", &laptop.gateway], Some(&token));
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    read(&deployment, &token).refused("PL-1004");
    read(&deployment, &other).answered();
    assert!(modes(&laptop.keys()).iter().all(|mode| *mode == 0o600));
    assert_eq!(laptop.folder.path().join("keys").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // What is kept on the server proves nothing: no code and no key is in its files or logs.
    let log = fs::read_to_string(deployment.folder.path().join("up.err")).unwrap();
    assert!(!log.contains(&code) && !log.contains(&token));
}

#[test]
fn a_removed_credential_gets_no_further_token() {
    let deployment = Deployment::open();
    let (laptop, _) = enrolled(&deployment);
    let listed: Value = serde_json::from_str(&deployment.does(&["credential", "list", "--json"])).unwrap();
    let credential = &listed["credentials"][0];
    assert_eq!((&credential["agent"], &credential["means"]["kind"]), (&json!("deal-agent"), &json!("key")));
    assert_eq!(credential["means"]["jwk"].get("d"), None);
    laptop.does(&["token", "--token-only"]);
    deployment.does(&["credential", "remove", credential["id"].as_str().unwrap()]);
    let refused = laptop.run(&["token", "--token-only", "--fresh"], None);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
}

#[test]
fn a_credential_outlives_a_crash_and_a_bound_token_is_no_bearer_token() {
    let mut deployment = Deployment::open();
    let (laptop, _) = enrolled(&deployment);
    deployment.crash();
    let gateway = format!("http://{}", deployment.address);
    let kept = laptop.keys().join("deal-agent.key.json");
    let moved = fs::read_to_string(&kept).unwrap().replace(&laptop.gateway, &gateway);
    fs::write(&kept, moved).unwrap();
    let token = laptop.does(&["token", "--token-only", "--dpop"]);
    let response = read(&deployment, &token);
    assert_eq!(response.status, 401);
    response.refused("PL-1007");
    assert!(response.header("www-authenticate").unwrap().starts_with("DPoP "), "{response:?}");
}

fn form(deployment: &Deployment, path: &str, body: &str) -> Response {
    let post = Post::message(deployment.address, "", &Value::Null).without("authorization");
    let post = post.with("content-type", "application/x-www-form-urlencoded").body(body);
    Post { path: path.to_owned(), ..post }.send(deployment.address)
}

#[test]
fn the_endpoints_refuse_what_can_be_read_in_two_ways_and_nobody_may_keep_their_answers() {
    let deployment = Deployment::open();
    let error = |response: &Response| response.message()["error"].as_str().unwrap().to_owned();
    for (body, expected) in [
        ("", "invalid_request"),
        ("grant_type=client_credentials", "invalid_client"),
        ("grant_type=client_credentials&client_secret=s", "invalid_client"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=password&username=a", "unsupported_grant_type"),
        ("grant_type=%zz", "invalid_request"),
        ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=x.y.z", "invalid_grant"),
    ] {
        let response = form(&deployment, "/oauth/token", body);
        assert_eq!(error(&response), expected, "{body}: {response:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.status, if expected == "invalid_client" { 401 } else { 400 });
    }
    let large = format!("grant_type={}", "a".repeat(70_000));
    assert_eq!(form(&deployment, "/oauth/token", &large).status, 400);
    let query = form(&deployment, "/oauth/token?grant_type=client_credentials", "");
    assert_eq!(error(&query), "invalid_request");
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let response = form(&deployment, path, "token=x");
        assert_eq!((response.status, error(&response).as_str()), (401, "invalid_client"));
    }
    let json = Post::message(deployment.address, "", &json!({"grant_type": "client_credentials"}));
    let json = Post { path: "/oauth/token".to_owned(), ..json.without("authorization") };
    assert_eq!(json.send(deployment.address).status, 400);
    assert_eq!(json.clone().with("host", "evil.example").send(deployment.address).status, 403);
    assert_eq!(deployment.fetch("/oauth/token").status, 405);
    assert_eq!(deployment.fetch("/oauth/unknown").status, 404);
}

#[test]
fn a_client_finds_its_way_from_a_refusal_to_the_token_endpoint() {
    let deployment = Deployment::open();
    let response = read(&deployment, "nonsense");
    let challenge = response.header("www-authenticate").unwrap().to_owned();
    let named = challenge.split("resource_metadata=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let path = named.splitn(4, '/').nth(3).unwrap();
    let resource = deployment.fetch(&format!("/{path}")).message();
    assert!(resource["resource"].as_str().unwrap().ends_with("/mcp/crm"), "{resource}");
    let server = deployment.fetch("/.well-known/oauth-authorization-server").message();
    assert_eq!(server["issuer"], resource["authorization_servers"][0]);
    assert_eq!(
        server["token_endpoint"],
        json!(format!("{}/oauth/token", server["issuer"].as_str().unwrap()))
    );
    let keys = deployment.fetch("/oauth/jwks").message();
    assert_eq!((keys["keys"].as_array().unwrap().len(), &keys["keys"][0]["alg"]), (1, &json!("EdDSA")));
    assert_eq!(deployment.fetch("/.well-known/oauth-protected-resource").status, 200);
    assert_eq!(deployment.fetch("/.well-known/oauth-protected-resource/mcp/unknown").status, 404);
}
