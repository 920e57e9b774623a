//! `Placet`: the proof, named after the product, that something may have an effect.
//! Connectors accept nothing else, and only this crate can make one.

use placet_domain::ToolCall;

use crate::{Caller, Passage, record::DurableAllow};

/// Something that may leave this program. For a [`ToolCall`] it proves that the call was allowed and that its decision
/// receipt is durable; for a [`Passage`], that its sender is a known instance.
///
/// It is neither `Clone` nor serializable: one proof, one effect.
#[derive(Debug)]
pub struct Placet<T> {
    granted: T,
}

impl Placet<ToolCall> {
    // INVARIANT: a `DurableAllow` is made only by `record`, after the ledger acknowledged an allowing decision.
    pub(crate) fn call(granted: ToolCall, _proof: DurableAllow) -> Self {
        Self { granted }
    }
}

impl Placet<Passage> {
    // INVARIANT: a `Caller` is made only by `identify`.
    pub(crate) fn passage(granted: Passage, _proof: &Caller) -> Self {
        Self { granted }
    }
}

impl<T> std::ops::Deref for Placet<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.granted
    }
}
