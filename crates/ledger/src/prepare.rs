//! The helper thread: fills the next segment with zeros ahead of need, and syncs what the hot path leaves unsynced.
//! The writer alone gives a prepared file its name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::disk::{Access, Disk, DiskFile};
use crate::limits::{PREPARE_RETRY, TICK};
use crate::nodes::Nodes;
use crate::openings::Openings;
use crate::segment::MAGIC;
use crate::writer::Shared;

const PREPARED_FILE: &str = "prepared.tmp";

#[derive(Debug)]
pub(crate) struct Preparer {
    stage: Mutex<Stage>,
    changed: Condvar,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    segment_bytes: u64,
    pub(crate) nodes: Nodes,
    pub(crate) openings: Arc<Openings>,
}

#[derive(Debug)]
enum Stage {
    Idle,
    Wanted,
    Ready(Arc<dyn DiskFile>),
    Failed(Arc<str>, Instant),
    Stopped,
}

impl Preparer {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        segment_bytes: u64,
        nodes: Nodes,
        openings: Arc<Openings>,
    ) -> Self {
        let stage = Mutex::new(Stage::Idle);
        Self { stage, changed: Condvar::new(), disk, dir, segment_bytes, nodes, openings }
    }

    /// The body of the helper thread; returns after [`Preparer::stop`].
    pub(crate) fn run(&self, shared: &Shared) {
        loop {
            let stage = self.lock();
            let waiting = |stage: &mut Stage| !matches!(stage, Stage::Wanted | Stage::Stopped);
            let waited = self.changed.wait_timeout_while(stage, TICK, waiting);
            let stage = waited.unwrap_or_else(PoisonError::into_inner).0;
            let wanted = match *stage {
                Stage::Stopped => return,
                Stage::Wanted => true,
                Stage::Idle | Stage::Ready(_) | Stage::Failed(..) => false,
            };
            drop(stage);
            if let Err(error) = self.openings.sync() {
                shared.poison(format!("the openings cannot be synced: {error}"));
            }
            if wanted {
                // INVARIANT: when a segment begins, the nodes of all but the one before it are durable; recovery
                // reads the last two segments on the strength of this.
                if let Err(error) = self.nodes.sync() {
                    shared.poison(format!("the hashes cannot be synced: {error}"));
                }
                let prepared = self.prepare();
                let mut stage = self.lock();
                if !matches!(*stage, Stage::Stopped) {
                    *stage = match prepared {
                        Ok(file) => Stage::Ready(file),
                        Err(error) => Stage::Failed(error.to_string().into(), Instant::now()),
                    };
                }
                drop(stage);
                self.changed.notify_all();
            }
        }
    }

    /// Asks for a segment; cheap, and without effect while one is on the way.
    pub(crate) fn want(&self) {
        let mut stage = self.lock();
        let retry = matches!(&*stage, Stage::Failed(_, at) if at.elapsed() >= PREPARE_RETRY);
        if retry || matches!(*stage, Stage::Idle) {
            *stage = Stage::Wanted;
            drop(stage);
            self.changed.notify_all();
        }
    }

    /// Waits for the segment and gives it its name.
    ///
    /// The outer error means that nothing was changed and a later try may succeed; the inner one that the directory
    /// is in doubt.
    pub(crate) fn take(&self, path: &Path) -> Result<io::Result<Arc<dyn DiskFile>>, Arc<str>> {
        self.want();
        let stage = self.lock();
        let waited = self.changed.wait_while(stage, |stage| matches!(stage, Stage::Wanted));
        let mut stage = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *stage, Stage::Idle) {
            Stage::Ready(file) => {
                drop(stage);
                Ok(self.publish(path).map(|()| file))
            }
            Stage::Failed(reason, at) => {
                *stage = Stage::Failed(reason.clone(), at);
                Err(reason)
            }
            other => {
                *stage = other;
                Err("the ledger is closing".into())
            }
        }
    }

    /// Makes the very first segment, on the thread of the caller.
    pub(crate) fn first(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.prepare()?;
        self.publish(path)?;
        Ok(file)
    }

    pub(crate) fn stop(&self) {
        *self.lock() = Stage::Stopped;
        self.changed.notify_all();
    }

    fn publish(&self, path: &Path) -> io::Result<()> {
        self.disk.rename(&self.dir.join(PREPARED_FILE), path)?;
        self.disk.sync_dir(&self.dir)
    }

    fn prepare(&self) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.dir.join(PREPARED_FILE);
        let file = self.disk.open(&path, Access::Create)?;
        let filled = file
            .set_length(0)
            .and_then(|()| file.write_at(0, MAGIC))
            .and_then(|()| file.zero_fill(MAGIC.len() as u64, self.segment_bytes));
        if filled.is_err() {
            // A full disk must not stay full because of us.
            drop(self.disk.remove(&path));
        }
        filled.map(|()| file)
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
