//! The engine: the pipeline every call takes, the life-cycles around it, and the ports it reaches the world by.
//! It knows no vendor and no wire format; `pipeline.rs` is the file to read first.

mod approvals;
mod attempt;
mod caller;
mod catalogue;
mod engine;
mod instances;
mod listing;
mod passage;
mod pipeline;
mod placet;
mod policies;
pub mod ports;
mod record;
mod recover;
mod resolve;
mod settle;

pub use approvals::{AnswerError, AnswerRequest};
pub use attempt::{Attempt, Receipts, Reply};
pub use caller::{Caller, Credential};
pub use catalogue::{ToolState, ToolStatus};
pub use engine::{Engine, EngineConfig};
pub use instances::{RegisterError, Registration, StartError, StartRequest, Started};
pub use passage::{Passage, PassageKind};
pub use placet::Placet;
pub use policies::ReloadError;
pub use ports::Ports;
pub use recover::Settled;
