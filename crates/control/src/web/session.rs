//! Who is calling over the listener: a cookie of a browser or a token of a command line, both known by digest alone.
//! A session ends after eight hours, after half an hour without use, at sign-out, and when the person has left.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Digest, PersonName, Timestamp};
use placet_engine::{
    Engine,
    ports::{AccessKey, AccessKind, StoreError},
};

use super::Web;
use crate::{
    Control,
    peer::{Caller, Door},
    problem::{Fault, Problem},
};

/// How long a session or a token lasts at most.
pub(super) const LIFE: Duration = Duration::from_secs(8 * 60 * 60);
/// How long a session lasts without use.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often use is written down.
const NOTED: Duration = Duration::from_secs(60);
/// The name keeps it to this host, this path and TLS (or this machine).
const COOKIE: &str = "__Host-placet";

/// A secret that is shown to its owner once. It never prints.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn random(engine: &Engine) -> Self {
        let mut bytes = [0; 32];
        engine.ports().entropy.fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Makes a key for a person. It is always a new one: nothing that came with a request becomes a key.
pub(super) async fn make(
    web: &Web,
    engine: &Engine,
    kind: AccessKind,
    person: &PersonName,
    life: Duration,
) -> Result<Secret, StoreError> {
    let now = engine.ports().clock.now();
    let secret = Secret::random(engine);
    let key = AccessKey {
        hash: secret.hash(),
        kind,
        person: person.clone(),
        made: now,
        used: now,
        expires: now.after(life),
    };
    web.accounts.sweep_keys(now).await?;
    web.accounts.add_key(key).await?;
    Ok(secret)
}

/// Begins a session: what the browser keeps. The one it had before ends.
pub(super) async fn begin(
    web: &Web,
    engine: &Engine,
    person: &PersonName,
    headers: &HeaderMap,
) -> Result<HeaderValue, StoreError> {
    if let Some(old) = cookie(headers, COOKIE) {
        web.accounts.end_key(Digest::of(old.as_bytes())).await?;
    }
    let secret = make(web, engine, AccessKind::Session, person, LIFE).await?;
    tracing::info!(%person, "signed in");
    let value = format!("{COOKIE}={}; {STRICT}; Max-Age={}", secret.expose(), LIFE.as_secs());
    Ok(HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("")))
}

/// What takes the cookie away again.
pub(super) fn forgotten() -> HeaderValue {
    HeaderValue::from_static("__Host-placet=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

const STRICT: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// Somebody who has signed in, and by which key.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) person: PersonName,
    pub(super) key: Digest,
}

/// Who sent these headers. None: nobody who has signed in, or not any more.
pub(super) async fn of(
    web: &Web,
    engine: &Engine,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, StoreError> {
    let presented = match headers.get(header::AUTHORIZATION) {
        Some(value) => bearer(value).map(|token| (AccessKind::Token, token)),
        None => cookie(headers, COOKIE).map(|secret| (AccessKind::Session, secret)),
    };
    let Some((kind, secret)) = presented else { return Ok(None) };
    let Some(key) = web.accounts.key(kind, Digest::of(secret.as_bytes())).await? else { return Ok(None) };
    let now = engine.ports().clock.now();
    if !is_alive(engine, &key, now) {
        web.accounts.end_key(key.hash).await?;
        return Ok(None);
    }
    if now.since(key.used) >= NOTED {
        web.accounts.use_key(key.hash, now).await?;
    }
    Ok(Some(SignedIn { person: key.person, key: key.hash }))
}

fn is_alive(engine: &Engine, key: &AccessKey, now: Timestamp) -> bool {
    let idle = key.kind == AccessKind::Session && now.since(key.used) >= IDLE;
    // Whoever has left is not in the directory.
    now < key.expires && !idle && engine.ports().people.person(&key.person).is_some()
}

/// Stands before the whole API on the listener: no person, no answer.
pub(super) async fn identify(
    State(control): State<Arc<Control>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(web) = &control.web else { return stranger().into_response() };
    let headers = request.headers().clone();
    let signed_in = match of(web, &control.engine, &headers).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return stranger().into_response(),
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    let person = signed_in.person;
    let changes = request.method() != axum::http::Method::GET;
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(Caller(person.clone()));
    request.extensions_mut().insert(Door::Web);
    let response = next.run(request).await;
    if changes {
        tracing::info!(%person, path, status = response.status().as_u16(), "request over the listener");
    }
    response
}

fn stranger() -> Problem {
    let next = "sign in: open `/sign-in` in a browser, or run `placet login` with this server's address";
    Problem::new(Fault::SignIn, "nobody is signed in, or not any more", next)
}

/// The cookie of this name; none if there are two, for then somebody put one there.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
