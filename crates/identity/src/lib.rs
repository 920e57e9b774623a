//! Instance tokens: issue and verify. The only crate that names a JWT library.
//! Tokens are RFC 9068 access tokens (`at+jwt`) signed with Ed25519 (RFC 8037).

mod key;
mod token;
mod verifier;

pub use key::{KeyError, TokenKey};
pub use token::{Claims, Deployment, IssueError};
pub use verifier::{TokenVerifier, VerifyError};
