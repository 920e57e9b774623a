//! Signing in: by passphrase, or at an identity provider with code, PKCE, state and nonce. A sign-in belongs to the
//! browser that began it, and ends once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use parking_lot::Mutex;
use placet_domain::{Digest, Timestamp};
use placet_engine::ports::Account;
use placet_identity::CodeVerifier;

use super::{
    Web,
    browser::{Next, web},
    form::Form,
    local,
    page::{self, Page, refusal},
    provider::{Identified, Provider, SignInError},
    session::{self, Secret, cookie},
};
use crate::Control;

/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Sign-ins under way.
const UNDER_WAY: usize = 1_024;
/// Binds a sign-in to the browser that began it. Lax: it has to come along from the provider's site.
const COOKIE: &str = "__Host-placet-sign-in";

/// Sign-ins that have begun, by the digest of their state. A restart forgets them: people begin again.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<[u8; 32], Begun>>);

#[derive(Debug)]
struct Begun {
    browser: Digest,
    nonce: Secret,
    verifier: CodeVerifier,
    next: Next,
    at: Timestamp,
}

impl SignIns {
    /// Remembers one; `false` if there are too many.
    fn put(&self, state: Digest, begun: Begun) -> bool {
        let mut all = self.0.lock();
        if all.len() >= UNDER_WAY {
            let now = begun.at;
            all.retain(|_, one| now.since(one.at) < PATIENCE);
        }
        if all.len() >= UNDER_WAY {
            return false;
        }
        all.insert(*state.as_bytes(), begun);
        true
    }

    /// Ends one, whatever comes of it: a state is good for one answer.
    fn take(&self, state: &str, browser: &str, now: Timestamp) -> Option<Begun> {
        let begun = self.0.lock().remove(Digest::of(state.as_bytes()).as_bytes())?;
        let same = begun.browser == Digest::of(browser.as_bytes());
        (same && now.since(begun.at) < PATIENCE).then_some(begun)
    }
}

pub(super) async fn choose(State(control): State<Arc<Control>>, RawQuery(query): RawQuery) -> Response {
    let web = match web(&control) {
        Ok(web) => web,
        Err(response) => return response,
    };
    let next = next_of(query.as_deref());
    match &web.provider {
        None => local::sign_in_page(next).into_response(),
        Some(provider) => {
            let link = format!("<p><a href=\"/sign-in/provider?next={}\">Sign in</a></p>", next.name());
            let at = format!("You sign in at {}.", provider.config.issuer);
            Page::new("Sign in").says(&at).with(&link).into_response()
        }
    }
}

pub(super) async fn begin(State(control): State<Arc<Control>>, RawQuery(query): RawQuery) -> Response {
    let (web, provider) = match with_provider(&control) {
        Ok(found) => found,
        Err(response) => return response,
    };
    let published = match provider.published(&control.engine).await {
        Ok(published) => published,
        Err(error) => return failed(&error),
    };
    let engine = &control.engine;
    let (state, browser, nonce) = (Secret::random(engine), Secret::random(engine), Secret::random(engine));
    let mut random = [0; 32];
    engine.ports().entropy.fill(&mut random);
    let verifier = CodeVerifier::from_random(&random);
    let to = {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.config.client_id)
            .append_pair("redirect_uri", &redirect(web))
            .append_pair("scope", &provider.config.scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &verifier.challenge().to_string())
            .append_pair("code_challenge_method", "S256");
        let sign = if published.authorization.contains('?') { '&' } else { '?' };
        format!("{}{sign}{}", published.authorization, query.finish())
    };
    let next = next_of(query.as_deref());
    let begun = Begun { browser: browser.hash(), nonce, verifier, next, at: engine.ports().clock.now() };
    if !web.sign_ins.put(state.hash(), begun) {
        let why = "Too many people are signing in at this moment.";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, why, "Try again in a few minutes.").into_response();
    }
    let kept = format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}",
        browser.expose(),
        PATIENCE.as_secs()
    );
    ([(header::SET_COOKIE, kept)], Redirect::to(&to)).into_response()
}

pub(super) async fn end(
    State(control): State<Arc<Control>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match ended(&control, &headers, query.as_deref().unwrap_or_default()).await {
        Ok((session, next)) => Page::new("Signed in")
            .with_cookie(session)
            .with_cookie(HeaderValue::from_static(
                "__Host-placet-sign-in=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
            ))
            .onward(next.path())
            .into_response(),
        Err(response) => response,
    }
}

