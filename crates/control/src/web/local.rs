//! Local people: they set a passphrase by a link that works once, and sign in with it. There is no first password.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use placet_domain::{Digest, PersonName};
use placet_engine::ports::{AccessKind, Account};

use super::{
    Web,
    browser::{Next, web},
    form::Form,
    page::{self, Escaped, Page, refusal},
    passphrase, session,
};
use crate::Control;

/// The same words for a wrong name and a wrong passphrase.
const WRONG: &str = "Name and passphrase do not belong together.";

pub(super) fn sign_in_page(next: Next) -> Page {
    Page::new("Sign in").with(&format!(
        "<form method=\"post\" action=\"/sign-in\">\n<input type=\"hidden\" name=\"next\" value=\"{}\">\n\
         <label>Name <input name=\"person\" autocomplete=\"username\" required></label>\n\
         <label>Passphrase <input name=\"passphrase\" type=\"password\" autocomplete=\"current-password\" required>\
         </label>\n<button>Sign in</button>\n</form>",
        next.name()
    ))
}

pub(super) async fn sign_in(State(control): State<Arc<Control>>, headers: HeaderMap, form: Form) -> Response {
    let end = async {
        let web = local(&control)?;
        let person = recognised(web, &control, &form).await?;
        let session = session::begin(web, &control.engine, &person, &headers).await;
        session.map_err(|error| page::unavailable(&error))
    };
    match end.await {
        Ok(cookie) => {
            let to = Next::named(form.text("next")).path();
            ([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response()
        }
        Err(response) => response,
    }
}

/// Whoever the name and the passphrase say.
async fn recognised(web: &Web, control: &Control, form: &Form) -> Result<PersonName, Response> {
    let unavailable = |error| page::unavailable(&error);
    let (name, now) = (form.text("person"), control.engine.ports().clock.now());
    if web.attempts.count(&format!("passphrase {name}"), now).is_err() {
        let why = "There were too many attempts. Nothing was looked at.";
        let next = "Wait a quarter of an hour, or ask an administrator for a new link.";
        return Err(refusal(StatusCode::TOO_MANY_REQUESTS, why, next).into_response());
    }
    let person = name.parse::<PersonName>().ok();
    let known = person.filter(|person| control.engine.ports().people.person(person).is_some());
    let account = match &known {
        Some(person) => web.accounts.account(person).await.map_err(unavailable)?,
        None => None,
    };
    let hash = account.as_ref().and_then(|account| account.passphrase.clone());
    let right = web.hasher.matches(form.text("passphrase").to_owned(), hash).await;
    match (right, known, account) {
        (true, Some(person), Some(account)) => {
            web.attempts.right(&format!("passphrase {name}"));
            let account = Account { signed_in: Some(now), ..account };
            web.accounts.put_account(account).await.map_err(unavailable)?;
            Ok(person)
        }
        _ => {
            tracing::warn!("a sign-in was refused: name and passphrase do not belong together");
            let page = sign_in_page(Next::named(form.text("next"))).says(WRONG);
            Err(page.with_status(StatusCode::FORBIDDEN).into_response())
        }
    }
}

/// Looking at the link does not use it up: mail programs look at links.
pub(super) async fn setup_page(State(control): State<Arc<Control>>, Path(secret): Path<String>) -> Response {
    let shown = async {
        let web = local(&control)?;
        let key = web.accounts.key(AccessKind::Setup, Digest::of(secret.as_bytes())).await;
        let key = key.map_err(|error| page::unavailable(&error))?;
        match key.filter(|key| key.expires > control.engine.ports().clock.now()) {
            Some(key) => Ok(setup_form(&secret, &key.person, None)),
            None => Err(spent()),
        }
    };
    shown.await.map_or_else(|response| response, IntoResponse::into_response)
}

fn setup_form(secret: &str, person: &PersonName, wrong: Option<&str>) -> Page {
    let page = Page::new("Choose a passphrase").with(&format!(
        "<p>For <strong>{}</strong>, at least {} characters; a few words will do.</p>",
        Escaped(person.as_str()),
        passphrase::FEWEST
    ));
    let page = match wrong {
        Some(why) => page.with_status(StatusCode::BAD_REQUEST).says(why),
        None => page,
    };
    page.with(&format!(
        "<form method=\"post\" action=\"/setup\">\n<input type=\"hidden\" name=\"secret\" value=\"{}\">\n\
         <label>Passphrase <input name=\"passphrase\" type=\"password\" autocomplete=\"new-password\" required></label>\n\
         <label>Once more <input name=\"again\" type=\"password\" autocomplete=\"new-password\" required></label>\n\
         <button>Set it and sign in</button>\n</form>",
        Escaped(secret)
    ))
}

pub(super) async fn setup(State(control): State<Arc<Control>>, headers: HeaderMap, form: Form) -> Response {
    match set_up(&control, &headers, &form).await {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(response) => response,
    }
}

async fn set_up(
    control: &Control,
    headers: &HeaderMap,
    form: &Form,
) -> Result<axum::http::HeaderValue, Response> {
    let unavailable = |error| page::unavailable(&error);
    let web = local(control)?;
    let (secret, passphrase, now) =
        (form.text("secret"), form.text("passphrase"), control.engine.ports().clock.now());
    let hash = Digest::of(secret.as_bytes());
    let key = web.accounts.key(AccessKind::Setup, hash).await.map_err(unavailable)?;
    let key = key.filter(|key| key.expires > now).ok_or_else(spent)?;
    let wrong = match passphrase == form.text("again") {
        true => passphrase::acceptable(passphrase, key.person.as_str()).err(),
        false => Some("the two are not the same".to_owned()),
    };
    if let Some(why) = wrong {
        return Err(setup_form(secret, &key.person, Some(&why)).into_response());
    }
    // INVARIANT: of all who send the link at once, one gets past this line.
    let key = web.accounts.take_key(AccessKind::Setup, hash, now).await.map_err(unavailable)?;
    let person = key.ok_or_else(spent)?.person;
    if control.engine.ports().people.person(&person).is_none() {
        return Err(spent());
    }
    let mut salt = [0; 16];
    control.engine.ports().entropy.fill(&mut salt);
    let made = web.hasher.hash(passphrase.to_owned(), salt).await;
    let passphrase = made.ok_or_else(|| page::unavailable(&HashFailed))?;
    // Sessions, tokens and links from before end: whoever sets a passphrase anew may have lost the old one.
    web.accounts.end_keys(&person).await.map_err(unavailable)?;
    let account = web.accounts.account(&person).await.map_err(unavailable)?;
    let account = account.unwrap_or_else(|| Account::new(person.clone()));
    let account = Account { passphrase: Some(passphrase), signed_in: Some(now), ..account };
    web.accounts.put_account(account).await.map_err(unavailable)?;
    tracing::info!(%person, "a passphrase was set");
    session::begin(web, &control.engine, &person, headers).await.map_err(unavailable)
}

#[derive(Debug, thiserror::Error)]
#[error("the passphrase could not be hashed")]
struct HashFailed;

/// Wherever an identity provider says who people are, there are no passphrases.
fn local(control: &Control) -> Result<&Web, Response> {
    let web = web(control)?;
    if web.is_local() { Ok(web) } else { Err(page::lost().into_response()) }
}

fn spent() -> Response {
    let why = "This link has been used, or has run out, or never was one.";
    refusal(StatusCode::NOT_FOUND, why, "Ask an administrator for another: `placet person invite NAME`.")
        .into_response()
}
