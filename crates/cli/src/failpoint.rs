//! Places where a crash test may stop the process. Without `PLACET_FAILPOINT` there are none.
//! The variable names a step and how often it is passed before the process aborts there: `after-sync:17`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use placet_connect::McpConnectors;
use placet_domain::{ConnectorName, Json, Object, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    Passage, Placet,
    ports::{
        ConnectError, Connectors, Link, LoginError, LoginStep, Passed, Performed, Relay, SignedIn,
        UpstreamSession, Withdrawal,
    },
};
use placet_ledger::Step;

/// Where the process stops, and after how many passes.
#[derive(Debug)]
struct Failpoint {
    step: String,
    left: AtomicU64,
}

impl Failpoint {
    fn of_environment() -> Option<Self> {
        let text = std::env::var("PLACET_FAILPOINT").ok()?;
        let (step, passes) = text.split_once(':').unwrap_or((&text, "0"));
        Some(Self { step: step.to_owned(), left: AtomicU64::new(passes.parse().unwrap_or(0)) })
    }

    fn pass(&self, step: &str) {
        if self.step == step && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            std::process::abort();
        }
    }
}

/// The failpoint on the ledger's write path, if the environment names one.
pub(crate) fn of_ledger() -> Option<Arc<dyn Fn(Step) + Send + Sync>> {
    let failpoint = Failpoint::of_environment()?;
    tracing::warn!(step = failpoint.step, "a failpoint is set: this process will abort there");
    Some(Arc::new(move |step| failpoint.pass(name(step))))
}

/// A place outside the ledger and the connectors.
pub(crate) fn pass(step: &str) {
    if let Some(failpoint) = Failpoint::of_environment() {
        failpoint.pass(step);
    }
}

fn name(step: Step) -> &'static str {
    match step {
        Step::BeforeRoll => "before-roll",
        Step::AfterRoll => "after-roll",
        Step::BeforeOpenings => "before-openings",
        Step::BeforeHashes => "before-hashes",
        Step::BeforeWrite => "before-write",
        Step::AfterWrite => "after-write",
        Step::AfterSync => "after-sync",
        Step::BeforeRelease => "before-release",
        Step::AfterRelease => "after-release",
    }
}

/// The connectors, with failpoints before and after a call if the environment names one.
pub(crate) fn around(connectors: Arc<McpConnectors>) -> Arc<dyn Connectors> {
    match Failpoint::of_environment() {
        Some(failpoint) => Arc::new(Failing { connectors, failpoint }),
        None => connectors,
    }
}

#[derive(Debug)]
struct Failing {
    connectors: Arc<McpConnectors>,
    failpoint: Failpoint,
}

#[async_trait]
impl Connectors for Failing {
    async fn perform(&self, call: Placet<ToolCall>, link: Link, relay: Relay) -> Performed {
        self.failpoint.pass("before-forward");
        let performed = self.connectors.perform(call, link, relay).await;
        self.failpoint.pass("after-forward");
        performed
    }

    async fn pass(&self, passage: Placet<Passage>, link: Link, relay: Relay) -> Result<Passed, ConnectError> {
        self.connectors.pass(passage, link, relay).await
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

    fn standing(&self, connector: &ConnectorName) -> Result<(), String> {
        self.connectors.standing(connector)
    }

    async fn begin_login(&self, connector: &ConnectorName, redirect: &str) -> Result<LoginStep, LoginError> {
        self.connectors.begin_login(connector, redirect).await
    }

    async fn end_login(&self, connector: &ConnectorName, answer: &str) -> Result<SignedIn, LoginError> {
        self.connectors.end_login(connector, answer).await
    }

    async fn forget_login(&self, connector: &ConnectorName) -> Result<Option<Withdrawal>, LoginError> {
        self.connectors.forget_login(connector).await
    }
}
