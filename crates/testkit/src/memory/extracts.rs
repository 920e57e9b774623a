//! Extracts in memory, cut at once.

use parking_lot::Mutex;
use placet_domain::Json;
use placet_engine::ports::{Extracts, PendingExtract, StoreError};

/// Extracts by day and call.
#[derive(Debug, Default)]
pub struct MemoryExtracts(Mutex<Vec<(i64, String, Json)>>);

impl Extracts for MemoryExtracts {
    fn keep(&self, extract: PendingExtract) {
        let PendingExtract { call, at, make } = extract;
        self.0.lock().push((at.seconds().div_euclid(86_400), call.to_string(), make()));
    }

    fn day(&self, day: i64, visit: &mut dyn FnMut(&str, Json)) -> Result<(), StoreError> {
        for (_, call, extract) in self.0.lock().iter().filter(|(of, ..)| *of == day) {
            visit(call, extract.clone());
        }
        Ok(())
    }

    fn days(&self) -> Result<Vec<i64>, StoreError> {
        let mut days: Vec<i64> = self.0.lock().iter().map(|(day, ..)| *day).collect();
        days.dedup();
        Ok(days)
    }

    fn erase(&self, wanted: &mut dyn FnMut(&str, &Json) -> bool) -> Result<u64, StoreError> {
        let mut kept = self.0.lock();
        let before = kept.len();
        kept.retain(|(_, call, extract)| !wanted(call, extract));
        Ok((before - kept.len()) as u64)
    }

    fn lost(&self) -> u64 {
        0
    }
}
