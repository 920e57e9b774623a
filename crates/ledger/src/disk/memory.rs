//! A disk in memory for tests that can lose power: bytes that were not synced survive sector by sector or not at all.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, DiskFile, FileIdentity};

const SECTOR: u64 = 512;

/// A file system in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    names: Arc<Mutex<Names>>,
}

#[derive(Debug, Default)]
struct Names {
    current: BTreeMap<PathBuf, Arc<MemoryFile>>,
    durable: BTreeMap<PathBuf, Arc<MemoryFile>>,
    created: u64,
}

#[derive(Debug)]
struct MemoryFile {
    inode: u64,
    names: Arc<Mutex<Names>>,
    content: Mutex<Content>,
}

#[derive(Debug, Default, Clone)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, in order.
    pending: Vec<(u64, Vec<u8>)>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk after a power loss. `survives` is asked once for the names that were not synced and once for each
    /// sector that was written and not synced. The disk itself goes on as if nothing had happened.
    #[must_use]
    pub fn after_power_loss(&self, mut survives: impl FnMut() -> bool) -> Self {
        let names_survive = survives();
        self.copy(
            |names| if names_survive { &names.current } else { &names.durable },
            |content| {
                for (offset, bytes) in std::mem::take(&mut content.pending) {
                    for (at, sector) in sectors(offset, &bytes) {
                        if survives() {
                            write(&mut content.durable, at, sector);
                        }
                    }
                }
                content.current.clone_from(&content.durable);
            },
        )
    }

    /// A copy of this moment, unsynced writes included, to lose power on later.
    #[must_use]
    pub fn clone_now(&self) -> Self {
        let copy = self.copy(|names| &names.current, |_| {});
        let durable = lock(&self.names).durable.keys().cloned().collect::<Vec<_>>();
        let mut names = lock(&copy.names);
        let kept =
            durable.into_iter().filter_map(|path| Some((path.clone(), names.current.get(&path)?.clone())));
        names.durable = kept.collect();
        drop(names);
        copy
    }

    fn copy(
        &self,
        choose: impl FnOnce(&Names) -> &BTreeMap<PathBuf, Arc<MemoryFile>>,
        mut change: impl FnMut(&mut Content),
    ) -> Self {
        let names = lock(&self.names);
        let after = Self::new();
        let files = choose(&names).iter().map(|(path, file)| {
            let mut content = lock(&file.content).clone();
            change(&mut content);
            let (inode, names) = (file.inode, after.names.clone());
            (path.clone(), Arc::new(MemoryFile { inode, names, content: Mutex::new(content) }))
        });
        let current: BTreeMap<_, _> = files.collect();
        *lock(&after.names) = Names { durable: current.clone(), current, created: names.created };
        after
    }

    /// The bytes of a file as a reader sees them now.
    #[must_use]
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let file = lock(&self.names).current.get(path).cloned()?;
        let bytes = lock(&file.content).current.clone();
        Some(bytes)
    }

    /// Replaces or creates a file, durably.
    pub fn write(&self, path: &Path, bytes: Vec<u8>) {
        let mut names = lock(&self.names);
        names.created += 1;
        let content = Content { durable: bytes.clone(), current: bytes, pending: Vec::new() };
        let file = Arc::new(MemoryFile {
            inode: names.created,
            names: self.names.clone(),
            content: Mutex::new(content),
        });
        names.durable.insert(path.to_owned(), file.clone());
        names.current.insert(path.to_owned(), file);
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = lock(&self.names);
        let inside = names.current.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut names = lock(&self.names);
        if let Some(file) = names.current.get(path) {
            return Ok(file.clone());
        }
        if access != Access::Create {
            return Err(io::ErrorKind::NotFound.into());
        }
        names.created += 1;
        let inode = names.created;
        let file = Arc::new(MemoryFile { inode, names: self.names.clone(), content: Mutex::default() });
        names.current.insert(path.to_owned(), file.clone());
        Ok(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = lock(&self.names);
        let file = names.current.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.current.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.names).current.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut names = lock(&self.names);
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        names.durable.retain(|path, _| !inside(path));
        let synced: Vec<_> = names
            .current
            .iter()
            .filter(|(path, _)| inside(path))
            .map(|(path, file)| (path.clone(), file.clone()))
            .collect();
        names.durable.extend(synced);
        Ok(())
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        let names = lock(&self.names);
        let file = names.current.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(FileIdentity { device: 0, inode: file.inode, links: 1 })
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        Ok(Box::new(()))
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let content = lock(&self.content);
        let rest = content.current.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = lock(&self.content);
        write(&mut content.current, offset, bytes);
        content.pending.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = lock(&self.content);
        content.durable = content.current.clone();
        content.pending.clear();
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.content).current.len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut content = lock(&self.content);
        content.current.resize(length as usize, 0);
        content.durable.resize(length as usize, 0);
        content.pending.retain(|(offset, bytes)| offset + bytes.len() as u64 <= length);
        Ok(())
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        let names = lock(&self.names);
        let links = names.current.values().filter(|file| file.inode == self.inode).count() as u64;
        Ok(FileIdentity { device: 0, inode: self.inode, links })
    }
}

/// Cuts a write at the borders of sectors, the unit that a disk writes whole.
fn sectors(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = bytes;
    let mut at = offset;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let room = (SECTOR - at % SECTOR) as usize;
        let (sector, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
        rest = after;
        let start = at;
        at += sector.len() as u64;
        Some((start, sector))
    })
}

fn write(into: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    if let Some(target) = into.get_mut(offset as usize..end) {
        target.copy_from_slice(bytes);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
