//! Upstream systems that answer as scripted and keep their own log: what really arrived, whatever else is believed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use placet_domain::{ConnectorName, Json, Object, Outcome, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    Passage, Placet,
    ports::{
        Answered, ConnectError, Connectors, Link, LoginError, LoginStep, Passed, Performed, Relay,
        RelayFrame, SignedIn, UpstreamSession, Withdrawal,
    },
};

use crate::{Failpoints, Failure, PortOperation};

/// A call as it arrived at its upstream system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The connector and the tool or method, `crm.update_deal`.
    pub operation: String,
    /// The whole params, in RFC 8785 form.
    pub params: String,
    /// The session it came in.
    pub link: Link,
}

/// Every upstream system of a world.
#[derive(Debug, Default)]
pub struct FakeConnectors {
    failpoints: Arc<Failpoints>,
    script: Mutex<Script>,
    sent: Mutex<Vec<Sent>>,
    passed: Mutex<Vec<Passage>>,
    closed: Mutex<Vec<UpstreamSession>>,
}

#[derive(Debug, Default)]
struct Script {
    tools: HashMap<ConnectorName, Vec<ToolDefinition>>,
    /// By operation.
    answers: HashMap<String, (Outcome, Answered)>,
    /// What is said before the answer, by operation.
    said: HashMap<String, Bytes>,
    /// By operation and canonical arguments.
    facts: HashMap<(String, String), Json>,
    /// Connectors that somebody has to sign in for, and why.
    signed_out: HashMap<ConnectorName, String>,
}

