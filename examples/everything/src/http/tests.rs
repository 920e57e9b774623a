//! What the conformance suite does not look at, over a real socket.

use std::net::SocketAddr;

use axum::http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::serve;

#[tokio::test]
async fn both_eras_share_the_endpoint_but_not_all_tools() {
    let address = started().await;
    let modern = json_of(stateless(address, "tools/list", json!({})).await).await;
    let session = opened(address).await;
    let list = json!({ "jsonrpc": "2.0", "id": "two", "method": "tools/list" });
    let legacy = last_event(send(address, Method::POST, &in_session(&session), list).await).await;
    assert_eq!(legacy["id"], "two");
    assert!(names(&modern).contains(&"failing_job".to_owned()));
    assert!(!names(&modern).contains(&"test_sampling".to_owned()));
    assert!(names(&legacy).contains(&"test_sampling".to_owned()));
    assert!(!names(&legacy).contains(&"failing_job".to_owned()));
}

#[tokio::test]
async fn an_answer_given_while_the_client_was_away_is_replayed_once_asked_for() {
    let address = started().await;
    let session = opened(address).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "test_reconnection", "arguments": {} },
    });
    let broken_off = text_of(send(address, Method::POST, &in_session(&session), call).await).await;
    assert!(!broken_off.contains("result"), "{broken_off}");
    let last = broken_off.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let mut headers = in_session(&session);
    headers.push(("last-event-id", last));
    let rest = last_event(send(address, Method::GET, &headers, Value::Null).await).await;
    assert_eq!(rest["id"], 7);
    assert_eq!(rest["result"]["content"][0]["text"], "Reconnection test completed");
}

#[tokio::test]
async fn a_subscription_hears_only_of_what_it_asked_for() {
    let address = started().await;
    let wanted = json!({ "notifications": { "resourceSubscriptions": ["test://watched-resource"] } });
    let mut stream = stateless(address, "subscriptions/listen", wanted).await.into_body();
    let first = frame(&mut stream).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"]["notifications"],
        json!({ "resourceSubscriptions": ["test://watched-resource"] })
    );
    for tool in ["test_trigger_tool_change", "test_trigger_resource_update"] {
        stateless(address, "tools/call", json!({ "name": tool, "arguments": {} })).await;
    }
    let second = frame(&mut stream).await;
    assert_eq!(second["method"], "notifications/resources/updated");
    assert_eq!(second["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
}

#[tokio::test]
async fn an_ended_or_unknown_session_is_not_found() {
    let address = started().await;
    let session = opened(address).await;
    let headers = in_session(&session);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(send(address, Method::DELETE, &headers, Value::Null).await.status(), 204);
    assert_eq!(send(address, Method::POST, &headers, ping.clone()).await.status(), 404);
    assert_eq!(send(address, Method::DELETE, &headers, Value::Null).await.status(), 404);
    assert_eq!(send(address, Method::POST, &[], ping).await.status(), 400, "no session at all");
    assert_eq!(send(address, Method::GET, &[], Value::Null).await.status(), 405);
}

#[tokio::test]
async fn an_argument_and_its_mirror_must_agree_even_when_one_is_absent() {
    let address = started().await;
    let call = |arguments: Value| json!({ "name": "test_mirrored_headers", "arguments": arguments });
    let status = async |arguments: Value, mirror: &[(&'static str, &'static str)]| {
        send_stateless(address, "tools/call", call(arguments), mirror).await.status().as_u16()
    };
    assert_eq!(status(json!({}), &[]).await, 200);
    assert_eq!(status(json!({ "priority": 3 }), &[("mcp-param-priority", "3")]).await, 200);
    assert_eq!(status(json!({ "priority": 3 }), &[("mcp-param-priority", "4")]).await, 400);
    assert_eq!(status(json!({ "region": "eu" }), &[]).await, 400);
    assert_eq!(status(json!({}), &[("mcp-param-region", "eu")]).await, 400);
}

#[tokio::test]
async fn a_batch_is_refused_whole() {
    let address = started().await;
    let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }]);
    assert_eq!(send(address, Method::POST, &[], batch).await.status(), 400);
}

async fn started() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener));
    address
}

async fn opened(address: SocketAddr) -> String {
    let initialize = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } },
    });
    let response = send(address, Method::POST, &[], initialize).await;
    response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
}

fn in_session(session: &str) -> Vec<(&'static str, &str)> {
    vec![("mcp-session-id", session), ("mcp-protocol-version", "2025-11-25")]
}

async fn stateless(address: SocketAddr, method: &'static str, params: Value) -> Response<Incoming> {
    send_stateless(address, method, params, &[]).await
}

async fn send_stateless(
    address: SocketAddr,
    method: &'static str,
    mut params: Value,
    more: &[(&'static str, &'static str)],
) -> Response<Incoming> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let mut headers =
        vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", &name)];
    headers.extend(more);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    send(address, Method::POST, &headers, body).await
}

async fn send(
    address: SocketAddr,
    method: Method,
    headers: &[(&str, &str)],
    body: Value,
) -> Response<Incoming> {
    let mut request = Request::builder().method(method).uri(format!("http://{address}/mcp"));
    request = request.header("content-type", "application/json");
    request = request.header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::from(if body.is_null() { String::new() } else { body.to_string() });
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    client.request(request.body(body).unwrap()).await.unwrap()
}

async fn text_of(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json_of(response: Response<Incoming>) -> Value {
    serde_json::from_str(&text_of(response).await).unwrap()
}

async fn last_event(response: Response<Incoming>) -> Value {
    let text = text_of(response).await;
    let data = text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(data).unwrap()
}

/// The next message of an open stream; this server writes one event per frame.
async fn frame(stream: &mut Incoming) -> Value {
    let bytes = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    serde_json::from_str(text.trim().strip_prefix("data: ").unwrap()).unwrap()
}

fn names(listed: &Value) -> Vec<String> {
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}
