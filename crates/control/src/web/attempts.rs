//! How often somebody may guess: a few times each, and a limit for all together, in a quarter of an hour.
//! Kept in memory; a guess is counted before it is looked at, so that many at once are no more than one after another.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use placet_domain::Timestamp;

/// The time that is looked at.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Wrong guesses about one name.
const EACH: u32 = 5;
/// Wrong guesses about all names.
const TOGETHER: u32 = 200;
/// Names that are remembered.
const NAMES: usize = 4_096;

/// Wrong guesses of late.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    each: HashMap<String, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    since: Timestamp,
    guesses: u32,
}

impl Count {
    fn at(self, now: Timestamp) -> Self {
        if now.since(self.since) < WINDOW { self } else { Self { since: now, guesses: 0 } }
    }
}

/// Too many guesses; nothing was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Locked;

impl Attempts {
    /// Counts a guess about a name.
    ///
    /// # Errors
    /// There were too many, about this name or about all of them.
    pub(super) fn count(&self, name: &str, now: Timestamp) -> Result<(), Locked> {
        let mut counts = self.0.lock();
        let all = counts.all.at(now);
        if counts.each.len() >= NAMES {
            counts.each.retain(|_, count| now.since(count.since) < WINDOW);
        }
        let known = counts.each.get(name).copied();
        let one = known.unwrap_or_default().at(now);
        if all.guesses >= TOGETHER || one.guesses >= EACH || (known.is_none() && counts.each.len() >= NAMES) {
            return Err(Locked);
        }
        counts.all = Count { guesses: all.guesses + 1, ..all };
        counts.each.insert(name.to_owned(), Count { guesses: one.guesses + 1, ..one });
        Ok(())
    }

    /// The guess was right: it and those before it are forgiven.
    pub(super) fn right(&self, name: &str) {
        let mut counts = self.0.lock();
        if let Some(count) = counts.each.remove(name) {
            counts.all.guesses = counts.all.guesses.saturating_sub(count.guesses);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

    #[test]
    fn five_wrong_guesses_lock_one_name_for_a_quarter_of_an_hour() {
        let attempts = Attempts::default();
        for _ in 0..EACH {
            assert_eq!(attempts.count("ana", NOW), Ok(()));
        }
        assert_eq!(attempts.count("ana", NOW), Err(Locked));
        assert_eq!(attempts.count("bo", NOW), Ok(()));
        assert_eq!(attempts.count("ana", NOW.after(WINDOW)), Ok(()));
    }

    #[test]
    fn a_right_guess_forgives_and_all_names_together_have_a_limit() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            assert_eq!(attempts.count("ana", NOW), Ok(()));
            attempts.right("ana");
        }
        for number in 0..TOGETHER {
            assert_eq!(attempts.count(&format!("n{number}"), NOW), Ok(()));
        }
        assert_eq!(attempts.count("ana", NOW), Err(Locked));
    }
}
