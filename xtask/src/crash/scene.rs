//! A gateway that crashes, a CRM that does not, and what must agree: what was acknowledged, what the CRM did, and
//! the ledger's files.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::load::{self, Ack, Load, Refused};
use crate::{
    book::Book,
    crm::Crm,
    failure::Failure,
    operator::Operator,
    place::{ALLOW_ALL, Place, Plan},
    tree,
};

/// The smallest segments, so that the ledger goes on to new ones all the time.
const LEDGER: &str = "[ledger]\nsegment_bytes = 81920\n";
/// How the verifier ends when something is wrong.
const DAMAGED: i32 = 6;

/// Copies of the binaries, which nobody builds anew meanwhile.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) placet: PathBuf,
    pub(crate) crm: PathBuf,
}

impl Binaries {
    /// Builds and copies them.
    pub(crate) fn build(folder: &Path) -> Result<Self, Failure> {
        let built = tree::binaries([("placet-cli", "placet"), ("placet-example-crm", "crm")], folder)?;
        let [placet, crm] = [folder.join("placet"), folder.join("crm")];
        for (from, to) in built.iter().zip([&placet, &crm]) {
            fs::copy(from, to)?;
        }
        Ok(Self { placet, crm })
    }
}

/// What a check has counted.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    crashes: u64,
    acked: u64,
    upstream: u64,
    refused: u64,
    unknown: u64,
    receipts: u64,
    starts: u64,
    slowest: Duration,
    pub(crate) violations: Vec<String>,
    /// Further figures of one check.
    pub(crate) notes: Vec<String>,
}

/// One ledger and everything around it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) crm: Crm,
    pub(crate) figures: Figures,
    book: Book,
    token: String,
    folder: PathBuf,
    round: u64,
    /// Calls without an outcome before the last start.
    open: Vec<String>,
    latest: Load,
    acked: Vec<Ack>,
}

impl Scene {
    /// Starts the CRM and the gateway, the latter with further variables in its environment.
    pub(crate) fn open(
        binaries: &Binaries,
        folder: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let crm = Crm::start(&binaries.crm, folder)?;
        let mut place = Place::open(&Plan {
            placet: &binaries.placet,
            folder,
            policy: ALLOW_ALL,
            connectors: &format!("[connector.crm]\nurl = \"http://{}/mcp\"\n\n{LEDGER}", crm.address()),
            hosts: &[],
        })?;
        let operator = Operator::of(&place.home());
        operator.register("agent", "alice")?;
        let token = operator.start("agent", None)?;
        if !environment.is_empty() {
            place.stop();
            place.start_with(environment)?;
        }
        let book = Book::of(place.home().join("ledger"));
        let (figures, latest) = (Figures::default(), Load::default());
        let folder = folder.to_path_buf();
        let (open, acked) = (Vec::new(), Vec::new());
        Ok(Self { place, crm, figures, book, token, folder, round: 0, open, latest, acked })
    }

    /// Starts the gateway on what the crash has left.
    pub(crate) fn start(&mut self, environment: &[(&str, &str)]) -> Result<(), Failure> {
        let begun = Instant::now();
        self.place.start_with(environment)?;
        self.figures.starts += 1;
        self.figures.slowest = self.figures.slowest.max(begun.elapsed());
        self.book.read_on()?;
        // Whatever was open must be settled before the first new call.
        for call in std::mem::take(&mut self.open) {
            let outcomes = self.book.outcomes.get(&call).map(Vec::as_slice).unwrap_or_default();
            self.figures.unknown += 1;
            if outcomes != ["unknown"] {
                let violation = format!("call {call} was open at a start and its outcomes are {outcomes:?}");
                self.figures.violations.push(violation);
            }
        }
        Ok(())
    }

    /// Calls until `act` returns.
    pub(crate) fn load<T>(&mut self, act: impl FnOnce(&mut Place) -> T) -> T {
        self.round += 1;
        let name = format!("m{}", self.round);
        let (load, done) = load::run(self.place.address(), &self.token, &name, || act(&mut self.place));
        self.latest.acked.extend(load.acked);
        self.latest.refused.extend(load.refused);
        done
    }

    /// Makes one call; the code if it was refused.
    pub(crate) fn one(&mut self) -> Result<Option<String>, Failure> {
        self.round += 1;
        let before = self.latest.refused.len();
        let mut caller = crate::caller::Caller::new(self.place.address(), &self.token);
        self.latest.one(&mut caller, format!("one{}", self.round))?;
        Ok(self.latest.refused.get(before).map(|refused| refused.code.clone()))
    }

    /// What was refused since the last audit.
    pub(crate) fn refused(&self) -> &[Refused] {
        &self.latest.refused
    }

    /// Counts a violation.
    pub(crate) fn violation(&mut self, what: String) {
        self.figures.violations.push(what);
    }

    /// Kills the gateway while nobody calls.
    pub(crate) fn kill_idle(&mut self) -> Result<(), Failure> {
        self.place.process().kill();
        self.audit()
    }

