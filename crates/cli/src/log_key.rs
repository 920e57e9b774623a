//! The key of a home that signs the ledger's checkpoints, and handing the ledger over to another while everything runs.
//! Which key is in force is said by the ledger alone; the files follow it. The rule is in `spec/ledger.md`.

use std::{io::ErrorKind, path::Path};

use placet_engine::ports::Entropy;
use placet_ledger::{LogKey, VerifierKey};

use crate::keys::{KeyError, replace, seed};

/// The keys with which the ledger of a home may go on.
#[derive(Debug)]
pub(crate) struct LogKeys {
    /// The key in force, unless the ledger was handed over and a crash came before the files followed.
    pub(crate) key: LogKey,
    /// The key that it was about to be handed over to.
    pub(crate) next: Option<LogKey>,
    /// The keys before.
    pub(crate) before: Vec<VerifierKey>,
}

/// Reads the keys; makes the first one.
pub(crate) fn read(home: &Path, origin: &str, entropy: &dyn Entropy) -> Result<LogKeys, KeyError> {
    let key = log_key(&home.join(KEY), origin, entropy)?;
    let next = match home.join(NEXT) {
        path if path.exists() => Some(log_key(&path, origin, entropy)?),
        _ => None,
    };
    Ok(LogKeys { key, next, before: before(home)? })
}

/// Makes the key that the ledger is about to be handed over to, durably: at no moment of a crash is a key in force that
/// is forgotten. `in_force` goes to the keys before.
pub(crate) fn prepare(
    home: &Path,
    in_force: &VerifierKey,
    entropy: &dyn Entropy,
) -> Result<LogKey, KeyError> {
    let mut keys = before(home)?;
    keys.retain(|key| key != in_force);
    keys.push(in_force.clone());
    let lines: String = keys.iter().map(|key| format!("{key}\n")).collect();
    replace(&home.join(BEFORE), lines.as_bytes())?;
    let mut fresh = [0; 32];
    entropy.fill(&mut fresh);
    let path = home.join(NEXT);
    replace(&path, &fresh)?;
    LogKey::from_seed(in_force.name(), &fresh).map_err(|_| KeyError::Malformed { path })
}

/// Lets the files follow the ledger: `in_force` becomes the key of the home, and the one in preparation is gone.
pub(crate) fn follow(home: &Path, in_force: &VerifierKey, entropy: &dyn Entropy) -> Result<(), KeyError> {
    let (key, next) = (home.join(KEY), home.join(NEXT));
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| KeyError::File { path, source }
    };
    if next.exists() {
        if log_key(&next, in_force.name(), entropy)?.verifier() == in_force {
            replace(&key, &seed(&next, entropy)?)?;
        }
        std::fs::remove_file(&next).map_err(failed(&next))?;
    }
    // A key in preparation that never came into force was written down as the end of this one.
    let mut keys = before(home)?;
    if keys.contains(in_force) {
        keys.retain(|key| key != in_force);
        let lines: String = keys.iter().map(|key| format!("{key}\n")).collect();
        replace(&home.join(BEFORE), lines.as_bytes())?;
    }
    let public = home.join(PUBLIC);
    std::fs::write(&public, format!("{in_force}\n")).map_err(failed(&public))
}

/// The keys before the one in force.
fn before(home: &Path) -> Result<Vec<VerifierKey>, KeyError> {
    let path = home.join(BEFORE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(KeyError::File { path, source }),
    };
    text.lines().map(|line| line.parse().map_err(|_| KeyError::Malformed { path: path.clone() })).collect()
}

fn log_key(path: &Path, origin: &str, entropy: &dyn Entropy) -> Result<LogKey, KeyError> {
    let seed = seed(path, entropy)?;
    LogKey::from_seed(origin, &seed).map_err(|_| KeyError::Malformed { path: path.to_owned() })
}

/// The key in force, 32 bytes.
const KEY: &str = "keys/ledger.key";
/// The key that the ledger is being handed over to, 32 bytes.
const NEXT: &str = "keys/ledger.next";
/// The public half of the key in force, for auditors.
pub(crate) const PUBLIC: &str = "ledger.vkey";
/// The public halves of the keys before it, oldest first, one a line.
pub(crate) const BEFORE: &str = "ledger.before.vkey";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("keys")).unwrap();
        home
    }

    fn now(home: &Path) -> LogKeys {
        read(home, "log.example/one", &SystemEntropy).unwrap()
    }

    #[test]
    fn the_files_follow_the_ledger_to_the_next_key() {
        let home = home();
        let first = now(home.path()).key;
        follow(home.path(), first.verifier(), &SystemEntropy).unwrap();
        let next = prepare(home.path(), first.verifier(), &SystemEntropy).unwrap();
        // A crash here: the ledger says which of the two goes on.
        let keys = now(home.path());
        assert_eq!(keys.key.verifier(), first.verifier());
        assert_eq!(keys.next.unwrap().verifier(), next.verifier());
        for _again in 0..2 {
            follow(home.path(), next.verifier(), &SystemEntropy).unwrap();
            let keys = now(home.path());
            assert_eq!(keys.key.verifier(), next.verifier());
            assert!(keys.next.is_none() && keys.before == [first.verifier().clone()]);
        }
        let public = std::fs::read_to_string(home.path().join(PUBLIC)).unwrap();
        assert_eq!(public.trim(), next.verifier().to_string());
    }

    #[test]
    fn a_key_that_never_came_into_force_leaves_nothing_behind() {
        let home = home();
        let first = now(home.path()).key;
        prepare(home.path(), first.verifier(), &SystemEntropy).unwrap();
        follow(home.path(), first.verifier(), &SystemEntropy).unwrap();
        let keys = now(home.path());
        assert_eq!(keys.key.verifier(), first.verifier());
        assert!(keys.next.is_none() && keys.before.is_empty());
    }
}
