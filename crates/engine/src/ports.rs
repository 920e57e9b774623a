//! Everything the engine reaches the world by: one plain struct of trait objects.
//! Each contract (ordering, durability, idempotence) is in the trait's documentation and holds for every implementation.

mod accounts;
mod anomaly_hooks;
mod directory;
mod extracts;
mod logins;
mod revisions;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use placet_domain::{
    Agent, AgentCredential, AgentName, Answer, Approval, ApprovalId, CallDigest, ConnectorName, CredentialId,
    Digest, Enrolment, Grant, GrantId, Halt, HaltTarget, Instance, InstanceId, Json, Object, Opening,
    Outcome, Person, PersonName, Pin, Timestamp, ToolCall, ToolDefinition, ToolName,
};
use placet_identity::EventPrincipal;
use tokio::sync::mpsc;

use crate::{LifeNotice, Passage, Placet};

pub use accounts::{AccessKey, AccessKind, Account, Accounts};
pub use anomaly_hooks::{AnomalyHooks, HookError, HookQuestion, HookReply};
pub use directory::{Directory, Provisioned};
pub use extracts::{Extracts, PendingExtract};
pub use logins::{LoginError, LoginStep, SignedIn, Vault, Withdrawal};
pub use revisions::Revisions;

/// The engine's ports. Composition happens once, in the binary.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects have nothing to show")]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// People known to this deployment.
    pub people: Arc<dyn People>,
    /// What the company's identity provider says of people.
    pub directory: Arc<dyn Directory>,
    /// Registered agents.
    pub registry: Arc<dyn Registry>,
    /// Instances and their mandates.
    pub mandates: Arc<dyn Mandates>,
    /// How agents prove themselves.
    pub credentials: Arc<dyn Credentials>,
    /// The published documents of issuers that are trusted.
    pub providers: Arc<dyn Providers>,
    /// People who sign in, and what proves that they did.
    pub accounts: Arc<dyn Accounts>,
    /// What people have stopped.
    pub halts: Arc<dyn Halts>,
    /// Grants for a time.
    pub grants: Arc<dyn Grants>,
    /// Accepted tool definitions.
    pub pins: Arc<dyn Pins>,
    /// Questions to people and their answers.
    pub approvals: Arc<dyn Approvals>,
    /// Policy sets by digest, and what became of them.
    pub revisions: Arc<dyn Revisions>,
    /// What decisions were made of, for a while; `None` if nothing is kept.
    pub extracts: Option<Arc<dyn Extracts>>,
    /// The append-only log of receipts.
    pub ledger: Arc<dyn Ledger>,
    /// The upstream systems.
    pub connectors: Arc<dyn Connectors>,
    /// Tells people that something waits for them.
    pub notifier: Arc<dyn Notifier>,
    /// Decision points of others.
    pub decision_points: Arc<dyn DecisionPoints>,
    /// Others who look for what is out of the ordinary.
    pub anomaly_hooks: Arc<dyn AnomalyHooks>,
}

/// Wall-clock time, read once a call.
pub trait Clock: Send + Sync {
    /// Now. Never earlier than an earlier answer.
    fn now(&self) -> Timestamp;
}

/// Randomness from the operating system.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The people of this deployment: those of the operator's files, and those of the company's directory. Whoever has left
/// the organisation is not among them, even if their name is still written down.
pub trait People: Send + Sync {
    /// The person of this name.
    fn person(&self, name: &PersonName) -> Option<Arc<Person>>;
    /// Everybody, by name.
    fn everybody(&self) -> Vec<Arc<Person>>;
    /// The person an identity provider knows by this address or account, if one is declared to be known so.
    fn known_as(&self, principal: &EventPrincipal) -> Option<PersonName>;
    /// The account of a person at an issuer, if they are declared to have one.
    fn account_at(&self, name: &PersonName, issuer: &str) -> Option<String> {
        let _ = (name, issuer);
        None
    }
    /// Takes all that the company's directory says, in place of what it said before: who is here, and who has left as far
    /// as it still knows. Holds when it returns. Whom the operator has declared stays who they were declared to be.
    fn provision(&self, here: Vec<Provisioned>, left: &[PersonName]);
}

