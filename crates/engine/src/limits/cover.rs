//! Counters after a start: read back from the log, as far as the longest window of the policies reaches. A charge counts
//! if it is in the log, a refund if it is: a kill never grants more.

use std::{sync::Arc, time::Duration};

use placet_domain::{Amount, Charge, CounterKey, Digest, Json, Meter, Timestamp};

use crate::{
    Engine,
    ports::{Ledger, LedgerUnavailable},
};

use super::Counters;

/// Leaves between two looks for where to begin.
const STRIDE: u64 = 16_384;
/// Leaves that are looked at of a stride. Time does not run backwards in a process, but a clock can be set back between
/// two; what is older must be older all over the stride.
const LOOKS: u64 = 16;
/// The moment of a leaf is read before the calls in front of it were appended; this much apart at most.
const UNORDERED: Duration = Duration::from_secs(60 * 60);

/// How far back the counters know the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Covered {
    /// Charges from this moment on are counted.
    since: Timestamp,
    /// Leaves that were there when the counters began: later charges are counted as they are made.
    size: u64,
}

impl Engine {
    /// Makes the counters know all charges that a window of this length can reach. Called before the policies that ask
    /// for it come into force.
    pub(crate) async fn cover(&self, longest: Duration) -> Result<(), LedgerUnavailable> {
        if longest.is_zero() {
            return Ok(());
        }
        let mut covered = self.covered.lock().await;
        let now = self.ports.clock.now();
        let since = Timestamp::from_micros(now.micros().saturating_sub(micros(longest)));
        let (until, size) = match *covered {
            Some(known) if known.since <= since => return Ok(()),
            Some(known) => (known.since, known.size),
            None => (Timestamp::from_micros(i64::MAX), self.ports.ledger.size()),
        };
        let (ledger, counters) = (self.ports.ledger.clone(), self.counters.clone());
        // Reading a long log takes seconds: nobody waits for it but the new policies.
        let reading = tokio::task::spawn_blocking(move || {
            let gap = Gap { since, until, size, now };
            gap.read(&*ledger, &counters)
        });
        let read =
            reading.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }))?;
        *covered = Some(Covered { since, size });
        if read > 0 {
            tracing::info!(leaves = read, since = %since, "the counters of limits were read back from the log");
        }
        Ok(())
    }
}

/// A stretch of time whose charges are not counted yet.
struct Gap {
    since: Timestamp,
    until: Timestamp,
    size: u64,
    /// What counted no more by then is left out.
    now: Timestamp,
}

impl Gap {
    /// Counts the charges of the stretch; how many leaves were read.
    fn read(&self, ledger: &dyn Ledger, counters: &Arc<Counters>) -> Result<u64, LedgerUnavailable> {
        let from = self.begin(ledger)?;
        ledger.scan(from, &mut |index, leaf| {
            if index >= self.size {
                return false;
            }
            self.take(leaf, counters);
            true
        })?;
        Ok(self.size.saturating_sub(from))
    }

    /// The leaf from which on there can be charges of the stretch.
    fn begin(&self, ledger: &dyn Ledger) -> Result<u64, LedgerUnavailable> {
        let oldest = self.since.micros().saturating_sub(micros(UNORDERED));
        let mut end = self.size;
        while end > 0 {
            let start = end.saturating_sub(STRIDE);
            let mut newest = i64::MIN;
            for look in 0..LOOKS {
                let place = start + (end - 1 - start) * look / (LOOKS - 1);
                ledger.scan(place, &mut |_, leaf| {
                    newest = newest.max(time(leaf).unwrap_or(i64::MAX));
                    false
                })?;
            }
            if newest < oldest {
                return Ok(end);
            }
            end = start;
        }
        Ok(0)
    }

    fn take(&self, leaf: &[u8], counters: &Counters) {
        // Most leaves have none: they are not worth a parse.
        let charges = has(leaf, CHARGES);
        if !charges && !has(leaf, REFUNDS) {
            return;
        }
        let Ok(receipt) = Json::parse(leaf) else { return };
        let integer = |key: &str| receipt.member(key).and_then(Json::as_integer).map(Timestamp::from_micros);
        // A refund belongs to the moment of its charge.
        let moment = if charges { integer("time_us") } else { integer("charged_us") };
        if moment.is_none_or(|moment| moment < self.since || moment >= self.until) {
            return;
        }
        let list = receipt.member(if charges { "charges" } else { "refunds" }).and_then(Json::as_array);
        let list = list.unwrap_or_default().iter().filter_map(read).filter(|charge| charge.until > self.now);
        let mut board = counters.lock();
        for charge in list {
            match charges {
                true => board.put(&charge),
                false => board.give_back(charge.key, charge.until, charge.amount),
            }
        }
    }
}

/// A charge as its receipt tells it.
fn read(charge: &Json) -> Option<Charge> {
    let text = |key: &str| charge.member(key).and_then(Json::as_str);
    let limit = text("limit")?;
    let meter = match limit.strip_prefix("usage.").and_then(|name| name.parse().ok()) {
        Some(name) => Meter::Usage(name),
        None => Meter::Limit(limit.parse().ok()?),
    };
    Some(Charge {
        meter,
        key: CounterKey(text("counter")?.parse::<Digest>().ok()?),
        of: text("of")?.to_owned(),
        amount: text("amount")?.parse::<Amount>().ok()?,
        rate: None,
        until: Timestamp::from_micros(charge.member("until_us").and_then(Json::as_integer)?),
    })
}

/// The moment of a leaf, without reading the rest: members are sorted, so it stands near the end.
fn time(leaf: &[u8]) -> Option<i64> {
    let at = leaf.windows(TIME.len()).rposition(|window| window == TIME)?;
    let digits = leaf.get(at + TIME.len()..)?;
    let end = digits.iter().position(|digit| !digit.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

fn has(leaf: &[u8], member: &[u8]) -> bool {
    leaf.windows(member.len()).any(|window| window == member)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// As RFC 8785 writes them.
const CHARGES: &[u8] = br#""charges":[{"#;
const REFUNDS: &[u8] = br#""refunds":[{"#;
const TIME: &[u8] = br#","time_us":"#;
