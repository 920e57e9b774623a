//! What a session adds: its marks, its end, answers on other streams, cancellation.

use super::*;

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
            oauth: None,
            deadline: SECOND,
        };
        Connector::new(&config, handles.clone(), None).unwrap()
    };
    let (one, other) = (build(), build());
    let link = open_session(&one).await;
    let own = open_session(&other).await;
    assert_ne!(link, own);
    assert!(!perform(&other, &link).await.sent);
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
