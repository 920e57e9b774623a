//! Extracts of decisions in files of the home: one file a day (UTC), every extract encrypted by itself, the whole file removed
//! when its time is over. A thread of its own cuts, encrypts and writes; whoever hands an extract over never waits.
//! The format is in `docs/policies/replay.md`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
};
use parking_lot::Mutex;
use placet_domain::{Json, Timestamp};
use placet_engine::ports::{Entropy, Extracts, PendingExtract, StoreError};

/// Extracts that may wait for the writer. More are lost, and counted.
const WAITING: usize = 16_384;
/// How long the writer leaves extracts to gather.
const LOOK: Duration = Duration::from_millis(5);
/// Largest frame, bytes: a call's arguments fit.
const FRAME: usize = 16 * 1024 * 1024;
const NONCE: usize = 12;
const DAY: i64 = 86_400;

/// Extracts in a folder.
#[derive(Debug)]
pub struct FileExtracts {
    folder: PathBuf,
    key: ExtractKey,
    sender: SyncSender<Order>,
    lost: Arc<AtomicU64>,
    /// Files are changed by one at a time.
    writing: Arc<Mutex<()>>,
}

/// What the extracts of a home are encrypted with. It prints nothing.
#[derive(Clone)]
pub struct ExtractKey(pub [u8; 32]);

impl std::fmt::Debug for ExtractKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ExtractKey(…)")
    }
}

enum Order {
    Keep(PendingExtract),
    /// Everything before is written; say so.
    Flush(SyncSender<()>),
}

impl FileExtracts {
    /// Opens a folder, and removes what is older than `keep`.
    ///
    /// # Errors
    /// The folder or the thread cannot be made.
    pub fn open(
        folder: &Path,
        key: ExtractKey,
        entropy: Arc<dyn Entropy>,
        keep: Duration,
        now: Timestamp,
    ) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let days = i64::try_from(keep.as_secs().div_ceil(86_400)).unwrap_or(i64::MAX);
        expire(folder, day_of(now).saturating_sub(days))?;
        let (sender, orders) = sync_channel(WAITING);
        let (lost, writing) = (Arc::<AtomicU64>::default(), Arc::<Mutex<()>>::default());
        let writer = Writer {
            folder: folder.to_owned(),
            key: key.clone(),
            entropy,
            days,
            open: None,
            lost: lost.clone(),
            writing: writing.clone(),
        };
        thread::Builder::new().name("extracts".to_owned()).spawn(move || writer.work(&orders))?;
        Ok(Self { folder: folder.to_owned(), key, sender, lost, writing })
    }

    /// Waits until everything that was handed over is written.
    fn flush(&self) {
        let (told, done) = sync_channel(1);
        if self.sender.send(Order::Flush(told)).is_ok() {
            let _ = done.recv();
        }
    }
}

impl Extracts for FileExtracts {
    fn keep(&self, extract: PendingExtract) {
        if self.sender.try_send(Order::Keep(extract)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn day(&self, day: i64, visit: &mut dyn FnMut(&str, Json)) -> Result<(), StoreError> {
        self.flush();
        let path = self.folder.join(name_of(day));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("read extracts", error)),
        };
        let key = self.key.of_day(day).map_err(|error| failed("read extracts", error))?;
        for frame in frames(&bytes) {
            if let Some(found) = open_frame(&key, &frame) {
                visit(frame.call, found);
            }
        }
        Ok(())
    }

    fn days(&self) -> Result<Vec<i64>, StoreError> {
        days(&self.folder).map_err(|error| failed("list extracts", error))
    }

    fn erase(&self, wanted: &mut dyn FnMut(&str, &Json) -> bool) -> Result<u64, StoreError> {
        self.flush();
        let _alone = self.writing.lock();
        let mut erased = 0;
        for day in self.days()? {
            erased += self.erase_of_day(day, wanted).map_err(|error| failed("erase extracts", error))?;
        }
        Ok(erased)
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl FileExtracts {
    fn erase_of_day(&self, day: i64, wanted: &mut dyn FnMut(&str, &Json) -> bool) -> io::Result<u64> {
        let path = self.folder.join(name_of(day));
        let bytes = fs::read(&path)?;
        let key = self.key.of_day(day)?;
        let mut file = OpenOptions::new().write(true).open(&path)?;
        let mut erased = 0;
        for frame in frames(&bytes) {
            if open_frame(&key, &frame).is_some_and(|found| wanted(frame.call, &found)) {
                file.seek(SeekFrom::Start(frame.secret_at))?;
                file.write_all(&vec![0; NONCE + frame.sealed.len()])?;
                erased += 1;
            }
        }
        if erased > 0 {
            file.sync_all()?;
        }
        Ok(erased)
    }
}

impl Drop for FileExtracts {
    fn drop(&mut self) {
        self.flush();
    }
}

impl ExtractKey {
    fn of_day(&self, day: i64) -> io::Result<LessSafeKey> {
        let derived = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, &self.0),
            format!("placet/v1/extracts/{day}").as_bytes(),
        );
        let key = UnboundKey::new(&AES_256_GCM, derived.as_ref());
        Ok(LessSafeKey::new(key.map_err(|_| io::Error::other("the key cannot be used"))?))
    }
}

