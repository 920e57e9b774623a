//! Time that moves only when a test moves it.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use placet_domain::Timestamp;
use placet_engine::ports::Clock;

/// A clock that stands still. It keeps the port's contract: it never goes back.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// Stands at this moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.micros()))
    }

    /// Moves on to a moment; one in the past changes nothing.
    pub fn set(&self, now: Timestamp) {
        self.0.fetch_max(now.micros(), Ordering::SeqCst);
    }

    /// Moves on by so much.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().after(duration));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
