//! One run of the ledger: recovery, then the writer and its helper, until they are stopped.
//! Reopening replaces it whole, so that nothing of a poisoned run lives on.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::damage::{Damage, Entries, Finding};
use crate::disk::{Access, Disk};
use crate::hash::EMPTY_ROOT;
use crate::ledger::{LedgerConfig, LedgerError};
use crate::merkle::CompactRange;
use crate::nodes::{HASHES_FILE, Nodes};
use crate::note::{LogKey, VerifierKey};
use crate::openings::{OPENINGS_FILE, Openings};
use crate::prepare::Preparer;
use crate::reader::Reader;
use crate::recover::{LastSegment, Recovered, Recovery, recover};
use crate::segment::segment_name;
use crate::writer::{Buffers, Shared, Writer};

/// Everything between one recovery and the next stop.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) preparer: Arc<Preparer>,
    writer: Mutex<Option<JoinHandle<()>>>,
    helper: Mutex<Option<JoinHandle<()>>>,
}

/// The keys that may be in force: a crash can have come before or after the log was handed over to the next one.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) key: LogKey,
    pub(crate) next: Option<LogKey>,
}

impl Keys {
    fn all(&self) -> impl Iterator<Item = &VerifierKey> {
        std::iter::once(&self.key).chain(&self.next).map(LogKey::verifier)
    }

    /// The key that goes on after the newest checkpoint. The checkpoint of a key entry has the signatures of both.
    fn in_force(&self, head: Option<&SignedCheckpoint>) -> Result<&LogKey, LedgerError> {
        let Some(head) = head else { return Ok(&self.key) };
        let signed = |key: &&LogKey| head.is_signed_by(key.verifier());
        self.next.iter().chain(std::iter::once(&self.key)).find(signed).ok_or(LedgerError::KeyEnded)
    }
}

impl Running {
    pub(crate) fn start(
        config: &LedgerConfig,
        keys: &Keys,
        disk: &Arc<dyn Disk>,
    ) -> Result<(Self, Recovery), LedgerError> {
        let beside =
            |name: &str| disk.open(&config.dir.join(name), Access::Create).map_err(LedgerError::writing);
        let nodes = Nodes::new(beside(HASHES_FILE)?);
        let known: Vec<_> = keys.all().chain(&config.previous_keys).cloned().collect();
        let recovered = recover(disk.as_ref(), &config.dir, &config.origin, &known, &nodes)?;
        let Recovered { range, head, mut segments, last, recovery } = recovered;
        let key = keys.in_force(head.as_ref())?;
        if let Some(known) = &config.known {
            compare_with_known(known, range.size(), &nodes)?;
        }
        let openings = Openings::new(beside(OPENINGS_FILE)?, range.size()).map_err(LedgerError::writing)?;
        let openings = Arc::new(openings);
        let (dir, bytes) = (config.dir.clone(), config.segment_bytes);
        let preparer = Arc::new(Preparer::new(disk.clone(), dir, bytes, nodes, openings));
        let segment = match last {
            Some(last) => last,
            None => {
                let path = config.dir.join(segment_name(0));
                let file = preparer.first(&path).map_err(LedgerError::writing)?;
                segments.push(0);
                LastSegment { first: 0, file, offset: 8, capacity: bytes }
            }
        };
        let head = head.unwrap_or_else(|| SignedCheckpoint::sign(0, EMPTY_ROOT, key));
        let shared = Arc::new(Shared::new(config.queue, bytes, head, key.clone()));
        let reader = Arc::new(Reader::new(disk.clone(), config.dir.clone(), segments));
        let writer = Writer {
            shared: shared.clone(),
            preparer: preparer.clone(),
            reader: reader.clone(),
            key: key.clone(),
            failpoint: config.failpoint.clone(),
            range,
            segment,
            segment_bytes: bytes,
            buffers: Buffers::default(),
            checked_at: Instant::now(),
        };
        let running = Self { shared, reader, preparer, writer: Mutex::default(), helper: Mutex::default() };
        running.spawn(writer)?;
        Ok((running, recovery))
    }

    fn spawn(&self, writer: Writer) -> Result<(), LedgerError> {
        let (preparer, shared) = (self.preparer.clone(), self.shared.clone());
        let helper = named("ledger-helper").spawn(move || preparer.run(&shared));
        *self.helper.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(helper.map_err(LedgerError::Thread)?);
        match named("ledger-writer").spawn(move || writer.run()) {
            Ok(writer) => {
                *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
                Ok(())
            }
            Err(error) => {
                self.stop();
                Err(LedgerError::Thread(error))
            }
        }
    }

    /// Ends the threads; the writer first writes what waits.
    pub(crate) fn stop(&self) {
        self.shared.close();
        for (thread, then) in [(&self.writer, true), (&self.helper, false)] {
            let handle = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The last owner may be a callback on the writer thread itself, which then ends on its own.
            if let Some(handle) = handle
                && handle.thread().id() != thread::current().id()
                && handle.join().is_err()
            {
                self.shared.poison("a thread panicked".to_owned());
            }
            if then {
                self.preparer.stop();
            }
        }
    }

    pub(crate) fn is_writer(&self) -> bool {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().is_some_and(|writer| writer.thread().id() == thread::current().id())
    }

    pub(crate) fn within(&self, index: u64) -> Result<(), LedgerError> {
        let size = self.shared.head().size();
        if index < size { Ok(()) } else { Err(LedgerError::NoSuchEntry { index, size }) }
    }

    pub(crate) fn within_size(&self, size: u64) -> Result<Arc<SignedCheckpoint>, LedgerError> {
        let head = self.shared.head();
        if size > head.size() {
            return Err(LedgerError::NoSuchEntry { index: size.saturating_sub(1), size: head.size() });
        }
        Ok(head)
    }
}

/// A copy of the disk from yesterday must not go on as if it were today's.
fn compare_with_known(known: &Checkpoint, size: u64, nodes: &Nodes) -> Result<(), LedgerError> {
    let finding = |damage| Finding { segment: "*".to_owned(), offset: 0, entries: Entries::From(0), damage };
    if known.size > size {
        let damage = Damage::Truncated { known: known.size, found: size };
        return Err(Finding { entries: Entries::From(size), ..finding(damage) }.into());
    }
    let range = CompactRange::load(known.size, |level, index| nodes.read(level, index));
    if range.map_err(LedgerError::Read)?.root() != known.root {
        return Err(finding(Damage::KnownRoot(known.size)).into());
    }
    Ok(())
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}
