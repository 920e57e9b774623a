//! Strict reading of signed tokens: compact JWS (RFC 7515), keys (RFC 7517, 7518, 8037), the rules of RFC 8725.
//! Parsing is ours because ambiguity must be refused (one parsed tree); signatures are verified by aws-lc.

mod algorithm;
mod foreign;
mod jwks;
mod path;
mod public_key;
mod thumbprint;
mod trust;
mod unverified;

pub use algorithm::Algorithm;
pub use foreign::ForeignClaims;
pub use jwks::{Jwks, JwksError};
pub use path::{ClaimPath, ParsePathError};
pub use public_key::{JwkError, PublicKey};
pub use thumbprint::{ParseThumbprintError, Thumbprint};
pub use trust::{Audience, TokenType, Trust};
pub use unverified::UnverifiedToken;
pub(crate) use unverified::{decode, seconds};
