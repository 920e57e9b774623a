//! Receipt bodies: what is written before a call and after it, and when rights change.
//! The format is `spec/receipt.md`; bytes are RFC 8785 JSON with integers only.

use crate::{
    AccessRequest, AgentName, Approval, CallDigest, CallId, Charge, Commitment, ConnectorName, Decision,
    DenyCause, Digest, Discharge, InstanceId, Json, Object, Operation, Outcome, PersonName, PolicyId,
    ReceiptId, Timestamp, Verdict,
};

/// Where a receipt stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRef {
    /// Its id.
    pub id: ReceiptId,
    /// Index of its leaf.
    pub index: u64,
    /// RFC 6962 leaf hash of its bytes.
    pub leaf_hash: Digest,
    /// The signed checkpoint of the batch that made it durable.
    pub checkpoint: std::sync::Arc<str>,
}

/// What the client says of itself. Recorded, never believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// Model and version (`_meta["dev.placet/model"]`).
    pub model: Option<String>,
    /// Digest of the prompt (`_meta["dev.placet/prompt-sha256"]`).
    pub prompt: Option<String>,
    /// Why the agent wants it (`_meta["dev.placet/rationale"]`).
    pub rationale: Option<String>,
}

/// The record of a decision, durable before anything is forwarded.
#[derive(Debug)]
pub struct DecisionReceipt<'a> {
    /// Its id.
    pub id: ReceiptId,
    /// When.
    pub now: Timestamp,
    /// The attempt.
    pub call: CallId,
    /// The judged request; absent when it could not be read or the caller is not known.
    pub request: Option<&'a AccessRequest>,
    /// Who tried, when only that is known.
    pub agent: Option<&'a AgentName>,
    /// Which instance tried, when only that is known.
    pub instance: Option<InstanceId>,
    /// Where it was to go.
    pub connector: &'a ConnectorName,
    /// The decision, or why there is none.
    pub decision: Result<&'a Decision, &'a str>,
    /// The refusal's code, if it was refused.
    pub code: Option<crate::Code>,
    /// What the client says of itself.
    pub client: &'a ClientFacts,
    /// Commitment to the canonical `params` that are sent.
    pub payload: Option<Commitment>,
    /// The digest an approval is bound to.
    pub digest: Option<CallDigest>,
    /// The approval that lifted the gates, or that was asked for.
    pub approval: Option<&'a Approval>,
    /// What policies on trial would have decided, where that differs.
    pub shadow: &'a [Decision],
    /// Who asked, when the decision answers an enforcement point: nothing was sent anywhere.
    pub evaluation: Option<&'a EvaluationNote>,
    /// What the call has put on counters.
    pub charges: &'a [Charge],
}

/// What a decision receipt says of a question that an enforcement point asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationNote {
    /// By which interface: `authzen`, `ext_authz`, `opa`.
    pub protocol: &'static str,
    /// The agent that asked.
    pub asker: AgentName,
    /// The run of it.
    pub instance: InstanceId,
    /// Whom it asked about: type and id as it wrote them.
    pub subject: String,
}

impl EvaluationNote {
    fn to_json(&self) -> Object {
        Object::new()
            .with("asker", self.asker.as_str())
            .with("instance", self.instance.to_string())
            .with("protocol", self.protocol)
            .with("subject", clip(&self.subject))
    }
}

impl DecisionReceipt<'_> {
    /// The leaf.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let verdict = self.decision.map_or("deny", |decision| decision.verdict.as_str());
        let mut body = header("decision", self.id, self.now)
            .with("call", self.call.to_string())
            .with("connector", self.connector.as_str())
            .with("verdict", verdict)
            .with_some("code", self.code.map(|code| code.to_string()))
            .with_some("call_digest", self.digest.map(|digest| digest.to_string()))
            .with_some("request", self.payload.map(|payload| payload.to_string()));
        if let Some(request) = self.request {
            put_request(&mut body, request);
        } else {
            body = body
                .with_some("agent", self.agent.map(|agent| agent.as_str()))
                .with_some("instance", self.instance.map(|instance| instance.to_string()));
        }
        match self.decision {
            Ok(decision) => put_decision(&mut body, decision),
            Err(why) => body.set("error", clip(why)),
        }
        if let Some(approval) = self.approval {
            body.set("approval", approval_summary(approval));
        }
        if let Some(evaluation) = self.evaluation {
            body.set("evaluation", evaluation.to_json());
        }
        put_charges(&mut body, "charges", self.charges);
        if !self.shadow.is_empty() {
            let shadow: Vec<Object> = self.shadow.iter().map(shadow).collect();
            body.set("shadow", shadow);
        }
        put_client(&mut body, self.client);
        body
    }
}

