//! The key of a home that signs tokens: made at first start, readable by the owner alone, never with a default.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use placet_connect::VaultKey;
use placet_domain::{Digest, Timestamp};
use placet_engine::ports::Entropy;
use placet_identity::{KeySet, TokenKey};
use placet_store::ExtractKey;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The file cannot be read or written.
    #[error("key file {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("key file {} can be read by others; run `chmod 600 {}` and think about who read it", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no key.
    #[error("key file {} holds no key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// The key that signs instance tokens, and those before it that still verify.
pub(crate) fn token_keys(home: &Path, entropy: &dyn Entropy, now: Timestamp) -> Result<KeySet, KeyError> {
    let path = home.join(TOKEN_KEY);
    let seed = seed(&path, entropy)?;
    let key = TokenKey::from_seed(&seed).map_err(|_| KeyError::Malformed { path })?;
    let retired = retired(home)?.into_iter().filter(|(_, until)| now < *until);
    Ok(retired.fold(KeySet::new(Arc::new(key)), |keys, (public, until)| keys.with_retired(public, until)))
}

/// A key that signs tokens when [`NextKey::keep`] has made it durable.
#[derive(Debug)]
pub(crate) struct NextKey {
    seed: [u8; 32],
}

impl NextKey {
    pub(crate) fn fresh(entropy: &dyn Entropy) -> Self {
        let mut seed = [0; 32];
        entropy.fill(&mut seed);
        Self { seed }
    }

    pub(crate) fn key(&self, home: &Path) -> Result<TokenKey, KeyError> {
        TokenKey::from_seed(&self.seed).map_err(|_| KeyError::Malformed { path: home.join(TOKEN_KEY) })
    }

    /// Puts it in the place of the key in the home, whose end is written down first: at no moment of a crash is a token
    /// in use whose key is forgotten.
    pub(crate) fn keep(&self, home: &Path, before: &TokenKey, until: Timestamp) -> Result<(), KeyError> {
        let mut ends = retired(home)?;
        ends.retain(|(public, _)| public != before.public());
        ends.push((*before.public(), until));
        let lines: String = ends
            .iter()
            .map(|(public, until)| format!("{} {}\n", Digest::from_bytes(*public), until.micros()))
            .collect();
        replace(&home.join(RETIRED), lines.as_bytes())?;
        replace(&home.join(TOKEN_KEY), &self.seed)
    }
}

/// Public keys that signed tokens before, each with the moment from which it verifies nothing any more.
fn retired(home: &Path) -> Result<Vec<([u8; 32], Timestamp)>, KeyError> {
    let path = home.join(RETIRED);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(KeyError::File { path, source }),
    };
    let read = |line: &str| {
        let (public, until) = line.split_once(' ')?;
        let public: Digest = public.parse().ok()?;
        Some((*public.as_bytes(), Timestamp::from_micros(until.parse().ok()?)))
    };
    text.lines().map(|line| read(line).ok_or_else(|| KeyError::Malformed { path: path.clone() })).collect()
}

/// Writes a file beside the old one and takes its place, durably.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&fresh, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// The key in force, 32 bytes.
const TOKEN_KEY: &str = "keys/token.key";
/// The ends of the keys before it, one a line: public key in hexadecimal, and microseconds.
const RETIRED: &str = "keys/token.retired";

/// The key that seals sign-ins at upstream systems.
pub(crate) fn vault_key(home: &Path, entropy: &dyn Entropy) -> Result<VaultKey, KeyError> {
    let path = home.join("keys/vault.key");
    VaultKey::new(&seed(&path, entropy)?).ok_or(KeyError::Malformed { path })
}

/// The key that what decisions were made of is encrypted with. Whoever removes it has erased all of that.
pub(crate) fn extract_key(home: &Path, entropy: &dyn Entropy) -> Result<ExtractKey, KeyError> {
    seed(&home.join("keys/extracts.key"), entropy).map(ExtractKey)
}

/// The 32 bytes of a key file; made if there is none.
pub(crate) fn seed(path: &Path, entropy: &dyn Entropy) -> Result<[u8; 32], KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mut seed = [0; 32];
    match File::open(path) {
        Ok(mut file) => {
            let mode = file.metadata().map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(KeyError::Open { path: path.to_owned() });
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(failed)?;
            bytes.try_into().map_err(|_| KeyError::Malformed { path: path.to_owned() })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            entropy.fill(&mut seed);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
            file.write_all(&seed).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(seed)
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::system::SystemEntropy;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

    #[test]
    fn a_key_before_the_one_in_force_verifies_until_its_end_through_restarts() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("keys")).unwrap();
        let first = token_keys(home.path(), &SystemEntropy, NOW).unwrap();
        let next = NextKey::fresh(&SystemEntropy);
        let until = NOW.after(Duration::from_secs(60));
        next.keep(home.path(), first.active(), until).unwrap();
        let reads = |now| token_keys(home.path(), &SystemEntropy, now).unwrap();
        let id = next.key(home.path()).unwrap().id();
        assert_eq!(reads(NOW).active().id(), id);
        let rotated = first.rotated(Arc::new(next.key(home.path()).unwrap()), until);
        assert_eq!(reads(NOW).verifying(), rotated.verifying());
        assert_eq!(reads(until).verifying(), KeySet::new(reads(until).active().clone()).verifying());
        let mode = std::fs::metadata(home.path().join(TOKEN_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(home.path().join(RETIRED), "not a key\n").unwrap();
        assert!(token_keys(home.path(), &SystemEntropy, NOW).is_err());
    }
}
