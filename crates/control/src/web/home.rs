//! The start page, and signing out.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    browser::{Person, web},
    page::{self, Escaped, Page},
    session,
};
use crate::Control;

pub(super) async fn show(Person(person): Person) -> Page {
    Page::new("Placet")
        .with(&format!("<p>You are signed in as <strong>{}</strong>.</p>", Escaped(person.as_str())))
        .with("<p><a href=\"/device\">Let a command line in</a></p>")
        .with("<form method=\"post\" action=\"/sign-out\"><button>Sign out</button></form>")
}

/// Ends the session of a browser, or the token of a command line. Nobody is told whether there was one.
pub(super) async fn sign_out(State(control): State<Arc<Control>>, headers: HeaderMap) -> Response {
    let ended = async {
        let web = web(&control)?;
        let signed_in = session::of(web, &control.engine, &headers).await;
        if let Some(signed_in) = signed_in.map_err(|error| page::unavailable(&error))? {
            let ended = web.accounts.end_key(signed_in.key).await;
            ended.map_err(|error| page::unavailable(&error))?;
            tracing::info!(person = %signed_in.person, "signed out");
        }
        Ok::<_, Response>(())
    };
    match ended.await {
        Err(response) => response,
        Ok(()) if headers.contains_key(header::AUTHORIZATION) => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => ([(header::SET_COOKIE, session::forgotten())], Redirect::to("/sign-in")).into_response(),
    }
}