async fn ended(control: &Control, headers: &HeaderMap, query: &str) -> Result<(HeaderValue, Next), Response> {
    let (web, provider) = with_provider(control)?;
    let answer = Form::parse(query.as_bytes()).ok_or_else(stale)?;
    let now = control.engine.ports().clock.now();
    let browser = cookie(headers, COOKIE).ok_or_else(stale)?;
    let begun = web.sign_ins.take(answer.text("state"), browser, now).ok_or_else(stale)?;
    let published = provider.published(&control.engine).await.map_err(|error| failed(&error))?;
    let issuer = answer.text("iss");
    // RFC 9207: an answer of another issuer is not for this sign-in.
    if (published.names_issuer || !issuer.is_empty()) && issuer != provider.config.issuer {
        return Err(stale());
    }
    if !answer.text("error").is_empty() {
        let error = SignInError::Provider(format!("it answers `{}`", answer.text("error").escape_debug()));
        return Err(failed(&error));
    }
    let identified = provider
        .identify(&control.engine, answer.text("code"), &begun.verifier, begun.nonce.expose(), &redirect(web))
        .await
        .map_err(|error| failed(&error))?;
    let account = welcomed(web, control, identified, now).await?;
    let session = session::begin(web, &control.engine, &account, headers).await;
    Ok((session.map_err(|error| page::unavailable(&error))?, begun.next))
}

/// The person, if they may come in: known, or admitted; and the same account of the provider as ever.
async fn welcomed(
    web: &Web,
    control: &Control,
    identified: Identified,
    now: Timestamp,
) -> Result<placet_domain::PersonName, Response> {
    let unavailable = |error| page::unavailable(&error);
    let Identified { person, groups, identity } = identified;
    let account = web.accounts.account(&person).await.map_err(unavailable)?;
    let account = account.unwrap_or_else(|| Account::new(person.clone()));
    if account.identity.as_ref().is_some_and(|known| *known != identity) {
        tracing::warn!(%person, "another account of the identity provider has this name now; nobody was let in");
        let why = format!("`{person}` is known here as another account of the identity provider.");
        let next = "If the account was made anew, an administrator runs `placet person forget NAME`.";
        return Err(refusal(StatusCode::FORBIDDEN, &why, next).into_response());
    }
    // Before the look: the directory may come to know them by this.
    (web.directory)(&person, &groups);
    if control.engine.ports().people.person(&person).is_none() {
        tracing::warn!(%person, "a person who is not declared signed in at the provider and was turned away");
        let why = format!("`{person}` is not known to this Placet.");
        return Err(
            refusal(StatusCode::FORBIDDEN, &why, "Ask an administrator to declare you.").into_response()
        );
    }
    let account = Account { groups, identity: Some(identity), signed_in: Some(now), ..account };
    web.accounts.put_account(account).await.map_err(unavailable)?;
    Ok(person)
}

fn with_provider(control: &Control) -> Result<(&Web, &Provider), Response> {
    let web = web(control)?;
    let provider = web.provider.as_ref().ok_or_else(|| page::lost().into_response())?;
    Ok((web, provider))
}

fn next_of(query: Option<&str>) -> Next {
    let query = query.and_then(|query| Form::parse(query.as_bytes()));
    query.map_or(Next::Home, |query| Next::named(query.text("next")))
}

fn redirect(web: &Web) -> String {
    format!("{}/sign-in/callback", web.origin)
}

/// The same answer for a state that never was, was used, ran out, or belongs to another browser.
fn stale() -> Response {
    let why = "This sign-in was not begun here, or has ended already.";
    refusal(StatusCode::BAD_REQUEST, why, "Go to the start page and sign in again.").into_response()
}

fn failed(error: &SignInError) -> Response {
    tracing::warn!(error = crate::problem::causes(error), "a sign-in did not come to an end");
    let (status, why) = match error {
        SignInError::Name(why) => {
            (StatusCode::FORBIDDEN, format!("The provider's word is not enough: {why}."))
        }
        SignInError::Provider(_) => {
            (StatusCode::BAD_GATEWAY, "The identity provider did not do its part.".to_owned())
        }
        SignInError::Token(_) => {
            (StatusCode::FORBIDDEN, "What the identity provider said is not accepted.".to_owned())
        }
    };
    let next = "Try again. If it stays, tell whoever operates Placet; the log says why.";
    refusal(status, &why, next).into_response()
}
