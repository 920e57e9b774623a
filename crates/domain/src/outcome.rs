//! What became of a performed call.

/// What the tool did, as far as we can know. `Unknown` is a state, not a reason to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The tool answered with a result.
    Succeeded,
    /// The tool answered with an error, or with a result marked `isError`.
    Failed,
    /// The call went out and no answer is known.
    Unknown,
}

impl Outcome {
    /// The word receipts and metrics use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}
