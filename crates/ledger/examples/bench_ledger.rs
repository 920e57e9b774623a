//! Receipts per second of the ledger beside a bare group-commit writer on the same disk, and of the verifier.
//! `cargo run --release -p placet-ledger --example bench_ledger -- [--seconds N] [--dir DIR]`; the last line is JSON.

use std::any::Any;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use placet_ledger::disk::{Access, Disk, DiskFile, FileIdentity, RealDisk};
use placet_ledger::{
    CompactRange, Ledger, LedgerConfig, LogKey, MAGIC, SignedCheckpoint, encode_frame, leaf_hash,
    segment_name, verify_dir,
};

#[path = "../src/queue.rs"]
#[expect(dead_code, reason = "the bare writer never changes its key")]
mod queue;

use queue::{Batch, Limits, Queue, Taken};

const ROUNDS: usize = 9;
const IN_FLIGHT: [u64; 3] = [1, 64, 1_024];
const LEAF_BYTES: usize = 600;
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
const VERIFY_ENTRIES: u64 = 128_000;
const VERIFY_BATCH: u64 = 64;

type Failure = Box<dyn std::error::Error>;
type SyncTimes = Arc<Mutex<Vec<u64>>>;

fn main() -> Result<(), Failure> {
    let (seconds, dir) = arguments()?;
    fs::create_dir_all(&dir)?;
    let dir = tempfile::tempdir_in(&dir)?;
    let each = Duration::from_secs_f64(seconds / (ROUNDS * IN_FLIGHT.len() * 2 + 4) as f64);
    let mut out = io::stdout().lock();
    writeln!(out, "{LEAF_BYTES}-byte receipts, {ROUNDS} alternating rounds of {each:.2?} each")?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    writeln!(out, "load average at the start: {}", load.trim_end())?;
    writeln!(out, "in flight  writer   receipts/s  CPU us/receipt  per sync  fdatasync p50 / p99 us")?;
    let mut rows = Vec::new();
    for in_flight in IN_FLIGHT {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let place = dir.path().join(format!("{in_flight}-{round}"));
            fs::create_dir(&place)?;
            // The order alternates too, so that neither always meets the warmer disk.
            if round % 2 == 0 {
                bare.push(run_bare(&place, in_flight, each)?);
                ours.push(run_ledger(&place, in_flight, each)?);
            } else {
                ours.push(run_ledger(&place, in_flight, each)?);
                bare.push(run_bare(&place, in_flight, each)?);
            }
            fs::remove_dir_all(&place)?;
        }
        // Of the two runs of each round, which met the same machine; then the median round.
        let ratio = median(ours.iter().zip(&bare).map(|(ours, bare)| ours.rate / bare.rate).collect());
        let (bare, ours) = (Summary::of(&mut bare), Summary::of(&mut ours));
        bare.print(&mut out, in_flight, "bare")?;
        ours.print(&mut out, in_flight, "ledger")?;
        writeln!(out, "{in_flight:>9}  ratio    {ratio:>10.2}")?;
        rows.push((in_flight, bare, ours, ratio));
    }
    let (verified, by_clock) = bench_verifier(&dir.path().join("verify"))?;
    writeln!(
        out,
        "\nverifier, one core, batches of {VERIFY_BATCH}: {verified:.0} receipts/s of CPU, {by_clock:.0} by the clock"
    )?;
    let held = verified >= 200_000.0 && rows.iter().all(|row| row.0 == 1 || row.3 >= 0.5);
    writeln!(
        out,
        "bars (ratio >= 0.5 at 64 and 1024, verifier >= 200000/s): {}",
        if held { "held" } else { "missed" }
    )?;
    writeln!(out, "{}", json(&rows, verified, held))?;
    Ok(())
}

fn arguments() -> Result<(f64, PathBuf), Failure> {
    let (mut seconds, mut dir) = (36.0, PathBuf::from("target/bench-ledger"));
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("an option lacks its value")?;
        match name.as_str() {
            "--seconds" => seconds = value.parse()?,
            "--dir" => dir = value.into(),
            _ => return Err(format!("unknown option `{name}`; there are --seconds and --dir").into()),
        }
    }
    Ok((seconds, dir))
}

/// One measurement.
struct Run {
    rate: f64,
    per_sync: f64,
    cpu_us: f64,
    syncs: Vec<u64>,
}

struct Summary {
    rate: f64,
    per_sync: f64,
    cpu_us: f64,
    p50: u64,
    p99: u64,
}

impl Summary {
    fn of(runs: &mut [Run]) -> Self {
        let mut syncs: Vec<u64> = runs.iter_mut().flat_map(|run| run.syncs.drain(..)).collect();
        syncs.sort_unstable();
        let at = |share: f64| syncs.get((syncs.len() as f64 * share) as usize).copied().unwrap_or(0) / 1_000;
        let of = |field: fn(&Run) -> f64| median(runs.iter().map(field).collect());
        Self {
            rate: of(|r| r.rate),
            per_sync: of(|r| r.per_sync),
            cpu_us: of(|r| r.cpu_us),
            p50: at(0.5),
            p99: at(0.99),
        }
    }

