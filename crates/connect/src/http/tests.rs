mod session;

use std::time::Duration;

use placet_domain::{Json, Object, Outcome};
use placet_engine::{
    Passage, PassageKind,
    ports::{Answered, ConnectError, Link, Performed},
};
use serde_json::json;
use tokio::net::TcpStream;

use crate::{
    config::Secret,
    connector::Connector,
    upstream::{STREAM, Seen, Upstream, call, json_response, open_session, relay, say},
};

const SECOND: Duration = Duration::from_secs(1);

async fn perform(connector: &Connector, link: &Link) -> Performed {
    let (sender, _frames) = relay();
    connector.perform(&call("echo", Object::new().with("text", "hi")), link, sender).await
}

fn result_of(performed: &Performed) -> Json {
    match &performed.answer {
        Some(Answered::Result(bytes) | Answered::Error(bytes)) => Json::parse(bytes).unwrap(),
        None => panic!("no answer: {performed:?}"),
    }
}

fn passage(kind: PassageKind) -> Passage {
    Passage { connector: "crm".parse().unwrap(), kind }
}

/// Answers `initialize`; everything else by `other`.
async fn session_server<F, R>(other: F) -> Upstream
where
    F: Fn(Seen, TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = Option<TcpStream>> + Send + 'static,
{
    let other = std::sync::Arc::new(other);
    Upstream::start(move |seen, mut stream| {
        let other = std::sync::Arc::clone(&other);
        async move {
            if seen.method() != "initialize" {
                return other(seen, stream).await;
            }
            let reply = seen.result(json!({"protocolVersion": "2025-06-18", "capabilities": {}}));
            say(&mut stream, &reply.replacen("\r\n", "\r\nmcp-session-id: s-1\r\n", 1)).await;
            Some(stream)
        }
    })
    .await
}

async fn saying(reply: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |seen, mut stream| {
        let reply = reply(&seen);
        async move {
            say(&mut stream, &reply).await;
            // A reply without a length ends with its connection.
            reply.contains("content-length").then_some(stream)
        }
    })
    .await
}

#[tokio::test]
async fn a_stateless_call_carries_its_mirrored_headers_and_the_configured_credential_alone() {
    let upstream = saying(|seen| seen.result(json!({"content": []}))).await;
    let connector = upstream.connector_with(SECOND, |config| {
        config.headers.push((http::header::AUTHORIZATION, Secret::from("Bearer upstream")));
    });
    let performed = perform(&connector, &Link::Stateless).await;
    assert_eq!(performed.outcome, Outcome::Succeeded);
    let seen = upstream.requests("tools/call").remove(0);
    let mut names: Vec<_> =
        seen.head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_lowercase())).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "accept",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "mcp-method",
            "mcp-name",
            "mcp-protocol-version"
        ]
    );
    assert_eq!(seen.header("authorization"), Some("Bearer upstream"));
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("mcp-name"), Some("echo"));
    assert_eq!(seen.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(seen.body["params"], json!({"name": "echo", "arguments": {"text": "hi"}}));
}

#[tokio::test]
async fn parameters_are_mirrored_once_the_tools_are_known() {
    let upstream = saying(|seen| {
        seen.result(match seen.method() {
            "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {}}),
            "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object", "properties":
                {"text": {"type": "string", "x-mcp-header": "Text"}}}}]}),
            _ => json!({"content": []}),
        })
    })
    .await;
    let connector = upstream.connector();
    assert_eq!(connector.tools().await.unwrap().len(), 1);
    perform(&connector, &Link::Stateless).await;
    let seen = upstream.requests("tools/call").remove(0);
    assert_eq!(seen.header("mcp-param-text"), Some("hi"));
}

