//! Every bound of this crate, in one place. Those of the data path are in `placet_domain::limits`.

use std::time::Duration;

/// Instances in one chain of delegation: the one that acts, its parent and its grandparent.
pub const CHAIN: usize = 3;
/// Longest life of a client assertion (RFC 7523), and of an identity assertion grant.
pub const ASSERTION_LIFE: Duration = Duration::from_secs(5 * 60);
/// Longest life of a JWT-SVID. SPIRE's default is five minutes; they are cached and used again.
pub const SVID_LIFE: Duration = Duration::from_secs(60 * 60);
/// Longest life of a platform's workload token. Kubernetes issues for an hour unless asked otherwise.
pub const WORKLOAD_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest life of any other foreign token.
pub const FOREIGN_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How old a security event may be when it arrives: a transmitter retries for a while.
pub const EVENT_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How far the clocks of others may differ from ours.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// How old a `DPoP` proof may be.
pub const PROOF_AGE: Duration = Duration::from_secs(60);
/// How far in the future a `DPoP` proof may be issued.
pub const PROOF_LEEWAY: Duration = Duration::from_secs(5);
/// Longest `jti`, bytes.
pub const TOKEN_ID_BYTES: usize = 256;
/// Keys in one JWKS document.
pub const KEYS: usize = 64;
/// Largest JWKS document, bytes.
pub const JWKS_BYTES: usize = 256 * 1024;
/// Tokens in the text of one scope.
pub const SCOPE_ENTRIES: usize = 64;
/// Longest text of a scope, bytes.
pub const SCOPE_BYTES: usize = 4 * 1024;
