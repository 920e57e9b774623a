//! The engine's ledger port on the Merkle log: callbacks become futures, and a stopped log is opened again.
//! It never retries an append: whether a refused leaf is in the log is what recovery finds.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::Opening;
use placet_engine::ports::{Ledger, LedgerEntry, LedgerUnavailable};
use placet_ledger::{AppendError, Committed, Health, LogKey};
use tokio::sync::oneshot;

/// The ledger port over a [`placet_ledger::Ledger`].
///
/// A log that stopped refuses appends at once. The next append or health check starts to open it again in the
/// background, by the code of a start, at most once a second.
#[derive(Debug)]
pub struct LedgerPort {
    ledger: Arc<placet_ledger::Ledger>,
    reopening: Arc<Mutex<Reopening>>,
    refused: Mutex<Option<Instant>>,
    /// The key for the next change.
    next: Mutex<Option<LogKey>>,
}

/// Where the port stands with opening a stopped log again.
#[derive(Debug)]
enum Reopening {
    /// No attempt runs; when the last one ended.
    Idle(Option<Instant>),
    /// One runs.
    Running,
}

impl LedgerPort {
    /// Takes an open ledger; proofs and openings can still be read from it directly.
    #[must_use]
    pub fn new(ledger: Arc<placet_ledger::Ledger>) -> Self {
        Self {
            ledger,
            reopening: Arc::new(Mutex::new(Reopening::Idle(None))),
            refused: Mutex::new(None),
            next: Mutex::new(None),
        }
    }

    /// Puts the key at the log's disposal that the next change hands it over to. The caller has made it durable.
    pub fn offer(&self, next: LogKey) {
        *self.next.lock() = Some(next);
    }

    async fn settled(
        &self,
        answered: oneshot::Receiver<Result<Committed, AppendError>>,
    ) -> Result<LedgerEntry, LedgerUnavailable> {
        match answered.await {
            Ok(Ok(Committed { index, leaf_hash, checkpoint })) => {
                Ok(LedgerEntry { index, leaf_hash: leaf_hash.0, checkpoint: checkpoint.note().into() })
            }
            Ok(Err(error)) => Err(self.refuse(&error)),
            Err(_untold) => Err(LedgerUnavailable { reason: "the ledger gave no answer".to_owned() }),
        }
    }

    /// Begins to open the log again if it has stopped, no attempt runs, and the last one is a second ago.
    fn mend(&self) {
        if !matches!(self.ledger.health(), Health::Poisoned { .. }) {
            return;
        }
        let mut reopening = self.reopening.lock();
        match *reopening {
            Reopening::Running => return,
            Reopening::Idle(Some(ended)) if ended.elapsed() < PAUSE => return,
            Reopening::Idle(_) => {}
        }
        let (ledger, state) = (self.ledger.clone(), self.reopening.clone());
        let begun = thread::Builder::new().name("ledger-reopen".to_owned()).spawn(move || {
            reopen(&ledger);
            *state.lock() = Reopening::Idle(Some(Instant::now()));
        });
        match begun {
            Ok(_detached) => *reopening = Reopening::Running,
            Err(error) => {
                tracing::error!(%error, "a thread to open the ledger again cannot be started");
                *reopening = Reopening::Idle(Some(Instant::now()));
            }
        }
    }

    fn refuse(&self, error: &AppendError) -> LedgerUnavailable {
        match error {
            AppendError::Poisoned(_) => self.mend(),
            AppendError::Refused(_) => *self.refused.lock() = Some(Instant::now()),
            AppendError::TooLarge(_)
            | AppendError::Overloaded
            | AppendError::Reserved
            | AppendError::KeyChange(_)
            | AppendError::Closed => {}
        }
        LedgerUnavailable { reason: error.to_string() }
    }
}

fn reopen(ledger: &placet_ledger::Ledger) {
    match ledger.reopen() {
        Ok(recovery) => tracing::warn!(
            entries = recovery.entries,
            truncated_bytes = recovery.truncated_bytes,
            "the ledger was opened again"
        ),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the ledger cannot be opened again");
        }
    }
}

#[async_trait]
impl Ledger for LedgerPort {
    async fn append(&self, leaf: String, opening: Option<Opening>) -> Result<LedgerEntry, LedgerUnavailable> {
        let (done, answered) = oneshot::channel();
        let seed = opening.map(|opening| *opening.as_bytes());
        // Nobody listens any more if the caller went away; the leaf is committed all the same.
        let tell = Box::new(move |fate| drop(done.send(fate)));
        self.ledger.append(leaf.into_bytes(), seed, tell);
        self.settled(answered).await
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), LedgerUnavailable> {
        for entry in self.ledger.leaves(from..u64::MAX) {
            let (index, leaf) = entry.map_err(|error| LedgerUnavailable { reason: error.to_string() })?;
            if !visit(index, &leaf) {
                break;
            }
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.ledger.head().size()
    }

    fn key(&self) -> String {
        self.ledger.verifier().to_string()
    }

    async fn change_key(&self, leaf: String) -> Result<LedgerEntry, LedgerUnavailable> {
        let Some(next) = self.next.lock().take() else {
            return Err(LedgerUnavailable { reason: "no key was offered to the ledger".to_owned() });
        };
        let (done, answered) = oneshot::channel();
        let tell = Box::new(move |fate| drop(done.send(fate)));
        self.ledger.change_key(next, leaf.into_bytes(), tell);
        self.settled(answered).await
    }

    fn health(&self) -> Result<(), LedgerUnavailable> {
        match self.ledger.health() {
            Health::Ok => Ok(()),
            // Only an append can show that a full disk has room again, so after a pause appends are worth a try.
            Health::Refusing { reason } => match *self.refused.lock() {
                Some(refused) if refused.elapsed() < PAUSE => {
                    Err(LedgerUnavailable { reason: reason.to_string() })
                }
                _ => Ok(()),
            },
            Health::Poisoned { reason } => {
                self.mend();
                Err(LedgerUnavailable { reason: reason.to_string() })
            }
            Health::Closed => Err(LedgerUnavailable { reason: AppendError::Closed.to_string() }),
        }
    }
}

/// Pause between attempts to open a stopped log, and after which a refusing one is worth a try.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
