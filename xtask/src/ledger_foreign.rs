//! A ledger that the running binary wrote, judged by its own verifier and by a program that shares no code with it
//! (`spec/verify.py`). Both must accept it as it is, and both must refuse it once it was touched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;

use crate::{
    failure::Failure,
    mcp,
    place::{ALLOW_ALL, Place, Plan},
    process, tree,
};

mod forge;

/// How long a verifier may take.
const VERIFY: Duration = Duration::from_secs(60);
/// What a verifier answers to a sound ledger, and to any other.
const SOUND: i32 = 0;
const UNSOUND: i32 = 6;

/// What the receipts of the calls hold.
const TOOL: &[u8] = b"get_deal";

/// A ledger to judge, what is wrong with it, and what both have to say.
struct Case {
    what: &'static str,
    folder: PathBuf,
    /// The key that is pinned.
    key: String,
    with_checkpoint: bool,
    expected: i32,
}

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("ledger-foreign")?;
    let [placet, crm] = tree::binaries([("placet-cli", "placet"), ("placet-example-crm", "crm")], &folder)?;
    let crm_address = std::net::SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut crm_command = Command::new(crm);
    let mut crm =
        process::start(crm_command.args(["--listen", &crm_address.to_string()]), &folder.join("crm.log"))?;
    crm.wait_for(crm_address, Duration::from_secs(10))?;
    let place_folder = folder.join("place");
    fs::create_dir_all(&place_folder)?;
    let mut place = Place::open(&Plan {
        placet: &placet,
        folder: &place_folder,
        policy: ALLOW_ALL,
        connectors: &format!("[connector.crm]\nurl = \"http://{crm_address}/mcp\"\n"),
        hosts: &[],
    })?;
    let token = place.agent("auditor")?;
    some_calls(&place, &token)?;
    place.stop();
    let earlier = folder.join("earlier");
    copy(&place.home().join("ledger"), &earlier)?;
    place.start()?;
    some_calls(&place, &token)?;
    let vkey = || fs::read_to_string(place.home().join("ledger.vkey")).map(|key| key.trim().to_owned());
    let first = vkey()?;
    place.must(&["keys", "rotate", "--log"])?;
    let newest = vkey()?;
    some_calls(&place, &token)?;
    place.must(&["ledger", "verify"])?;
    place.stop();

    let checkpoint = folder.join("checkpoint");
    fs::write(&checkpoint, last_checkpoint(&place.home().join("ledger"), &newest)?)?;
    let mut wrong = 0;
    let mut all = cases(&place.home().join("ledger"), earlier, &folder, [&first, &newest])?;
    all.extend(vectors()?);
    for case in all {
        let kept = case.with_checkpoint.then_some(checkpoint.as_path());
        let own = own_verifier(&placet, &case.folder, &case.key, kept)?;
        let foreign = foreign_verifier(&case.folder, &case.key, kept)?;
        let fine = own.code == Some(case.expected) && foreign.code == Some(case.expected);
        wrong += usize::from(!fine);
        let mark = if fine { "    " } else { "DIFF" };
        println!(
            "{mark} {}: expected {}, placet {:?}, spec/verify.py {:?}",
            case.what, case.expected, own.code, foreign.code
        );
        if !fine {
            println!("placet: {}{}\nverify.py: {}{}", own.output, own.errors, foreign.output, foreign.errors);
        }
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::Missed(format!("{wrong} ledgers are judged otherwise"))),
    }
}

/// Reads, and one call of a tool that does not exist: performed and denied ones.
fn some_calls(place: &Place, token: &str) -> Result<(), Failure> {
    for _turn in 0..5 {
        mcp::call(place.address(), "crm", token, ("get_deal", json!({ "deal_id": "789" })))?;
        mcp::call(place.address(), "crm", token, ("no_such_tool", json!({})))?;
    }
    Ok(())
}

/// Ledgers whose key was changed, and some that pretend to it: each judged with each of the keys pinned.
fn vectors() -> Result<Vec<Case>, Failure> {
    let folder = tree::root().join("spec/vectors/ledger/rotated");
    let mut cases = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let good = entry.file_name() == "good";
        for key in ["first.vkey", "second.vkey", "newest.vkey"] {
            cases.push(Case {
                what: if good { "vector: a key changed twice" } else { "vector: a false change of the key" },
                folder: entry.path(),
                key: fs::read_to_string(folder.join(key))?.trim().to_owned(),
                with_checkpoint: false,
                expected: if good { SOUND } else { UNSOUND },
            });
        }
    }
    Ok(cases)
}

