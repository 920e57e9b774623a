//! `openings.dat`: the 32-byte seed of each entry's commitments, at offset index * 32; zeros where there is none.
//! Erasing a seed makes the commitments of that entry unopenable and leaves tree and proofs as they are.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::DiskFile;

pub(crate) const OPENINGS_FILE: &str = "openings.dat";

/// The file of seeds. Written with each batch, synced once a second, at a roll and at the end.
#[derive(Debug)]
pub(crate) struct Openings {
    file: Arc<dyn DiskFile>,
    unsynced: AtomicBool,
}

impl Openings {
    /// Opens the seeds of a ledger of `size` entries; seeds of entries that were never committed are cut off.
    pub(crate) fn new(file: Arc<dyn DiskFile>, size: u64) -> io::Result<Self> {
        if file.length()? > size * 32 {
            file.set_length(size * 32)?;
        }
        Ok(Self { file, unsynced: AtomicBool::new(false) })
    }

    /// Writes the records of a batch. One without seeds is written only over older records.
    pub(crate) fn write(&self, first: u64, records: &[u8]) -> io::Result<()> {
        if records.iter().all(|byte| *byte == 0) && self.file.length()? <= first * 32 {
            return Ok(());
        }
        self.file.write_at(first * 32, records)?;
        self.unsynced.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn read(&self, index: u64) -> io::Result<Option<[u8; 32]>> {
        let mut seed = [0; 32];
        let read = self.file.read_at(index * 32, &mut seed)?;
        Ok((read == 32 && seed != [0; 32]).then_some(seed))
    }

    /// Overwrites the record and returns once that is durable.
    pub(crate) fn erase(&self, index: u64) -> io::Result<()> {
        if self.file.length()? > index * 32 {
            self.file.write_at(index * 32, &[0; 32])?;
        }
        self.file.sync_data()
    }

    /// Syncs if anything was written since the last time.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.unsynced.swap(false, Ordering::AcqRel) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}
