//! The keys of a home: made at first start, readable by the owner alone, never with a default.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use placet_engine::ports::Entropy;
use placet_identity::TokenKey;
use placet_ledger::LogKey;

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

/// The key that signs instance tokens.
pub(crate) fn token_key(home: &Path, entropy: &dyn Entropy) -> Result<TokenKey, KeyError> {
    let path = home.join("keys/token.key");
    let seed = seed(&path, entropy)?;
    TokenKey::from_seed(&seed).map_err(|_| KeyError::Malformed { path })
}

/// The key that signs the ledger's checkpoints. Its public half is written beside the ledger for auditors.
pub(crate) fn ledger_key(home: &Path, origin: &str, entropy: &dyn Entropy) -> Result<LogKey, KeyError> {
    let path = home.join("keys/ledger.key");
    let seed = seed(&path, entropy)?;
    let key = LogKey::from_seed(origin, &seed).map_err(|_| KeyError::Malformed { path })?;
    let public = home.join("ledger.vkey");
    std::fs::write(&public, format!("{}\n", key.verifier()))
        .map_err(|source| KeyError::File { path: public, source })?;
    Ok(key)
}

/// The 32 bytes of a key file; made if there is none.
fn seed(path: &Path, entropy: &dyn Entropy) -> Result<[u8; 32], KeyError> {
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
