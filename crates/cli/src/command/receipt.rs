//! `placet receipt`: what was decided and done, with a proof that verifies with a pinned key and nothing else.

use std::path::Path;

use clap::{Args, Subcommand};
use placet_domain::{CallId, Json, Object, ReceiptId};
use placet_ledger::{Proven, VerifierKey, verify_proof};

use crate::{
    archive::{Archive, Entry, Log, is_about},
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, out, pretty, visible},
};

/// Largest file that is read as receipts, bytes.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show a receipt, or every receipt of a call, with its proof
    #[command(after_help = "Example: placet receipt show cal_… --json > receipts.json")]
    Show(Show),
    /// Verify receipts that `show --json` wrote, or those of an id, offline
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// `rcp_…` or `cal_…`
    #[arg(value_name = "ID|CALL")]
    id: Wanted,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file, `rcp_…` or `cal_…`
    #[arg(value_name = "FILE|ID")]
    what: String,
    #[command(flatten)]
    log: Log,
}

/// The id of a receipt or of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted(String);

impl Wanted {
    /// The id.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<ReceiptId>().is_ok() || text.parse::<CallId>().is_ok() {
            true => Ok(Self(text.to_owned())),
            false => Err("give the id of a receipt (`rcp_…`) or of a call (`cal_…`)".to_owned()),
        }
    }
}

/// A receipt with everything that proves it.
#[derive(Debug, PartialEq, Eq)]
struct Proved {
    /// Its exact bytes.
    leaf: String,
    /// `tlog-proof@v1`.
    proof: String,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Show(Show { id, log }) => {
            let keys = log.keys(context)?;
            let (receipts, keys) = look_up(&id, &log, &keys, context)?;
            match context.screen.is_json() {
                true => context.screen.json(&to_json(&receipts)),
                false => receipts.iter().try_for_each(|receipt| show(receipt, &keys))?,
            }
        }
        Verb::Verify(Verify { what, log }) => {
            let keys = log.keys(context)?;
            let (receipts, keys) = match what.parse::<Wanted>() {
                Ok(id) => look_up(&id, &log, &keys, context)?,
                Err(_) => (from_file(Path::new(&what))?, keys),
            };
            tell(&receipts, &keys, context)?;
        }
    }
    Ok(Exit::Ok)
}

/// The receipts, and the keys of the log as they follow from the pinned ones.
fn look_up(
    id: &Wanted,
    log: &Log,
    keys: &[VerifierKey],
    context: &Context,
) -> Result<(Vec<Proved>, Vec<VerifierKey>), Failure> {
    let dir = log.dir(context);
    let archive = Archive::read(&dir, keys, |leaf| is_about(leaf, &id.0))?;
    if archive.found.is_empty() {
        let next = "compare the id; `placet ledger verify` says whether the ledger is whole";
        let why = format!(
            "no receipt of `{}` in {} entries of {}\n  next: {next}",
            id.0,
            archive.head.size(),
            dir.display()
        );
        return Err(Failure::new(why).with_exit(Exit::NotFound));
    }
    let proved = |entry: &Entry| Ok(Proved { leaf: entry.leaf.clone(), proof: archive.proof(entry.index)? });
    let receipts = archive.found.iter().map(proved).collect::<Result<_, Failure>>()?;
    Ok((receipts, archive.keys))
}

