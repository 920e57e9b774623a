//! The certification scenario of the OpenID AuthZEN working group (`authorization-api-1_0-scenario`), transcribed: its
//! fixture is `xtask/authzen/records.*`, its sections are in the names. TLS is the deployment's proxy's.
#![expect(clippy::indexing_slicing, reason = "a JSON value answers `null` for a member it has not")]

use std::{fs, net::SocketAddr, path::Path};

use serde_json::{Value, json};

use super::{Tally, door::Door, envoy, interfaces};
use crate::{
    failure::Failure,
    place::{Place, Plan},
    process, tree,
};

pub(super) fn run(placet: &Path, folder: &Path, others: &mut Vec<Tally>) -> Result<Tally, Failure> {
    let folder = folder.join("certification");
    fs::create_dir_all(&folder)?;
    let fixture = tree::root().join("xtask/authzen");
    let grpc = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let connectors =
        format!("[ext_authz]\nlisten = \"{grpc}\"\n\n{}", fs::read_to_string(fixture.join("records.toml"))?);
    let place = Place::open(&Plan {
        placet,
        folder: &folder,
        policy: &fs::read_to_string(fixture.join("records.cedar"))?,
        connectors: &connectors,
        hosts: &[],
    })?;
    let door = Door::new(place.address(), place.agent("records-app")?);
    let mut tally = Tally::new("certification scenario");
    basic(&door, &mut tally)?;
    faults(&door, &mut tally)?;
    batch(&door, &mut tally)?;
    search(&door, &mut tally)?;
    discovery(&door, &mut tally)?;
    interfaces::run(&place, &door, &folder, others)?;
    others.push(envoy::run(&place, grpc, &folder)?);
    place.must(&["ledger", "verify"])?;
    Ok(tally)
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

fn record(id: &str) -> Value {
    json!({ "type": "record", "id": id })
}

fn question(subject: Value, action: Value, resource: Value) -> Value {
    json!({ "subject": subject, "action": action, "resource": resource })
}

fn archived() -> Value {
    json!({ "type": "record", "id": "record-2", "properties": { "status": "archived" } })
}

fn admin() -> Value {
    json!({ "type": "user", "id": "bob", "properties": { "role": "admin" } })
}

fn active() -> Value {
    json!({ "type": "record", "id": "record-1", "properties": { "status": "active" } })
}

/// Sections 4.2 and 4.3, 4.5, 4.6.
fn basic(door: &Door, tally: &mut Tally) -> Result<(), Failure> {
    let delete = |soft: bool| json!({ "name": "delete", "properties": { "soft": soft } });
    let (read, write) = (json!({ "name": "read" }), json!({ "name": "write" }));
    let plain = question(user("alice"), read.clone(), record("record-1"));
    let with = |name: &str, value: Value| {
        let mut question = plain.clone();
        question[name] = value;
        question
    };
    let rich = question(
        json!({ "type": "user", "id": "alice", "properties": { "department": "Sales", "role": "manager" } }),
        json!({ "name": "read", "properties": { "method": "GET" } }),
        json!({ "type": "record", "id": "record-1", "properties": { "status": "active", "owner": "bob" } }),
    );
    for (name, question, expected) in [
        ("2.2.1 permit (rule 1)", plain.clone(), true),
        ("rule 2", question(user("alice"), write.clone(), record("record-1")), true),
        ("rule 3", question(user("bob"), read, record("record-1")), true),
        ("2.2.2 deny (rule 4)", question(user("bob"), write.clone(), record("record-1")), false),
        (
            "2.2.3 context",
            with("context", json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" })),
            true,
        ),
        ("2.2.4 resource properties (rule 5)", question(user("alice"), write.clone(), archived()), false),
        ("2.2.5 subject properties (rule 6)", question(admin(), write, archived()), true),
        ("2.2.6 action properties (rule 7)", question(user("alice"), delete(true), record("record-1")), true),
        (
            "2.2.7 action properties (rule 8)",
            question(user("alice"), delete(false), record("record-1")),
            false,
        ),
        ("2.2.8 more properties", rich, true),
        ("2.2.9 unknown members", with("futureField", json!({ "nested": true })), true),
        ("2.6 again", plain.clone(), true),
        ("2.6 and again", plain.clone(), true),
    ] {
        let answer = door.ask("evaluation", &question)?;
        let context = &answer.body["context"];
        let holds = answer.status == 200
            && answer.body["decision"] == Value::Bool(expected)
            && (context.is_null() || context.is_object())
            && answer.header("content-type") == Some("application/json");
        tally.expect(name, holds, &answer.body);
    }
    let path = "/access/v1/evaluation";
    let echoed = door.send("POST", path, &[("X-Request-ID", "bfe9eb29-ab87")], &plain.to_string())?;
    tally.expect("2.5.1 request id", echoed.header("x-request-id") == Some("bfe9eb29-ab87"), &echoed.body);
    let refused = door.send("POST", path, &[("X-Request-ID", "2")], "{")?;
    tally.expect("2.5.1 request id of a refusal", refused.header("x-request-id") == Some("2"), &refused.body);
    Ok(())
}

/// Section 4.4, and who may ask at all.
fn faults(door: &Door, tally: &mut Tally) -> Result<(), Failure> {
    let (read, path) = (json!({ "name": "read" }), "/access/v1/evaluation");
    let plain = question(user("alice"), read.clone(), record("record-1"));
    for name in ["subject", "action", "resource"] {
        let mut question = plain.clone();
        question.as_object_mut().map(|members| members.remove(name));
        let answer = door.ask("evaluation", &question)?;
        tally.expect(&format!("2.4.1 without {name}"), answer.status == 400, &answer.body);
    }
    for (name, question) in [
        ("subject without type", question(json!({ "id": "alice" }), read.clone(), record("record-1"))),
        ("subject without id", question(json!({ "type": "user" }), read.clone(), record("record-1"))),
        ("action without name", question(user("alice"), json!({}), record("record-1"))),
        ("resource without type", question(user("alice"), read.clone(), json!({ "id": "record-1" }))),
        ("resource without id", question(user("alice"), read.clone(), json!({ "type": "record" }))),
        ("a subject that is a string", question(json!("alice"), read.clone(), record("record-1"))),
        ("a name that is a number", question(user("alice"), json!({ "name": 123 }), record("record-1"))),
    ] {
        let answer = door.ask("evaluation", &question)?;
        tally.expect(&format!("2.4.2 {name}"), answer.status == 400, &answer.body);
    }
    for (name, headers, body) in [
        ("2.4.3 another content type", vec![("Content-Type", "text/plain")], plain.to_string()),
        ("2.4.4 malformed", vec![], "{\"subject\":".to_owned()),
        ("2.4.5 empty", vec![], String::new()),
    ] {
        let answer = door.send("POST", path, &headers, &body)?;
        tally.expect(name, answer.status == 400, &answer.body);
    }
    for (name, token) in [("a foreign token", "Bearer x.y.z"), ("no token", "Basic eDp5")] {
        let answer = door.send("POST", path, &[("Authorization", token)], &plain.to_string())?;
        tally.expect(name, answer.status == 401 && answer.header("www-authenticate").is_some(), &answer.body);
    }
    Ok(())
}

/// Section 5: the questions and the decisions.
fn questions_at_once() -> Vec<(&'static str, Value, Vec<bool>)> {
    let (read, write) = (json!({ "name": "read" }), json!({ "name": "write" }));
    let time = json!({ "time": "2025-06-27T18:03-07:00" });
    let three = json!([{ "action": read }, { "action": write }, { "action": read }]);
    let semantic = |semantic: &str| {
        json!({ "subject": user("bob"), "resource": record("record-1"), "evaluations": three,
                "options": { "evaluations_semantic": semantic } })
    };
    vec![
        (
            "3.2.1 resources",
            json!({ "subject": user("alice"), "action": read,
                    "evaluations": [{ "resource": record("record-1") }, { "resource": record("record-2") }] }),
            vec![true, true],
        ),
        (
            "3.2.2 actions",
            json!({ "subject": user("bob"), "resource": record("record-1"),
                    "evaluations": [{ "action": read }, { "action": write }] }),
            vec![true, false],
        ),
        (
            "3.2.3 resource properties",
            json!({ "subject": user("alice"), "action": write,
                    "evaluations": [{ "resource": active() }, { "resource": archived() }] }),
            vec![true, false],
        ),
        (
            "3.2.4 subject properties",
            json!({ "action": write, "resource": archived(),
                    "evaluations": [{ "subject": user("alice") }, { "subject": admin() }] }),
            vec![false, true],
        ),
        (
            "3.2.5 without defaults",
            json!({ "evaluations": [question(user("alice"), read.clone(), record("record-1")),
                                    question(user("bob"), write.clone(), record("record-1"))] }),
            vec![true, false],
        ),
        (
            "3.2.6 context",
            json!({ "subject": user("alice"), "action": read, "context": time, "evaluations": [
                    { "resource": record("record-1") },
                    { "resource": record("record-2"), "context": { "source": "batch-override" } }] }),
            vec![true, true],
        ),
        (
            "3.2.7 whole defaults",
            json!({ "subject": user("alice"), "action": write, "resource": active(),
                    "evaluations": [{}, { "resource": archived() }] }),
            vec![true, false],
        ),
        (
            "3.4.1 one that cannot be read",
            json!({ "subject": user("alice"), "action": read, "options": { "evaluations_semantic": "execute_all" },
                    "evaluations": [{ "resource": record("record-1") }, {}] }),
            vec![true, false],
        ),
        ("execute_all", semantic("execute_all"), vec![true, false, true]),
        ("deny_on_first_deny", semantic("deny_on_first_deny"), vec![true, false]),
        ("permit_on_first_permit", semantic("permit_on_first_permit"), vec![true]),
    ]
}

/// Section 5.
fn batch(door: &Door, tally: &mut Tally) -> Result<(), Failure> {
    for (name, question, expected) in questions_at_once() {
        let answer = door.ask("evaluations", &question)?;
        let all = answer.body["evaluations"].as_array().cloned().unwrap_or_default();
        let seen: Option<Vec<bool>> = all.iter().map(|one| one["decision"].as_bool()).collect();
        let holds = answer.status == 200 && seen == Some(expected) && answer.body["decision"].is_null();
        tally.expect(name, holds, &answer.body);
    }
    let plain = question(user("alice"), json!({ "name": "read" }), record("record-1"));
    let mut empty = plain.clone();
    empty["evaluations"] = json!([]);
    for (name, question) in [("3.4.2 no array", plain.clone()), ("3.4.3 an empty array", empty)] {
        let answer = door.ask("evaluations", &question)?;
        tally.expect(name, answer.status == 200 && answer.body["decision"] == json!(true), &answer.body);
    }
    let mut unknown = plain.clone();
    unknown["evaluations"] = json!([{}, {}]);
    unknown["options"] = json!({ "evaluations_semantic": "first_wins" });
    let answer = door.ask("evaluations", &unknown)?;
    tally.expect("an unknown semantic", answer.status == 400, &answer.body);
    Ok(())
}

/// Sections 6 and 7: the searches, and what has to be found; nothing at all where that is empty.
fn searches() -> Vec<(&'static str, &'static str, Value, Vec<&'static str>)> {
    let (read, write) = (json!({ "name": "read" }), json!({ "name": "write" }));
    let kind = |of: &str| json!({ "type": of });
    let context = json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" });
    let with = |mut question: Value| {
        question["context"] = context.clone();
        question
    };
    let readers = question(kind("user"), read.clone(), record("record-1"));
    let readable = question(user("alice"), read.clone(), kind("record"));
    let actions = json!({ "subject": user("alice"), "resource": record("record-1") });
    let (alice, both) = (vec!["record-1"], vec!["alice", "bob"]);
    vec![
        ("4.2.1 subjects", "subject", readers.clone(), both.clone()),
        ("4.2.2 subjects with context", "subject", with(readers.clone()), both.clone()),
        (
            "4.2.3 an id is ignored",
            "subject",
            question(user("alice"), read.clone(), record("record-1")),
            both,
        ),
        (
            "4.2.4 subjects by properties",
            "subject",
            question(kind("user"), write.clone(), archived()),
            vec!["bob"],
        ),
        ("4.3.1 resources", "resource", readable.clone(), alice.clone()),
        ("4.3.2 resources with context", "resource", with(readable), alice.clone()),
        (
            "4.3.3 an id is ignored",
            "resource",
            question(user("alice"), read.clone(), record("record-1")),
            alice,
        ),
        (
            "4.3.4 resources by properties",
            "resource",
            question(admin(), write, kind("record")),
            vec!["record-2"],
        ),
        ("4.4.1 actions", "action", actions.clone(), vec!["read", "write"]),
        ("4.4.2 actions with context", "action", with(actions.clone()), vec!["read", "write"]),
        (
            "4.4.3 by properties",
            "action",
            json!({ "subject": admin(), "resource": archived() }),
            vec!["write"],
        ),
        (
            "4.6.1 an unknown id",
            "action",
            json!({ "subject": user("x"), "resource": record("record-1") }),
            vec![],
        ),
        (
            "4.6.2 an unknown type",
            "subject",
            question(kind("ship"), read.clone(), record("record-1")),
            vec![],
        ),
        ("an unknown type", "resource", question(user("alice"), read.clone(), kind("ship")), vec![]),
        (
            "an unknown type",
            "action",
            json!({ "subject": user("alice"), "resource": kind_of("ship") }),
            vec![],
        ),
    ]
}

/// Sections 6 and 7.
fn search(door: &Door, tally: &mut Tally) -> Result<(), Failure> {
    for (name, endpoint, question, expected) in searches() {
        let answer = door.ask(&format!("search/{endpoint}"), &question)?;
        let results = answer.body["results"].as_array().cloned();
        let member = if endpoint == "action" { "name" } else { "id" };
        let named: Vec<String> =
            results.iter().flatten().filter_map(|one| one[member].as_str().map(str::to_owned)).collect();
        let complete = expected.iter().all(|wanted| named.iter().any(|name| name == wanted));
        let right_type = results
            .iter()
            .flatten()
            .all(|one| endpoint == "action" || one["type"] == question[endpoint]["type"]);
        let holds = answer.status == 200 && results.is_some() && complete && right_type;
        tally.expect(name, holds && (!expected.is_empty() || named.is_empty()), &answer.body);
    }
    let (read, kind) = (json!({ "name": "read" }), |of: &str| json!({ "type": of }));
    for (name, endpoint, question) in [
        ("4.7.1", "subject", json!({ "subject": kind("user"), "resource": record("record-1") })),
        ("4.7.1", "resource", json!({ "action": read, "resource": kind("record") })),
        ("4.7.1", "action", json!({ "subject": user("alice") })),
        ("4.7.2", "subject", question(kind("user"), read.clone(), kind("record"))),
        ("4.7.2", "resource", question(kind("user"), read.clone(), kind("record"))),
        ("4.7.2", "action", json!({ "subject": kind("user"), "resource": record("record-1") })),
    ] {
        let answer = door.ask(&format!("search/{endpoint}"), &question)?;
        tally.expect(&format!("{name} {endpoint}"), answer.status == 400, &answer.body);
    }
    pages(door, &question(kind("user"), read, record("record-1")), tally)
}

fn kind_of(kind: &str) -> Value {
    json!({ "type": kind, "id": "1" })
}

/// Section 6.5: page by page the same list.
fn pages(door: &Door, question: &Value, tally: &mut Tally) -> Result<(), Failure> {
    let mut token = String::new();
    let mut seen = Vec::new();
    for _ in 0..10 {
        let mut question = question.clone();
        question["page"] = json!({ "limit": 1, "token": token });
        let answer = door.ask("search/subject", &question)?;
        let results = answer.body["results"].as_array().cloned().unwrap_or_default();
        tally.expect("4.5 a page", answer.status == 200 && results.len() <= 1, &answer.body);
        seen.extend(results.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
        token = answer.body["page"]["next_token"].as_str().unwrap_or("?").to_owned();
        if token.is_empty() {
            break;
        }
    }
    let whole = token.is_empty() && seen == ["alice", "bob"];
    tally.expect("4.5 all pages", whole, &Value::from(seen));
    Ok(())
}

/// Section 8. The address is this machine's, so that it is not `https`.
fn discovery(door: &Door, tally: &mut Tally) -> Result<(), Failure> {
    let answer =
        door.send("GET", "/.well-known/authzen-configuration", &[("Authorization", "Basic eDp5")], "")?;
    let base = answer.body["policy_decision_point"].as_str().unwrap_or_default().to_owned();
    let endpoint = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
    let holds = answer.status == 200
        && answer.header("content-type") == Some("application/json")
        && base.starts_with("http")
        && endpoint("access_evaluation_endpoint") == format!("{base}/access/v1/evaluation")
        && endpoint("access_evaluations_endpoint") == format!("{base}/access/v1/evaluations")
        && ["action", "resource", "subject"].iter().all(|name| {
            endpoint(&format!("search_{name}_endpoint")) == format!("{base}/access/v1/search/{name}")
        });
    tally.expect("6 metadata", holds, &answer.body);
    Ok(())
}
