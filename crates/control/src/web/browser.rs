//! The person before a page. Nobody is sent to the sign-in page, and comes back from it only to a page of ours.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts},
    middleware,
    response::{IntoResponse, Redirect, Response},
};
use placet_domain::PersonName;

use super::{Web, page, session};
use crate::Control;

/// Whoever signed in with this browser.
#[derive(Debug, Clone)]
pub(super) struct Person(pub(super) PersonName);

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Redirect> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Redirect::to("/sign-in"))
    }
}

/// Stands before every page that is not open.
pub(super) async fn admit(
    State(control): State<Arc<Control>>,
    mut request: Request,
    next: middleware::Next,
) -> Response {
    let sign_in = Next::of_path(request.uri().path()).sign_in();
    let to_sign_in = || Redirect::to(sign_in).into_response();
    let web = match web(&control) {
        Ok(web) => web,
        Err(response) => return response,
    };
    // A token of a command line opens the API and no page: else a token could be had for a token, for ever.
    if request.headers().contains_key(header::AUTHORIZATION) {
        return to_sign_in();
    }
    let headers = request.headers().clone();
    match session::of(web, &control.engine, &headers).await {
        Ok(Some(signed_in)) => {
            request.extensions_mut().insert(Person(signed_in.person));
            next.run(request).await
        }
        Ok(None) => to_sign_in(),
        Err(error) => page::unavailable(&error),
    }
}

/// The listener. The pages are only there if it is.
pub(super) fn web(control: &Control) -> Result<&Web, Response> {
    control.web.as_ref().ok_or_else(|| page::lost().into_response())
}

/// Where to go after signing in. Never an address from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Device,
    Home,
}

impl Next {
    pub(super) fn named(name: &str) -> Self {
        if name == "device" { Self::Device } else { Self::Home }
    }

    fn of_path(path: &str) -> Self {
        if path.starts_with("/device") { Self::Device } else { Self::Home }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Home => "home",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Device => "/device",
            Self::Home => "/",
        }
    }

    fn sign_in(self) -> &'static str {
        match self {
            Self::Device => "/sign-in?next=device",
            Self::Home => "/sign-in",
        }
    }
}