impl FakeConnectors {
    /// Systems without tools that fail when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, ..Self::default() }
    }

    /// Shows a tool, or shows it with another definition.
    pub fn show_tool(&self, connector: &str, definition: ToolDefinition) {
        let mut script = self.script.lock();
        let tools = script.tools.entry(connector.parse().unwrap()).or_default();
        tools.retain(|tool| tool.name != definition.name);
        tools.push(definition);
    }

    /// Answers calls of `crm.update_deal` with this result instead of an empty text.
    pub fn answer(&self, operation: &str, result: &str) {
        self.script(
            operation,
            Outcome::Succeeded,
            Answered::Result(Bytes::copy_from_slice(result.as_bytes())),
        );
    }

    /// Says this before the answer of an operation.
    pub fn says(&self, operation: &str, message: &str) {
        self.script.lock().said.insert(operation.to_owned(), Bytes::copy_from_slice(message.as_bytes()));
    }

    /// Answers calls of an operation with this JSON-RPC error object.
    pub fn answer_error(&self, operation: &str, error: &str) {
        self.script(operation, Outcome::Failed, Answered::Error(Bytes::copy_from_slice(error.as_bytes())));
    }

    /// The facts that a read tool gives for these arguments: `facts("crm.get_deal", r#"{"id":"D-1"}"#, …)`.
    pub fn facts_of(&self, operation: &str, arguments: &str, facts: &str) {
        let arguments = Json::parse(arguments.as_bytes()).unwrap().canonical();
        let facts = Json::parse(facts.as_bytes()).unwrap();
        self.script.lock().facts.insert((operation.to_owned(), arguments), facts);
    }

    /// Lets nothing through to a connector until somebody has signed in with `the answer`.
    pub fn sign_out(&self, connector: &str, why: &str) {
        self.script.lock().signed_out.insert(connector.parse().unwrap(), why.to_owned());
    }

    /// The upstream's own log: every call that arrived, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().clone()
    }

    /// Protocol traffic that arrived, in order.
    #[must_use]
    pub fn passed(&self) -> Vec<Passage> {
        self.passed.lock().clone()
    }

    /// Sessions that were ended, in order.
    #[must_use]
    pub fn closed(&self) -> Vec<UpstreamSession> {
        self.closed.lock().clone()
    }

    fn script(&self, operation: &str, outcome: Outcome, answer: Answered) {
        self.script.lock().answers.insert(operation.to_owned(), (outcome, answer));
    }

    fn arrive(&self, operation: &str, call: &ToolCall, link: Link) {
        let params = Json::Object(call.params().clone()).canonical();
        self.sent.lock().push(Sent { operation: operation.to_owned(), params, link });
    }

    fn scripted(&self, operation: &str) -> (Outcome, Answered) {
        self.script.lock().answers.get(operation).cloned().unwrap_or_else(|| {
            (Outcome::Succeeded, Answered::Result(Bytes::from_static(br#"{"content":[]}"#)))
        })
    }
}

#[async_trait]
impl Connectors for FakeConnectors {
    /// `Failure::Before`: it certainly did not leave. `After`: it arrived and the answer was lost. `Hang`: it arrived
    /// and there is never an answer.
    async fn perform(&self, call: Placet<ToolCall>, link: Link, relay: Relay) -> Performed {
        let operation = format!("{}.{}", call.connector(), call.operation().name());
        let failure = self.failpoints.strike(PortOperation::ConnectorsPerform);
        if failure == Some(Failure::Before) {
            return performed(Outcome::Failed, None, false);
        }
        self.arrive(&operation, &call, link);
        let said = self.script.lock().said.get(&operation).cloned();
        if let Some(data) = said {
            let _ = relay.send(RelayFrame::message(data)).await;
        }
        match failure {
            Some(Failure::After) => performed(Outcome::Unknown, None, true),
            Some(Failure::Hang) => std::future::pending().await,
            Some(Failure::Before) | None => {
                let (outcome, answer) = self.scripted(&operation);
                performed(outcome, Some(answer), true)
            }
        }
    }

    async fn pass(
        &self,
        passage: Placet<Passage>,
        _link: Link,
        _relay: Relay,
    ) -> Result<Passed, ConnectError> {
        self.failpoints
            .pass(PortOperation::ConnectorsPass, unreachable, || {
                self.passed.lock().push(Passage::clone(&passage));
                let answer = Some(Answered::Result(Bytes::from_static(b"{}")));
                Ok(Passed { answer, session: None, event_id: None, status: None })
            })
            .await
    }

    async fn close(&self, _connector: &ConnectorName, session: UpstreamSession) {
        self.closed.lock().push(session);
    }

    async fn tools(&self, connector: &ConnectorName) -> Result<Vec<ToolDefinition>, ConnectError> {
        self.failpoints
            .pass(PortOperation::ConnectorsTools, unreachable, || {
                Ok(self.script.lock().tools.get(connector).cloned().unwrap_or_default())
            })
            .await
    }

    async fn facts(
        &self,
        connector: &ConnectorName,
        tool: &ToolName,
        arguments: Object,
    ) -> Result<Json, ConnectError> {
        self.failpoints
            .pass(PortOperation::ConnectorsFacts, unreachable, || {
                let key = (format!("{connector}.{tool}"), Json::Object(arguments).canonical());
                let facts = self.script.lock().facts.get(&key).cloned();
                facts.ok_or_else(|| ConnectError::Refused(format!("{} knows nothing of {}", key.0, key.1)))
            })
            .await
    }

    fn standing(&self, connector: &ConnectorName) -> Result<(), String> {
        self.script.lock().signed_out.get(connector).map_or(Ok(()), |why| Err(why.clone()))
    }

    async fn begin_login(&self, connector: &ConnectorName, redirect: &str) -> Result<LoginStep, LoginError> {
        Ok(LoginStep::Authorize { url: format!("https://as.example/{connector}?redirect_uri={redirect}") })
    }

    async fn end_login(&self, connector: &ConnectorName, answer: &str) -> Result<SignedIn, LoginError> {
        if answer != "the answer" {
            return Err(LoginError("it is another answer".to_owned()));
        }
        self.script.lock().signed_out.remove(connector);
        Ok(SignedIn {
            issuer: "https://as.example".to_owned(),
            resource: format!("https://{connector}.example/mcp"),
            client: "placet".to_owned(),
            scopes: vec!["deals".to_owned()],
        })
    }

    async fn forget_login(&self, connector: &ConnectorName) -> Result<Option<Withdrawal>, LoginError> {
        let before = self.script.lock().signed_out.insert(connector.clone(), "signed out".to_owned());
        Ok(before.is_none().then_some(Withdrawal::Revoked))
    }
}

fn performed(outcome: Outcome, answer: Option<Answered>, sent: bool) -> Performed {
    let detail = answer.is_none().then(|| "the connector was told to fail".to_owned());
    Performed { outcome, answer, event_id: None, detail, sent, elapsed: Duration::from_millis(3) }
}

fn unreachable(operation: PortOperation) -> ConnectError {
    ConnectError::Unreachable(format!("{operation:?} was told to fail"))
}
