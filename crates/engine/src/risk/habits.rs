//! What one agent is known to do, and how often it calls. Bounded: what does not fit is new each time.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use placet_domain::{Habit, Timestamp, limits};

/// Hours of the past that make what is usual: seven days.
const USUAL_HOURS: i64 = 7 * 24;

/// The habits of one agent.
#[derive(Debug, Default)]
pub(crate) struct AgentHabits {
    known: HashMap<Habit, Timestamp>,
    /// Calls by minute, of the last hour.
    minutes: BTreeMap<i64, u32>,
    /// Calls by hour, of the last days.
    hours: BTreeMap<i64, u32>,
}

impl AgentHabits {
    /// Whether the agent has done it within the time.
    pub(crate) fn knows(&self, habit: &Habit, now: Timestamp, memory: Duration) -> bool {
        self.known.get(habit).is_some_and(|last| now.since(*last) <= memory)
    }

    /// Remembers that the agent has done it.
    pub(crate) fn learn(&mut self, habit: Habit, at: Timestamp, memory: Duration) {
        if self.known.len() >= limits::HABITS && !self.known.contains_key(&habit) {
            self.known.retain(|_, last| at.since(*last) <= memory);
            if self.known.len() >= limits::HABITS {
                return;
            }
        }
        let last = self.known.entry(habit).or_insert(at);
        *last = at.max(*last);
    }

    /// Counts a call.
    pub(crate) fn count(&mut self, at: Timestamp) {
        let (minute, hour) = (minute(at), hour(at));
        for (counts, now, keep) in [(&mut self.minutes, minute, 60), (&mut self.hours, hour, USUAL_HOURS)] {
            let count = counts.entry(now).or_default();
            *count = count.saturating_add(1);
            while let Some(oldest) = counts.first_entry().filter(|oldest| *oldest.key() < now - keep) {
                oldest.remove();
            }
        }
    }

    /// Calls in the last sixty minutes.
    pub(crate) fn recent(&self, now: Timestamp) -> u32 {
        let now = minute(now);
        self.minutes.range(now - 59..=now).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Calls in an hour with any, in the mean of the last days; the last sixty minutes do not count. 0 if there were none.
    pub(crate) fn usual(&self, now: Timestamp) -> u32 {
        let now = hour(now);
        let (mut sum, mut hours) = (0_u64, 0_u64);
        for (_, count) in self.hours.range(now - USUAL_HOURS..now - 1) {
            sum += u64::from(*count);
            hours += 1;
        }
        u32::try_from(sum.checked_div(hours).unwrap_or(0)).unwrap_or(u32::MAX)
    }
}

fn minute(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

fn hour(at: Timestamp) -> i64 {
    at.seconds().div_euclid(3_600)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_795_300_000_000_000).after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_habit_is_known_until_it_is_too_long_ago() {
        let mut habits = AgentHabits::default();
        let habit = Habit::of_operation("crm", "update");
        assert!(!habits.knows(&habit, at(0), DAY));
        habits.learn(habit, at(0), DAY);
        assert!(habits.knows(&habit, at(86_400), DAY));
        assert!(!habits.knows(&habit, at(86_401), DAY));
        // Receipts of one moment stand in any order.
        habits.learn(habit, at(10), DAY);
        habits.learn(habit, at(5), DAY);
        assert!(habits.knows(&habit, at(86_410), DAY));
    }

    #[test]
    fn what_does_not_fit_stays_new_and_what_is_forgotten_makes_room() {
        let mut habits = AgentHabits::default();
        let habit = |number: usize| Habit::of("n", &[&number.to_string()]);
        for number in 0..=limits::HABITS {
            habits.learn(habit(number), at(0), DAY);
        }
        assert!(habits.knows(&habit(0), at(0), DAY));
        assert!(!habits.knows(&habit(limits::HABITS), at(0), DAY));
        habits.learn(habit(limits::HABITS), at(90_000), DAY);
        assert!(habits.knows(&habit(limits::HABITS), at(90_000), DAY));
    }

    #[test]
    fn an_hour_of_work_is_compared_with_other_hours_of_work() {
        let mut habits = AgentHabits::default();
        // Ten calls at the same hour on three days.
        for day in 0..3 {
            (0..10).for_each(|call| habits.count(at(day * 86_400 + call)));
        }
        let now = at(3 * 86_400);
        assert_eq!((habits.recent(now), habits.usual(now)), (0, 10));
        (0..90).for_each(|call| habits.count(at(3 * 86_400 + call)));
        // What happens now does not make itself usual.
        let now = at(3 * 86_400 + 100);
        assert_eq!((habits.recent(now), habits.usual(now)), (90, 10));
        let later = at(3 * 86_400 + 3 * 3_600);
        assert_eq!((habits.recent(later), habits.usual(later)), (0, 30));
        assert_eq!(AgentHabits::default().usual(later), 0);
    }
}
