//! `hashes.dat`: every complete node of the tree, 32 bytes each, in the order of [`crate::merkle::stored_index`].
//! Derived from the segments; never evidence. Recovery writes it anew where it is short or wrong.

use std::io;
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::hash::Hash;
use crate::merkle::{stored_count, stored_index};

pub(crate) const HASHES_FILE: &str = "hashes.dat";

/// The node file.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    file: Arc<dyn DiskFile>,
}

impl Nodes {
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file }
    }

    pub(crate) fn read(&self, level: u32, index: u64) -> io::Result<Hash> {
        let mut hash = [0; 32];
        let read = self.file.read_at(stored_index(level, index) * 32, &mut hash)?;
        if read == 32 { Ok(Hash(hash)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Writes the nodes that leaves from `size` on have completed.
    pub(crate) fn write(&self, size: u64, nodes: &[u8]) -> io::Result<()> {
        self.file.write_at(stored_count(size) * 32, nodes)
    }

    /// Writes them only where the file holds something else.
    pub(crate) fn repair(&self, size: u64, nodes: &[u8]) -> io::Result<()> {
        let mut present = vec![0; nodes.len()];
        let read = self.file.read_at(stored_count(size) * 32, &mut present)?;
        if read == nodes.len() && present == nodes { Ok(()) } else { self.write(size, nodes) }
    }

    pub(crate) fn holds(&self, size: u64) -> io::Result<bool> {
        Ok(self.file.length()? >= stored_count(size) * 32)
    }

    /// Drops nodes of entries that were never committed.
    pub(crate) fn cut(&self, size: u64) -> io::Result<()> {
        let length = stored_count(size) * 32;
        if self.file.length()? > length { self.file.set_length(length) } else { Ok(()) }
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
