//! The bounded queue in front of the writer: many push, one takes everything that waits.
//! It knows nothing of the ledger; the benchmark drives its bare writer with this very file.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    /// Item and its weight in bytes.
    items: Vec<(T, usize)>,
    weight: usize,
    closed: bool,
    taker_waits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushError {
    Full,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Items,
    /// Nothing came for as long as the taker was ready to wait.
    Nothing,
    /// Closed and empty.
    Closed,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { items: Vec::new(), weight: 0, closed: false, taker_waits: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), capacity }
    }

    /// Adds an item, or gives it back.
    pub(crate) fn push(&self, item: T, weight: usize) -> Result<(), (T, PushError)> {
        let mut state = self.lock();
        if state.closed {
            return Err((item, PushError::Closed));
        }
        if state.items.len() >= self.capacity {
            return Err((item, PushError::Full));
        }
        state.items.push((item, weight));
        state.weight += weight;
        let wake = std::mem::take(&mut state.taker_waits);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Moves what waits into `batch`, which is empty: at most `count` items, and no further item once `weight` is
    /// reached.
    pub(crate) fn take(
        &self,
        batch: &mut Vec<(T, usize)>,
        count: usize,
        weight: usize,
        wait: Duration,
    ) -> Taken {
        let mut state = self.lock();
        if state.items.is_empty() && !state.closed {
            state.taker_waits = true;
            let waited = self.filled.wait_timeout_while(state, wait, |s| s.items.is_empty() && !s.closed);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.taker_waits = false;
        }
        if state.items.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Nothing };
        }
        if state.items.len() <= count && state.weight <= weight {
            std::mem::swap(batch, &mut state.items);
            state.weight = 0;
            return Taken::Items;
        }
        let mut sum = 0;
        let fits = state.items.iter().take(count).take_while(|(_, w)| {
            let fits = sum < weight;
            sum += w;
            fits
        });
        let fits = fits.count();
        batch.extend(state.items.drain(..fits));
        state.weight -= batch.iter().map(|(_, w)| w).sum::<usize>();
        Taken::Items
    }

    /// Lets nothing more in; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
