//! The other interfaces of the decision API, at the certification fixture: requests for approval (AARP), OPA's data API
//! with OPA's own client, and Envoy's `ext_authz` over HTTP.
#![expect(clippy::indexing_slicing, reason = "a JSON value answers `null` for a member it has not")]

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use super::{Tally, door::Door};
use crate::{failure::Failure, node::Node, place::Place, process, tree};

const OPA: &str = "@open-policy-agent/opa@2.0.0";
/// How long the foreign client may take.
const CLIENT: Duration = Duration::from_secs(60);

pub(super) fn run(
    place: &Place,
    door: &Door,
    folder: &Path,
    tallies: &mut Vec<Tally>,
) -> Result<(), Failure> {
    tallies.push(approvals(place, door)?);
    tallies.push(obligations(door)?);
    tallies.push(opa(place, door, folder)?);
    tallies.push(ext_authz(place)?);
    Ok(())
}

/// Denied, sent in, asked, approved, asked again; once.
fn approvals(place: &Place, door: &Door) -> Result<Tally, Failure> {
    let mut tally = Tally::new("access requests");
    let mut question = json!({
        "subject": { "type": "user", "id": "bob" },
        "action": { "name": "share" },
        "resource": { "type": "record", "id": "record-1" },
        "context": { "ip": "192.168.1.1" },
    });
    let denied = door.ask("evaluation", &question)?.body;
    let offer = denied.pointer("/context/access_request").cloned().unwrap_or_default();
    let of = |name: &str| offer.get(name).cloned().unwrap_or_default();
    let is_requestable = denied.get("decision") == Some(&json!(false))
        && of("binding_token").as_str().is_some_and(|token| token.split('.').count() == 3)
        && of("expires_at").is_string();
    tally.expect("a denial that can be requested", is_requestable, &denied);

    let mut sent = question.clone();
    sent["denial"] = json!({
        "evaluation_id": denied.pointer("/context/evaluation_id"),
        "expires_at": of("expires_at"),
        "binding_token": of("binding_token"),
    });
    sent["context"]["business_justification"] = json!("the customer asked");
    let key = [("Idempotency-Key", "7b8d0f0d")];
    let mut other = sent.clone();
    other["resource"]["id"] = json!("record-9");
    for (name, body, headers, status, word) in [
        ("another resource", &other, vec![], 400, "invalid_denial_binding"),
        ("first", &sent, key.to_vec(), 202, ""),
        ("again", &sent, key.to_vec(), 202, ""),
        ("something else under the same key", &other, key.to_vec(), 409, "duplicate_request"),
    ] {
        let answer = door.send("POST", "/access/v1/requests", &headers, &body.to_string())?;
        let kind = answer.body["type"].as_str().unwrap_or_default();
        let holds = answer.status == status && (word.is_empty() || kind.ends_with(word));
        tally.expect(name, holds, &answer.body);
    }
    let task = door.send("POST", "/access/v1/requests", &[], &sent.to_string())?;
    let id = task.body.pointer("/task/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let status = |tally: &mut Tally, expected: &str| -> Result<Value, Failure> {
        let answer = door.send("GET", &format!("/access/v1/requests/{id}"), &[], "")?;
        let holds = answer.status == 200 && answer.body.pointer("/task/status") == Some(&json!(expected));
        tally.expect(expected, holds, &answer.body);
        Ok(answer.body)
    };
    status(&mut tally, "pending")?;
    place.must(&["approval", "approve", &id, "--because", "seen"])?;
    let done = status(&mut tally, "approved")?;
    let still = door.ask("evaluation", &question)?.body;
    tally.expect("an approval nobody presents", still.get("decision") == Some(&json!(false)), &still);
    question["context"]["approval"] = done.pointer("/result/approval").cloned().unwrap_or_default();
    for (name, expected) in [("asked again with the approval", true), ("and once more", false)] {
        let answer = door.ask("evaluation", &question)?.body;
        tally.expect(name, answer.get("decision") == Some(&json!(expected)), &answer);
    }
    let unknown = door.send("GET", "/access/v1/requests/apr_0000000000000000000000000z", &[], "")?;
    tally.expect("an unknown task", unknown.status == 404, &unknown.body);
    Ok(tally)
}

