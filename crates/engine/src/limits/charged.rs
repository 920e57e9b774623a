//! Charges of a call that is not on record yet: given back when the call ends before its decision is written.

use std::sync::Arc;

use placet_domain::Charge;

use super::Counters;

/// What a call has put on counters. Dropped, it is given back; kept, it stays.
#[derive(Debug, Default)]
pub(crate) struct Charged {
    counters: Option<Arc<Counters>>,
    charges: Vec<Charge>,
}

impl Charged {
    pub(super) fn new(counters: Arc<Counters>, charges: Vec<Charge>) -> Self {
        Self { counters: Some(counters), charges }
    }

    /// Lets the charges stand, whatever becomes of the call. From here on only a durable receipt takes them back:
    /// if the log cannot say whether the decision is in it, they stay.
    pub(crate) fn keep(mut self) -> Vec<Charge> {
        std::mem::take(&mut self.charges)
    }
}

impl Drop for Charged {
    // Not a record: nobody has heard of these charges but the counters.
    fn drop(&mut self) {
        if let (Some(counters), false) = (&self.counters, self.charges.is_empty()) {
            counters.give_back(&self.charges);
        }
    }
}
