//! The nouns of Placet: typed ids, strict parsing, canonical JSON, verdicts, approvals and receipts.
//! No async, no I/O, no clock, no randomness: those come in as values.

mod access;
mod agent;
mod approval;
mod call;
mod charter;
mod credential;
mod decision;
mod digest;
mod directory;
pub mod explain;
mod flow;
mod grant;
mod halt;
mod id;
mod json;
mod lifecycle;
mod limit;
pub mod limits;
mod name;
mod obligation;
mod opinion;
mod outcome;
mod person;
mod provenance;
mod receipt;
mod resource;
mod risk;
mod suggestion;
mod timestamp;
mod tool;

pub use access::AccessRequest;
pub use agent::{Agent, AgentStatus, Instance, Mandate, Tier, UnknownTier};
pub use approval::{Answer, Approval, ApprovalState, Requester};
pub use call::{CallDigest, MalformedCall, Operation, ToolCall};
pub use charter::{Charter, CharterError, TaskKind, Want};
pub use credential::{AgentCredential, Enrolment, Means, UnknownMeans};
pub use decision::{Decision, DenyCause, Gate, PolicyRevision, Reason, Verdict};
pub use digest::{Commitment, Digest, Opening, ParseDigestError};
pub use directory::{DirectoryGroup, DirectoryKey, DirectoryRecord, DirectoryUser};
pub use explain::{Code, Refusal};
pub use flow::{Flow, FlowEffect, Trust};
pub use grant::{Giver, Grant, GrantState, REQUEST_PERMISSION};
pub use halt::{Halt, HaltTarget, ParseHaltTargetError};
pub use id::{
    ApprovalId, CallId, CredentialId, DirectoryGroupId, DirectoryKeyId, DirectoryUserId, GrantId, InstanceId,
    ParseIdError, ReceiptId,
};
pub use json::{Json, JsonError, JsonFault, Number, Object};
pub use lifecycle::{
    ApproverAnswer, Cause, Event, Life, LifeFacts, NotPossible, Proposal, Reach, Stage, Terms, UnknownStage,
};
pub use limit::{
    Amount, Charge, CounterKey, Exceeded, KeyPart, Level, Limit, Measure, Meter, ParseLimitError, Rate,
    Usage, Window,
};
pub use name::{
    AgentName, ConnectorName, DataClass, EnvironmentName, GroupName, HistoryName, Label, ParseNameError,
    PersonName, PolicyId, TaskName, ToolName, UsageName,
};
pub use obligation::{Discharge, Duty, FieldPath, Obligation, ParsePathError, Step};
pub use opinion::{Opinion, OpinionVerdict};
pub use outcome::Outcome;
pub use person::Person;
pub use provenance::{Provenance, Source};
pub use receipt::{
    ApprovalReceipt, ClientFacts, DecisionReceipt, EditedResult, EvaluationNote, OutcomeReceipt, ReceiptRef,
    Refund, RegistryChange, RegistryReceipt,
};
pub use resource::{Resource, ResourceFacts};
pub use risk::{Drift, Footprint, Habit, HookAnswer, Observed, ParseHabitError, Risk, RiskPart};
pub use suggestion::{Asked, Effect, Suggestion, suggest};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use tool::{Pin, ToolDefinition};