/// The store could not do what was asked. Nothing was changed, or the change is complete: never half of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation}")]
pub struct StoreError {
    /// What was attempted, for example `open an approval`.
    pub operation: String,
    /// What the store said.
    #[source]
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Registered agents. Reads are served from memory and see every acknowledged write of this node.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The agent of this name.
    fn agent(&self, name: &AgentName) -> Option<Arc<Agent>>;
    /// All agents, by name.
    fn agents(&self) -> Vec<Arc<Agent>>;
    /// Adds an agent; `false` if the name is taken. Durable when it returns.
    async fn register(&self, agent: Agent) -> Result<bool, StoreError>;
    /// Replaces all that is kept of an agent; `false` if it is not registered. Durable when it returns. No read that
    /// begins after the acknowledgement sees what was there before. Callers change one agent at a time.
    async fn update(&self, agent: Agent) -> Result<bool, StoreError>;
}

/// Instances. Reads are served from memory and see every acknowledged write of this node.
#[async_trait]
pub trait Mandates: Send + Sync {
    /// The instance of this id, revoked and expired ones included while they are remembered.
    fn instance(&self, id: InstanceId) -> Option<Arc<Instance>>;
    /// All remembered instances, newest first.
    fn instances(&self) -> Vec<Arc<Instance>>;
    /// Adds an instance. Durable when it returns.
    async fn start(&self, instance: Instance) -> Result<(), StoreError>;
    /// Revokes an instance; `false` if there is none. Idempotent: the first time stays. No read that begins
    /// after the acknowledgement sees the instance unrevoked.
    async fn revoke(&self, id: InstanceId, at: Timestamp) -> Result<bool, StoreError>;
}

/// How agents prove themselves. Reads are served from memory and see every acknowledged write of this node.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Every credential of every agent, oldest first.
    fn credentials(&self) -> Vec<Arc<AgentCredential>>;
    /// Adds a credential; `false` if its id is taken. Durable when it returns.
    async fn add(&self, credential: AgentCredential) -> Result<bool, StoreError>;
    /// Removes a credential; `false` if there is none. No read that begins after the acknowledgement sees it.
    async fn remove(&self, id: CredentialId) -> Result<bool, StoreError>;
    /// Keeps the digest of a one-time code. Durable when it returns.
    async fn open_enrolment(&self, code: Digest, enrolment: Enrolment) -> Result<(), StoreError>;
    /// Uses a code up: its enrolment, if it is open and unexpired at `now`, for exactly one of all callers ever.
    async fn redeem(&self, code: Digest, now: Timestamp) -> Result<Option<Enrolment>, StoreError>;
}

/// A document that an issuer publishes.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The document, strictly parsed.
    pub document: Json,
    /// For how long its publisher says it may be kept.
    pub max_age: Option<Duration>,
}

/// A published document could not be had.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ProviderError(pub String);

/// The published documents of issuers: discovery and key sets. Only addresses of the operator's configuration, and those
/// of an issuer's own discovery document, are asked for.
#[async_trait]
pub trait Providers: Send + Sync {
    /// Fetches a document, without redirects, within bounds of size and time.
    async fn get(&self, url: &str) -> Result<Fetched, ProviderError>;
    /// Sends a form to an endpoint of an issuer, once, with a value for `Authorization` if there is one. Neither fields
    /// nor that value are part of an error.
    async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<Fetched, ProviderError> {
        let _ = (fields, authorization);
        Err(ProviderError(format!("{url}: nothing is sent here")))
    }
}