/// The record of what became of a performed call.
#[derive(Debug)]
pub struct OutcomeReceipt<'a> {
    /// Its id.
    pub id: ReceiptId,
    /// When.
    pub now: Timestamp,
    /// The attempt.
    pub call: CallId,
    /// Leaf hash of the decision receipt; absent only for a call found open at start-up.
    pub decision: Option<Digest>,
    /// What the tool did.
    pub outcome: Outcome,
    /// Commitment to the bytes of the tool's result.
    pub response: Option<Commitment>,
    /// What was done to the result because policies oblige to it, and what of it was passed on; absent if they do not.
    pub edited: Option<EditedResult<'a>>,
    /// Microseconds between sending and the answer.
    pub elapsed_us: i64,
    /// Why the outcome is unknown or failed, if that is known.
    pub detail: Option<&'a str>,
    /// What was taken off counters again, because the call did not run.
    pub refund: Option<Refund<'a>>,
}

/// Charges that are taken back.
#[derive(Debug, Clone, Copy)]
pub struct Refund<'a> {
    /// The moment of the decision that charged them.
    pub charged: Timestamp,
    /// The charges, as that decision's receipt has them.
    pub charges: &'a [Charge],
}

/// What became of a result that policies oblige to edit.
#[derive(Debug, Clone, Copy)]
pub struct EditedResult<'a> {
    /// Commitment to the bytes that were passed on; absent if nothing was.
    pub delivered: Option<Commitment>,
    /// What was done.
    pub discharged: &'a [Discharge],
    /// The gate whose obligation could not be carried out, so that nothing was passed on.
    pub withheld: Option<&'a PolicyId>,
}

fn discharge(done: &Discharge) -> Object {
    Object::new()
        .with("policy", done.policy.as_str())
        .with("kind", done.kind)
        .with("count", i64::try_from(done.count).unwrap_or(i64::MAX))
}

impl OutcomeReceipt<'_> {
    /// The leaf.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let edited = self.edited.as_ref();
        let discharged = edited.filter(|edited| !edited.discharged.is_empty());
        let discharged = discharged.map(|edited| edited.discharged.iter().map(discharge).collect::<Vec<_>>());
        let mut body = header("outcome", self.id, self.now)
            .with("call", self.call.to_string())
            .with("elapsed_us", self.elapsed_us)
            .with("outcome", self.outcome.as_str())
            .with_some("decision", self.decision.map(|leaf| leaf.to_string()))
            .with_some("response", self.response.map(|response| response.to_string()))
            .with_some("delivered", edited.and_then(|edited| Some(edited.delivered?.to_string())))
            .with_some("discharged", discharged)
            .with_some("withheld", edited.and_then(|edited| Some(edited.withheld?.as_str())))
            .with_some("detail", self.detail.map(clip));
        if let Some(Refund { charged, charges }) = self.refund {
            body.set("charged_us", charged.micros());
            put_charges(&mut body, "refunds", charges);
        }
        body
    }
}

/// The record of a person's answer.
#[derive(Debug)]
pub struct ApprovalReceipt<'a> {
    /// Its id.
    pub id: ReceiptId,
    /// When.
    pub now: Timestamp,
    /// The approval with its answer.
    pub approval: &'a Approval,
}

impl ApprovalReceipt<'_> {
    /// The leaf.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let approval = self.approval;
        header("approval", self.id, self.now)
            .with("agent", approval.requester.agent.as_str())
            .with("instance", approval.requester.instance.to_string())
            .with("connector", approval.connector.as_str())
            .with("operation", approval.operation.as_str())
            .with("call_digest", approval.digest.to_string())
            .with("policy", approval.policy.to_string())
            .with("approval", approval_summary(approval))
    }
}