    /// After a crash: compares what was acknowledged, what the CRM did and what the files hold.
    pub(crate) fn audit(&mut self) -> Result<(), Failure> {
        self.figures.crashes += 1;
        self.book.read_on()?;
        self.crm.look()?;
        let latest = std::mem::take(&mut self.latest);
        let mut wrong = missing(&self.book, &latest.acked);
        for ack in &latest.acked {
            if self.crm.times(&ack.marker) != 1 {
                wrong.push(format!("{} was acknowledged and the CRM did not do it once", ack.marker));
            }
        }
        for Refused { marker, code, .. } in &latest.refused {
            // PL-1502 says that the tool may have acted; every other refusal says that it did not.
            if code != "PL-1502" && self.crm.times(marker) != 0 {
                wrong.push(format!("{marker} was refused with {code} and reached the CRM"));
            }
        }
        for (marker, times) in self.crm.seen() {
            let decisions = self.book.rationales.get(marker).copied().unwrap_or(0);
            if *times != 1 || decisions != 1 {
                wrong.push(format!("the CRM did {marker} {times} times under {decisions} decisions"));
            }
        }
        wrong.extend(
            self.book
                .outcomes
                .iter()
                .filter(|(_, all)| all.len() != 1)
                .map(|(call, all)| format!("call {call} has {} outcomes", all.len())),
        );
        self.figures.violations.extend(wrong);
        self.figures.acked += latest.acked.len() as u64;
        self.figures.refused += latest.refused.len() as u64;
        self.acked.extend(latest.acked);
        self.open = self.book.open().into_iter().map(str::to_owned).collect();
        fs::write(self.folder.join("checkpoint"), &self.book.checkpoint)?;
        Ok(())
    }

    /// Verifies the files with the binary's own verifier, against the checkpoint of the last crash.
    pub(crate) fn verify(&mut self) -> Result<(), Failure> {
        let checkpoint = self.folder.join("checkpoint");
        let mut command = vec!["ledger", "verify"];
        let path = checkpoint.display().to_string();
        if checkpoint.exists() {
            command.extend(["--checkpoint", &path]);
        }
        let verified = self.place.run(&command)?;
        if verified.code != Some(0) {
            self.violation(format!("the ledger does not verify: {}{}", verified.output, verified.errors));
        }
        Ok(())
    }

    /// Stops, and looks once more at everything from the start.
    pub(crate) fn close(mut self) -> Result<Figures, Failure> {
        self.place.stop();
        self.verify()?;
        let mut book = Book::of(self.place.home().join("ledger"));
        book.read_on()?;
        self.figures.violations.extend(missing(&book, &self.acked));
        let open = book.open().len();
        if open > 0 {
            self.violation(format!("{open} calls are still open after a clean stop"));
        }
        self.control(&book)?;
        self.figures.upstream = self.crm.seen().values().sum();
        self.figures.receipts = book.ids.len() as u64;
        Ok(self.figures)
    }
}

impl Scene {
    /// Would the audit notice? From a copy of the files the end is taken, from the frame of an acknowledged decision
    /// on, as a disk that lies about durability would.
    fn control(&mut self, book: &Book) -> Result<(), Failure> {
        let acked = self.acked.last().and_then(|ack| ack.receipts.first()).map(|(index, _)| *index);
        let cut = acked.and_then(|index| book.frames.iter().rfind(|(first, ..)| *first <= index));
        let Some((entry, segment, offset)) = cut else { return Ok(()) };
        let (ledger, copy) = (self.place.home().join("ledger"), self.folder.join("control"));
        fs::create_dir_all(&copy)?;
        for found in fs::read_dir(&ledger)? {
            let path = found?.path();
            // Segments are named by their first entry, so later ones sort behind.
            let kept = path.extension().is_none_or(|kind| kind != "seg") || path <= *segment;
            if kept && path.is_file() {
                fs::copy(&path, copy.join(path.file_name().unwrap_or_default()))?;
            }
        }
        let touched = copy.join(segment.file_name().unwrap_or_default());
        let mut bytes = fs::read(&touched)?;
        bytes.iter_mut().skip(usize::try_from(*offset).unwrap_or(usize::MAX)).for_each(|byte| *byte = 0);
        fs::write(touched, bytes)?;
        let mut shorter = Book::of(copy.clone());
        shorter.read_on()?;
        if shorter.ids.len() as u64 != *entry || missing(&shorter, &self.acked).is_empty() {
            self.violation("the audit does not notice a ledger without its end".to_owned());
        }
        let (copy, checkpoint) =
            (copy.display().to_string(), self.folder.join("checkpoint").display().to_string());
        let verified = self.place.run(&["ledger", "verify", "--dir", &copy, "--checkpoint", &checkpoint])?;
        if verified.code != Some(DAMAGED) {
            self.violation(format!(
                "the verifier of a ledger without its end ended with {:?}",
                verified.code
            ));
        }
        Ok(())
    }
}

/// Acknowledged calls whose receipts are not where they were said to be.
fn missing(book: &Book, acked: &[Ack]) -> Vec<String> {
    let mut missing = Vec::new();
    for Ack { marker, call, receipts } in acked {
        let found = receipts.iter().filter(|(index, id)| {
            usize::try_from(*index).ok().and_then(|index| book.ids.get(index)) == Some(id)
        });
        let decided = book.allowed.get(call).is_some_and(|allowed| allowed.rationale == *marker);
        if found.count() != 2 || !decided || !book.outcomes.contains_key(call) {
            missing.push(format!("{marker} was acknowledged and its receipts {receipts:?} are not there"));
        }
    }
    missing
}

impl Figures {
    /// Adds the figures of another check.
    pub(crate) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.acked += other.acked;
        self.upstream += other.upstream;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.receipts += other.receipts;
        self.starts += other.starts;
        self.slowest = self.slowest.max(other.slowest);
        self.violations.extend(other.violations.iter().cloned());
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} crashes, {} calls acknowledged, {} refused, {} calls at the CRM, {} receipts, {} open calls settled \
             as unknown, {} violations, slowest of {} starts {} ms",
            self.crashes,
            self.acked,
            self.refused,
            self.upstream,
            self.receipts,
            self.unknown,
            self.violations.len(),
            self.starts,
            self.slowest.as_millis(),
        )?;
        self.notes.iter().try_for_each(|note| write!(formatter, "; {note}"))
    }
}
