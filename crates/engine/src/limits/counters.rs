//! The counters of limits and usages, in memory, under one lock that is held for a few lookups. What makes them durable
//! is the log: `cover.rs`. A counter is a list of charges that each count until a moment; it is dropped with the last.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use placet_domain::{
    AccessRequest, Amount, Charge, CounterKey, Decision, Level, Meter, Rate, Timestamp, UsageName, Verdict,
    limits,
};

/// How much older than the newest charge the moment of a call may be. Calls are judged for seconds at most; what ended
/// is kept so long, so that a call that comes late counts what counted at its moment.
const SKEW: Duration = Duration::from_secs(60);
/// Ended counters that one call clears away at most.
const CLEARED: usize = 2;

/// All counters.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Board>);

/// The counters, while they stand still.
#[derive(Debug, Default)]
pub(crate) struct Board {
    counters: HashMap<CounterKey, Tally>,
    /// When a counter may have ended, one entry each.
    due: BinaryHeap<Reverse<(Timestamp, CounterKey)>>,
    /// The newest moment of a call that was charged.
    latest: Timestamp,
}

/// One counter.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) meter: Meter,
    pub(super) of: String,
    pub(super) rate: Option<Rate>,
    /// By the moment until which they count.
    charges: VecDeque<(Timestamp, Amount)>,
}

/// What came of a look at the counters.
#[derive(Debug)]
pub(crate) enum Taken {
    /// All of it was charged; nothing, unless the decision allows.
    Charged(Vec<Charge>),
    /// They show something else than the decision was made on, or have no room. Nothing was charged.
    Changed { values: BTreeMap<UsageName, Amount>, full: Vec<Level> },
    /// They cannot count this call.
    Not(&'static str),
}

impl Counters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Board> {
        // Nothing between two whole changes can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes charges off again.
    pub(crate) fn give_back(&self, charges: &[Charge]) {
        let mut board = self.lock();
        charges.iter().for_each(|charge| board.give_back(charge.key, charge.until, charge.amount));
    }
}

impl Board {
    /// What these counters show at a moment.
    pub(crate) fn values(
        &self,
        reads: &[(UsageName, CounterKey)],
        now: Timestamp,
    ) -> BTreeMap<UsageName, Amount> {
        reads.iter().map(|(name, key)| (name.clone(), self.used(*key, now))).collect()
    }

    /// Charges an allowed call if the counters still show what it was judged on and have room for all of it.
    pub(crate) fn take(
        &mut self,
        request: &AccessRequest,
        decision: &Decision,
        reads: &[(UsageName, CounterKey)],
    ) -> Taken {
        if matches!(decision.verdict, Verdict::Deny(_)) {
            return Taken::Charged(Vec::new());
        }
        let now = request.now;
        if now.after(SKEW) < self.latest {
            return Taken::Not("judging the call took too long to count it");
        }
        let full: Vec<Level> =
            decision.charges.iter().filter_map(|charge| self.without_room(charge, now)).collect();
        let values = self.values(reads, now);
        if !full.is_empty() || values != request.usage.values {
            return Taken::Changed { values, full };
        }
        if decision.verdict != Verdict::Allow {
            // A person is to be asked first; the charge comes with the approval.
            return Taken::Charged(Vec::new());
        }
        self.latest = self.latest.max(now);
        self.clear();
        let new = decision.charges.iter().filter(|charge| !self.counters.contains_key(&charge.key)).count();
        if new > 0 && self.counters.len() + new > limits::COUNTERS {
            return Taken::Not("there are too many counters; the key of a limit is too fine");
        }
        let fits = |charge: &Charge| self.used(charge.key, now).plus(charge.amount).is_some();
        if !decision.charges.iter().all(fits) {
            return Taken::Not("a counter cannot count that far");
        }
        decision.charges.iter().for_each(|charge| self.put(charge));
        Taken::Charged(decision.charges.clone())
    }

    /// Adds a charge, whatever room there is.
    pub(super) fn put(&mut self, charge: &Charge) {
        let tally = self.counters.entry(charge.key).or_insert_with(|| {
            self.due.push(Reverse((charge.until, charge.key)));
            Tally { meter: charge.meter.clone(), of: charge.of.clone(), rate: None, charges: VecDeque::new() }
        });
        tally.rate = charge.rate.or(tally.rate);
        tally.drop_ended(self.latest);
        tally.put(charge.until, charge.amount);
    }

