//! How agents prove themselves and get tokens: credentials, enrolment, trusted issuers, the OAuth endpoints' answers.
//! Tokens and proofs are checked by `placet-identity`; here is what follows from them. HTTP around it is the gateway's.

mod client;
mod documents;
mod enrolment;
mod exchange;
mod federation;
mod form;
mod groups;
mod issuer;
mod key_cache;
mod manage;
mod mandate;
mod proof;
mod token;
mod withdraw;

use placet_domain::Timestamp;
use placet_identity::{Nonces, OAuthError, Replays};

pub use form::Form;
pub use issuer::{IssuerKind, KeySource, TrustedIssuer};
pub use proof::{DpopRule, Presented};
pub use token::{OAuthAnswer, OAuthRequest};

use key_cache::KeyCache;

use crate::ports::Entropy;

/// What the engine keeps for credentials beside the store.
pub(crate) struct Credentialing {
    issuers: Vec<KeyCache>,
    dpop: DpopRule,
    /// Client assertions and identity assertions that were used.
    assertions: Replays,
    /// Proofs of possession that were used.
    proofs: Replays,
    /// Only where proofs must carry one.
    nonces: Option<Nonces>,
}

impl Credentialing {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>, dpop: DpopRule, entropy: &dyn Entropy) -> Self {
        let nonces = dpop.nonces.then(|| {
            let mut key = [0; 32];
            entropy.fill(&mut key);
            Nonces::new(&key, NONCE_WINDOW)
        });
        Self {
            issuers: issuers.into_iter().map(KeyCache::new).collect(),
            dpop,
            assertions: Replays::new(REMEMBERED, REMEMBERED / 4),
            proofs: Replays::new(REMEMBERED, REMEMBERED / 4),
            nonces,
        }
    }

    /// The nonce to send with answers, if proofs must carry one.
    pub(crate) fn nonce(&self, now: Timestamp) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.issue(now))
    }
}

/// What an endpoint could not do, as OAuth says it.
type Answered<T> = Result<T, OAuthError>;

/// Used assertions and proofs that are remembered until they have run out: of proofs, those of a minute.
const REMEMBERED: usize = 262_144;
/// How long a nonce is given out; it is good for twice as long.
const NONCE_WINDOW: std::time::Duration = std::time::Duration::from_secs(150);
