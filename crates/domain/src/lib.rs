//! The nouns of Placet: typed ids, strict parsing, canonical JSON, verdicts, approvals and receipts.
//! No async, no I/O, no clock, no randomness: those come in as values.

mod access;
mod agent;
mod approval;
mod call;
mod decision;
mod digest;
pub mod explain;
mod id;
mod json;
pub mod limits;
mod name;
mod outcome;
mod person;
mod receipt;
mod resource;
mod timestamp;
mod tool;

pub use access::AccessRequest;
pub use agent::{Agent, AgentStatus, Instance, Mandate, Tier, UnknownTier};
pub use approval::{Answer, Approval, ApprovalState, Requester};
pub use call::{CallDigest, MalformedCall, Operation, ToolCall};
pub use decision::{Decision, DenyCause, Gate, Obligation, PolicyRevision, Reason, Verdict};
pub use digest::{Commitment, Digest, Opening, ParseDigestError};
pub use explain::{Code, Refusal};
pub use id::{ApprovalId, CallId, InstanceId, ParseIdError, ReceiptId};
pub use json::{Json, JsonError, JsonFault, Number, Object};
pub use name::{AgentName, ConnectorName, GroupName, ParseNameError, PersonName, PolicyId, ToolName};
pub use outcome::Outcome;
pub use person::Person;
pub use receipt::{
    ApprovalReceipt, ClientFacts, DecisionReceipt, OutcomeReceipt, ReceiptRef, RegistryChange,
    RegistryReceipt,
};
pub use resource::{Resource, ResourceFacts};
pub use timestamp::Timestamp;
pub use tool::{Pin, ToolDefinition};
