//! Who acts, and on whose behalf: our own access tokens, and the tokens and proofs of others.
//! Pure: time, random bytes, keys and the memory of used tokens come in as values. Endpoints are built on top.

mod assertion;
mod binding;
mod client_key;
mod delegation;
mod documents;
mod dpop;
mod event;
mod exchange;
mod fault;
mod federation;
mod id_jag;
mod id_token;
mod jose;
mod key;
mod key_set;
pub mod limits;
mod oauth_error;
mod pattern;
mod pkce;
mod replays;
mod scope;
mod spiffe;
mod token;
mod verifier;

pub use assertion::{CLIENT_ASSERTION_TYPE, ClientKeys};
pub use binding::Binding;
pub use client_key::{ClientKey, ClientKeyError};
pub use delegation::{ChainError, Delegation};
pub use documents::{AuthorizationServer, Challenge, ProtectedResource, introspection, token_response};
pub use dpop::{Nonces, ParseTargetError, Proof, ProvenRequest, Target};
pub use event::{CredentialChange, EventKind, EventPrincipal, EventReceiver, EventSubject, SecurityEvent};
pub use exchange::{
    ACCESS_TOKEN_TYPE, ExchangeRequest, ExchangeRule, ExchangeSubject, ID_TOKEN_TYPE, JWT_TYPE,
    TOKEN_EXCHANGE,
};
pub use fault::{TokenError, TokenFault};
pub use federation::{Admission, Condition, ConditionError, Federation, FederationRule, RuleError};
pub use id_jag::{ID_JAG_TYPE, IdJagTrust, IdentityAssertion, JWT_BEARER};
pub use id_token::SignIn;
pub use jose::{
    Algorithm, Audience, ClaimPath, ForeignClaims, JwkError, Jwks, JwksError, ParsePathError,
    ParseThumbprintError, PublicKey, Thumbprint, TokenType, Trust, UnverifiedToken,
};
pub use key::{KeyError, TokenKey};
pub use key_set::{KeySet, VerifyingKeys};
pub use oauth_error::{OAuthCode, OAuthError};
pub use pattern::{ParsePatternError, Pattern};
pub use pkce::{CodeChallenge, CodeVerifier, PkceError};
pub use replays::Replays;
pub use scope::{ParseScopeError, Scope};
pub use spiffe::{ParseSpiffeIdError, SPIFFE_ASSERTION_TYPE, SpiffeError, SpiffeId, SpiffeTrust, Workload};
pub use token::{AccessToken, Claims, Deployment, IssueError};
pub use verifier::{TokenVerifier, VerifyError};