#[tokio::test]
async fn a_stream_cut_anywhere_is_read_and_its_frames_are_relayed_verbatim() {
    let upstream = session_server(|seen, mut stream| async move {
        let id = seen.id();
        let text = format!(
            "id: 1\r\nretry: 250\r\ndata:\r\n\r\n: quiet\n\nid: 2\ndata: {{\"jsonrpc\":\"2.0\", \"method\":\"notifications/message\",\ndata: \"params\":{{\"ü\":1.0}}}}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":\"srv\",\"method\":\"sampling/createMessage\",\"params\":{{}}}}\n\nid: 3\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[]}}}}\n\n",
        );
        say(&mut stream, STREAM).await;
        for part in text.as_bytes().chunks(7) {
            use tokio::io::AsyncWriteExt as _;
            stream.write_all(part).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        None
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, mut frames) = relay();
    let performed = connector.perform(&call("echo", Object::new()), &link, sender).await;
    assert_eq!((performed.outcome, performed.event_id.as_deref()), (Outcome::Succeeded, Some("3")));
    let mut relayed = Vec::new();
    while let Some(frame) = frames.recv().await {
        relayed.push(frame);
    }
    assert!(relayed.iter().any(|frame| frame.event_id.as_deref() == Some("1") && frame.data.is_empty()));
    assert!(relayed.iter().any(|frame| frame.retry_ms == Some(250)));
    let texts: Vec<_> = relayed
        .iter()
        .filter(|frame| !frame.data.is_empty())
        .map(|frame| std::str::from_utf8(&frame.data).unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "{\"jsonrpc\":\"2.0\", \"method\":\"notifications/message\",\n\"params\":{\"ü\":1.0}}",
            r#"{"jsonrpc":"2.0","id":"srv","method":"sampling/createMessage","params":{}}"#
        ]
    );
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_of_which_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::at(&listener);
    drop(listener);
    let performed = perform(&upstream.connector(), &Link::Stateless).await;
    assert_eq!((performed.outcome, performed.sent), (Outcome::Failed, false));
    assert!(performed.detail.unwrap().starts_with("cannot connect"));
    assert!(matches!(upstream.connector().tools().await, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn a_connection_dropped_after_the_request_is_unknown_and_never_retried() {
    let upstream = Upstream::start(|_seen, _stream| async { None }).await;
    let performed = perform(&upstream.connector(), &Link::Stateless).await;
    assert_eq!((performed.outcome, performed.sent), (Outcome::Unknown, true));
    assert_eq!(upstream.requests("tools/call").len(), 1);
}

#[tokio::test]
async fn a_connection_dropped_on_its_second_use_is_unknown_and_never_retried() {
    let upstream = Upstream::start(|seen, mut stream| async move {
        match seen.id().as_i64() {
            Some(1) => {
                say(&mut stream, &seen.result(json!({"content": []}))).await;
                Some(stream)
            }
            _ => None,
        }
    })
    .await;
    let connector = upstream.connector();
    assert_eq!(perform(&connector, &Link::Stateless).await.outcome, Outcome::Succeeded);
    assert_eq!(perform(&connector, &Link::Stateless).await.outcome, Outcome::Unknown);
    assert_eq!(upstream.requests("tools/call").len(), 2);
}

#[tokio::test]
async fn statuses_without_an_answer_fail_or_stay_unknown() {
    let table = [
        (301, Outcome::Failed),
        (307, Outcome::Failed),
        (400, Outcome::Failed),
        (401, Outcome::Failed),
        (404, Outcome::Failed),
        (429, Outcome::Failed),
        (500, Outcome::Unknown),
        (502, Outcome::Unknown),
        (504, Outcome::Unknown),
        (202, Outcome::Unknown),
    ];
    for (status, expected) in table {
        let upstream = saying(move |_| {
            format!(
                "HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n"
            )
        })
        .await;
        let performed = perform(&upstream.connector(), &Link::Stateless).await;
        assert_eq!((performed.outcome, performed.sent), (expected, true), "{status}");
        assert!(performed.detail.unwrap().contains(&status.to_string()));
        assert_eq!(upstream.seen.lock().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_error_object_is_an_answer_whatever_its_status() {
    for (status, id) in
        [(200, json!(1)), (400, json!(1)), (400, json!(null)), (404, json!(1)), (500, json!(1))]
    {
        let upstream = saying(move |_| {
            json_response(
                status,
                &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "no"}}),
            )
        })
        .await;
        let performed = perform(&upstream.connector(), &Link::Stateless).await;
        assert_eq!(performed.outcome, Outcome::Failed, "{status}");
        assert_eq!(result_of(&performed).member("message").and_then(Json::as_str), Some("no"));
    }
}

#[tokio::test]
async fn replies_that_are_no_answer_are_unknown() {
    let bodies = [
        "{}",
        "not json",
        r#"{"jsonrpc":"2.0","id":999,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"1","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
        r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#,
    ];
    for body in bodies {
        let upstream = saying(move |_| {
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        })
        .await;
        let performed = perform(&upstream.connector(), &Link::Stateless).await;
        assert_eq!(performed.outcome, Outcome::Unknown, "{body}");
        assert!(performed.answer.is_none());
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_an_answer_is_unknown() {
    let upstream = saying(|_| format!("{STREAM}id: 1\ndata:\n\ndata: {{\"jsonrpc\"")).await;
    let performed = perform(&upstream.connector(), &Link::Stateless).await;
    assert_eq!(performed.outcome, Outcome::Unknown);
    let upstream = session_server(|_, mut stream| async move {
        say(&mut stream, &format!("{STREAM}: nothing to resume after\n\n")).await;
        None
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    assert_eq!(perform(&connector, &link).await.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_stream_that_ends_after_its_answer_leaves_its_connection_for_the_next_call() {
    let upstream = Upstream::start(|seen, mut stream| async move {
        let event = format!("data: {{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{}}}}\n\n", seen.id());
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        say(&mut stream, &format!("{head}{:x}\r\n{event}\r\n", event.len())).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        say(&mut stream, "0\r\n\r\n").await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    for _turn in 0..3 {
        assert_eq!(perform(&connector, &Link::Stateless).await.outcome, Outcome::Succeeded);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(upstream.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_oversized_reply_is_unknown() {
    for kind in ["application/json", "text/event-stream"] {
        let upstream = Upstream::start(move |_, mut stream| async move {
            say(
                &mut stream,
                &format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n"),
            )
            .await;
            let block = "x".repeat(1024 * 1024);
            say(&mut stream, "data: \"").await;
            for _ in 0..20 {
                say(&mut stream, &block).await;
            }
            None
        })
        .await;
        let performed = perform(&upstream.connector(), &Link::Stateless).await;
        assert_eq!(performed.outcome, Outcome::Unknown, "{kind}");
        assert!(performed.detail.unwrap().contains("larger than"));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_a_stateless_call_by_closing_its_stream() {
    let (told, closed) = tokio::sync::oneshot::channel();
    let told = parking_lot::Mutex::new(Some(told));
    let upstream = Upstream::start(move |_, mut stream| {
        let told = told.lock().take();
        async move {
            use tokio::io::AsyncReadExt as _;
            say(&mut stream, STREAM).await;
            let _eof = stream.read(&mut [0; 1]).await;
            told.map(|told| told.send(()));
            None
        }
    })
    .await;
    let connector = upstream.connector();
    let (sender, frames) = relay();
    let call = call("echo", Object::new());
    let performing = connector.perform(&call, &Link::Stateless, sender);
    let (performed, ()) = tokio::join!(performing, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(frames);
    });
    assert_eq!(performed.outcome, Outcome::Unknown);
    assert!(performed.elapsed < SECOND);
    tokio::time::timeout(SECOND, closed).await.unwrap().unwrap();
}

#[tokio::test]
async fn sixty_four_calls_at_once_each_get_their_own_answer() {
    let upstream = Upstream::start(|seen, mut stream| async move {
        let text = seen.body["params"]["arguments"]["text"].as_str().unwrap().to_owned();
        // Shuffled: neither order of arrival nor of ids.
        let turn = (text.parse::<u64>().unwrap() * 37) % 64;
        tokio::time::sleep(Duration::from_millis(turn)).await;
        let reply = seen.result(json!({"structuredContent": {"echo": text}, "content": []}));
        say(&mut stream, &reply).await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    for _round in 0..3 {
        let calls = (0..64).map(|number| {
            let connector = &connector;
            async move {
                let (sender, _frames) = relay();
                let text = number.to_string();
                let call = call("echo", Object::new().with("text", text.as_str()));
                let performed = connector.perform(&call, &Link::Stateless, sender).await;
                let result = result_of(&performed);
                let echo = result.member("structuredContent").and_then(|content| content.member("echo"));
                assert_eq!(echo.and_then(Json::as_str), Some(text.as_str()));
            }
        });
        futures_util::future::join_all(calls).await;
    }
    assert_eq!(upstream.requests("tools/call").len(), 192);
}

#[test]
fn credentials_cannot_replace_what_the_protocol_sets() {
    for header in
        ["host", "content-length", "content-type", "accept", "mcp-session-id", "mcp-method", "connection"]
    {
        let config = crate::ConnectorConfig {
            name: "crm".parse().unwrap(),
            transport: crate::Transport::Http { url: "https://crm.example/mcp".parse().unwrap() },
            headers: vec![(header.parse().unwrap(), Secret::from("x"))],
            oauth: None,
            deadline: SECOND,
        };
        assert!(crate::McpConnectors::new(vec![config], None).is_err(), "{header}");
    }
    for url in ["ftp://crm.example/", "/mcp", "https://user@crm.example/mcp"] {
        let config = crate::ConnectorConfig {
            name: "crm".parse().unwrap(),
            transport: crate::Transport::Http { url: url.parse().unwrap() },
            headers: Vec::new(),
            oauth: None,
            deadline: SECOND,
        };
        assert!(crate::McpConnectors::new(vec![config], None).is_err(), "{url}");
    }
}