    pub(super) fn give_back(&mut self, key: CounterKey, until: Timestamp, amount: Amount) {
        if let Some(tally) = self.counters.get_mut(&key) {
            tally.give_back(until, amount);
        }
    }

    /// Every counter that shows something, in no order.
    pub(super) fn tallies(&self) -> impl Iterator<Item = (&CounterKey, &Tally)> {
        self.counters.iter()
    }

    /// How many counters are kept.
    pub(super) fn len(&self) -> usize {
        self.counters.len()
    }

    fn used(&self, key: CounterKey, now: Timestamp) -> Amount {
        self.counters.get(&key).map_or(Amount::ZERO, |tally| tally.used(now))
    }

    fn without_room(&self, charge: &Charge, now: Timestamp) -> Option<Level> {
        let most = charge.rate?.most;
        let used = self.used(charge.key, now);
        if used.plus(charge.amount).is_some_and(|sum| sum <= most) {
            return None;
        }
        let tally = self.counters.get(&charge.key);
        let room_at = tally.and_then(|tally| tally.room_at(now, charge.amount, most));
        Some(Level { key: charge.key, used, room_at })
    }

    /// Drops counters that have ended, a few at a time.
    fn clear(&mut self) {
        for _ in 0..CLEARED {
            let Some(Reverse((due, key))) = self.due.peek().copied() else { return };
            if due.after(SKEW) > self.latest {
                return;
            }
            self.due.pop();
            let Some(tally) = self.counters.get_mut(&key) else { continue };
            tally.drop_ended(self.latest);
            match tally.charges.back() {
                Some((until, _)) => self.due.push(Reverse((*until, key))),
                None => drop(self.counters.remove(&key)),
            }
        }
    }
}

impl Tally {
    pub(super) fn used(&self, now: Timestamp) -> Amount {
        self.counting(now).fold(Amount::ZERO, |sum, (_, amount)| sum.plus(amount).unwrap_or(sum))
    }

    /// When an amount will fit, if nothing else comes.
    pub(super) fn room_at(&self, now: Timestamp, amount: Amount, most: Amount) -> Option<Timestamp> {
        let mut used = self.used(now);
        let fits = |used: Amount| used.plus(amount).is_some_and(|sum| sum <= most);
        self.counting(now).find_map(|(until, freed)| {
            used = used.less(freed);
            fits(used).then_some(until)
        })
    }

    /// When the first of its charges counts no more.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.counting(now).map(|(until, _)| until).next()
    }

    fn counting(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Amount)> {
        self.charges.iter().copied().filter(move |(until, _)| *until > now)
    }

    fn put(&mut self, until: Timestamp, amount: Amount) {
        let place = self.charges.partition_point(|(end, _)| *end < until);
        match self.charges.get_mut(place) {
            Some((end, sum)) if *end == until => *sum = sum.plus(amount).unwrap_or(*sum),
            _ => self.charges.insert(place, (until, amount)),
        }
        if self.charges.len() > limits::CHARGES_OF_A_COUNTER {
            self.coarsen();
        }
    }

    fn give_back(&mut self, until: Timestamp, amount: Amount) {
        // A coarsened counter has put it to the next later one.
        let place = self.charges.partition_point(|(end, _)| *end < until);
        if let Some((_, sum)) = self.charges.get_mut(place) {
            *sum = sum.less(amount);
            if *sum == Amount::ZERO {
                self.charges.remove(place);
            }
        }
    }

    fn drop_ended(&mut self, latest: Timestamp) {
        while self.charges.front().is_some_and(|(until, _)| until.after(SKEW) <= latest) {
            self.charges.pop_front();
        }
    }

    /// Halves the number of charges: the earlier of two neighbours counts as long as the later. Stricter, never looser.
    fn coarsen(&mut self) {
        let mut coarser = VecDeque::with_capacity(self.charges.len() / 2 + 1);
        let mut carried = Amount::ZERO;
        let last = self.charges.len().saturating_sub(1);
        for (place, (until, amount)) in self.charges.iter().enumerate() {
            let sum = carried.plus(*amount).unwrap_or(carried);
            if place % 2 == 0 && place != last {
                carried = sum;
            } else {
                coarser.push_back((*until, sum));
                carried = Amount::ZERO;
            }
        }
        self.charges = coarser;
    }
}

#[cfg(test)]
mod tests;
