use std::time::Duration;

use placet_domain::{Json, Object, Outcome, ToolCall};
use placet_engine::{
    Passage, PassageKind,
    ports::{Answered, ConnectError, Link},
};
use serde_json::{Value, json};

use crate::{
    ConnectorConfig, Secret, Transport,
    connector::Connector,
    sessions::Handles,
    upstream::{open_session, relay},
};

const CHILD: &str = "PLACET_TEST_CHILD";

#[expect(clippy::exit, reason = "a child process ends as a process does")]
/// Not a test: the child process, which is this test program started with [`CHILD`] set.
#[test]
fn the_child_of_the_other_tests() {
    let Ok(mode) = std::env::var(CHILD) else { return };
    let say = |message: Value| println!("{message}");
    println!("\nnot a message");
    let mut held = Vec::new();
    for line in std::io::stdin().lines() {
        let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (id, params) = (&message["id"], &message["params"]);
        let reply = |result: Value| println!("{}", json!({"jsonrpc": "2.0", "id": id, "result": result}));
        let notify = |method: &str, params: Value| {
            println!("{}", json!({"jsonrpc": "2.0", "method": method, "params": params}));
        };
        match (message["method"].as_str().unwrap_or("answer"), params["name"].as_str().unwrap_or_default()) {
            ("initialize", _) => {
                reply(json!({"protocolVersion": "2025-11-25", "serverInfo": {"name": "child"}}));
            }
            ("server/discover", _) if mode == "stateless" => {
                reply(json!({"supportedVersions": ["2026-07-28"], "serverInfo": {"name": "child"}}));
            }
            ("tools/list", _) => reply(json!({"tools": [{"name": "env"}]})),
            ("tools/call", "env") => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
                reply(json!({"structuredContent": {"names": names}}));
            }
            ("tools/call", "progress") => {
                notify("notifications/progress", json!({"progressToken": params["_meta"]["progressToken"]}));
                reply(json!({"content": []}));
            }
            ("tools/call", "log") => {
                notify("notifications/message", json!({"data": "for one client"}));
                reply(json!({"content": []}));
            }
            ("tools/call", "ask") => {
                say(json!({"jsonrpc": "2.0", "id": "srv-1", "method": "roots/list", "params": {}}));
                held.push(id.clone());
            }
            ("answer", _) => {
                let id = held.pop().unwrap();
                say(json!({"jsonrpc": "2.0", "id": id, "result": {"structuredContent": message["result"]}}));
            }
            ("tools/call", "shuffle") => {
                held.push(id.clone());
                if held.len() == 16 {
                    while let Some(id) = held.pop() {
                        say(json!({"jsonrpc": "2.0", "id": id, "result": {"structuredContent": {"id": id}}}));
                    }
                }
            }
            ("tools/call", "hang") => {}
            ("notifications/cancelled", _) => notify("notifications/message", json!({"data": message})),
            ("tools/call", "long") => println!("{}", "x".repeat(17 * 1024 * 1024)),
            ("tools/call", "exit") => {
                eprintln!("a last word\u{1b}[31m");
                std::process::exit(3);
            }
            (_, _) if id.is_null() => {}
            (_, _) => {
                say(
                    json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}}),
                );
            }
        }
    }
    std::process::exit(0);
}

fn connector(mode: &str, deadline: Duration) -> Connector {
    let program = std::env::current_exe().unwrap();
    let test = "stdio::tests::the_child_of_the_other_tests";
    let config = ConnectorConfig {
        name: "crm".parse().unwrap(),
        transport: Transport::Stdio {
            command: program.to_str().unwrap().to_owned(),
            arguments: [test, "--exact", "--nocapture", "--test-threads=1"].map(str::to_owned).to_vec(),
            environment: vec![(CHILD.to_owned(), Secret::from(mode))],
            directory: None,
        },
        headers: Vec::new(),
        oauth: None,
        deadline,
    };
    Connector::new(&config, Handles::default(), None).unwrap()
}

const DEADLINE: Duration = Duration::from_secs(10);

fn call(tool: &str) -> ToolCall {
    crate::upstream::call(tool, Object::new())
}

fn content(performed: &placet_engine::ports::Performed) -> Json {
    match &performed.answer {
        Some(Answered::Result(bytes)) => {
            Json::parse(bytes).unwrap().member("structuredContent").cloned().unwrap()
        }
        other => panic!("no result: {other:?} {:?}", performed.detail),
    }
}