/// What people have stopped. The engine reads it once, when it is made, and keeps it in memory from then on.
#[async_trait]
pub trait Halts: Send + Sync {
    /// Every halt that was acknowledged and not lifted. Served from memory.
    fn halts(&self) -> Vec<Halt>;
    /// Adds a halt, or replaces the one of the same target. Durable when it returns, and complete even if the caller
    /// has gone away meanwhile.
    async fn put(&self, halt: Halt) -> Result<(), StoreError>;
    /// Removes the halt of a target; `false` if there is none. Durable when it returns.
    async fn lift(&self, target: &HaltTarget) -> Result<bool, StoreError>;
}

/// Grants for a time. The engine reads them once, when it is made, and keeps them in memory from then on.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Every grant that was acknowledged. Served from memory.
    fn grants(&self) -> Vec<Grant>;
    /// Adds a grant, or replaces the one of the same id. Durable when it returns, and complete even if the caller has
    /// gone away meanwhile.
    async fn put(&self, grant: Grant) -> Result<(), StoreError>;
    /// Forgets a grant.
    async fn remove(&self, id: GrantId) -> Result<(), StoreError>;
}

/// A tool definition the operator (or first sight) accepted, and what is seen today if that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct PinnedTool {
    /// The accepted definition; absent for a tool that appeared after first sight.
    pub accepted: Option<ToolDefinition>,
    /// The differing definition seen since, if any: the tool is in quarantine.
    pub seen: Option<ToolDefinition>,
}

impl PinnedTool {
    /// The pin a call is bound to: only a tool that is not in quarantine has one.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        match (&self.accepted, &self.seen) {
            (Some(accepted), None) => Some(accepted.pin()),
            _ => None,
        }
    }

    /// The tool's name.
    #[must_use]
    pub fn name(&self) -> Option<&ToolName> {
        self.accepted.as_ref().or(self.seen.as_ref()).map(|definition| &definition.name)
    }
}

/// Pinned tool definitions. Reads are durable state.
#[async_trait]
pub trait Pins: Send + Sync {
    /// Every pinned tool of a connector; empty before first sight.
    async fn pinned(&self, connector: &ConnectorName) -> Result<Vec<PinnedTool>, StoreError>;
    /// Replaces the pinned tools of a connector. Atomic and durable when it returns.
    async fn pin(&self, connector: &ConnectorName, tools: Vec<PinnedTool>) -> Result<(), StoreError>;
}

/// What came of asking a person.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made once a question, and hardly ever the small one")]
pub enum Asked {
    /// The question is open, or an equal one already was.
    Open(Approval),
    /// The agent has too many open questions.
    TooMany,
}

/// Questions to people about exact calls. Everything is durable when it returns.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// Opens a question, or returns the unexpired pending one with the same digest. At most `limit` unexpired pending
    /// questions an agent.
    async fn ask(&self, approval: Approval, now: Timestamp, limit: usize) -> Result<Asked, StoreError>;
    /// The newest question about this exact call.
    async fn of_call(&self, digest: CallDigest) -> Result<Option<Approval>, StoreError>;
    /// The question of this id.
    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError>;
    /// All questions, newest first, at most `limit`.
    async fn all(&self, limit: usize) -> Result<Vec<Approval>, StoreError>;
    /// Writes the answer if the question is pending and unexpired at `answer.at`; `false` otherwise.
    /// `expires` is until when an approval may be used. Exactly one of several racing answers wins.
    async fn answer(
        &self,
        id: ApprovalId,
        approved: bool,
        answer: Answer,
        expires: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Uses an approved, unexpired, unused approval; `true` for exactly one of all callers ever.
    async fn claim(&self, id: ApprovalId, now: Timestamp) -> Result<bool, StoreError>;
}

/// A receipt's place in the ledger.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// Index of the leaf.
    pub index: u64,
    /// RFC 6962 leaf hash.
    pub leaf_hash: [u8; 32],
    /// The signed checkpoint (C2SP note) of the batch.
    pub checkpoint: Arc<str>,
}

