//! The sign-in of one connector: whether there is a token, getting and renewing it, and what follows when the upstream
//! refuses it. How somebody signs in is `login.rs`. Tokens go to the resource they were made for and nowhere else.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use parking_lot::{Mutex, RwLock};
use placet_domain::{ConnectorName, Timestamp};
use placet_engine::ports::{Clock, Entropy, Vault};
use secrecy::ExposeSecret as _;

use super::{
    asker::Asker,
    challenge::Challenge,
    config::{OauthConfig, OauthGrant},
    kept::{Kept, VaultKey},
    login::Begun,
    reach::Reach,
};
use crate::ending::Ending;

/// A token is renewed this long before its end, so that it does not end on its way.
const MARGIN: Duration = Duration::from_secs(30);
/// Fresh tokens that an upstream may refuse one after the other before nothing more is asked for.
const REJECTIONS: u32 = 3;

/// Where sign-ins are kept, and what that takes.
#[derive(Clone)]
pub struct Safe {
    /// Keeps sealed documents.
    pub vault: Arc<dyn Vault>,
    /// Seals them.
    pub key: Arc<VaultKey>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Safe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Safe(…)")
    }
}

/// The sign-in of one connector.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) connector: ConnectorName,
    pub(super) url: Uri,
    pub(super) config: OauthConfig,
    pub(super) safe: Safe,
    pub(super) asker: Asker,
    /// What calls look at, without waiting.
    standing: RwLock<Standing>,
    /// Changes are made one after the other: a refresh token is used once.
    pub(super) memory: tokio::sync::Mutex<Memory>,
    /// The sign-in that a person is at.
    pub(super) begun: Mutex<Option<Begun>>,
    rejected: AtomicU32,
}

/// Whether a call can be sent.
#[derive(Debug)]
enum Standing {
    /// With this value, until it ends.
    In { value: HeaderValue, until: Option<Timestamp> },
    /// Not before somebody has signed in.
    Out(String),
    /// To be found out.
    Unknown,
}

/// What is kept, and whether that is the state of the vault.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) kept: Option<Kept>,
    is_loaded: bool,
    is_durable: bool,
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Lack {
    /// Somebody has to sign in.
    SignIn(String),
    /// It may be there in a while.
    Trouble(String),
}

impl Lack {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::SignIn(why) | Self::Trouble(why) => why,
        }
    }
}

impl Account {
    pub(crate) fn new(
        connector: ConnectorName,
        url: Uri,
        config: OauthConfig,
        safe: Safe,
    ) -> Result<Self, rustls::Error> {
        let asker = Asker::new(Reach::of(&url, config.private_addresses))?;
        Ok(Self {
            connector,
            url,
            config,
            safe,
            asker,
            standing: RwLock::new(Standing::Unknown),
            memory: tokio::sync::Mutex::default(),
            begun: Mutex::new(None),
            rejected: AtomicU32::new(0),
        })
    }

    /// Whether calls need somebody to sign in first, as far as that is known.
    pub(crate) fn standing(&self) -> Result<(), String> {
        match &*self.standing.read() {
            Standing::Out(why) => Err(why.clone()),
            Standing::In { .. } | Standing::Unknown => Ok(()),
        }
    }

    /// Puts the token on a request, renewed if it is about to end. Returns it, for [`Self::challenged`].
    pub(crate) async fn authorize(self: &Arc<Self>, headers: &mut HeaderMap) -> Result<HeaderValue, Ending> {
        let unauthorized = |detail| Ending::Unauthorized { sent: false, detail };
        let value = match self.at_hand() {
            Some(value) => value,
            None => {
                self.standing().map_err(unauthorized)?;
                // To its end, whatever becomes of the call: a refresh token that was used is worth nothing.
                let account = Arc::clone(self);
                let finding = tokio::spawn(async move { account.found().await });
                let ended = |_| Err("the credential could not be renewed".to_owned());
                finding.await.unwrap_or_else(ended).map_err(unauthorized)?
            }
        };
        headers.insert(header::AUTHORIZATION, value.clone());
        Ok(value)
    }

