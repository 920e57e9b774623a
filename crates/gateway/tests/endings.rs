//! What is open when its run is stopped: it ends within a second, with a reason, and nothing is lost.
//! A real listener before an engine whose upstream speaks when the test says so.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this file is tests")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use placet_domain::{ConnectorName, HaltTarget, Json, Object, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    GrantWish, Passage, PassageKind, Placet,
    ports::{
        Answered, ConnectError, Connectors, Link, Passed, Performed, Relay, RelayFrame, UpstreamSession,
    },
};
use placet_gateway::{Gateway, GatewayConfig, GuardConfig};
use placet_testkit::{Actor, World};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// The bar.
const A_SECOND: Duration = Duration::from_secs(1);
/// Long enough for anything that is going to happen.
const PATIENCE: Duration = Duration::from_secs(5);

/// An upstream that says one thing, or nothing, and answers when it may, long after its last frame if it lingers.
struct Slow {
    connectors: Arc<dyn Connectors>,
    speaks: AtomicBool,
    lingers: AtomicBool,
    answers: Semaphore,
    arrived: Semaphore,
}

#[async_trait]
impl Connectors for Slow {
    async fn perform(&self, call: Placet<ToolCall>, link: Link, relay: Relay) -> Performed {
        if self.speaks.load(Ordering::SeqCst) {
            let data =
                Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#);
            relay.send(RelayFrame::message(data)).await.unwrap();
        }
        self.arrived.add_permits(1);
        self.answers.acquire().await.unwrap().forget();
        let performed = self.connectors.perform(call, link, relay).await;
        if self.lingers.load(Ordering::SeqCst) {
            tokio::time::sleep(A_SECOND / 2).await;
        }
        performed
    }

    async fn pass(&self, passage: Placet<Passage>, link: Link, relay: Relay) -> Result<Passed, ConnectError> {
        match &passage.kind {
            PassageKind::Initialize(_) => Ok(Passed {
                answer: Some(Answered::Result(Bytes::from_static(
                    br#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#,
                ))),
                session: Some(UpstreamSession(7)),
                event_id: None,
                status: None,
            }),
            PassageKind::Listen(_) => {
                relay.closed().await;
                Ok(Passed { answer: None, session: None, event_id: None, status: None })
            }
            _ => self.connectors.pass(passage, link, relay).await,
        }
    }

    async fn close(&self, connector: &ConnectorName, session: UpstreamSession) {
        self.connectors.close(connector, session).await;
    }

    async fn tools(&self, connector: &ConnectorName) -> Result<Vec<ToolDefinition>, ConnectError> {
        self.connectors.tools(connector).await
    }

    async fn facts(
        &self,
        connector: &ConnectorName,
        tool: &ToolName,
        arguments: Object,
    ) -> Result<Json, ConnectError> {
        self.connectors.facts(connector, tool, arguments).await
    }
}

/// A world behind a listener.
struct Door {
    world: World,
    upstream: Arc<Slow>,
    address: SocketAddr,
}