/// The Obligations Extension: told to who commits and knows the type, a plain no to everybody else.
fn obligations(door: &Door) -> Result<Tally, Failure> {
    let mut tally = Tally::new("obligations");
    let metadata = door.send("GET", "/.well-known/authzen-configuration", &[], "")?.body;
    let capability = json!("urn:openid:authzen:capability:obligations");
    let is_told = metadata["capabilities"].as_array().is_some_and(|all| all.contains(&capability))
        && metadata["supported_obligations"] == json!(["custom"]);
    tally.expect("metadata", is_told, &metadata);
    let question = |full: bool, context: &Value| {
        json!({
            "subject": { "type": "user", "id": "alice" },
            "action": { "name": "read", "properties": { "full": full } },
            "resource": { "type": "record", "id": "record-1" },
            "context": context,
        })
    };
    let adopted = json!({
        "supported_mandatory_extensions": ["obligations"],
        "supported_obligations": ["step-up", "custom"],
    });
    let others = json!({
        "supported_mandatory_extensions": ["obligations"],
        "supported_obligations": ["step-up", "redact"],
    });
    let listed = json!({ "supported_obligations": ["custom"] });
    for (name, full, context, decision, obliges) in [
        ("nothing obliges", false, &adopted, true, false),
        ("committed, and knows the type", true, &adopted, true, true),
        ("committed, knows other types", true, &others, false, false),
        ("not committed", true, &listed, false, false),
        ("a plain question", true, &json!({}), false, false),
    ] {
        let answer = door.ask("evaluation", &question(full, context))?.body;
        let told = &answer["context"]["obligations"];
        let is_ours = told[0]["type"] == "custom"
            && told[0]["id"].is_string()
            && told[0]["properties"]["action"] == "redact"
            && told[0]["properties"]["fields"] == json!(["$.structuredContent.ssn"]);
        let holds = answer["decision"] == json!(decision) && if obliges { is_ours } else { told.is_null() };
        tally.expect(name, holds, &answer);
    }
    // A context of its own stands in for the whole one of the request.
    let mut batch = question(true, &adopted);
    batch["evaluations"] = json!([{}, { "context": { "ip": "10.0.0.1" } }]);
    let answer = door.ask("evaluations", &batch)?.body;
    let each = |at: usize| answer["evaluations"][at]["decision"] == json!(at == 0);
    tally.expect("one of a batch", each(0) && each(1), &answer);
    let asked = json!({ "input": question(true, &adopted) }).to_string();
    let opa = door.send("POST", "/v1/data/placet/allow", &[], &asked)?.body;
    tally.expect("a truth value says of none", opa["result"] == json!(false), &opa);
    Ok(tally)
}

fn opa(place: &Place, door: &Door, folder: &Path) -> Result<Tally, Failure> {
    let mut tally = Tally::new("OPA's data API");
    let undefined = door.send("POST", "/v1/data/system/main", &[], r#"{"input":{}}"#)?;
    tally.expect(
        "an undefined document",
        undefined.status == 200 && undefined.body == json!({}),
        &undefined.body,
    );
    let malformed = door.send("POST", "/v1/data/placet/allow", &[], r#"{"input":{"subject":1}}"#)?;
    tally.expect("a question that cannot be read", malformed.status == 400, &malformed.body);
    let node = Node::with("authzen-opa", &[OPA])?;
    let script = node.folder().join("opa_client.mjs");
    std::fs::copy(tree::root().join("xtask/authzen/opa_client.mjs"), &script)?;
    let mut client = node.script(script);
    client.arg(format!("http://{}", place.address())).arg(door.token());
    let ended = process::finish(&mut client, &folder.join("opa.log"), CLIENT)?;
    let said = Value::from(format!("{}{}", ended.output, ended.errors));
    tally.expect("OPA's own client", ended.code == Some(0), &said);
    Ok(tally)
}

/// Requests that Envoy would hold back, as it sends them.
fn ext_authz(place: &Place) -> Result<Tally, Failure> {
    let mut tally = Tally::new("ext_authz over HTTP");
    let clerk = Door::new(place.address(), place.agent("clerk")?);
    let host = ("Host", "records.example");
    let cut = ("x-envoy-auth-partial-body", "true");
    let whole = ("x-envoy-auth-partial-body", "false");
    let nobody = ("Authorization", "Basic eDp5");
    for (name, method, path, headers, expected) in [
        ("a permitted request", "GET", "/records/record-1", vec![host, whole], 200),
        ("a query is not looked at", "GET", "/records/record-1?x=1", vec![host], 200),
        ("an action without a grant", "DELETE", "/records/record-1", vec![host], 403),
        ("no route", "PUT", "/records/record-1", vec![host], 403),
        ("another reading of the path", "GET", "/records/%2e%2e", vec![host], 403),
        ("a body that was cut", "GET", "/records/record-1", vec![host, cut], 413),
        ("nobody", "GET", "/records/record-1", vec![host, nobody], 401),
        ("a gate: nobody is waited for", "POST", "/records/record-1/share", vec![host], 403),
    ] {
        let answer = clerk.send(method, &format!("/ext_authz/records{path}"), &headers, "")?;
        let told = (answer.status == 200) == answer.header("x-placet-receipt").is_some();
        tally.expect(name, answer.status == expected && told, &json!([answer.status, answer.body]));
    }
    Ok(tally)
}
