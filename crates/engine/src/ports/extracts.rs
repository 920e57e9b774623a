//! The port that keeps what decisions were made of, for a while.

use placet_domain::{CallId, Json, Timestamp};

use super::StoreError;

/// An extract that has not been cut yet: that is work for whoever writes it.
pub struct PendingExtract {
    /// The call.
    pub call: CallId,
    /// When it was judged.
    pub at: Timestamp,
    /// Makes the extract.
    pub make: Box<dyn FnOnce() -> Json + Send>,
}

impl std::fmt::Debug for PendingExtract {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PendingExtract").field("call", &self.call).finish_non_exhaustive()
    }
}

/// What decisions were made of, cut down to what policies read: encrypted, erasable, and gone when its time is over. Nothing
/// depends on it but replays.
pub trait Extracts: Send + Sync {
    /// Takes an extract without waiting. One that cannot be kept is counted.
    fn keep(&self, extract: PendingExtract);
    /// Visits the extracts of a day (days since 1970-01-01, UTC), those included that were handed over before. Blocks.
    fn day(&self, day: i64, visit: &mut dyn FnMut(&str, Json)) -> Result<(), StoreError>;
    /// The days of which there are extracts.
    fn days(&self) -> Result<Vec<i64>, StoreError>;
    /// Erases the wanted extracts for good; how many they were. Blocks.
    fn erase(&self, wanted: &mut dyn FnMut(&str, &Json) -> bool) -> Result<u64, StoreError>;
    /// How many could not be kept since the start.
    fn lost(&self) -> u64;
}
