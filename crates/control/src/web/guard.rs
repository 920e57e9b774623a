//! What is refused before anything is read: foreign hosts, and writes that another site's page could have sent.
//! Every answer leaves with the headers that keep it from being framed, sniffed or kept.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    Control,
    problem::{Fault, Problem},
};

/// Sent by programs with every write. A page of another site cannot send it without being asked first.
pub(crate) const OURS: &str = "placet-request";

/// Whether a host, perhaps with a port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

/// The `Host` values that are taken: the public one, and loopback names with our port if that is where we listen.
pub(super) fn hosts(origin: &str, port: u16) -> Vec<String> {
    let public = origin.split_once("://").map(|(_, host)| host.to_owned());
    let near = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
    public.into_iter().chain(near).collect()
}

pub(super) async fn admit(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let Some(web) = &control.web else { return nowhere().into_response() };
    let headers = request.headers();
    let host = only(headers, header::HOST.as_str());
    if !host.is_some_and(|host| web.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))) {
        return refused("the `Host` of the request is not ours").into_response();
    }
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    if origin.is_some_and(|origin| !origin.eq_ignore_ascii_case(&web.origin)) {
        return refused("the request comes from a page of another site").into_response();
    }
    let writes = request.method() != Method::GET && request.method() != Method::HEAD;
    if writes {
        let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
        if site.is_some_and(|site| site != "same-origin") {
            return refused("the request comes from a page of another site").into_response();
        }
        if origin.is_none() && !headers.contains_key(OURS) {
            let why = format!("a write says where it comes from: `Origin`, or `{OURS}` of a program");
            return refused(&why).into_response();
        }
    }
    next.run(request).await
}

/// What only programs call: no page has anything to do there, and nothing that a browser keeps counts.
pub(super) async fn admit_program(
    State(control): State<Arc<Control>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(web) = &control.web else { return nowhere().into_response() };
    let headers = request.headers();
    let host = only(headers, header::HOST.as_str());
    if !host.is_some_and(|host| web.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))) {
        return refused("the `Host` of the request is not ours").into_response();
    }
    if headers.contains_key(header::ORIGIN) {
        return refused("the request comes from a page, and this address is for programs").into_response();
    }
    next.run(request).await
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn refused(why: &str) -> Problem {
    Problem::new(Fault::Forbidden, why, "open Placet under its own address; see `[control] public_url`")
}

fn nowhere() -> Problem {
    Problem::new(Fault::NotFound, "there is no such listener", "set `[control] listen`")
}

/// Puts the headers of every answer on.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// `same-origin` and not `no-referrer`, with which browsers send `Origin: null`.
const HEADERS: [(&str, &str); 9] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("referrer-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];
