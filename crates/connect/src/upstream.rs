//! An upstream written by hand, for the behaviour that no well-made server shows. Tests only.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use placet_domain::{Object, ToolCall};
use placet_engine::ports::{Link, Relay, RelayFrame};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{
    config::{ConnectorConfig, Transport},
    connector::Connector,
    sessions::Handles,
};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: serde_json::Value,
}

impl Seen {
    pub(crate) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &serde_json::Value {
        &self.body["id"]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}:");
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&prefix))?;
        Some(line.split_once(':')?.1.trim())
    }

    /// The reply as a complete JSON response.
    pub(crate) fn result(&self, result: serde_json::Value) -> String {
        json_response(200, &serde_json::json!({"jsonrpc": "2.0", "id": self.id(), "result": result}))
    }
}

/// A complete JSON response.
pub(crate) fn json_response(status: u16, body: &serde_json::Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The start of a stream of events without a length: it ends with the connection.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A listening upstream and what it has seen.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// Connections accepted so far.
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// Serves every request by `answer`, which keeps or drops the connection.
    pub(crate) async fn start<F, R>(answer: F) -> Self
    where
        F: Fn(Seen, TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = Option<TcpStream>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self::at(&listener);
        let (seen, answer) = (Arc::clone(&upstream.seen), Arc::new(answer));
        let connections = Arc::clone(&upstream.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut connection = Some(stream);
                    while let Some(mut stream) = connection.take() {
                        let Some(request) = read_request(&mut stream).await else { return };
                        seen.lock().push(request.clone());
                        connection = answer(request, stream).await;
                    }
                });
            }
        });
        upstream
    }

    /// The place of a listener that something else serves.
    pub(crate) fn at(listener: &TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        Self { address, seen: Arc::default(), connections: Arc::default() }
    }

    pub(crate) fn connector(&self) -> Connector {
        self.connector_with(Duration::from_secs(5), |_| {})
    }

    pub(crate) fn connector_with(
        &self,
        deadline: Duration,
        change: impl FnOnce(&mut ConnectorConfig),
    ) -> Connector {
        let url = format!("http://{}/mcp", self.address).parse().unwrap();
        let mut config = ConnectorConfig {
            name: "crm".parse().unwrap(),
            transport: Transport::Http { url },
            headers: Vec::new(),
            oauth: None,
            deadline,
        };
        change(&mut config);
        Connector::new(&config, Handles::default(), None).unwrap()
    }

    pub(crate) fn requests(&self, method: &str) -> Vec<Seen> {
        self.seen.lock().iter().filter(|seen| seen.method() == method).cloned().collect()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            while bytes.len() < end + 4 + length {
                (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
            }
            let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
            return Some(Seen { head, body });
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
}

/// Writes a text at once.
pub(crate) async fn say(stream: &mut TcpStream, text: &str) {
    let _gone = stream.write_all(text.as_bytes()).await;
    let _gone = stream.flush().await;
}

/// A call of a tool.
pub(crate) fn call(tool: &str, arguments: Object) -> ToolCall {
    let params = Object::new().with("name", tool).with("arguments", arguments);
    ToolCall::new("crm".parse().unwrap(), placet_domain::Operation::Tool(tool.parse().unwrap()), params)
        .unwrap()
}

/// A relay, and where its frames come out.
pub(crate) fn relay() -> (Relay, mpsc::Receiver<RelayFrame>) {
    mpsc::channel(16)
}

/// Opens a session of a client.
pub(crate) async fn open_session(connector: &Connector) -> Link {
    let params = Object::new()
        .with("protocolVersion", "2025-11-25")
        .with("capabilities", Object::new())
        .with("clientInfo", Object::new().with("name", "test").with("version", "1"));
    let passage = placet_engine::Passage {
        connector: "crm".parse().unwrap(),
        kind: placet_engine::PassageKind::Initialize(params),
    };
    let (sender, _frames) = relay();
    let passed = connector.pass(&passage, &Link::Stateless, sender).await.unwrap();
    Link::Session(passed.session.expect("a session"))
}