fn passage(kind: PassageKind) -> Passage {
    Passage { connector: "crm".parse().unwrap(), kind }
}

#[tokio::test]
async fn the_child_sees_only_the_environment_it_was_given() {
    let connector = connector("stateless", DEADLINE);
    let (sender, _frames) = relay();
    let performed = connector.perform(&call("env"), &Link::Stateless, sender).await;
    let content = content(&performed);
    let names: Vec<_> =
        content.member("names").and_then(Json::as_array).unwrap().iter().filter_map(Json::as_str).collect();
    let known = ["PATH", "HOME", "TMPDIR", "LANG", CHILD];
    assert!(names.contains(&CHILD) && names.iter().all(|name| known.contains(name)), "{names:?}");
}

#[tokio::test]
async fn shuffled_answers_reach_their_own_calls() {
    let connector = connector("stateless", DEADLINE);
    let calls = (0..16).map(|_| async {
        let (sender, _frames) = relay();
        connector.perform(&call("shuffle"), &Link::Stateless, sender).await
    });
    let performed = futures_util::future::join_all(calls).await;
    // Ids are given in the order of the calls.
    for (place, performed) in performed.iter().enumerate() {
        let expected = i64::try_from(place).unwrap() + 1;
        assert_eq!(content(performed).member("id").and_then(Json::as_integer), Some(expected));
    }
}