/// A change of rights: who may act, what may be called, which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryChange {
    /// One of the approvers of a proposed agent has answered.
    AgentAnswered,
    /// An agent was certified.
    AgentCertified,
    /// What an agent was registered for was changed.
    AgentChanged,
    /// An agent has another owner.
    AgentOwnerReplaced,
    /// People were reminded of what an agent's life-cycle will do next.
    AgentReminded,
    /// An agent was registered.
    AgentRegistered,
    /// An agent has reached another stage of its life.
    AgentStage,
    /// An agent may prove itself in another way.
    CredentialAdded,
    /// An agent may prove itself in one way less.
    CredentialRemoved,
    /// The company's directory has another group.
    DirectoryGroupAdded,
    /// A group of the company's directory has another name or other members.
    DirectoryGroupChanged,
    /// A group of the company's directory is gone.
    DirectoryGroupRemoved,
    /// A key was made with which an identity provider keeps the directory.
    DirectoryKeyAdded,
    /// A key with which an identity provider kept the directory opens nothing any more.
    DirectoryKeyRemoved,
    /// The company's directory has another person.
    DirectoryPersonAdded,
    /// A person of the company's directory has changed, or has come back.
    DirectoryPersonChanged,
    /// A person of the company's directory has left.
    DirectoryPersonLeft,
    /// A one-time code was made for enrolling an agent's key.
    EnrolmentOpened,
    /// A grant was asked for and waits for a person.
    GrantAsked,
    /// A request for a grant was refused.
    GrantDenied,
    /// A grant holds from now on.
    GrantGiven,
    /// A grant was taken back.
    GrantRevoked,
    /// A person has stopped an instance, an agent, a connector, a tool or everything.
    Halted,
    /// A person has let go on what was stopped.
    HaltLifted,
    /// An instance was started.
    InstanceStarted,
    /// An instance was revoked.
    InstanceRevoked,
    /// Sign-ins of a person to the control API were ended.
    SessionsEnded,
    /// A policy set came into force.
    PolicyActivated,
    /// A policy set judges the calls of some agents.
    PolicyCanary,
    /// A policy set waits for a second person.
    PolicyProposed,
    /// A policy set is tried beside the one in force, without effect.
    PolicyShadowed,
    /// A policy set is no candidate any more.
    PolicyWithdrawn,
    /// What decisions were made of was erased before its time.
    ExtractsErased,
    /// A tool's definition was accepted.
    ToolAccepted,
    /// A tool was found changed and put in quarantine.
    ToolQuarantined,
    /// The ledger's key came into use.
    KeyActivated,
    /// The ledger was handed over to another key: a key entry of `spec/ledger.md`.
    LogKeyChanged,
    /// Another key signs tokens.
    TokenKeyRotated,
    /// An operator has signed in at the authorization server of an upstream.
    UpstreamSignedIn,
    /// What was kept of a sign-in at an upstream was forgotten.
    UpstreamSignedOut,
}