/// The thread that writes.
struct Writer {
    folder: PathBuf,
    key: ExtractKey,
    entropy: Arc<dyn Entropy>,
    days: i64,
    open: Option<(i64, LessSafeKey, io::BufWriter<File>)>,
    lost: Arc<AtomicU64>,
    writing: Arc<Mutex<()>>,
}

impl Writer {
    fn work(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match orders.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => {
                    self.settle();
                    // Whoever hands over would have to wake a thread that waits: under load it looks by itself.
                    thread::sleep(LOOK);
                    match orders.try_recv() {
                        Ok(order) => order,
                        Err(_) => match orders.recv() {
                            Ok(order) => order,
                            Err(_) => return,
                        },
                    }
                }
                Err(TryRecvError::Disconnected) => return self.settle(),
            };
            match order {
                Order::Keep(extract) => {
                    if let Err(error) = self.write(extract) {
                        self.open = None;
                        self.count(&error);
                    }
                }
                Order::Flush(told) => {
                    self.settle();
                    let _ = told.send(());
                }
            }
        }
    }

    fn write(&mut self, extract: PendingExtract) -> io::Result<()> {
        let day = day_of(extract.at);
        let PendingExtract { call, make, .. } = extract;
        let call = call.to_string();
        let mut sealed = make().canonical().into_bytes();
        let mut nonce = [0; NONCE];
        self.entropy.fill(&mut nonce);
        let (writing, (key, file)) = (self.writing.clone(), self.file(day)?);
        let _alone = writing.lock();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(call.as_bytes()),
            &mut sealed,
        )
        .map_err(|_| io::Error::other("it cannot be encrypted"))?;
        let id = u8::try_from(call.len()).map_err(io::Error::other)?;
        let length = u32::try_from(1 + call.len() + NONCE + sealed.len()).map_err(io::Error::other)?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&[id])?;
        file.write_all(call.as_bytes())?;
        file.write_all(&nonce)?;
        file.write_all(&sealed)
    }

    fn file(&mut self, day: i64) -> io::Result<(&LessSafeKey, &mut io::BufWriter<File>)> {
        if self.open.as_ref().is_none_or(|(open, ..)| *open != day) {
            self.settle();
            expire(&self.folder, day.saturating_sub(self.days))?;
            let file = append(&self.folder.join(name_of(day)))?;
            self.open = Some((day, self.key.of_day(day)?, io::BufWriter::new(file)));
        }
        match &mut self.open {
            Some((_, key, file)) => Ok((&*key, file)),
            None => Err(io::Error::other("there is no file")),
        }
    }

    fn settle(&mut self) {
        if let Some((.., file)) = &mut self.open
            && let Err(error) = file.flush()
        {
            self.open = None;
            self.count(&error);
        }
    }

    fn count(&self, error: &io::Error) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "what a decision was made of is not kept; `placet policy replay` will miss it");
    }
}

/// One frame of a file.
struct Frame<'a> {
    call: &'a str,
    nonce: [u8; NONCE],
    sealed: &'a [u8],
    /// Where nonce and secret begin in the file.
    secret_at: u64,
}

/// The whole frames of a file. What a crash has cut short ends them.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let (frame, behind) = frame(bytes, offset)?;
        offset = behind;
        Some(frame)
    })
}

fn frame(bytes: &[u8], offset: usize) -> Option<(Frame<'_>, usize)> {
    let rest = bytes.get(offset..)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= FRAME)?;
    let body = rest.get(..length)?;
    let (id, body) = body.split_first()?;
    let (call, body) = body.split_at_checked(usize::from(*id))?;
    let (nonce, sealed) = body.split_first_chunk::<NONCE>()?;
    let secret_at = u64::try_from(offset + 5 + call.len()).ok()?;
    let frame = Frame { call: std::str::from_utf8(call).ok()?, nonce: *nonce, sealed, secret_at };
    Some((frame, offset + 4 + length))
}

/// The extract of a frame; `None` if it was erased or altered.
fn open_frame(key: &LessSafeKey, frame: &Frame<'_>) -> Option<Json> {
    let mut text = frame.sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(frame.nonce);
    let plain = key.open_in_place(nonce, Aad::from(frame.call.as_bytes()), &mut text).ok()?;
    Json::parse(plain).ok()
}

/// Opens a file to write on behind its last whole frame.
fn append(path: &Path) -> io::Result<File> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = frames(&bytes).last().map_or(0, |last| last.secret_at + (NONCE + last.sealed.len()) as u64);
    file.set_len(whole)?;
    file.seek(SeekFrom::Start(whole))?;
    Ok(file)
}

fn expire(folder: &Path, before: i64) -> io::Result<()> {
    for day in days(folder)?.into_iter().filter(|day| *day < before) {
        fs::remove_file(folder.join(name_of(day)))?;
    }
    Ok(())
}

fn days(folder: &Path) -> io::Result<Vec<i64>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        days.extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<i64>().ok()));
    }
    days.sort_unstable();
    Ok(days)
}

fn name_of(day: i64) -> String {
    format!("{day}{SUFFIX}")
}

/// Days since 1970-01-01, UTC.
fn day_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(DAY)
}

fn failed(operation: &str, error: io::Error) -> StoreError {
    StoreError { operation: operation.to_owned(), cause: Some(Arc::new(error)) }
}

const SUFFIX: &str = ".extracts";

#[cfg(test)]
mod tests;