    /// What follows from the head of an answer. The request is not sent again: one call, one request.
    pub(crate) async fn challenged(
        &self,
        used: &HeaderValue,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Ending> {
        let refused = |detail| Some(Ending::Unauthorized { sent: true, detail });
        match status {
            StatusCode::UNAUTHORIZED => refused(self.rejected(used).await),
            StatusCode::FORBIDDEN => {
                let challenge = Challenge::of(headers);
                if !challenge.wants_more() {
                    return None;
                }
                refused(self.wants_more(challenge.scopes).await)
            }
            status => {
                if status.is_success() && self.rejected.load(Ordering::Relaxed) > 0 {
                    self.rejected.store(0, Ordering::Relaxed);
                }
                None
            }
        }
    }

    fn at_hand(&self) -> Option<HeaderValue> {
        match &*self.standing.read() {
            Standing::In { value, until } => {
                let now = self.safe.clock.now();
                until.is_none_or(|until| now.after(MARGIN) < until).then(|| value.clone())
            }
            Standing::Out(_) | Standing::Unknown => None,
        }
    }

    async fn found(&self) -> Result<HeaderValue, String> {
        let mut memory = self.memory.lock().await;
        // Somebody else may have renewed it while we waited.
        if let Some(value) = self.at_hand() {
            return Ok(value);
        }
        match self.obtain(&mut memory).await {
            Ok(value) => Ok(value),
            Err(Lack::Trouble(why)) => Err(format!("there is no credential for `{}`: {why}", self.connector)),
            Err(Lack::SignIn(why)) => {
                let why = self.in_words(&why);
                *self.standing.write() = Standing::Out(why.clone());
                Err(why)
            }
        }
    }

    async fn obtain(&self, memory: &mut Memory) -> Result<HeaderValue, Lack> {
        self.load(memory).await?;
        let now = self.safe.clock.now();
        let is_machine = self.config.grant == OauthGrant::ClientCredentials;
        let kept = match memory.kept.clone() {
            Some(kept) if kept.is_good(now) => kept,
            Some(kept) if is_machine => self.by_client_credentials(kept, memory).await?,
            Some(kept) if kept.refresh.is_some() => self.by_refresh(kept, memory).await?,
            None if is_machine && self.config.issuer.is_some() => {
                let kept = self.found_client().await.map_err(Lack::Trouble)?;
                self.by_client_credentials(kept, memory).await?
            }
            _ => {
                return Err(Lack::SignIn(
                    "nobody is signed in for it at its authorization server".to_owned(),
                ));
            }
        };
        if !memory.is_durable {
            self.keep(kept.clone(), memory).await.map_err(Lack::Trouble)?;
        }
        self.present(&kept).ok_or_else(|| Lack::Trouble("the token is no header's value".to_owned()))
    }

    /// Takes a sign-in into use.
    pub(super) fn present(&self, kept: &Kept) -> Option<HeaderValue> {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", kept.access.as_ref()?.expose_secret())).ok()?;
        value.set_sensitive(true);
        *self.standing.write() = Standing::In { value: value.clone(), until: kept.expires };
        Some(value)
    }

    /// Reads the vault, once.
    pub(super) async fn load(&self, memory: &mut Memory) -> Result<(), Lack> {
        if memory.is_loaded {
            return Ok(());
        }
        let sealed = self.safe.vault.sealed(&self.connector).await;
        let sealed = sealed.map_err(|error| Lack::Trouble(error.to_string()))?;
        memory.kept = match sealed.map(|sealed| self.safe.key.open(&self.connector, &sealed)) {
            None => None,
            Some(Ok(kept)) => Some(kept),
            Some(Err(_)) => {
                return Err(Lack::SignIn(
                    "what is kept of its sign-in was not sealed with the key of this home".to_owned(),
                ));
            }
        };
        (memory.is_loaded, memory.is_durable) = (true, true);
        Ok(())
    }

    /// Keeps a sign-in, in memory first: what a server has given out it may not give out again.
    pub(super) async fn keep(&self, kept: Kept, memory: &mut Memory) -> Result<(), String> {
        let sealed = self.safe.key.seal(&self.connector, &kept, &*self.safe.entropy);
        memory.kept = Some(kept);
        (memory.is_loaded, memory.is_durable) = (true, false);
        let sealed = sealed.ok_or("the sign-in could not be sealed")?;
        self.safe.vault.keep(&self.connector, sealed).await.map_err(|error| error.to_string())?;
        memory.is_durable = true;
        Ok(())
    }

    /// Lets no call leave with what was kept.
    pub(super) fn leave(&self) {
        *self.standing.write() = Standing::Unknown;
    }

    /// The end of a token before its time. Nothing is lost if it cannot be written down: it is refused again.
    async fn rejected(&self, used: &HeaderValue) -> String {
        let mut memory = self.memory.lock().await;
        let is_ours = matches!(&*self.standing.read(), Standing::In { value, .. } if value == used);
        let renewable = self.config.grant == OauthGrant::ClientCredentials
            || memory.kept.as_ref().is_some_and(|kept| kept.refresh.is_some());
        if is_ours {
            if let Some(kept) = memory.kept.clone() {
                let _kept = self.keep(Kept { access: None, expires: None, ..kept }, &mut memory).await;
            }
            let times = self.rejected.fetch_add(1, Ordering::Relaxed) + 1;
            *self.standing.write() = match renewable && times < REJECTIONS {
                true => Standing::Unknown,
                false => Standing::Out(self.in_words("the upstream does not accept its credential any more")),
            };
        }
        match self.standing() {
            Ok(()) => {
                "the upstream did not accept the credential; it is renewed with the next call".to_owned()
            }
            Err(why) => why,
        }
    }

    /// What the upstream asks for beyond what was granted is asked for at the next sign-in, or by ourselves, once.
    async fn wants_more(&self, scopes: Vec<String>) -> String {
        let mut memory = self.memory.lock().await;
        let asked = scopes.join(" ");
        let Some(mut kept) = memory.kept.clone() else { return self.in_words("the upstream asks for more") };
        let new: Vec<String> = scopes.into_iter().filter(|scope| !kept.has_asked_for(scope)).collect();
        let is_new = !new.is_empty();
        kept.wanted.extend(new);
        if is_new && self.config.grant == OauthGrant::ClientCredentials {
            (kept.access, kept.expires) = (None, None);
            *self.standing.write() = Standing::Unknown;
        }
        let _kept = self.keep(kept, &mut memory).await;
        let why = format!("the upstream asks for the scope {asked:?}, which was not granted");
        match self.config.grant {
            OauthGrant::ClientCredentials if is_new => format!("{why}; it is asked for with the next call"),
            OauthGrant::ClientCredentials | OauthGrant::Code => self.in_words(&why),
        }
    }

    /// What an agent is told, and an operator can do.
    pub(super) fn in_words(&self, why: &str) -> String {
        let name = &self.connector;
        format!("connector `{name}`: {why}; an operator runs `placet connector login {name}`")
    }
}

impl Memory {
    /// Nobody is signed in, and so says the vault.
    pub(super) fn empty() -> Self {
        Self { kept: None, is_loaded: true, is_durable: true }
    }
}

impl Kept {
    /// Whether the access token can still be sent.
    fn is_good(&self, now: Timestamp) -> bool {
        self.access.is_some() && self.expires.is_none_or(|expires| now.after(MARGIN) < expires)
    }

    fn has_asked_for(&self, scope: &str) -> bool {
        self.scopes.iter().chain(&self.wanted).any(|known| known == scope)
    }
}