impl RegistryChange {
    fn kind(&self) -> &'static str {
        match self {
            Self::AgentAnswered
            | Self::AgentCertified
            | Self::AgentChanged
            | Self::AgentOwnerReplaced
            | Self::AgentReminded
            | Self::AgentRegistered
            | Self::AgentStage => "agent",
            Self::CredentialAdded | Self::CredentialRemoved | Self::EnrolmentOpened => "credential",
            Self::DirectoryGroupAdded
            | Self::DirectoryGroupChanged
            | Self::DirectoryGroupRemoved
            | Self::DirectoryKeyAdded
            | Self::DirectoryKeyRemoved
            | Self::DirectoryPersonAdded
            | Self::DirectoryPersonChanged
            | Self::DirectoryPersonLeft => "directory",
            Self::GrantAsked | Self::GrantDenied | Self::GrantGiven | Self::GrantRevoked => "grant",
            Self::Halted | Self::HaltLifted => "halt",
            Self::InstanceStarted => "instance",
            Self::InstanceRevoked | Self::SessionsEnded => "revocation",
            Self::PolicyActivated
            | Self::PolicyCanary
            | Self::PolicyProposed
            | Self::PolicyShadowed
            | Self::PolicyWithdrawn
            | Self::ExtractsErased => "policy",
            Self::ToolAccepted | Self::ToolQuarantined => "pin",
            Self::KeyActivated | Self::LogKeyChanged | Self::TokenKeyRotated => "key",
            Self::UpstreamSignedIn | Self::UpstreamSignedOut => "upstream",
        }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::AgentAnswered => "agent_answered",
            Self::AgentCertified => "agent_certified",
            Self::AgentChanged => "agent_changed",
            Self::AgentOwnerReplaced => "agent_owner_replaced",
            Self::AgentReminded => "agent_reminded",
            Self::AgentRegistered => "agent_registered",
            Self::AgentStage => "agent_stage",
            Self::CredentialAdded => "credential_added",
            Self::CredentialRemoved => "credential_removed",
            Self::DirectoryGroupAdded => "directory_group_added",
            Self::DirectoryGroupChanged => "directory_group_changed",
            Self::DirectoryGroupRemoved => "directory_group_removed",
            Self::DirectoryKeyAdded => "directory_key_added",
            Self::DirectoryKeyRemoved => "directory_key_removed",
            Self::DirectoryPersonAdded => "directory_person_added",
            Self::DirectoryPersonChanged => "directory_person_changed",
            Self::DirectoryPersonLeft => "directory_person_left",
            Self::EnrolmentOpened => "enrolment_opened",
            Self::GrantAsked => "grant_asked",
            Self::GrantDenied => "grant_denied",
            Self::GrantGiven => "grant_given",
            Self::GrantRevoked => "grant_revoked",
            Self::Halted => "halted",
            Self::HaltLifted => "halt_lifted",
            Self::InstanceStarted => "instance_started",
            Self::InstanceRevoked => "instance_revoked",
            Self::SessionsEnded => "sessions_ended",
            Self::PolicyActivated => "policy_activated",
            Self::PolicyCanary => "policy_canary",
            Self::PolicyProposed => "policy_proposed",
            Self::PolicyShadowed => "policy_shadowed",
            Self::PolicyWithdrawn => "policy_withdrawn",
            Self::ExtractsErased => "extracts_erased",
            Self::ToolAccepted => "tool_accepted",
            Self::ToolQuarantined => "tool_quarantined",
            Self::KeyActivated => "key_activated",
            Self::LogKeyChanged => "log_key_changed",
            Self::TokenKeyRotated => "token_key_rotated",
            Self::UpstreamSignedIn => "upstream_signed_in",
            Self::UpstreamSignedOut => "upstream_signed_out",
        }
    }
}

/// The record of a change of rights.
#[derive(Debug)]
pub struct RegistryReceipt<'a> {
    /// Its id.
    pub id: ReceiptId,
    /// When.
    pub now: Timestamp,
    /// What changed.
    pub change: RegistryChange,
    /// The person who changed it, when one did.
    pub by: Option<&'a PersonName>,
    /// What it is about: names, ids, digests.
    pub about: Object,
}

impl RegistryReceipt<'_> {
    /// The leaf.
    #[must_use]
    pub fn to_json(&self) -> Object {
        header(self.change.kind(), self.id, self.now)
            .with("change", self.change.as_str())
            .with_some("by", self.by.map(|person| person.as_str()))
            .with("about", self.about.clone())
    }
}

fn header(kind: &str, id: ReceiptId, now: Timestamp) -> Object {
    Object::new()
        .with("_type", "placet.dev/receipt/v1")
        .with("kind", kind)
        .with("id", id.to_string())
        .with("time_us", now.micros())
}

