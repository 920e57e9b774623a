//! One upstream system, whatever its transport.

use std::time::{Duration, Instant};

use placet_domain::{Json, Object, Operation, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    Passage, PassageKind,
    ports::{ConnectError, Link, Passed, Performed, Relay, UpstreamSession},
};

use crate::{
    config::{ConfigError, ConnectorConfig, Transport},
    ending::Ending,
    house::House,
    http::Http,
    oauth::{Account, Challenge, Safe},
    outlet::Outlet,
    sessions::Handles,
    stdio::Stdio,
};

/// A request to an upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    /// The tool, if the method is `tools/call`.
    pub(crate) tool: Option<&'a ToolName>,
    pub(crate) params: &'a Object,
    pub(crate) link: &'a Link,
    /// How long to wait; absent for a subscription, which lasts as long as its client.
    pub(crate) deadline: Option<Duration>,
}

/// One upstream system.
#[derive(Debug)]
pub(crate) struct Connector {
    transport: Way,
    house: House,
    deadline: Duration,
}

/// How it is reached.
#[derive(Debug)]
pub(crate) enum Way {
    /// Streamable HTTP.
    Http(Box<Http>),
    /// A child process.
    Stdio(Box<Stdio>),
}

impl Connector {
    pub(crate) fn new(
        config: &ConnectorConfig,
        handles: Handles,
        safe: Option<&Safe>,
    ) -> Result<Self, ConfigError> {
        let transport = match &config.transport {
            Transport::Http { url } => Way::Http(Box::new(Http::new(config, url, handles, safe)?)),
            Transport::Stdio { .. } => Way::Stdio(Box::new(Stdio::new(config, handles)?)),
        };
        Ok(Self { transport, house: House::default(), deadline: config.deadline })
    }

    /// Sends a call and waits for its answer. Only [`crate::McpConnectors`] calls this, with what it holds a proof for.
    pub(crate) async fn perform(&self, call: &ToolCall, link: &Link, relay: Relay) -> Performed {
        let start = Instant::now();
        let operation = call.operation();
        let ask = Ask {
            method: operation.method(),
            tool: match operation {
                Operation::Tool(tool) => Some(tool),
                _ => None,
            },
            params: call.params(),
            link,
            deadline: (*operation != Operation::Listen).then_some(self.deadline),
        };
        let ending = self.transport.ask(ask, Outlet::Relay(relay)).await;
        ending.performed(operation, start.elapsed())
    }

    /// Sends protocol traffic.
    pub(crate) async fn pass(
        &self,
        passage: &Passage,
        link: &Link,
        relay: Relay,
    ) -> Result<Passed, ConnectError> {
        let request =
            |method, params| Ask { method, tool: None, params, link, deadline: Some(self.deadline) };
        let ask = match &passage.kind {
            PassageKind::Discover(params) => request("server/discover", params),
            PassageKind::ListTools(params) => request("tools/list", params),
            PassageKind::Ping(params) => request("ping", params),
            PassageKind::SetLogLevel(params) => request("logging/setLevel", params),
            PassageKind::Initialize(params) => {
                return self.transport.open(params, Outlet::Relay(relay)).await;
            }
            PassageKind::Notify { method, params } => {
                return accepted(self.transport.notify(method, params, link, Some(&relay)).await);
            }
            PassageKind::Answer(message) => {
                return accepted(self.transport.tell(message.clone(), link).await);
            }
            PassageKind::Listen(after) => {
                return accepted(self.transport.listen(after.as_deref(), link, Outlet::Relay(relay)).await);
            }
        };
        self.transport.ask(ask, Outlet::Relay(relay)).await.passed()
    }

    pub(crate) async fn close(&self, session: UpstreamSession) {
        self.transport.close(session).await;
    }

    pub(crate) async fn tools(&self) -> Result<Vec<ToolDefinition>, ConnectError> {
        let tools = self.house.tools(&self.transport).await?;
        self.transport.learn(&tools);
        Ok(tools)
    }

    pub(crate) async fn facts(&self, tool: &ToolName, arguments: Object) -> Result<Json, ConnectError> {
        self.house.facts(&self.transport, tool, arguments).await
    }

    pub(crate) async fn probe(&self) -> Result<String, ConnectError> {
        self.house.probe(&self.transport).await
    }

    /// Its sign-in, if it needs one.
    pub(crate) fn account(&self) -> Option<&Account> {
        match &self.transport {
            Way::Http(http) => http.account(),
            Way::Stdio(_) => None,
        }
    }

    /// What the upstream says to somebody who has not signed in.
    pub(crate) async fn challenge(&self) -> Result<Challenge, ConnectError> {
        match &self.transport {
            Way::Http(http) => http.challenge().await,
            Way::Stdio(_) => Ok(Challenge::default()),
        }
    }

    pub(crate) async fn shutdown(&self) {
        self.house.forget().await;
        self.transport.shutdown().await;
    }
}

fn accepted(told: Result<(), Ending>) -> Result<Passed, ConnectError> {
    match told {
        Ok(()) => Ok(Passed { answer: None, session: None, event_id: None, status: None }),
        Err(ending) => ending.passed(),
    }
}

impl Way {
    pub(crate) async fn ask(&self, ask: Ask<'_>, outlet: Outlet) -> Ending {
        match self {
            Self::Http(http) => http.ask(ask, outlet).await,
            Self::Stdio(stdio) => stdio.ask(ask, outlet).await,
        }
    }

    pub(crate) async fn open(&self, params: &Object, outlet: Outlet) -> Result<Passed, ConnectError> {
        match self {
            Self::Http(http) => http.open(params, outlet).await,
            Self::Stdio(stdio) => stdio.open(params, outlet).await,
        }
    }

    /// Ends what only a question about the stateless era has started.
    pub(crate) async fn rest(&self) {
        match self {
            Self::Http(_) => {}
            Self::Stdio(stdio) => stdio.rest().await,
        }
    }

    pub(crate) async fn notify(
        &self,
        method: &str,
        params: &Object,
        link: &Link,
        relay: Option<&Relay>,
    ) -> Result<(), Ending> {
        match self {
            Self::Http(http) => http.notify(method, params, link, relay).await,
            Self::Stdio(stdio) => stdio.notify(method, params, link, relay).await,
        }
    }

    async fn tell(&self, message: bytes::Bytes, link: &Link) -> Result<(), Ending> {
        match self {
            Self::Http(http) => http.tell(message, link).await,
            Self::Stdio(stdio) => stdio.tell(&message, link).await,
        }
    }

    async fn listen(&self, after: Option<&str>, link: &Link, outlet: Outlet) -> Result<(), Ending> {
        match self {
            Self::Http(http) => http.listen(after, link, &outlet).await,
            Self::Stdio(stdio) => stdio.listen(link, outlet).await,
        }
    }

    pub(crate) async fn close(&self, session: UpstreamSession) {
        match self {
            Self::Http(http) => http.close(session).await,
            Self::Stdio(stdio) => stdio.close(session).await,
        }
    }

    /// Takes note of the tools as they are today.
    fn learn(&self, tools: &[ToolDefinition]) {
        match self {
            Self::Http(http) => http.learn(tools),
            Self::Stdio(_) => {}
        }
    }

    async fn shutdown(&self) {
        match self {
            Self::Http(http) => http.shutdown().await,
            Self::Stdio(stdio) => stdio.shutdown().await,
        }
    }
}