/// The ledger could not make a receipt durable. Whether it is in the log is decided by recovery; no effect may follow.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the ledger cannot be written: {reason}")]
pub struct LedgerUnavailable {
    /// What the log said.
    pub reason: String,
}

/// The append-only log. Never SQL.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Appends a leaf and returns when it is durable and covered by a signed checkpoint.
    async fn append(&self, leaf: String, opening: Option<Opening>) -> Result<LedgerEntry, LedgerUnavailable>;
    /// Visits leaves from an index on, in order; stops when the visitor returns `false`.
    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), LedgerUnavailable>;
    /// Number of leaves in the newest durable checkpoint.
    fn size(&self) -> u64;
    /// The verifier key that signs checkpoints, as C2SP writes it.
    fn key(&self) -> String;
    /// Appends a key entry (`spec/ledger.md`), and hands the log over to the key that was put at its disposal for it. An
    /// error leaves it in doubt which of the two keys is in force, if appends fail too; else it is the one before.
    async fn change_key(&self, leaf: String) -> Result<LedgerEntry, LedgerUnavailable>;
    /// Whether appends can succeed; the reason if not.
    fn health(&self) -> Result<(), LedgerUnavailable>;
}

/// One frame of a tool's stream that is not the answer: a notification, a request of the server to the client,
/// or an event that carries only an id (resumption).
#[derive(Debug, Clone)]
pub struct RelayFrame {
    /// The server-sent event's id, if it had one.
    pub event_id: Option<String>,
    /// The server's `retry` in milliseconds, if it sent one.
    pub retry_ms: Option<u64>,
    /// The JSON-RPC message; empty for an event that carries only an id.
    pub data: Bytes,
    /// Whether the stream ends here, before the answer, and may be resumed. Such a frame carries nothing else.
    pub is_parting: bool,
}

impl RelayFrame {
    /// A message by itself.
    #[must_use]
    pub fn message(data: Bytes) -> Self {
        Self { event_id: None, retry_ms: None, data, is_parting: false }
    }

    /// The end of a stream that may be resumed.
    #[must_use]
    pub fn parting() -> Self {
        Self { event_id: None, retry_ms: None, data: Bytes::new(), is_parting: true }
    }
}

/// Where frames go while a call runs. A closed relay means that the client went away.
pub type Relay = mpsc::Sender<RelayFrame>;

/// A session at an upstream, opened by `initialize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamSession(pub u64);

/// How a message reaches its connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// In a session (MCP 2025-06-18, 2025-11-25).
    Session(UpstreamSession),
    /// Alone (MCP 2026-07-28).
    Stateless,
}

/// The answer of an upstream, its bytes as they came.
#[derive(Debug, Clone)]
pub enum Answered {
    /// A JSON-RPC error object.
    Error(Bytes),
    /// A JSON-RPC result.
    Result(Bytes),
}

/// What became of a performed call.
#[derive(Debug, Clone)]
pub struct Performed {
    /// What the tool did, as far as we know.
    pub outcome: Outcome,
    /// Its answer, if there was one.
    pub answer: Option<Answered>,
    /// The id of the event that carried the answer, if it had one.
    pub event_id: Option<String>,
    /// Why there is no answer, or why the outcome is unknown.
    pub detail: Option<String>,
    /// Whether the request may have left: `false` only if it certainly did not.
    pub sent: bool,
    /// Time from sending to the answer.
    pub elapsed: Duration,
}

/// A connector could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// There is no such session any more.
    #[error("the session has ended")]
    NoSession,
    /// The upstream answered something that is not MCP.
    #[error("the upstream's answer was not accepted: {0}")]
    Protocol(String),
    /// The upstream cannot be reached.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The upstream answered with a JSON-RPC error object.
    #[error("the upstream refused: {0}")]
    Refused(String),
}

