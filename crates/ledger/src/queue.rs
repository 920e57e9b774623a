//! The bounded queue in front of the writer: many push, one takes everything that waits.
//! It knows nothing of the ledger; the benchmark drives its bare writer with this very file.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Items with the bytes that belong to them. The bytes of all waiting items lie in one buffer, each behind its
/// two-byte little-endian length, so that the writer writes them as they are and no allocation changes threads.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    limits: Limits,
}

/// What bounds the queue and a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Items that may wait.
    pub(crate) waiting: usize,
    /// Bytes that may wait.
    pub(crate) waiting_bytes: usize,
    /// Items in one batch.
    pub(crate) batch: usize,
    /// A batch takes no further item once it has so many bytes.
    pub(crate) batch_bytes: usize,
    /// Bytes left free in front of the bytes of a batch.
    pub(crate) headroom: usize,
    /// How long a batch waits for the others that are known to be under way; see [`Queue::take`].
    pub(crate) gather: Duration,
}

/// A batch waits for others only where so many are under way: two or three gain nothing by waiting for each other.
const SIBLINGS: usize = 4;
/// A batch of so many waits for nobody: what a signature and a sync cost each of them is little by then.
const ENOUGH: usize = 16;

/// What the taker takes; kept between batches so that a batch does not allocate.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(crate) items: Vec<T>,
    /// Headroom, then length and bytes of each item.
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
struct State<T> {
    batch: Batch<T>,
    /// An item that gets a batch of its own, before what waits.
    alone: Option<Batch<T>>,
    closed: bool,
    /// With how many items the taker wants to be woken; zero while it does not wait.
    wanted: usize,
    /// Items of the batch before.
    taken: usize,
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

impl<T> Batch<T> {
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), bytes: Vec::new() }
    }
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        let batch = Batch { items: Vec::new(), bytes: vec![0; limits.headroom] };
        let state = State { batch, alone: None, closed: false, wanted: 0, taken: 0 };
        Self { state: Mutex::new(state), filled: Condvar::new(), limits }
    }

    /// Adds an item and at most 65,535 bytes, or gives the item back.
    pub(crate) fn push(&self, item: T, bytes: &[u8]) -> Result<(), (T, PushError)> {
        let Ok(length) = u16::try_from(bytes.len()) else { return Err((item, PushError::Full)) };
        let mut state = self.lock();
        if state.closed {
            return Err((item, PushError::Closed));
        }
        let batch = &mut state.batch;
        if batch.items.len() >= self.limits.waiting || batch.bytes.len() >= self.limits.waiting_bytes {
            return Err((item, PushError::Full));
        }
        batch.items.push(item);
        batch.bytes.extend_from_slice(&length.to_le_bytes());
        batch.bytes.extend_from_slice(bytes);
        let wake = state.wanted > 0 && state.batch.items.len() >= state.wanted;
        if wake {
            state.wanted = 0;
        }
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Adds an item that shares its batch with no other, or gives it back; one may wait at a time.
    pub(crate) fn push_alone(&self, item: T, bytes: &[u8]) -> Result<(), (T, PushError)> {
        let Ok(length) = u16::try_from(bytes.len()) else { return Err((item, PushError::Full)) };
        let mut state = self.lock();
        if state.closed {
            return Err((item, PushError::Closed));
        }
        if state.alone.is_some() {
            return Err((item, PushError::Full));
        }
        let mut alone = vec![0; self.limits.headroom];
        alone.extend_from_slice(&length.to_le_bytes());
        alone.extend_from_slice(bytes);
        state.alone = Some(Batch { items: vec![item], bytes: alone });
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Moves what waits into `batch`, whose earlier content is dropped, as far as one batch goes.
    ///
    /// A signature and a sync cost the same for one item as for many. So where many are under way (those of the batch
    /// before, who are about to come back, and those who wait already), a batch waits for them, but not long.
    pub(crate) fn take(&self, batch: &mut Batch<T>, wait: Duration) -> Taken {
        batch.items.clear();
        batch.bytes.clear();
        batch.bytes.resize(self.limits.headroom, 0);
        let state = self.lock();
        let siblings = (state.taken + state.batch.items.len()).min(ENOUGH);
        let mut state = self.wait(state, 1, wait);
        if let Some(alone) = state.alone.take() {
            *batch = alone;
            return Taken::Items;
        }
        if siblings >= SIBLINGS && !state.batch.items.is_empty() {
            state = self.wait(state, siblings, self.limits.gather);
        }
        state.taken = state.batch.items.len();
        let waiting = &mut state.batch;
        if waiting.items.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Nothing };
        }
        let Limits { batch: most, batch_bytes, headroom, .. } = self.limits;
        if waiting.items.len() <= most && waiting.bytes.len() - headroom <= batch_bytes {
            std::mem::swap(batch, waiting);
            return Taken::Items;
        }
        let (mut count, mut end) = (0, headroom);
        while count < most && end - headroom < batch_bytes {
            let Some(length) = waiting.bytes.get(end..).and_then(<[u8]>::first_chunk::<2>) else { break };
            end += 2 + usize::from(u16::from_le_bytes(*length));
            count += 1;
        }
        batch.items.extend(waiting.items.drain(..count.min(waiting.items.len())));
        batch.bytes.extend(waiting.bytes.drain(headroom..end.min(waiting.bytes.len())));
        Taken::Items
    }

    /// Lets nothing more in; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State<T>>,
        items: usize,
        wait: Duration,
    ) -> MutexGuard<'a, State<T>> {
        let few =
            |state: &mut State<T>| state.batch.items.len() < items && !state.closed && state.alone.is_none();
        if few(&mut state) && !wait.is_zero() {
            state.wanted = items;
            let waited = self.filled.wait_timeout_while(state, wait, few);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.wanted = 0;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
