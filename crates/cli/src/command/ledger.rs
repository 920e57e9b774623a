//! `placet ledger`: verifying every byte offline, and the checkpoint to keep elsewhere.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use placet_domain::{Json, Object};
use placet_ledger::{
    Damage, Report, SignedCheckpoint, UnverifiedCheckpoint, VerifierKey, VerifyError, verify_dir,
};

use crate::{
    archive::{Archive, Log},
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out, visible},
};

/// How often a ledger is looked at again whose last frame was just being written.
const LOOKS: u32 = 5;
/// The pause before it.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Verify every entry, root and signature, offline
    #[command(
        after_help = "Ends with 6 and names the entry if something is wrong. Keep a checkpoint elsewhere and pass \
                            it here: only that shows whether entries were removed or a history was rewritten."
    )]
    Verify(Verify),
    /// Print the newest signed checkpoint, to be kept elsewhere
    Checkpoint(Checkpoint),
    /// Print the keys of the log in order, and the entry from which each one signs
    #[command(
        after_help = "Verifies everything first, from whichever key is pinned. The last key is in force."
    )]
    Keys(Keys),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A checkpoint that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(flatten)]
    log: Log,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Verify(verify) => {
            let keys = verify.log.keys(context)?;
            let kept = verify.checkpoint.as_deref().map(read).transpose()?;
            let known = kept.as_deref().map(|note| known(note, &verify)).transpose()?;
            let dir = verify.log.dir(context);
            let report = look(&dir, &keys, known.as_ref())?;
            tell(&dir, &report, known.as_ref(), verify.log.trusts_the_home(), context)
        }
        Verb::Checkpoint(checkpoint) => {
            let keys = checkpoint.log.keys(context)?;
            let archive = Archive::read(&checkpoint.log.dir(context), &keys, |_| false)?;
            show(&archive.head, context);
            Ok(Exit::Ok)
        }
        Verb::Keys(Keys { log }) => {
            let dir = log.dir(context);
            let report = look(&dir, &log.keys(context)?, None)?;
            if let Some(finding) = &report.first_bad {
                let why =
                    format!("the ledger in {} is damaged: {}", dir.display(), visible(&finding.to_string()));
                return Err(Failure::integrity(why));
            }
            show_keys(&report, context);
            Ok(Exit::Ok)
        }
    }
}

/// Verifies a directory. The tail of a ledger that is in use may be half written at any moment: one that moves is
/// looked at again, one that stays is damage.
pub(crate) fn look(
    dir: &Path,
    keys: &[VerifierKey],
    known: Option<&UnverifiedCheckpoint<'_>>,
) -> Result<Report, Failure> {
    let mut looks = 0;
    loop {
        let report = verify_dir(dir, keys, known).map_err(|error| unreadable(dir, error))?;
        looks += 1;
        match &report.first_bad {
            Some(finding) if matches!(finding.damage, Damage::Tail(_)) && looks < LOOKS => {
                std::thread::sleep(PAUSE)
            }
            _ => return Ok(report),
        }
    }
}

fn unreadable(dir: &Path, error: VerifyError) -> Failure {
    let exit = match &error {
        VerifyError::NoKeys => Exit::Usage,
        VerifyError::NoLedger => Exit::NotFound,
        VerifyError::Read(source) if source.kind() == std::io::ErrorKind::NotFound => Exit::NotFound,
        VerifyError::Read(_) => Exit::Failed,
    };
    Failure::of(format!("the ledger in {} cannot be verified", dir.display()))(error).with_exit(exit)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::of(format!("{} cannot be read", path.display())))
}

/// A kept checkpoint. Its signature is checked with the ledger: it may be of any key of the log.
fn known<'n>(note: &'n [u8], verify: &Verify) -> Result<UnverifiedCheckpoint<'n>, Failure> {
    UnverifiedCheckpoint::parse(note).map_err(|error| {
        let path = verify.checkpoint.as_deref().unwrap_or(Path::new("")).display();
        Failure::integrity(format!("the checkpoint in {path} does not verify: {error}"))
    })
}

fn show_keys(report: &Report, context: &Context) {
    if context.screen.is_json() {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let term = |term: &placet_ledger::Term| {
            Object::new().with("key", term.key.to_string()).with("from", number(term.from))
        };
        let keys: Vec<Object> = report.keys.iter().map(term).collect();
        return context
            .screen
            .json(&Object::new().with("schema", "placet/v1/ledger-keys").with("keys", keys).into());
    }
    for term in &report.keys {
        out(&format!("{} from entry {}", term.key, term.from));
    }
}

fn tell(
    dir: &Path,
    report: &Report,
    known: Option<&UnverifiedCheckpoint<'_>>,
    own_key: bool,
    context: &Context,
) -> Result<Exit, Failure> {
    if context.screen.is_json() {
        context.screen.json(&report_json(report));
    }
    if let Some(finding) = &report.first_bad {
        let sound = match report.entries {
            0 => "no entry is sound".to_owned(),
            entries => format!("entries 0 to {} are sound", entries - 1),
        };
        let next = "keep the files as they are, stop Placet, and compare with a backup";
        let finding = visible(&finding.to_string());
        return Err(Failure::integrity(format!(
            "the ledger in {} is damaged: {finding}; {sound}\n  next: {next}",
            dir.display()
        )));
    }
    if !context.screen.is_json() {
        out(&format!("sound: {} entries under {} signed checkpoints", report.entries, report.checkpoints));
        match known {
            Some(known) => out(&format!(
                "it still begins with the {} entries of the checkpoint you kept",
                known.claim().size
            )),
            None => {
                note("without a checkpoint kept elsewhere (`--checkpoint`), a removed end cannot be seen")
            }
        }
        if own_key {
            note("the key was the one beside the ledger; an auditor pins it elsewhere and passes `--key`");
        }
        if report.hashes_stale {
            note("`hashes.dat` is stale: remove it while Placet is stopped, it is made anew");
        }
    }
    Ok(Exit::Ok)
}

fn report_json(report: &Report) -> Json {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Object::new()
        .with("schema", "placet/v1/ledger-report")
        .with("sound", report.is_sound())
        .with("entries", number(report.entries))
        .with("checkpoints", number(report.checkpoints))
        .with_some("origin", report.head.as_ref().map(|head| head.origin.as_str()))
        .with_some("root", report.head.as_ref().map(|head| head.root.to_base64()))
        .with_some("damage", report.first_bad.as_ref().map(ToString::to_string))
        .with("hashes_stale", report.hashes_stale)
        .into()
}

fn show(head: &SignedCheckpoint, context: &Context) {
    if !context.screen.is_json() {
        return out(head.note().trim_end_matches('\n'));
    }
    let checkpoint = head.checkpoint();
    let json = Object::new()
        .with("schema", "placet/v1/checkpoint")
        .with("origin", checkpoint.origin.as_str())
        .with("size", i64::try_from(checkpoint.size).unwrap_or(i64::MAX))
        .with("root", checkpoint.root.to_base64())
        .with("note", head.note());
    context.screen.json(&json.into());
}