impl Door {
    async fn open() -> Self {
        Self::with(r#"@id("all") permit (principal, action, resource);"#).await
    }

    async fn with(policies: &str) -> Self {
        let world = World::new().tool("crm.update_deal", r#"{"type":"object"}"#).policies(policies);
        let mut world = world.person("sue", &["security"]).open().await;
        let upstream = Arc::new(Slow {
            connectors: world.connectors.clone(),
            speaks: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            answers: Semaphore::new(0),
            arrived: Semaphore::new(0),
        });
        world.ports.connectors = upstream.clone();
        world.restart().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = GatewayConfig {
            guard: GuardConfig { body_bytes: 65_536, hosts: vec![], origins: vec![] },
            metrics: Arc::new(String::new),
            drain: A_SECOND,
        };
        let gateway = Gateway::new(world.engine.clone(), config, address);
        tokio::spawn(gateway.serve(listener, std::future::pending()));
        Self { world, upstream, address }
    }

    async fn kill(&self, target: &str) {
        let target: HaltTarget = target.parse().unwrap();
        self.world.engine.halt(target, "it loops", &"ana".parse().unwrap()).await.unwrap();
    }

    async fn resume(&self, target: &str) {
        self.world.engine.lift(&target.parse().unwrap(), &"ana".parse().unwrap()).await.unwrap();
    }

    /// Sends a request and reads the head of its answer.
    async fn send(&self, actor: &Actor, method: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} /mcp/crm HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{headers}\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            actor.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer { stream: BufReader::new(stream), head: String::new() }
    }

    async fn call(&self, actor: &Actor) -> Answer {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}"#;
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"update_deal","arguments":{{}},"_meta":{meta}}}}}"#
        );
        let headers =
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: update_deal\r\n";
        let answer = self.send(actor, "POST", headers, &body).await;
        timeout(PATIENCE, self.upstream.arrived.acquire()).await.expect("the call arrives").unwrap().forget();
        answer
    }

    async fn initialize(&self, actor: &Actor) -> String {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
        let mut answer = self.send(actor, "POST", "", body).await;
        answer.head().await;
        let id = answer.head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
        id.unwrap_or_else(|| panic!("{}", answer.head)).to_owned()
    }

    async fn outcomes(&self, wanted: usize) {
        let counted = timeout(PATIENCE, async {
            while self.world.receipts("outcome").len() < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        counted.await.expect("the outcome is on record");
    }
}

struct Answer {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Answer {
    async fn head(&mut self) -> u16 {
        while !self.head.ends_with("\r\n\r\n") {
            let read =
                timeout(PATIENCE, self.stream.read_line(&mut self.head)).await.expect("a head").unwrap();
            assert!(read > 0, "{}", self.head);
        }
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Everything up to and with this text.
    async fn up_to(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            let read = timeout(A_SECOND, self.stream.read_line(&mut seen)).await;
            assert!(read.unwrap_or_else(|_| panic!("no {text:?} in {seen}")).unwrap() > 0, "{seen}");
        }
        seen
    }

    /// The rest of the body; it must end within a second.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Some(length) = self.head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            bytes.resize(length.parse().unwrap(), 0);
            timeout(A_SECOND, self.stream.read_exact(&mut bytes)).await.expect("within a second").unwrap();
            return String::from_utf8(bytes).unwrap();
        }
        let mut seen = String::new();
        while !seen.ends_with("0\r\n\r\n") {
            let read = timeout(A_SECOND, self.stream.read_line(&mut seen)).await;
            assert!(
                read.unwrap_or_else(|_| panic!("the stream does not end: {seen}")).unwrap() > 0,
                "{seen}"
            );
        }
        seen
    }
}

