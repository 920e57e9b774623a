//! What comes into the pipeline and what goes out of it.

use placet_domain::{CallId, ClientFacts, ConnectorName, Object, ReceiptRef, Refusal, ToolCall};

use crate::{
    Credential,
    ports::{Answered, Link},
};

/// One attempt of somebody to act, as a gateway hands it in.
#[derive(Debug)]
pub struct Attempt {
    /// The credential as it was presented. Nothing about it has been believed yet.
    pub credential: Credential,
    /// The connector it is addressed to.
    pub connector: ConnectorName,
    /// The strictly parsed call, or why it cannot be read in exactly one way.
    pub call: Result<ToolCall, Refusal>,
    /// How it reaches the connector.
    pub link: Link,
}

impl Attempt {
    /// What the client says of itself in `_meta`: recorded, never believed.
    pub(crate) fn client(&self) -> ClientFacts {
        let text = |key: &str| {
            let call = self.call.as_ref().ok()?;
            call.meta()?.member(key)?.as_str().map(str::to_owned)
        };
        ClientFacts {
            model: text("dev.placet/model"),
            prompt: text("dev.placet/prompt-sha256"),
            rationale: text("dev.placet/rationale"),
        }
    }
}

/// The end of an attempt.
#[derive(Debug)]
pub enum Reply {
    /// The tool answered, and both receipts are durable.
    Answered {
        /// Its answer, byte for byte.
        answer: Answered,
        /// The id of the event that carried it, if it had one.
        event_id: Option<String>,
        /// The receipts of the call.
        receipts: Receipts,
    },
    /// The call did not run, or its outcome is not known; the refusal says which.
    Refused {
        /// What the caller is told.
        refusal: Refusal,
        /// The receipts of the call, as far as there are any.
        receipts: Option<Receipts>,
    },
}

/// The receipts of one call.
#[derive(Debug, Clone)]
pub struct Receipts {
    /// The call.
    pub call: CallId,
    /// The decision receipt.
    pub decision: ReceiptRef,
    /// The outcome receipt, once there is one.
    pub outcome: Option<ReceiptRef>,
}

impl Receipts {
    /// The reference a reply carries in `_meta["dev.placet/receipt"]`: the newest checkpoint covers both leaves.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let newest = self.outcome.as_ref().unwrap_or(&self.decision);
        Object::new()
            .with("call", self.call.to_string())
            .with("decision", self.decision.to_json())
            .with_some("outcome", self.outcome.as_ref().map(ReceiptRef::to_json))
            .with("checkpoint", &*newest.checkpoint)
    }
}