fn cases(
    sound: &Path,
    earlier: PathBuf,
    folder: &Path,
    [first, newest]: [&str; 2],
) -> Result<Vec<Case>, Failure> {
    let flipped = touched(sound, &folder.join("flipped"), |segment| {
        // In the text of an early receipt, so that intact frames follow.
        let at = find(segment, b"get_deal")
            .ok_or_else(|| Failure::Broke("no receipt names the tool".to_owned()))?;
        segment.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
        Ok(())
    })?;
    let forged = touched(sound, &folder.join("forged"), |segment| forge::a_receipt(segment))?;
    let cut = touched(sound, &folder.join("cut"), |segment| {
        let end = segment.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        segment.truncate(end.saturating_sub(40));
        Ok(())
    })?;
    let of = |key: &str, what, folder: &Path, with_checkpoint, expected| {
        let (folder, key) = (folder.to_path_buf(), key.to_owned());
        Case { what, folder, key, with_checkpoint, expected }
    };
    let case = |what, folder: PathBuf, with_checkpoint, expected| {
        of(first, what, &folder, with_checkpoint, expected)
    };
    Ok(vec![
        of(newest, "as it is, from its newest key", sound, false, SOUND),
        of(newest, "as it is, from its newest key, with its checkpoint", sound, true, SOUND),
        of(newest, "one bit flipped before the key was changed", &flipped, false, UNSOUND),
        of(newest, "an earlier copy put back, from the newest key", &earlier, false, UNSOUND),
        case("as it is", sound.to_path_buf(), false, SOUND),
        case("as it is, with its checkpoint", sound.to_path_buf(), true, SOUND),
        case("one bit flipped", flipped, false, UNSOUND),
        case("a receipt changed, with a fitting checksum", forged, false, UNSOUND),
        case("cut within the last frame", cut, false, UNSOUND),
        case("an earlier copy put back, alone", earlier.clone(), false, SOUND),
        case("an earlier copy put back, with the later checkpoint", earlier, true, UNSOUND),
    ])
}

fn touched(
    sound: &Path,
    copied: &Path,
    touch: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    copy(sound, copied)?;
    let segment = last_segment(copied)?;
    let mut bytes = fs::read(&segment)?;
    touch(&mut bytes)?;
    fs::write(segment, bytes)?;
    Ok(copied.to_path_buf())
}

/// The last segment that holds anything.
fn last_segment(ledger: &Path) -> Result<PathBuf, Failure> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(ledger)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            segments.push(path);
        }
    }
    segments.sort();
    segments.pop().ok_or_else(|| Failure::Broke(format!("{} holds no segment", ledger.display())))
}

/// The last signed checkpoint of the ledger: what an auditor would have kept.
fn last_checkpoint(ledger: &Path, key: &str) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(last_segment(ledger)?)?;
    let origin = format!("{}\n", key.split('+').next().unwrap_or_default());
    let found = bytes.windows(origin.len()).rposition(|window| window == origin.as_bytes());
    let note = found.and_then(|at| bytes.get(at..)).unwrap_or_default();
    let text = find(note, "\n\n\u{2014} ".as_bytes()).map(|blank| blank + 2);
    let end = text
        .and_then(|text| note.get(text..)?.iter().position(|byte| *byte == b'\n').map(|line| text + line));
    end.and_then(|end| note.get(..=end))
        .map(<[u8]>::to_vec)
        .ok_or_else(|| Failure::Broke("the ledger holds no checkpoint".to_owned()))
}

fn own_verifier(
    placet: &Path,
    ledger: &Path,
    key: &str,
    checkpoint: Option<&Path>,
) -> Result<process::Finished, Failure> {
    let mut command = Command::new(placet);
    command.args(["ledger", "verify"]);
    verify(command.arg("--dir").arg(ledger), key, checkpoint, "placet")
}

fn foreign_verifier(
    ledger: &Path,
    key: &str,
    checkpoint: Option<&Path>,
) -> Result<process::Finished, Failure> {
    let mut command = Command::new("python3");
    // Isolated: the standard library and nothing else.
    command.arg("-I").arg(tree::root().join("spec/verify.py")).arg(ledger);
    verify(&mut command, key, checkpoint, "python")
}

fn verify(
    command: &mut Command,
    key: &str,
    checkpoint: Option<&Path>,
    who: &str,
) -> Result<process::Finished, Failure> {
    command.args(["--key", key]);
    if let Some(checkpoint) = checkpoint {
        command.arg("--checkpoint").arg(checkpoint);
    }
    process::finish(command, &tree::output().join(format!("ledger-foreign/{who}.log")), VERIFY)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name()))?,
            false => fs::copy(entry.path(), to.join(entry.file_name())).map(|_| ())?,
        }
    }
    Ok(())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
