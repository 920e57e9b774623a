//! Systems whose tokens are believed: trust anchors of the operator's configuration, and nobody else's.

use placet_identity::Jwks;

/// An issuer that the operator trusts.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    /// Its name in `placet.toml`.
    pub name: String,
    /// What its tokens say.
    pub kind: IssuerKind,
    /// The `iss` of its tokens; of a SPIFFE trust domain, `spiffe://` and the domain.
    pub url: String,
    /// The `aud` of its tokens; our issuer if absent.
    pub audience: Option<String>,
    /// Under which name it knows us as a client: the `aud` of its id tokens. Without one none is accepted.
    pub client_id: Option<String>,
    /// The claim that is the name of a person here.
    pub person: String,
    /// The claim that lists the groups of a person.
    pub groups: String,
    /// Where its keys come from.
    pub keys: KeySource,
}

/// What the tokens of an issuer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerKind {
    /// Workflows of GitHub Actions.
    GitHub,
    /// Pipelines of GitLab.
    GitLab,
    /// People: the company's identity provider.
    Idp,
    /// Service accounts of a Kubernetes cluster.
    Kubernetes,
    /// Workloads of any other `OpenID` issuer.
    Oidc,
    /// Workloads of a SPIFFE trust domain.
    Spiffe,
}

impl IssuerKind {
    /// The word in `placet.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Idp => "idp",
            Self::Kubernetes => "kubernetes",
            Self::Oidc => "oidc",
            Self::Spiffe => "spiffe",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::GitHub, Self::GitLab, Self::Idp, Self::Kubernetes, Self::Oidc, Self::Spiffe]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// Whether its tokens name workloads by claims.
    #[must_use]
    pub fn is_federated(self) -> bool {
        match self {
            Self::GitHub | Self::GitLab | Self::Kubernetes | Self::Oidc => true,
            Self::Idp | Self::Spiffe => false,
        }
    }
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// The operator's configuration.
    Fixed(Jwks),
    /// Published at this address.
    Published(String),
    /// Published where the issuer's discovery document says, at the issuer's own origin.
    Discovered,
}

impl TrustedIssuer {
    /// The trust domain of a SPIFFE issuer.
    pub(crate) fn trust_domain(&self) -> Option<&str> {
        (self.kind == IssuerKind::Spiffe).then(|| self.url.strip_prefix("spiffe://"))?
    }
}