#[tokio::test]
async fn a_child_that_exits_leaves_its_calls_unknown_and_the_next_call_starts_another() {
    let connector = connector("stateless", DEADLINE);
    let (sender, _frames) = relay();
    let hanging = call("hang");
    let (hung, exited) = tokio::join!(connector.perform(&hanging, &Link::Stateless, sender.clone()), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        connector.perform(&call("exit"), &Link::Stateless, sender.clone()).await
    });
    assert_eq!((hung.outcome, hung.sent), (Outcome::Unknown, true));
    assert_eq!(exited.outcome, Outcome::Unknown);
    assert!(exited.detail.unwrap().contains("exit status: 3"));
    let performed = connector.perform(&call("env"), &Link::Stateless, sender).await;
    assert_eq!(performed.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_line_beyond_the_limit_ends_the_child() {
    let connector = connector("stateless", DEADLINE);
    let (sender, _frames) = relay();
    let performed = connector.perform(&call("long"), &Link::Stateless, sender).await;
    assert_eq!(performed.outcome, Outcome::Unknown);
    assert!(performed.detail.unwrap().contains("longer than"));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_has_been_sent_nothing() {
    let config = ConnectorConfig {
        name: "crm".parse().unwrap(),
        transport: Transport::Stdio {
            command: "/no/such/program".to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
        },
        headers: Vec::new(),
        oauth: None,
        deadline: DEADLINE,
    };
    let connector = Connector::new(&config, Handles::default(), None).unwrap();
    let (sender, _frames) = relay();
    let performed = connector.perform(&call("env"), &Link::Stateless, sender).await;
    assert_eq!((performed.outcome, performed.sent), (Outcome::Failed, false));
    assert!(matches!(connector.tools().await, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn each_session_has_a_child_of_its_own_which_dies_with_it() {
    let connector = connector("session", DEADLINE);
    let (one, other) = (open_session(&connector).await, open_session(&connector).await);
    assert_ne!(one, other);
    let (sender, _frames) = relay();
    let exited = connector.perform(&call("exit"), &one, sender.clone()).await;
    assert_eq!(exited.outcome, Outcome::Unknown);
    let gone = connector.perform(&call("env"), &one, sender.clone()).await;
    assert_eq!((gone.outcome, gone.sent), (Outcome::Failed, false));
    let performed = connector.perform(&call("env"), &other, sender.clone()).await;
    assert_eq!(performed.outcome, Outcome::Succeeded);
    let Link::Session(session) = other else { panic!("a session") };
    connector.close(session).await;
    let ping = passage(PassageKind::Ping(Object::new()));
    assert!(matches!(connector.pass(&ping, &other, sender).await, Err(ConnectError::NoSession)));
}

#[tokio::test]
async fn a_request_of_the_server_reaches_its_client_and_the_answer_goes_back() {
    let connector = connector("session", DEADLINE);
    let link = open_session(&connector).await;
    let (sender, mut frames) = relay();
    let asking = call("ask");
    let (performed, ()) = tokio::join!(connector.perform(&asking, &link, sender), async {
        let frame = frames.recv().await.unwrap();
        assert!(std::str::from_utf8(&frame.data).unwrap().contains("roots/list"));
        let answer = b"{\"jsonrpc\":\"2.0\",\r\n \"id\":\"srv-1\",\"result\":{\"roots\":[]}}";
        let (sender, _frames) = relay();
        let kind = PassageKind::Answer(bytes::Bytes::from_static(answer));
        connector.pass(&passage(kind), &link, sender).await.unwrap();
    });
    assert_eq!(content(&performed), Json::parse(br#"{"roots":[]}"#).unwrap());
}

#[tokio::test]
async fn progress_goes_to_the_call_that_asked_and_other_news_to_the_listener() {
    let connector = connector("session", DEADLINE);
    let link = open_session(&connector).await;
    let (sender, mut frames) = relay();
    let meta = Object::new().with("progressToken", "p-1");
    let params = Object::new().with("name", "progress").with("_meta", meta);
    let operation = placet_domain::Operation::Tool("progress".parse().unwrap());
    let progress = ToolCall::new("crm".parse().unwrap(), operation, params).unwrap();
    connector.perform(&progress, &link, sender).await;
    assert!(std::str::from_utf8(&frames.recv().await.unwrap().data).unwrap().contains("p-1"));

    let (listener, mut heard) = relay();
    let listen = passage(PassageKind::Listen(None));
    let (sender, mut frames) = relay();
    let listening = connector.pass(&listen, &link, listener);
    let calling = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        connector.perform(&call("log"), &link, sender).await;
        assert!(std::str::from_utf8(&heard.recv().await.unwrap().data).unwrap().contains("for one client"));
        assert!(frames.recv().await.is_none());
        drop(heard);
    };
    let (passed, ()) = tokio::join!(listening, calling);
    assert_eq!(passed.unwrap().status, None);
}

#[tokio::test]
async fn news_that_cannot_be_tied_to_a_call_reaches_nobody_of_those_who_share_the_child() {
    let connector = connector("stateless", Duration::from_millis(600));
    let (bystander, mut seen) = relay();
    let (sender, mut own) = relay();
    let hanging = call("hang");
    tokio::join!(connector.perform(&hanging, &Link::Stateless, bystander), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        connector.perform(&call("log"), &Link::Stateless, sender).await;
    });
    assert!(own.recv().await.is_none());
    assert!(seen.recv().await.is_none());
}

#[tokio::test]
async fn a_slow_answer_is_unknown_at_the_deadline_and_the_child_hears_of_it() {
    let connector = connector("session", Duration::from_millis(500));
    let link = open_session(&connector).await;
    let (listener, mut heard) = relay();
    let listen = passage(PassageKind::Listen(None));
    let (sender, _frames) = relay();
    let calling = async {
        let performed = connector.perform(&call("hang"), &link, sender).await;
        assert_eq!((performed.outcome, performed.sent), (Outcome::Unknown, true));
        let frame = heard.recv().await.unwrap();
        // The child echoes the cancellation: `initialize` had id 1, the call 2.
        assert!(std::str::from_utf8(&frame.data).unwrap().contains("\"requestId\":2"));
        drop(heard);
    };
    let (passed, ()) = tokio::join!(connector.pass(&listen, &link, listener), calling);
    passed.unwrap();
}

#[tokio::test]
async fn the_gateway_asks_children_of_both_eras_in_its_own_name() {
    for (mode, expected) in [("stateless", "child, MCP 2026-07-28"), ("session", "child, MCP 2025-11-25")] {
        let connector = connector(mode, DEADLINE);
        assert_eq!(connector.probe().await.unwrap(), expected);
        assert_eq!(connector.tools().await.unwrap().len(), 1);
        let facts = connector.facts(&"env".parse().unwrap(), Object::new()).await.unwrap();
        assert!(facts.member("names").is_some());
        // A child that has died is replaced.
        assert!(connector.facts(&"exit".parse().unwrap(), Object::new()).await.is_err());
        assert!(connector.facts(&"env".parse().unwrap(), Object::new()).await.is_ok());
        connector.shutdown().await;
    }
}