/// What an upstream answered to protocol traffic.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The answer, if the message was a request.
    pub answer: Option<Answered>,
    /// The session that `initialize` opened.
    pub session: Option<UpstreamSession>,
    /// The id of the event that carried the answer, if it had one.
    pub event_id: Option<String>,
    /// The HTTP status of the upstream for errors that have one (for example 400 or 404).
    pub status: Option<u16>,
}

/// The upstream systems. Nothing reaches them but what the engine placeted.
#[async_trait]
pub trait Connectors: Send + Sync {
    /// Sends a placeted call and waits for its answer: one call, at most one upstream request, never retried.
    /// Frames before the answer go to the relay. Dropping the relay's receiver cancels a stateless call. When the
    /// upstream's stream ends before the answer and can be resumed, the relay gets [`RelayFrame::parting`] and is
    /// dropped, and the call waits on: its answer comes with a later [`crate::PassageKind::Listen`].
    async fn perform(&self, call: Placet<ToolCall>, link: Link, relay: Relay) -> Performed;
    /// Sends protocol traffic: lifecycle, lists, notifications, answers to the server's requests, listening.
    /// `notifications/cancelled` goes with the relay of the call it cancels: ids of the client mean nothing upstream.
    async fn pass(&self, passage: Placet<Passage>, link: Link, relay: Relay) -> Result<Passed, ConnectError>;
    /// Ends an upstream session. Idempotent.
    async fn close(&self, connector: &ConnectorName, session: UpstreamSession);
    /// Today's tool definitions, asked for in the gateway's own name.
    async fn tools(&self, connector: &ConnectorName) -> Result<Vec<ToolDefinition>, ConnectError>;
    /// Facts about a resource, asked of a read tool in the gateway's own name: the structured content of its result.
    async fn facts(
        &self,
        connector: &ConnectorName,
        tool: &ToolName,
        arguments: Object,
    ) -> Result<Json, ConnectError>;
    /// Whether calls can be sent as far as credentials are concerned; else why not, and what an operator does. Known
    /// without waiting.
    fn standing(&self, connector: &ConnectorName) -> Result<(), String> {
        let _ = connector;
        Ok(())
    }
    /// Begins a sign-in at a connector's authorization server, from which the answer comes back to `redirect`.
    async fn begin_login(&self, connector: &ConnectorName, redirect: &str) -> Result<LoginStep, LoginError> {
        let _ = redirect;
        Err(LoginError(format!("connector `{connector}` needs no sign-in")))
    }
    /// Ends a sign-in with the query that came back. Its tokens are kept, and used from here on.
    async fn end_login(&self, connector: &ConnectorName, answer: &str) -> Result<SignedIn, LoginError> {
        let _ = answer;
        Err(LoginError(format!("connector `{connector}` needs no sign-in")))
    }
    /// Forgets a connector's sign-in, then asks its authorization server to take the tokens back. None if there is none.
    async fn forget_login(&self, connector: &ConnectorName) -> Result<Option<Withdrawal>, LoginError> {
        Err(LoginError(format!("connector `{connector}` needs no sign-in")))
    }
}

/// A decision point of others gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct DecisionPointError(pub String);

/// Decision points of others. Whatever is not a plain answer within the configured time is an error, which counts as no.
#[async_trait]
pub trait DecisionPoints: Send + Sync {
    /// Asks the one of this name an AuthZEN question; whether it agrees. Asked once, never again.
    async fn ask(&self, name: &str, question: Object) -> Result<bool, DecisionPointError>;
}

/// Tells people that something waits for them. Best effort: nothing depends on it.
pub trait Notifier: Send + Sync {
    /// A question was opened.
    fn asked(&self, approval: &Approval);
    /// A grant was asked for, and waits for a person.
    fn grant_asked(&self, grant: &Grant);
    /// An agent has reached another stage of its life, or will soon.
    fn life(&self, notice: &LifeNotice);
}
