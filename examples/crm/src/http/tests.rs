//! The CRM over a real socket, in both eras of MCP.

use std::net::SocketAddr;

use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Crm, Stage, serve};

#[tokio::test]
async fn a_stateless_client_reads_and_changes_a_deal() {
    let (address, crm) = started().await;
    let read = stateless_call(address, "get_deal", json!({ "deal_id": "789" })).await;
    let deal = json!({
        "deal_id": "789", "name": "Acme renewal", "owner": "bob", "stage": "Negotiation", "amount": 48_250,
        "notes": "", "billing_contact_email": "billing@acme.example", "discount_rate": 0.05,
        "close_date": "2026-03-31", "customer_id": "cus_acme",
    });
    assert_eq!(read["result"]["structuredContent"], deal);
    assert_eq!(
        serde_json::from_str::<Value>(read["result"]["content"][0]["text"].as_str().unwrap()).unwrap(),
        deal
    );

    let change = json!({ "deal_id": "789", "stage": "Closed Won", "amount": 50_000 });
    let changed = stateless_call(address, "update_deal", change.clone()).await;
    assert_eq!(changed["result"]["structuredContent"]["amount"], 50_000);
    assert_eq!(crm.deal("789").unwrap().stage, Stage::ClosedWon);
    assert_eq!(crm.deal("789").unwrap().owner, "bob");

    let log = logged(address).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[1]["sequence"], 2);
    assert_eq!(log[1]["tool"], "update_deal");
    assert_eq!(log[1]["arguments"], change);
}

#[tokio::test]
async fn a_client_with_a_session_lists_and_calls() {
    let (address, crm) = started().await;
    let opened = post(address, &[], json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } },
    }))
    .await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert_eq!(message(opened).await["result"]["protocolVersion"], "2025-11-25");
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    post(address, &headers, json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;

    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let listed = message(post(address, &headers, list).await).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["get_deal", "list_deals", "update_deal", "delete_deal", "send_email"]);
    assert_eq!(tools[0]["annotations"]["readOnlyHint"], true);
    assert_eq!(tools[3]["annotations"]["destructiveHint"], true);
    assert_eq!(tools[4]["annotations"]["openWorldHint"], true);
    let update = &tools[2]["inputSchema"];
    assert_eq!(update["required"], json!(["deal_id"]));
    assert_eq!(update["properties"]["amount"]["type"], "integer");
    assert_eq!(update["properties"]["discount_rate"]["type"], "number");
    assert_eq!(update["properties"]["stage"]["enum"][4], "Closed Won");
    assert_eq!(update["additionalProperties"], false);

    let call = json!({
        "jsonrpc": "2.0", "id": 3, "method": "tools/call",
        "params": { "name": "send_email",
                    "arguments": { "to": ["ann@acme.example"], "subject": "Hello", "body": "Dear Ann" } },
    });
    let sent = message(post(address, &headers, call).await).await;
    assert_eq!(sent["result"]["structuredContent"]["message_id"], "msg_1");
    assert_eq!(crm.outbox()[0].to, ["ann@acme.example"]);
}

#[tokio::test]
async fn an_unknown_deal_is_a_result_with_is_error() {
    let (address, _crm) = started().await;
    for tool in ["get_deal", "update_deal", "delete_deal"] {
        let reply = stateless_call(address, tool, json!({ "deal_id": "999" })).await;
        assert_eq!(reply["result"]["isError"], true, "{reply}");
        assert_eq!(reply["result"]["content"][0]["text"], "there is no deal `999`");
    }
    assert_eq!(logged(address).await.len(), 3, "the calls ran, and the log says so");
}

#[tokio::test]
async fn a_call_that_does_not_fit_its_schema_is_neither_executed_nor_logged() {
    let (address, crm) = started().await;
    for arguments in [
        json!({ "deal_id": "789", "amount": "5" }),
        json!({ "deal_id": "789", "amount": null }),
        json!({ "deal_id": "789", "stage": "Sold" }),
        json!({ "deal_id": "789", "owner": "mallory" }),
        json!({ "amount": 5 }),
    ] {
        let reply = stateless_call(address, "update_deal", arguments).await;
        assert_eq!(reply["result"]["isError"], true, "{reply}");
    }
    let unknown = stateless_call(address, "drop_table", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert!(crm.log().is_empty());
}

#[tokio::test]
async fn the_log_file_holds_the_call_before_the_answer_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let (address, _crm) = started_with(Crm::with_log_file(&path).unwrap()).await;
    stateless_call(address, "delete_deal", json!({ "deal_id": "791" })).await;
    let written = std::fs::read_to_string(&path).unwrap();
    let line: Value = serde_json::from_str(written.trim_end()).unwrap();
    assert_eq!((&line["sequence"], &line["tool"]), (&json!(1), &json!("delete_deal")));
    assert_eq!(line, logged(address).await[0]);
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused() {
    let (address, _crm) = started().await;
    let ping = || json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(post(address, &[("host", "evil.example")], ping()).await.status(), 403);
    assert_eq!(post(address, &[("origin", "http://evil.example")], ping()).await.status(), 403);
    let page = format!("http://localhost:{}", address.port());
    assert_ne!(post(address, &[("origin", &page)], ping()).await.status(), 403);
}

async fn started() -> (SocketAddr, Crm) {
    started_with(Crm::default()).await
}

async fn started_with(crm: Crm) -> (SocketAddr, Crm) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, crm.clone()));
    (address, crm)
}

async fn stateless_call(address: SocketAddr, tool: &str, arguments: Value) -> Value {
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", tool)];
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        } },
    });
    message(post(address, &headers, body).await).await
}

async fn post(address: SocketAddr, headers: &[(&str, &str)], body: Value) -> Response<Incoming> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}/mcp"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client().request(request.body(Full::from(body.to_string())).unwrap()).await.unwrap()
}

async fn logged(address: SocketAddr) -> Vec<Value> {
    let request = Request::get(format!("http://{address}/log")).body(Full::default()).unwrap();
    let body = client().request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The JSON-RPC reply, whether it came as JSON or as the last event of a stream.
async fn message(response: Response<Incoming>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    let json = text.lines().rev().find_map(|line| line.strip_prefix("data:")).unwrap_or(text);
    serde_json::from_str(json.trim()).unwrap_or_else(|_| panic!("not a message: {text}"))
}

type HttpClient = Client<HttpConnector, Full<axum::body::Bytes>>;

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}
