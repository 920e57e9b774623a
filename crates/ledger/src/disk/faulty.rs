//! A disk for tests that fails chosen operations the way a full or a broken disk does.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Access, Disk, DiskFile, FileIdentity};

/// The error that a failing operation returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `EIO`: the device failed.
    Io,
    /// `ENOSPC`: no space left.
    NoSpace,
}

/// Wraps a disk, counts the operations that change it and fails those that were asked for.
/// A failing write has written half of its bytes before; a failing sync has synced nothing.
#[derive(Debug, Clone)]
pub struct Faulty {
    inner: Arc<dyn Disk>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    operations: u64,
    failing: Option<Failing>,
}

#[derive(Debug, Clone, Copy)]
struct Failing {
    nth: u64,
    fault: Fault,
    from_then_on: bool,
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn DiskFile>,
    plan: Arc<Mutex<Plan>>,
}

impl Faulty {
    /// Wraps `inner`; nothing fails yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// Fails the operation after the next `nth` ones (0 is the next), only it or all `from_then_on`.
    pub fn fail_nth(&self, nth: u64, fault: Fault, from_then_on: bool) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = plan.operations + nth;
        plan.failing = Some(Failing { nth, fault, from_then_on });
    }

    /// Ends all failing.
    pub fn heal(&self) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).failing = None;
    }

    /// Operations so far that changed the disk or would have.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).operations
    }
}

fn count(plan: &Mutex<Plan>) -> io::Result<()> {
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let now = plan.operations;
    plan.operations += 1;
    match plan.failing {
        Some(failing) if now == failing.nth || failing.from_then_on && now > failing.nth => {
            Err(match failing.fault {
                Fault::Io => io::Error::from_raw_os_error(5),
                Fault::NoSpace => io::Error::from_raw_os_error(28),
            })
        }
        _ => Ok(()),
    }
}

impl Disk for Faulty {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        count(&self.plan)?;
        self.inner.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        if access == Access::Create {
            count(&self.plan)?;
        }
        Ok(Arc::new(FaultyFile { inner: self.inner.open(path, access)?, plan: self.plan.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        count(&self.plan)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        // Removing frees space, so a full disk does not refuse it.
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        count(&self.plan)?;
        self.inner.sync_dir(dir)
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        self.inner.identity(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.inner.lock(path)
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let counted = count(&self.plan);
        if counted.is_err() {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            self.inner.write_at(offset, half)?;
        }
        counted?;
        self.inner.write_at(offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        count(&self.plan)?;
        self.inner.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        count(&self.plan)?;
        self.inner.set_length(length)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.inner.identity()
    }
}
