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
async fn a_session_call_carries_the_session_and_the_negotiated_version() {
    let upstream = session_server(|seen, mut stream| async move {
        say(&mut stream, &seen.result(json!({"content": [], "isError": true}))).await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let performed = perform(&connector, &link).await;
    assert_eq!((performed.outcome, performed.sent), (Outcome::Failed, true));
    let seen = upstream.requests("tools/call").remove(0);
    assert_eq!(seen.header("mcp-session-id"), Some("s-1"));
    assert_eq!(seen.header("mcp-protocol-version"), Some("2025-06-18"));
    assert_eq!(seen.header("mcp-method"), None);
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
async fn a_slow_answer_is_unknown_at_the_deadline_and_the_session_hears_of_it() {
    let upstream = session_server(|seen, mut stream| async move {
        if seen.method() == "notifications/cancelled" {
            say(&mut stream, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
        } else {
            tokio::time::sleep(3 * SECOND).await;
        }
        Some(stream)
    })
    .await;
    let connector = upstream.connector_with(Duration::from_millis(200), |_| {});
    let link = open_session(&connector).await;
    let performed = perform(&connector, &link).await;
    assert_eq!((performed.outcome, performed.sent), (Outcome::Unknown, true));
    assert!(performed.elapsed < SECOND);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let call = upstream.requests("tools/call").remove(0);
    let cancelled = upstream.requests("notifications/cancelled").remove(0);
    assert_eq!(cancelled.body["params"]["requestId"], *call.id());
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
async fn a_client_that_goes_away_leaves_its_session_call_running() {
    let upstream = session_server(|seen, mut stream| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        say(&mut stream, &seen.result(json!({"content": []}))).await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, frames) = relay();
    drop(frames);
    let performed = connector.perform(&call("echo", Object::new()), &link, sender).await;
    assert_eq!(performed.outcome, Outcome::Succeeded);
}

/// Ends the stream of a call after a first event, and answers on the stream that resumes it.
async fn resuming_server() -> Upstream {
    session_server(|seen, mut stream| async move {
        if seen.method() == "tools/call" {
            say(&mut stream, &format!("{STREAM}id: 7-{}\nretry: 10\ndata:\n\n", seen.id())).await;
            return None;
        }
        let after = seen.header("last-event-id").unwrap().to_owned();
        let id = after.split_once('-').unwrap().1;
        say(&mut stream, STREAM).await;
        say(
            &mut stream,
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n",
        )
        .await;
        say(&mut stream, "data: {\"jsonrpc\":\"2.0\",\"id\":987654,\"result\":{}}\n\n").await;
        say(
            &mut stream,
            &format!("id: 8\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"late\":true}}}}\n\n"),
        )
        .await;
        None
    })
    .await
}

#[tokio::test]
async fn an_answer_on_a_resumed_stream_reaches_the_call_that_waits() {
    let upstream = resuming_server().await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, mut frames) = relay();
    let call = call("echo", Object::new());
    let performing = connector.perform(&call, &link, sender);
    let listening = async {
        let mut last = None;
        // The relay ends when the upstream's stream does, though the call still waits.
        while let Some(frame) = frames.recv().await {
            last = frame.event_id.or(last);
        }
        let (sender, mut resumed) = relay();
        let passed = connector.pass(&passage(PassageKind::Listen(last)), &link, sender).await.unwrap();
        assert_eq!(passed.status, None);
        let frame = resumed.recv().await.unwrap();
        assert!(std::str::from_utf8(&frame.data).unwrap().contains("notifications/message"));
        // No answer is relayed, its own or another's; the last event's id may be.
        while let Some(frame) = resumed.recv().await {
            assert!(frame.data.is_empty());
        }
    };
    let (performed, ()) = tokio::join!(performing, listening);
    assert_eq!((performed.outcome, performed.event_id.as_deref()), (Outcome::Succeeded, Some("8")));
    assert_eq!(result_of(&performed), Json::parse(br#"{"late":true}"#).unwrap());
}

#[tokio::test]
async fn an_answer_that_never_comes_on_a_resumable_stream_is_unknown_at_the_deadline() {
    let upstream = resuming_server().await;
    let connector = upstream.connector_with(Duration::from_millis(300), |_| {});
    let link = open_session(&connector).await;
    let performed = perform(&connector, &link).await;
    assert_eq!(performed.outcome, Outcome::Unknown);
    assert!(performed.elapsed >= Duration::from_millis(250));
}

#[tokio::test]
async fn a_404_ends_the_session() {
    let upstream = session_server(|_, mut stream| async move {
        say(&mut stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, _frames) = relay();
    let ping = passage(PassageKind::Ping(Object::new()));
    let error = connector.pass(&ping, &link, sender.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoSession));
    // Forgotten: the upstream is not asked again.
    let performed = perform(&connector, &link).await;
    assert_eq!((performed.outcome, performed.sent), (Outcome::Failed, false));
    assert!(upstream.requests("tools/call").is_empty());
}

#[tokio::test]
async fn a_session_of_one_connector_is_none_of_another() {
    let upstream = session_server(|_, _| async { None }).await;
    let handles = crate::sessions::Handles::default();
    let build = || {
        let url = format!("http://{}/mcp", upstream.address).parse().unwrap();
        let config = crate::ConnectorConfig {
            name: "crm".parse().unwrap(),
            transport: crate::Transport::Http { url },
            headers: Vec::new(),
            deadline: SECOND,
        };
        Connector::new(&config, handles.clone()).unwrap()
    };
    let (one, other) = (build(), build());
    let link = open_session(&one).await;
    let own = open_session(&other).await;
    assert_ne!(link, own);
    assert!(!perform(&other, &link).await.sent);
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

#[tokio::test]
async fn a_cancellation_is_sent_under_our_own_id_of_the_call_its_relay_names() {
    let upstream = session_server(|seen, mut stream| async move {
        match seen.method() {
            "notifications/cancelled" => {
                say(&mut stream, "HTTP/1.1 202 X\r\ncontent-length: 0\r\n\r\n").await
            }
            _ => tokio::time::sleep(Duration::from_millis(400)).await,
        }
        say(&mut stream, &seen.result(json!({"content": []}))).await;
        None
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, _frames) = relay();
    let call_relay = sender.downgrade();
    let (stranger, _stranger_frames) = relay();
    let cancelled = passage(PassageKind::Notify {
        method: "notifications/cancelled".to_owned(),
        params: Object::new().with("requestId", "client-5"),
    });
    let call = call("echo", Object::new());
    let performing = connector.perform(&call, &link, sender);
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        connector.pass(&cancelled, &link, stranger).await.unwrap();
        assert!(upstream.requests("notifications/cancelled").is_empty());
        connector.pass(&cancelled, &link, call_relay.upgrade().unwrap()).await.unwrap();
    };
    tokio::join!(performing, cancelling);
    let told = upstream.requests("notifications/cancelled");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body["params"]["requestId"], *upstream.requests("tools/call")[0].id());
}

#[tokio::test]
async fn answers_to_the_server_are_posted_as_they_came_and_listening_may_be_refused() {
    let upstream = session_server(|seen, mut stream| async move {
        let status = if seen.head.starts_with("GET") { "405 Method Not Allowed" } else { "202 Accepted" };
        say(&mut stream, &format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    let link = open_session(&connector).await;
    let (sender, _frames) = relay();
    let answer = br#"{"jsonrpc":"2.0","id":"srv","result":{"x":1.0}}"#;
    let kind = PassageKind::Answer(bytes::Bytes::from_static(answer));
    connector.pass(&passage(kind), &link, sender.clone()).await.unwrap();
    let seen = upstream.seen.lock().last().cloned().unwrap();
    assert_eq!(seen.body, serde_json::from_slice::<serde_json::Value>(answer).unwrap());
    let passed = connector.pass(&passage(PassageKind::Listen(None)), &link, sender).await.unwrap();
    assert_eq!(passed.status, Some(405));
}

#[tokio::test]
async fn closing_a_session_tells_the_upstream_once() {
    let upstream = session_server(|_, mut stream| async move {
        say(&mut stream, "HTTP/1.1 204 X\r\n\r\n").await;
        Some(stream)
    })
    .await;
    let connector = upstream.connector();
    let Link::Session(session) = open_session(&connector).await else { panic!("a session") };
    connector.close(session).await;
    connector.close(session).await;
    let deleted = upstream.seen.lock().iter().filter(|seen| seen.head.starts_with("DELETE")).count();
    assert_eq!(deleted, 1);
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
            deadline: SECOND,
        };
        assert!(crate::McpConnectors::new(vec![config]).is_err(), "{header}");
    }
    for url in ["ftp://crm.example/", "/mcp", "https://user@crm.example/mcp"] {
        let config = crate::ConnectorConfig {
            name: "crm".parse().unwrap(),
            transport: crate::Transport::Http { url: url.parse().unwrap() },
            headers: Vec::new(),
            deadline: SECOND,
        };
        assert!(crate::McpConnectors::new(vec![config]).is_err(), "{url}");
    }
}