#[tokio::test]
async fn an_open_stream_of_a_call_ends_with_a_reason_and_its_outcome_is_on_record() {
    let door = Door::open().await;
    door.upstream.speaks.store(true, Ordering::SeqCst);
    for target in ["agent:billing", "connector:crm", "tool:crm/update_deal", "all"] {
        let before = door.world.receipts("outcome").len();
        let actor = door.world.agent("billing").start().await;
        let mut answer = door.call(&actor).await;
        assert_eq!(answer.head().await, 200);
        answer.up_to("notifications/progress").await;
        door.kill(target).await;
        let rest = answer.rest().await;
        assert!(rest.contains("PL-1231") && rest.contains(": it loops"), "{rest}");
        assert!(rest.contains(r#""id":1,"result""#) && rest.contains(r#""isError":true"#), "{rest}");
        assert_eq!(door.world.receipts("outcome").len(), before);
        door.upstream.answers.add_permits(1);
        door.outcomes(before + 1).await;
        door.resume(target).await;
    }
}

#[tokio::test]
async fn a_call_that_has_said_nothing_is_answered_when_it_is_stopped() {
    let door = Door::open().await;
    let actor = door.world.agent("billing").start().await;
    let mut answer = door.call(&actor).await;
    door.kill("agent:billing").await;
    assert_eq!(timeout(A_SECOND, answer.head()).await.expect("within a second"), 200);
    let body = answer.rest().await;
    assert!(body.contains("PL-1231") && body.contains(r#""isError":true"#), "{body}");
    door.upstream.answers.add_permits(1);
    door.outcomes(1).await;
    assert_eq!(door.world.sent().len(), 1);
}

#[tokio::test]
async fn a_session_and_its_stream_end_with_a_reason_here_and_upstream() {
    let door = Door::open().await;
    let (killed, other) =
        (door.world.agent("billing").start().await, door.world.agent("mailer").start().await);
    let (session, others) = (door.initialize(&killed).await, door.initialize(&other).await);
    let headers =
        |session: &str| format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    let mut stream = door.send(&killed, "GET", &headers(&session), "").await;
    let mut going = door.send(&other, "GET", &headers(&others), "").await;
    assert_eq!((stream.head().await, going.head().await), (200, 200));
    door.kill(&format!("instance:{}", killed.instance.id)).await;
    let rest = stream.rest().await;
    assert!(rest.contains("PL-1231") && rest.contains(r#""error""#) && rest.contains(": it loops"), "{rest}");
    let closed = timeout(A_SECOND, async {
        while door.world.connectors.closed().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    closed.await.expect("the upstream's session is closed");
    // Whose run goes on hears nothing of it.
    let mut line = String::new();
    assert!(timeout(Duration::from_millis(300), going.stream.read_line(&mut line)).await.is_err(), "{line}");
    let refused = door.send(&killed, "GET", &headers(&session), "").await.head().await;
    assert_eq!(refused, 403);
    door.resume(&format!("instance:{}", killed.instance.id)).await;
    let gone = door.send(&killed, "GET", &headers(&session), "").await.head().await;
    assert_eq!(gone, 404);
    assert_eq!(door.world.connectors.closed().len(), 1);
}

#[tokio::test]
async fn a_session_with_a_call_under_way_is_closed_upstream_when_that_has_ended() {
    let door = Door::open().await;
    let actor = door.world.agent("billing").start().await;
    let session = door.initialize(&actor).await;
    let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    let body =
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"update_deal","arguments":{}}}"#;
    let mut answer = door.send(&actor, "POST", &headers, body).await;
    timeout(PATIENCE, door.upstream.arrived.acquire()).await.unwrap().unwrap().forget();
    door.kill("all").await;
    assert_eq!(timeout(A_SECOND, answer.head()).await.expect("within a second"), 200);
    assert!(answer.rest().await.contains("PL-1231"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(door.world.connectors.closed().is_empty());
    door.upstream.answers.add_permits(1);
    door.outcomes(1).await;
    let closed = timeout(A_SECOND, async {
        while door.world.connectors.closed().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    closed.await.expect("the upstream's session is closed");
}

#[tokio::test]
async fn a_stream_without_more_frames_still_carries_its_answer_however_long_that_takes() {
    let door = Door::open().await;
    door.upstream.speaks.store(true, Ordering::SeqCst);
    door.upstream.lingers.store(true, Ordering::SeqCst);
    let actor = door.world.agent("billing").start().await;
    let session = door.initialize(&actor).await;
    let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    let body =
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"update_deal","arguments":{}}}"#;
    let mut answer = door.send(&actor, "POST", &headers, body).await;
    assert_eq!(answer.head().await, 200);
    answer.up_to("notifications/progress").await;
    door.upstream.answers.add_permits(1);
    let rest = answer.rest().await;
    assert!(rest.contains(r#""id":2,"result""#), "{rest}");
}

#[tokio::test]
async fn a_stream_ends_when_the_time_of_its_run_is_over() {
    let door = Door::open().await;
    door.upstream.speaks.store(true, Ordering::SeqCst);
    let actor = door.world.agent("billing").life(Duration::from_secs(60)).start().await;
    let mut answer = door.call(&actor).await;
    answer.head().await;
    answer.up_to("notifications/progress").await;
    door.world.clock.advance(Duration::from_secs(60));
    // Nobody looks at a clock more often than every second.
    tokio::time::sleep(A_SECOND).await;
    let rest = answer.rest().await;
    assert!(rest.contains("PL-1003"), "{rest}");
    door.upstream.answers.add_permits(1);
    door.outcomes(1).await;
}

#[tokio::test]
async fn a_stream_ends_when_the_grant_it_runs_by_is_over() {
    let door = Door::with(include_str!("../../../policies/grants.cedar")).await;
    door.upstream.speaks.store(true, Ordering::SeqCst);
    let actor = door.world.agent("billing").life(Duration::from_secs(3600)).start().await;
    let engine = &door.world.engine;
    let wish = GrantWish {
        agent: actor.instance.agent.clone(),
        instance: Some(actor.instance.id),
        connector: "crm".parse().unwrap(),
        tools: vec!["update_deal".parse().unwrap()],
        resource: None,
        lasts: Duration::from_secs(60),
        justification: "INC-4451".to_owned(),
        asked_by: None,
    };
    let asked = engine.ask_grant(wish).await.unwrap();
    let grant = engine.answer_grant(asked.id, true, &"sue".parse().unwrap(), "fine").await.unwrap();
    let mut answer = door.call(&actor).await;
    answer.head().await;
    answer.up_to("notifications/progress").await;
    door.world.clock.set(grant.expires);
    // Nobody looks at a clock more often than every second.
    tokio::time::sleep(A_SECOND).await;
    let rest = answer.rest().await;
    assert!(rest.contains("PL-1251") && rest.contains(r#""isError":true"#), "{rest}");
    door.upstream.answers.add_permits(1);
    door.outcomes(1).await;
}
