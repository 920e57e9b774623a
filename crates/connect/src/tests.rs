//! Both eras against the example CRM, whose own record says what ran.

use std::time::Duration;

use placet_domain::{Json, Object, Outcome};
use placet_engine::{
    Passage, PassageKind,
    ports::{Answered, ConnectError, Link},
};
use placet_example_crm::{Crm, serve};
use tokio::net::TcpListener;

use crate::upstream::{Upstream, call, open_session, relay};

async fn crm() -> (Upstream, Crm) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::at(&listener);
    let crm = Crm::default();
    tokio::spawn(serve(listener, crm.clone()));
    (upstream, crm)
}

fn meta() -> Object {
    Object::new()
        .with("io.modelcontextprotocol/protocolVersion", "2026-07-28")
        .with("io.modelcontextprotocol/clientCapabilities", Object::new())
}

#[tokio::test]
async fn the_crm_is_called_in_a_session() {
    let (upstream, crm) = crm().await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, _frames) = relay();
    let initialized = Passage {
        connector: "crm".parse().unwrap(),
        kind: PassageKind::Notify { method: "notifications/initialized".to_owned(), params: Object::new() },
    };
    connector.pass(&initialized, &link, sender.clone()).await.unwrap();
    for _turn in 0..5 {
        let performed = connector.perform(&call("list_deals", Object::new()), &link, sender.clone()).await;
        assert_eq!(performed.outcome, Outcome::Succeeded, "{performed:?}");
        assert!(matches!(performed.answer, Some(Answered::Result(_))));
    }
    let missing = call("get_deal", Object::new().with("deal_id", "no such deal"));
    let performed = connector.perform(&missing, &link, sender.clone()).await;
    assert_eq!(performed.outcome, Outcome::Failed, "{performed:?}");
    assert_eq!(crm.log().len(), 6);
    let Link::Session(session) = link else { panic!("a session") };
    connector.close(session).await;
    let performed = connector.perform(&call("list_deals", Object::new()), &link, sender).await;
    assert!(!performed.sent);
}

#[tokio::test]
async fn the_crm_is_called_without_a_session() {
    let (upstream, crm) = crm().await;
    let connector = upstream.connector();
    let params =
        Object::new().with("name", "list_deals").with("arguments", Object::new()).with("_meta", meta());
    let call = placet_domain::ToolCall::new(
        "crm".parse().unwrap(),
        placet_domain::Operation::Tool("list_deals".parse().unwrap()),
        params,
    )
    .unwrap();
    let (sender, _frames) = relay();
    let performed = connector.perform(&call, &Link::Stateless, sender).await;
    assert_eq!(performed.outcome, Outcome::Succeeded, "{performed:?}");
    assert_eq!(crm.log().len(), 1);
}

#[tokio::test]
async fn the_gateway_asks_in_its_own_name_for_tools_facts_and_health() {
    let (upstream, _crm) = crm().await;
    let connector = upstream.connector();
    let who = connector.probe().await.unwrap();
    assert!(who.starts_with("crm ") && who.ends_with("MCP 2026-07-28"), "{who}");
    let tools = connector.tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["get_deal", "list_deals", "update_deal", "delete_deal", "send_email"]);
    let facts = connector.facts(&"list_deals".parse().unwrap(), Object::new()).await.unwrap();
    assert!(
        facts.member("deals").and_then(Json::as_array).is_some_and(|deals| !deals.is_empty()),
        "{facts:?}"
    );
    let missing = Object::new().with("deal_id", "no such deal");
    let error = connector.facts(&"get_deal".parse().unwrap(), missing).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn an_upstream_of_the_session_era_is_asked_in_a_session_that_is_opened_again_when_lost() {
    use serde_json::json;
    let opened = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&opened);
    let upstream = Upstream::start(move |seen, mut stream| {
        let counter = std::sync::Arc::clone(&counter);
        async move {
            use std::sync::atomic::Ordering::SeqCst;
            let current = format!("s-{}", counter.load(SeqCst));
            let reply = match seen.method() {
                "server/discover" => crate::upstream::json_response(
                    200,
                    &json!({"jsonrpc": "2.0", "id": seen.id(), "error": {"code": -32601, "message": "no"}}),
                ),
                "initialize" => {
                    let id = counter.fetch_add(1, SeqCst) + 1;
                    seen.result(json!({"protocolVersion": "2025-11-25", "serverInfo": {"name": "old"}}))
                        .replacen("\r\n", &format!("\r\nmcp-session-id: s-{id}\r\n"), 1)
                }
                "notifications/initialized" => "HTTP/1.1 202 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
                _ if seen.header("mcp-session-id") != Some(&current) => {
                    "HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_owned()
                }
                "tools/list" if seen.body["params"]["cursor"] == "2" => {
                    seen.result(json!({"tools": [{"name": "b"}]}))
                }
                "tools/list" => {
                    seen.result(json!({"tools": [{"name": "a"}, {"name": "not a name"}], "nextCursor": "2"}))
                }
                _ => seen.result(json!({"content": [{"type": "text", "text": "{\"tier\":1}"}]})),
            };
            crate::upstream::say(&mut stream, &reply).await;
            Some(stream)
        }
    })
    .await;
    let connector = upstream.connector_with(Duration::from_secs(2), |_| {});
    assert_eq!(connector.probe().await.unwrap(), "old, MCP 2025-11-25");
    let names: Vec<_> = connector.tools().await.unwrap().iter().map(|tool| tool.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    // The upstream forgets its sessions.
    opened.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
    let facts = connector.facts(&"a".parse().unwrap(), Object::new()).await.unwrap();
    assert_eq!(facts, Json::parse(br#"{"tier":1}"#).unwrap());
    assert_eq!(upstream.requests("initialize").len(), 2);
}
