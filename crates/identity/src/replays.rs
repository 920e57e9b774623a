//! The memory of tokens that may be used once: assertions, proofs, events. Bounded, and closed when full.
//! It is of one process; a deployment of several nodes needs each client to stay at one, or a shared one.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use parking_lot::Mutex;
use placet_domain::{Digest, Timestamp};

use crate::fault::{TokenError, TokenFault};

/// Ids of tokens that were used, until they have run out anyway.
pub struct Replays {
    capacity: usize,
    share: usize,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// The id's digest leads to the moment it may be forgotten and to whose it is.
    ids: HashMap<Digest, (Timestamp, Digest)>,
    /// The same, by the moment. A moment is shared by few.
    ends: BTreeMap<Timestamp, Vec<Digest>>,
    /// How many ids each owner has here.
    shares: HashMap<Digest, usize>,
    /// The latest time seen: a clock that goes back must not bring forgotten ids back to life.
    latest: Timestamp,
}

impl Replays {
    /// A memory for so many ids, of which one owner (an issuer, a client, a key) takes at most `share`, so that
    /// nobody can fill it for the others. Each id takes about 200 bytes; expect rate × life of them.
    #[must_use]
    pub fn new(capacity: usize, share: usize) -> Self {
        Self { capacity, share, used: Mutex::default() }
    }

    /// Marks an id of `owner` as used, to be remembered until the token it is of has run out.
    ///
    /// # Errors
    /// [`TokenFault::Replay`]: it was used, has run out, or cannot be remembered.
    pub fn admit(&self, owner: &str, id: &str, until: Timestamp, now: Timestamp) -> Result<(), TokenError> {
        let refused = |why| Err(TokenError::new(TokenFault::Replay, why));
        let owner = Digest::of(owner.as_bytes());
        // The owner's digest is of fixed length: no other pair gives the same bytes.
        let id = Digest::of(&[owner.as_bytes(), id.as_bytes()].concat());
        let mut used = self.used.lock();
        used.forget(now);
        if used.ids.contains_key(&id) {
            return refused("the token was used before");
        }
        if until <= used.latest {
            return refused("the token has run out");
        }
        let share = used.shares.get(&owner).copied().unwrap_or(0);
        if used.ids.len() >= self.capacity || share >= self.share {
            return refused("too many tokens were used lately to remember another one");
        }
        used.ids.insert(id, (until, owner));
        used.ends.entry(until).or_default().push(id);
        used.shares.insert(owner, share + 1);
        Ok(())
    }
}

impl Used {
    fn forget(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        while let Some(first) = self.ends.first_entry().filter(|first| *first.key() <= self.latest) {
            for id in first.remove() {
                let Some((_, owner)) = self.ids.remove(&id) else { continue };
                match self.shares.get_mut(&owner) {
                    Some(share) if *share > 1 => *share -= 1,
                    _ => {
                        self.shares.remove(&owner);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Replays({} of {})", self.used.lock().ids.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

    fn later(seconds: u64) -> Timestamp {
        NOW.after(Duration::from_secs(seconds))
    }

    #[test]
    fn an_id_is_admitted_once_while_it_lives() {
        let replays = Replays::new(8, 8);
        assert!(replays.admit("a", "1", later(60), NOW).is_ok());
        assert!(replays.admit("a", "1", later(60), later(59)).is_err());
        assert!(replays.admit("b", "1", later(60), NOW).is_ok());
        assert!(replays.admit("a", "1", later(60), later(60)).is_err());
        assert!(replays.admit("a", "1", later(90), later(60)).is_ok());
    }

    #[test]
    fn a_full_memory_refuses_until_something_runs_out() {
        let replays = Replays::new(2, 2);
        assert!(replays.admit("a", "1", later(10), NOW).is_ok());
        assert!(replays.admit("a", "2", later(20), NOW).is_ok());
        assert!(replays.admit("b", "3", later(30), NOW).is_err());
        assert!(replays.admit("b", "3", later(30), later(10)).is_ok());
        assert_eq!(format!("{replays:?}"), "Replays(2 of 2)");
    }

    #[test]
    fn one_owner_cannot_fill_it_for_the_others() {
        let replays = Replays::new(4, 2);
        assert!(replays.admit("a", "1", later(10), NOW).is_ok());
        assert!(replays.admit("a", "2", later(10), NOW).is_ok());
        assert!(replays.admit("a", "3", later(10), NOW).is_err());
        assert!(replays.admit("b", "1", later(10), NOW).is_ok());
        assert!(replays.admit("a", "3", later(20), later(10)).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing_back() {
        let replays = Replays::new(4, 4);
        assert!(replays.admit("a", "1", later(10), NOW).is_ok());
        assert!(replays.admit("a", "2", later(60), later(30)).is_ok());
        assert!(replays.admit("a", "1", later(10), NOW).is_err());
    }

    #[test]
    fn of_many_at_once_one_is_admitted() {
        let replays = Replays::new(8, 8);
        let admitted = std::thread::scope(|scope| {
            let attempts: Vec<_> =
                (0..64).map(|_| scope.spawn(|| replays.admit("a", "1", later(60), NOW).is_ok())).collect();
            attempts.into_iter().filter_map(|one| one.join().ok()).filter(|admitted| *admitted).count()
        });
        assert_eq!(admitted, 1);
    }
}
