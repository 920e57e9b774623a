//! How Placet is an OAuth client of one upstream, as the operator wrote it down.

use std::sync::Arc;

use placet_identity::ClientKey;
use secrecy::SecretString;

/// How a connector gets the tokens that its upstream wants.
#[derive(Debug, Clone)]
pub struct OauthConfig {
    /// By which right.
    pub grant: OauthGrant,
    /// Who we are, if the authorization server knows us already.
    pub client: Option<OauthClient>,
    /// The address of a document about us that is a client's identifier (Client ID Metadata Document).
    pub document: Option<String>,
    /// The only issuer that may be asked. None: the one that the upstream names.
    pub issuer: Option<String>,
    /// Scopes that are asked for besides those that the upstream asks for.
    pub scopes: Vec<String>,
    /// Whether the authorization server may be in a private network.
    pub private_addresses: bool,
}

/// By which right tokens are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OauthGrant {
    /// A person signs in (authorization code with PKCE).
    Code,
    /// Placet itself is the one who has a right there.
    ClientCredentials,
}

/// A client that was registered by hand.
#[derive(Debug, Clone)]
pub struct OauthClient {
    /// Its identifier.
    pub id: String,
    /// What proves that we are it.
    pub proof: ClientProof,
}

/// What proves that we are a client.
#[derive(Debug, Clone)]
pub enum ClientProof {
    /// A private key (RFC 7523).
    Key(Arc<ClientKey>),
    /// Nothing: a public client.
    None,
    /// A shared secret.
    Secret(SecretString),
}

impl OauthClient {
    /// Whether whoever gets what we send could be us afterwards, or holds a proof that we made.
    pub(crate) fn is_confidential(&self) -> bool {
        match self.proof {
            ClientProof::Key(_) | ClientProof::Secret(_) => true,
            ClientProof::None => false,
        }
    }
}
