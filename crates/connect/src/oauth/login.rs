//! A person signs in at an upstream's authorization server: authorization code with PKCE, state and, where the server
//! names itself, its issuer (RFC 9207). The code comes back to the command line on this machine; tokens stay here.

use std::{fmt, time::Duration};

use placet_domain::{Digest, Timestamp};
use placet_engine::ports::{LoginStep, SignedIn};
use placet_identity::CodeVerifier;

use super::{
    account::{Account, Lack},
    challenge::Challenge,
    config::OauthGrant,
    discovery::{Found, united},
    kept::Kept,
};

/// How long somebody may take at the authorization server.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// The scope by which some servers give refresh tokens (`OpenID` Connect Core 11).
const OFFLINE: &str = "offline_access";

/// A sign-in that a person is at.
pub(super) struct Begun {
    state: Digest,
    verifier: CodeVerifier,
    redirect: String,
    kept: Kept,
    names_issuer: bool,
    at: Timestamp,
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Begun").field("issuer", &self.kept.issuer).finish_non_exhaustive()
    }
}

impl Account {
    /// Begins a sign-in. With `client_credentials` that is all of it.
    pub(crate) async fn begin(&self, challenge: &Challenge, redirect: &str) -> Result<LoginStep, String> {
        let found = self.discover(challenge).await?;
        let known = {
            let mut memory = self.memory.lock().await;
            // What cannot be opened any more is replaced.
            let _loaded = self.load(&mut memory).await;
            memory.kept.clone()
        };
        if self.config.grant == OauthGrant::ClientCredentials {
            let client = self.client(&found, known.as_ref(), None).await?;
            return self.by_itself(found.kept(client)).await.map(LoginStep::Done);
        }
        if !found.server.takes_challenges {
            return Err("its authorization server does not take code challenges (PKCE, S256)".to_owned());
        }
        let to = found.server.authorization.clone();
        let to =
            to.ok_or("its authorization server has no authorization endpoint; nobody can sign in there")?;
        self.asker.admits(&to)?;
        let client = self.client(&found, known.as_ref(), Some(redirect)).await?;
        let scopes = asked(&found, known.as_ref());
        let names_issuer = found.server.names_issuer;
        let kept = Kept { scopes, ..found.kept(client) };
        let (state, mut random) = (self.random(), [0; 32]);
        self.safe.entropy.fill(&mut random);
        let verifier = CodeVerifier::from_random(&random);
        let url = address(&to, &kept, &state, &verifier, redirect);
        let at = self.safe.clock.now();
        let state = Digest::of(state.as_bytes());
        *self.begun.lock() =
            Some(Begun { state, verifier, redirect: redirect.to_owned(), kept, names_issuer, at });
        Ok(LoginStep::Authorize { url })
    }

    /// Ends a sign-in with the query that the authorization server sent back.
    pub(crate) async fn end(&self, answer: &str) -> Result<SignedIn, String> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(answer.as_bytes()).into_owned().collect();
        let only = |name: &str| {
            let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
            match (values.next(), values.next()) {
                (value, None) => Ok(value),
                _ => Err(format!("the answer has `{name}` twice")),
            }
        };
        let state = Digest::of(only("state")?.unwrap_or_default().as_bytes());
        let stale = "this sign-in was not begun here, or has ended already; begin again";
        let begun = {
            let mut begun = self.begun.lock();
            // Whatever comes of it: a state is good for one answer. Another's answer ends nothing.
            begun.take_if(|begun| begun.state == state).ok_or(stale)?
        };
        if self.safe.clock.now().since(begun.at) >= PATIENCE {
            return Err(stale.to_owned());
        }
        match only("iss")? {
            Some(issuer) if issuer != begun.kept.issuer => {
                return Err(format!("the answer is of another authorization server, {issuer:?}"));
            }
            None if begun.names_issuer => {
                return Err("the answer does not name its authorization server, which always does".to_owned());
            }
            _ => {}
        }
        if let Some(error) = only("error")? {
            return Err(format!("its authorization server answers {error:?}"));
        }
        let code = only("code")?.filter(|code| !code.is_empty()).ok_or("the answer holds no code")?;
        let kept = self.by_code(begun.kept, code, &begun.verifier, &begun.redirect).await?;
        let signed_in = told(&kept);
        let mut memory = self.memory.lock().await;
        self.keep(kept.clone(), &mut memory).await?;
        self.present(&kept).ok_or("the token is no header's value")?;
        Ok(signed_in)
    }

    async fn by_itself(&self, kept: Kept) -> Result<SignedIn, String> {
        let mut memory = self.memory.lock().await;
        let kept = self.by_client_credentials(kept, &mut memory).await.map_err(Lack::into_text)?;
        self.present(&kept).ok_or("the token is no header's value")?;
        Ok(told(&kept))
    }
}

/// What is asked for: what the upstream wants now, what it had before and has wanted since, and a way to renew it.
fn asked(found: &Found, known: Option<&Kept>) -> Vec<String> {
    let same = known
        .filter(|known| known.issuer == found.server.issuer && known.resource == found.resource.identifier);
    let (before, wanted) = same.map_or((&[][..], &[][..]), |known| (&known.scopes, &known.wanted));
    let offline = found.server.scopes.iter().any(|scope| scope == OFFLINE).then(|| OFFLINE.to_owned());
    united([&found.scopes, before, wanted, offline.as_slice()])
}

fn address(to: &str, kept: &Kept, state: &str, verifier: &CodeVerifier, redirect: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &kept.client.id)
        .append_pair("redirect_uri", redirect)
        .append_pair("state", state)
        .append_pair("code_challenge", &verifier.challenge().to_string())
        .append_pair("code_challenge_method", "S256")
        .append_pair("resource", &kept.resource);
    if !kept.scopes.is_empty() {
        query.append_pair("scope", &kept.scopes.join(" "));
    }
    let sign = if to.contains('?') { '&' } else { '?' };
    format!("{to}{sign}{}", query.finish())
}

fn told(kept: &Kept) -> SignedIn {
    SignedIn {
        issuer: kept.issuer.clone(),
        resource: kept.resource.clone(),
        client: kept.client.id.clone(),
        scopes: kept.scopes.clone(),
    }
}
