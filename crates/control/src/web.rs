//! The control API for people who are not at the machine: a listener with sessions, sign-in and a few plain pages.
//! Off unless `[control] listen` is set. Who a session belongs to is decided here, what they may do in `access.rs`.

mod attempts;
mod browser;
mod device;
mod form;
mod guard;
mod home;
mod local;
mod page;
mod passphrase;
mod provider;
mod session;
mod sign_in;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodFilter, MethodRouter, on},
};
use placet_domain::{GroupName, PersonName, Timestamp};
use placet_engine::{
    Engine,
    ports::{Accounts, StoreError},
};
use tokio::net::TcpListener;

use crate::{Control, ControlError, routes, scim};

use attempts::Attempts;
use device::Logins;
use passphrase::Hasher;
use provider::Provider;
use sign_in::SignIns;

pub use provider::{ClientSecret, PersonClaim, SignInConfig};

/// How long a link to set a passphrase may be used.
const SETUP: Duration = Duration::from_secs(30 * 60);

/// Where people connect, and how they prove who they are.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How people reach it: scheme, host and port. None: `http://localhost` and the port.
    pub public_url: Option<String>,
    /// The identity provider. None: local people with passphrases.
    pub sign_in: Option<SignInConfig>,
}

impl WebConfig {
    /// A listener under this address.
    ///
    /// # Errors
    /// The address is not one under which a session would be safe.
    pub fn new(
        listen: SocketAddr,
        public_url: Option<String>,
        sign_in: Option<SignInConfig>,
    ) -> Result<Self, String> {
        if let Some(url) = &public_url {
            let host = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
                (Some(host), _) => host,
                (None, Some(host)) if guard::is_loopback(host) => host,
                _ => return Err("use `https://`, or `http://localhost` and a port".to_owned()),
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
            if host.is_empty() || !host.bytes().all(plain) {
                return Err("write scheme, host and perhaps a port, and nothing behind it".to_owned());
            }
        }
        Ok(Self { listen, public_url, sign_in })
    }
}

/// Tells the directory which groups the identity provider gave somebody. Whoever is not declared becomes known by it, if
/// the operator admits unknown people.
pub type Directory = Arc<dyn Fn(&PersonName, &[GroupName]) + Send + Sync>;

/// The listener of one control API.
pub struct Web {
    pub(crate) config: WebConfig,
    pub(crate) accounts: Arc<dyn Accounts>,
    directory: Directory,
    /// Scheme, host and port, as browsers say it. Known for sure once the listener is bound.
    pub(crate) origin: String,
    hosts: Vec<String>,
    provider: Option<Provider>,
    sign_ins: SignIns,
    logins: Logins,
    attempts: Attempts,
    hasher: Hasher,
}

impl Web {
    /// A listener that is not bound yet.
    #[must_use]
    pub fn new(config: WebConfig, accounts: Arc<dyn Accounts>, directory: Directory) -> Self {
        Self {
            provider: config.sign_in.clone().map(Provider::new),
            origin: String::new(),
            hosts: Vec::new(),
            config,
            accounts,
            directory,
            sign_ins: SignIns::default(),
            logins: Logins::default(),
            attempts: Attempts::default(),
            hasher: Hasher::default(),
        }
    }

    pub(crate) async fn recall(&self, now: Timestamp) -> Result<(), StoreError> {
        self.accounts.sweep_keys(now).await?;
        for account in self.accounts.accounts().await? {
            if account.identity.is_some() {
                (self.directory)(&account.person, &account.groups);
            }
        }
        Ok(())
    }

    pub(crate) async fn bind(&mut self) -> Result<TcpListener, ControlError> {
        let failed = |source| ControlError::Listen { address: self.config.listen, source };
        let listener = TcpListener::bind(self.config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        self.origin = match &self.config.public_url {
            Some(url) => url.to_ascii_lowercase(),
            None => format!("http://localhost:{}", address.port()),
        };
        self.hosts = guard::hosts(&self.origin, address.port());
        Ok(listener)
    }

    /// Whether people have passphrases here.
    pub(crate) fn is_local(&self) -> bool {
        self.provider.is_none()
    }

    /// A link by which a person sets a passphrase: it works once, for half an hour.
    pub(crate) async fn invite(
        &self,
        engine: &Engine,
        person: &PersonName,
    ) -> Result<Invitation, StoreError> {
        let expires = engine.ports().clock.now().after(SETUP);
        let secret =
            session::make(self, engine, placet_engine::ports::AccessKind::Setup, person, SETUP).await?;
        Ok(Invitation { link: format!("{}/setup/{}", self.origin, secret.expose()), expires })
    }
}

/// What lets a person in for the first time. It opens the account: show it to nobody else.
pub struct Invitation {
    /// The address to open.
    pub link: String,
    /// Until when.
    pub expires: Timestamp,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Invitation").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Web").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A page, or an address for command lines.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    /// Whether it answers people who have not signed in, with nothing but a way to sign in.
    pub(crate) open: bool,
    serve: fn() -> MethodRouter<Arc<Control>>,
}

const fn open(path: &'static str, serve: fn() -> MethodRouter<Arc<Control>>) -> Page {
    Page { path, open: true, serve }
}

const fn closed(path: &'static str, serve: fn() -> MethodRouter<Arc<Control>>) -> Page {
    Page { path, open: false, serve }
}

/// Every page.
pub(crate) const PAGES: &[Page] = &[
    closed("/", || on(MethodFilter::GET, home::show)),
    open("/sign-in", || on(MethodFilter::GET, sign_in::choose).on(MethodFilter::POST, local::sign_in)),
    open("/sign-in/provider", || on(MethodFilter::GET, sign_in::begin)),
    open("/sign-in/callback", || on(MethodFilter::GET, sign_in::end)),
    open("/sign-out", || on(MethodFilter::POST, home::sign_out)),
    open("/setup/{secret}", || on(MethodFilter::GET, local::setup_page)),
    open("/setup", || on(MethodFilter::POST, local::setup)),
    closed("/device", || on(MethodFilter::GET, device::page).on(MethodFilter::POST, device::look)),
    closed("/device/answer", || on(MethodFilter::POST, device::answer)),
    open("/device/start", || on(MethodFilter::POST, device::start)),
    open("/device/token", || on(MethodFilter::POST, device::token)),
    open("/style.css", || on(MethodFilter::GET, page::style)),
];

/// The API and the pages behind the guard.
pub(crate) fn router(control: Arc<Control>) -> Router {
    let api = routes::behind_rules(&control)
        .fallback(routes::nowhere)
        .method_not_allowed_fallback(routes::other_method)
        .layer(from_fn_with_state(control.clone(), session::identify));
    PAGES
        .iter()
        .fold(Router::new(), |router, page| {
            let serve = (page.serve)();
            let closed = || from_fn_with_state(control.clone(), browser::admit);
            router.route(page.path, if page.open { serve } else { serve.route_layer(closed()) })
        })
        .merge(api)
        .layer(from_fn_with_state(control.clone(), guard::admit))
        .nest(
            scim::BASE,
            scim::router(control.clone()).layer(from_fn_with_state(control.clone(), guard::admit_program)),
        )
        .layer(from_fn(guard::dress))
        .with_state(control)
}

#[cfg(test)]
mod tests;