fn put_request(body: &mut Object, request: &AccessRequest) {
    let mandate = &request.instance.mandate;
    body.set("agent", request.agent.name.as_str());
    body.set("owner", request.agent.owner.as_str());
    body.set("tier", request.agent.tier.number());
    body.set("instance", request.instance.id.to_string());
    body.set("operation", request.call.operation().name());
    if let Some(pin) = request.pin {
        body.set("pin", pin.to_string());
    }
    if let Some(accessed) = accessed(request) {
        body.set("resources", vec![accessed]);
    }
    if let Some(facts) = &request.facts {
        let text = Json::Object(facts.attributes.clone()).canonical();
        body.set("facts", Digest::of(text.as_bytes()).to_string());
    }
    if !request.usage.values.is_empty() {
        let values = request.usage.values.iter();
        body.set(
            "usage",
            values.fold(Object::new(), |all, (name, used)| all.with(name.as_str(), used.to_string())),
        );
    }
    let flow = request.flow.to_json();
    if !flow.is_empty() {
        body.set("flow", flow);
    }
    let observed = request.observed.to_json();
    if !observed.is_empty() {
        body.set("observed", observed);
    }
    if !request.opinions.is_empty() {
        let opinions: Vec<Json> = request.opinions.iter().map(|opinion| opinion.to_json().into()).collect();
        body.set("opinions", opinions);
    }
    let mandate = Object::new()
        .with_some("task", mandate.task.as_deref().map(clip))
        .with_some("ticket", mandate.ticket.as_deref().map(clip))
        .with_some("on_behalf_of", mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
        .with_some("kind", mandate.kind.as_ref().map(|kind| kind.as_str()))
        .with_some("purpose", mandate.purpose.as_deref().map(clip))
        .with_some("scope", (!mandate.scope.is_empty()).then(|| clip(&mandate.scope.join(" "))))
        .with_some("reads_only", mandate.reads_only.then_some(true));
    if !mandate.is_empty() {
        body.set("mandate", mandate);
    }
}

/// The data a call is about: the bound resource, or the URI of an MCP resource.
fn accessed(request: &AccessRequest) -> Option<String> {
    match (&request.resource, request.call.operation()) {
        // The id is the agent's word and as long as it likes; the payload commits to all of it.
        (Some(resource), _) => Some(clip(&resource.to_string())),
        (None, Operation::ReadResource) => {
            request.call.params().member("uri").and_then(Json::as_str).map(clip)
        }
        (None, _) => None,
    }
}

fn put_decision(body: &mut Object, decision: &Decision) {
    body.set("policy", decision.revision.to_string());
    body.set("risk", i64::from(decision.risk.score));
    if !decision.risk.parts.is_empty() {
        body.set("risk_parts", decision.risk.parts_to_json());
    }
    let reasons: Vec<&str> =
        decision.reasons.iter().take(REASONS).map(|reason| reason.policy.as_str()).collect();
    body.set("reasons", reasons);
    match &decision.verdict {
        Verdict::Deny(DenyCause::Arguments(why) | DenyCause::Error(why) | DenyCause::Fields(why)) => {
            body.set("error", clip(why))
        }
        Verdict::Deny(DenyCause::Limit(exceeded)) => body.set("exceeded", exceeded.to_json()),
        Verdict::Deny(DenyCause::NoGrant | DenyCause::Veto)
        | Verdict::Allow
        | Verdict::RequireApproval(_) => {}
    }
    if !decision.obligations.is_empty() {
        let kinds: Vec<&str> = decision.obligations.iter().map(|obligation| obligation.duty.kind()).collect();
        body.set("obligations", kinds);
    }
}

fn put_charges(body: &mut Object, member: &str, charges: &[Charge]) {
    if !charges.is_empty() {
        body.set(member, charges.iter().map(Charge::to_json).collect::<Vec<_>>());
    }
}

/// A decision without effect.
fn shadow(decision: &Decision) -> Object {
    let reasons: Vec<&str> =
        decision.reasons.iter().take(REASONS).map(|reason| reason.policy.as_str()).collect();
    Object::new()
        .with("policy", decision.revision.to_string())
        .with("reasons", reasons)
        .with("verdict", decision.verdict.as_str())
}

fn put_client(body: &mut Object, client: &ClientFacts) {
    let client = Object::new()
        .with_some("model", client.model.as_deref().map(clip))
        .with_some("prompt_sha256", client.prompt.as_deref().map(clip))
        .with_some("rationale", client.rationale.as_deref().map(clip));
    if !client.is_empty() {
        body.set("client", client);
    }
}

fn approval_summary(approval: &Approval) -> Object {
    let gates: Vec<&str> = approval.gates.iter().map(|gate| gate.policy.as_str()).collect();
    let summary = Object::new()
        .with("id", approval.id.to_string())
        .with("state", approval.state.as_str())
        .with("gates", gates);
    match approval.state.answer() {
        Some(answer) => summary
            .with("by", answer.by.as_str())
            .with("at_us", answer.at.micros())
            .with("rationale", clip(&answer.rationale)),
        None => summary,
    }
}

/// Reasons a receipt names. More of them say nothing new, and a leaf is bounded.
const REASONS: usize = 64;

/// Receipts stay far below the largest leaf whatever a client sends.
pub(crate) fn clip(text: &str) -> String {
    const CHARACTERS: usize = 500;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl ReceiptRef {
    /// Id and place; the checkpoint that covers it is given once for all receipts of a call.
    #[must_use]
    pub fn to_json(&self) -> Object {
        Object::new()
            .with("id", self.id.to_string())
            .with("index", i64::try_from(self.index).unwrap_or(i64::MAX))
            .with("leaf_hash", self.leaf_hash.to_string())
    }
}