    fn print(&self, out: &mut impl io::Write, in_flight: u64, name: &str) -> io::Result<()> {
        let Self { rate, per_sync, cpu_us, p50, p99 } = self;
        writeln!(
            out,
            "{in_flight:>9}  {name:<7}  {rate:>10.0}  {cpu_us:>14.2}  {per_sync:>8.1}  {p50:>13} / {p99}"
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn json(rows: &[(u64, Summary, Summary, f64)], verified: f64, held: bool) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|(in_flight, bare, ours, ratio)| {
            format!(
                "{{\"in_flight\":{in_flight},\"bare\":{:.0},\"ledger\":{:.0},\"ratio\":{ratio:.3},\
                 \"bare_cpu_us\":{:.2},\"ledger_cpu_us\":{:.2},\"fdatasync_p50_us\":{},\"fdatasync_p99_us\":{}}}",
                bare.rate, ours.rate, bare.cpu_us, ours.cpu_us, ours.p50, ours.p99
            )
        })
        .collect();
    format!(
        "{{\"bench\":\"ledger\",\"leaf_bytes\":{LEAF_BYTES},\"rounds\":{ROUNDS},\"append\":[{}],\
         \"verifier_receipts_per_second\":{verified:.0},\"held\":{held}}}",
        rows.join(",")
    )
}

/// What the clients of both writers share: a closed loop of `in_flight` tasks on a two-thread tokio runtime, each
/// of which appends a receipt, waits for its answer through a oneshot, and goes on.
fn drive<S>(in_flight: u64, each: Duration, submit: S) -> Result<(f64, f64, u64), Failure>
where
    S: Fn(Vec<u8>, oneshot::Sender<bool>) + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let (submit, finished) = (Arc::new(submit), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..in_flight)
        .map(|client| {
            let (submit, finished, stop) = (submit.clone(), finished.clone(), stop.clone());
            runtime.spawn(async move {
                let mut count = client << 40;
                while !stop.load(Ordering::Relaxed) {
                    let mut leaf = vec![b'x'; LEAF_BYTES];
                    if let Some(head) = leaf.first_chunk_mut::<8>() {
                        *head = count.to_le_bytes();
                    }
                    count += 1;
                    let (sender, answer) = oneshot::channel();
                    submit(leaf, sender);
                    assert!(answer.await == Ok(true), "an append failed");
                    finished.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    thread::sleep(each / 5);
    let (begin, cpu, from) = (Instant::now(), cpu_seconds(), finished.load(Ordering::Relaxed));
    thread::sleep(each);
    let count = (finished.load(Ordering::Relaxed) - from) as f64;
    let (elapsed, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        runtime.block_on(client)?;
    }
    Ok((count / elapsed, cpu * 1e6 / count, finished.load(Ordering::Relaxed)))
}

fn run_ledger(place: &Path, in_flight: u64, each: Duration) -> Result<Run, Failure> {
    let syncs = SyncTimes::default();
    let disk = Arc::new(TimedDisk(syncs.clone()));
    let mut config = LedgerConfig::new(place.join("ledger"), "bench.example/ledger");
    config.segment_bytes = SEGMENT_BYTES;
    let ledger = Arc::new(Ledger::open(config, key()?, disk)?.ledger);
    let submit = {
        let ledger = ledger.clone();
        move |leaf, answer: oneshot::Sender<bool>| {
            let done = Box::new(move |result: Result<_, _>| {
                let _ = answer.send(result.is_ok());
            });
            ledger.append(leaf, Some([7; 32]), done);
        }
    };
    let (rate, cpu_us, issued) = drive(in_flight, each, submit)?;
    drop(ledger);
    let syncs = std::mem::take(&mut *syncs.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Run { rate, per_sync: issued as f64 / syncs.len() as f64, cpu_us, syncs })
}

/// The bare writer: same queue, same callback, same disk, segments of the same size that a helper thread fills with
/// zeros ahead in the same way; but no hash, no tree, no signature, no file beside the segments.
fn run_bare(place: &Path, in_flight: u64, each: Duration) -> Result<Run, Failure> {
    let directory = place.to_owned();
    let (wanted, orders) = mpsc::sync_channel::<u32>(1);
    let (deliver, prepared) = mpsc::sync_channel(1);
    let helper = thread::spawn(move || -> io::Result<()> {
        for number in orders {
            let file = RealDisk.open(&directory.join(format!("bare{number}")), Access::Create)?;
            file.zero_fill(0, SEGMENT_BYTES)?;
            if deliver.send(file).is_err() {
                break;
            }
        }
        Ok(())
    });
    wanted.send(0)?;
    let mut file = prepared.recv()?;
    let queue = Arc::new(Queue::<Box<dyn FnOnce(bool) + Send>>::new(Limits {
        waiting: 8_192,
        waiting_bytes: 64 << 20,
        batch: 4_096,
        batch_bytes: 4 << 20,
        headroom: 0,
        // The bare writer commits as soon as it can.
        gather: Duration::ZERO,
    }));
    let taker = queue.clone();
    let writer = thread::spawn(move || -> io::Result<Vec<u64>> {
        let (mut batch, mut offset, mut syncs, mut number) = (Batch::new(), 0, Vec::new(), 0);
        loop {
            match taker.take(&mut batch, Duration::from_secs(1)) {
                Taken::Items => {}
                Taken::Nothing => continue,
                Taken::Closed => return Ok(syncs),
            }
            let length = batch.bytes.len() as u64;
            if offset + length > SEGMENT_BYTES {
                (file, offset) = (prepared.recv().map_err(io::Error::other)?, 0);
            }
            file.write_at(offset, &batch.bytes)?;
            let begin = Instant::now();
            file.sync_data()?;
            syncs.push(begin.elapsed().as_nanos() as u64);
            if offset <= SEGMENT_BYTES / 2 && offset + length > SEGMENT_BYTES / 2 {
                number += 1;
                wanted.send(number).map_err(io::Error::other)?;
            }
            offset += length;
            for done in batch.items.drain(..) {
                done(true);
            }
        }
    });
    let pushed = queue.clone();
    let submit = move |leaf: Vec<u8>, answer: oneshot::Sender<bool>| {
        let done = Box::new(move |good| {
            let _ = answer.send(good);
        });
        if let Err((done, _)) = pushed.push(done, &leaf) {
            done(false);
        }
    };
    let (rate, cpu_us, issued) = drive(in_flight, each, submit)?;
    queue.close();
    let syncs = writer.join().map_err(|_| "the bare writer panicked")??;
    helper.join().map_err(|_| "the bare helper panicked")??;
    Ok(Run { rate, per_sync: issued as f64 / syncs.len() as f64, cpu_us, syncs })
}

/// Writes a ledger with frames of a fixed size, then verifies it several times on this one thread. Returns receipts
/// per second of CPU, which other programs cannot spoil, and of the clock.
fn bench_verifier(dir: &Path) -> Result<(f64, f64), Failure> {
    fs::create_dir(dir)?;
    let key = key()?;
    let mut range = CompactRange::new();
    let mut frame = Vec::new();
    let mut leaf = vec![b'x'; LEAF_BYTES];
    let mut segment: Vec<u8> = Vec::new();
    let mut first_of_segment = 0;
    while range.size() < VERIFY_ENTRIES {
        let first = range.size();
        let mut leaves = Vec::new();
        for index in first..first + VERIFY_BATCH {
            if let Some(head) = leaf.first_chunk_mut::<8>() {
                *head = index.to_le_bytes();
            }
            range.append(leaf_hash(&leaf), |_| {});
            leaves.push(leaf.clone());
        }
        let checkpoint = SignedCheckpoint::sign(range.size(), range.root(), &key);
        encode_frame(&mut frame, first, leaves.iter().map(Vec::as_slice), checkpoint.note().as_bytes())?;
        if segment.len() + frame.len() > SEGMENT_BYTES as usize {
            fs::write(dir.join(segment_name(first_of_segment)), std::mem::take(&mut segment))?;
            first_of_segment = first;
        }
        if segment.is_empty() {
            segment.extend_from_slice(MAGIC);
        }
        segment.extend_from_slice(&frame);
    }
    fs::write(dir.join(segment_name(first_of_segment)), segment)?;
    let keys = [key.verifier().clone()];
    let (mut rates, cpu) = (Vec::new(), cpu_seconds());
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let report = verify_dir(dir, &keys, None)?;
        if !report.is_sound() || report.entries != VERIFY_ENTRIES {
            return Err("the verifier did not accept the ledger of the benchmark".into());
        }
        rates.push(report.entries as f64 / begin.elapsed().as_secs_f64());
    }
    let per_core = (VERIFY_ENTRIES * ROUNDS as u64) as f64 / (cpu_seconds() - cpu);
    Ok((per_core, median(rates)))
}

fn key() -> Result<LogKey, Failure> {
    Ok(LogKey::from_seed("bench.example/ledger", &[1; 32])?)
}

/// User and system time of this process; Linux counts it in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The real disk with a stop-watch on the syncs of the writer thread.
#[derive(Debug)]
struct TimedDisk(SyncTimes);

#[derive(Debug)]
struct TimedFile(Arc<dyn DiskFile>, SyncTimes);

impl Disk for TimedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(TimedFile(RealDisk.open(path, access)?, self.0.clone())))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        RealDisk.identity(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        RealDisk.lock(path)
    }
}

impl DiskFile for TimedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        let begin = Instant::now();
        let synced = self.0.sync_data();
        if thread::current().name() == Some("ledger-writer") {
            self.1.lock().unwrap_or_else(PoisonError::into_inner).push(begin.elapsed().as_nanos() as u64);
        }
        synced
    }
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }
    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_length(length)
    }
    fn identity(&self) -> io::Result<FileIdentity> {
        self.0.identity()
    }
}