/// Believes a receipt only if its proof leads to a checkpoint that a pinned key signed.
fn verified(receipt: &Proved, keys: &[VerifierKey]) -> Result<Proven, Failure> {
    let mut last = None;
    for key in keys {
        match verify_proof(&receipt.proof, receipt.leaf.as_bytes(), key) {
            Ok(proven) => return Ok(proven),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(|| "no key was given".to_owned(), |error| error.to_string());
    Err(Failure::integrity(format!("receipt `{}` does not verify: {why}", id_of(receipt))))
}

fn id_of(receipt: &Proved) -> String {
    let leaf = Json::parse(receipt.leaf.as_bytes()).unwrap_or(Json::Null);
    leaf.member("id").and_then(Json::as_str).map_or_else(|| "without an id".to_owned(), visible)
}

fn to_json(receipts: &[Proved]) -> Json {
    let receipts: Vec<Object> = receipts
        .iter()
        .map(|receipt| {
            Object::new()
                .with_some("receipt", Json::parse(receipt.leaf.as_bytes()).ok())
                .with("leaf", receipt.leaf.as_str())
                .with("proof", receipt.proof.as_str())
        })
        .collect();
    Object::new().with("schema", "placet/v1/receipts").with("receipts", receipts).into()
}

fn from_file(path: &Path) -> Result<Vec<Proved>, Failure> {
    let name = path.display();
    let length = std::fs::metadata(path).map_err(|error| {
        let why = format!("`{name}` is neither an id nor a file that can be read: {error}");
        Failure::new(why).with_exit(Exit::NotFound)
    })?;
    if length.len() > FILE_BYTES {
        return Err(Failure::new(format!("{name} is larger than {FILE_BYTES} bytes")).with_exit(Exit::Usage));
    }
    let bytes = std::fs::read(path).map_err(Failure::of(format!("{name} cannot be read")))?;
    from_json(&bytes).map_err(|why| {
        let next = "write it with `placet receipt show ID --json`";
        Failure::new(format!("{name} holds no receipts: {why}\n  next: {next}")).with_exit(Exit::Usage)
    })
}

/// Takes `leaf` and `proof` alone: the readable copy beside them proves nothing and must say the same.
fn from_json(bytes: &[u8]) -> Result<Vec<Proved>, String> {
    let file = Json::parse(bytes).map_err(|error| error.to_string())?;
    let receipts = list(&file, "receipts");
    if receipts.is_empty() {
        return Err("there is no `receipts`".to_owned());
    }
    let read = |receipt: &Json| {
        let text = |key: &str| receipt.member(key).and_then(Json::as_str).map(str::to_owned);
        let proved = Proved {
            leaf: text("leaf").ok_or("a receipt has no `leaf`")?,
            proof: text("proof").ok_or("a receipt has no `proof`")?,
        };
        match receipt.member("receipt") {
            Some(copy) if Json::parse(proved.leaf.as_bytes()).as_ref() != Ok(copy) => {
                Err("`receipt` and `leaf` say different things".to_owned())
            }
            _ => Ok(proved),
        }
    };
    receipts.iter().map(read).collect()
}

fn show(receipt: &Proved, keys: &[VerifierKey]) -> Result<(), Failure> {
    let proven = verified(receipt, keys)?;
    let leaf = Json::parse(receipt.leaf.as_bytes()).unwrap_or_else(|_| Json::from(receipt.leaf.as_str()));
    out(&pretty(&leaf));
    out(&format!("{}\n", proof_line(&proven)));
    Ok(())
}

fn tell(receipts: &[Proved], keys: &[VerifierKey], context: &Context) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for receipt in receipts {
        let proven = verified(receipt, keys)?;
        lines.push((id_of(receipt), proven));
    }
    if context.screen.is_json() {
        let verified: Vec<Object> = lines
            .iter()
            .map(|(id, proven)| {
                let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
                Object::new()
                    .with("id", id.as_str())
                    .with("index", number(proven.index))
                    .with("leaf_hash", proven.leaf_hash.to_string())
                    .with("tree_size", number(proven.checkpoint.size()))
                    .with("origin", proven.checkpoint.checkpoint().origin.as_str())
            })
            .collect();
        let answer = Object::new().with("schema", "placet/v1/verified-receipts").with("verified", verified);
        context.screen.json(&answer.into());
    } else {
        lines.iter().for_each(|(id, proven)| out(&format!("{id}: {}", proof_line(proven))));
    }
    Ok(())
}

fn proof_line(proven: &Proven) -> String {
    let checkpoint = proven.checkpoint.checkpoint();
    format!(
        "verified: entry {} of {} under a checkpoint signed by {}",
        proven.index, checkpoint.size, checkpoint.origin
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_as_it_was_written() {
        let receipts = vec![Proved { leaf: r#"{"id":"rcp_1"}"#.to_owned(), proof: "p\n".to_owned() }];
        assert_eq!(from_json(to_json(&receipts).canonical().as_bytes()), Ok(receipts));
    }

    #[test]
    fn a_file_whose_readable_copy_says_something_else_is_refused() {
        let file =
            br#"{"receipts":[{"receipt":{"verdict":"deny"},"leaf":"{\"verdict\":\"allow\"}","proof":""}]}"#;
        assert!(from_json(file).unwrap_err().contains("different things"));
        assert!(from_json(b"{}").is_err() && from_json(br#"{"receipts":[{"leaf":"{}"}]}"#).is_err());
    }

    #[test]
    fn a_proof_that_is_none_is_an_integrity_failure() {
        let key = placet_ledger::LogKey::from_seed("test.example/log", &[1; 32]).unwrap();
        let receipt = Proved { leaf: "{}".to_owned(), proof: "nonsense".to_owned() };
        assert_eq!(verified(&receipt, &[key.verifier().clone()]).unwrap_err().exit(), Exit::Integrity);
    }

    #[test]
    fn only_receipts_and_calls_have_receipts() {
        assert!("apr_01m803g080e57sc0bqvhtpfzmb".parse::<Wanted>().is_err());
        assert!("cal_01m803g080e57sc0bqvhtpfzmb".parse::<Wanted>().is_ok());
    }
}
