//! What the counters show, for operators and metrics.

use placet_domain::{Amount, CounterKey, Meter, Rate, Timestamp};

use crate::Engine;

/// One counter as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// The limit or the usage.
    pub meter: Meter,
    /// For whom it counts: `agent=deal-bot tool=crm.update_deal`; empty if all calls share it.
    pub of: String,
    /// Its key, as receipts name it.
    pub key: CounterKey,
    /// What it shows.
    pub used: Amount,
    /// How much it may show, if it limits.
    pub rate: Option<Rate>,
    /// When something of it counts no more.
    pub next_end: Timestamp,
}

impl Engine {
    /// The counters that show something, by limit and for whom they count; of one limit if it is named, at most `most`.
    #[must_use]
    pub fn counters(&self, of: Option<&str>, most: usize) -> Vec<Counter> {
        let now = self.ports.clock.now();
        let policies = self.policies.load();
        let mut found: Vec<Counter> = {
            let board = self.counters.lock();
            let wanted =
                board.tallies().filter(|(_, tally)| of.is_none_or(|of| tally.meter.to_string() == of));
            wanted
                .filter_map(|(key, tally)| {
                    let next_end = tally.next_end(now)?;
                    let (meter, of) = (tally.meter.clone(), tally.of.clone());
                    Some(Counter { meter, of, key: *key, used: tally.used(now), rate: tally.rate, next_end })
                })
                .take(most)
                .collect()
        };
        for counter in &mut found {
            // What was read back from the log does not know its limit until the next call.
            let limit = policies.limits().find(|limit| counter.meter == Meter::Limit(limit.policy.clone()));
            counter.rate = limit.map(|limit| limit.rate).or(counter.rate);
        }
        found.sort_by(|left, right| (&left.meter, &left.of).cmp(&(&right.meter, &right.of)));
        found
    }

    /// How many counters are kept.
    #[must_use]
    pub fn counter_count(&self) -> usize {
        self.counters.lock().len()
    }
}
