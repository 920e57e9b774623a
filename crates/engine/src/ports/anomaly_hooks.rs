//! The port of anomaly hooks: others who are asked about calls before they are decided. docs/policies/risk.md

use async_trait::async_trait;
use placet_domain::{Object, Timestamp};

/// What an anomaly hook is asked.
#[derive(Debug, Clone)]
pub struct HookQuestion {
    /// Never used twice.
    pub id: String,
    /// When the call is judged.
    pub at: Timestamp,
    /// What it is told.
    pub body: Object,
}

/// What an anomaly hook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookReply {
    /// What it adds to the risk, 0 to 100.
    pub points: u8,
    /// It refuses the call.
    pub vetoes: bool,
    /// Why, in its words.
    pub why: String,
}

/// An anomaly hook gave no answer that can be read in time; why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct HookError(pub String);

/// Others who look for what is out of the ordinary. Whatever is not a plain answer within the configured time is an error.
#[async_trait]
pub trait AnomalyHooks: Send + Sync {
    /// Asks the one of this name. Asked once, never again.
    async fn ask(&self, name: &str, question: HookQuestion) -> Result<HookReply, HookError>;
}
