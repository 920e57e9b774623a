//! `/v1/connectors/{name}/login`, `…/login/answer` and `…/logout`: an operator signs in at the authorization server of an
//! upstream. The answer comes back to the operator's machine; no secret is in any of these.

use std::{net::IpAddr, sync::Arc};

use axum::{extract::State, http::Uri};
use placet_domain::ConnectorName;
use placet_engine::ports::{LoginStep, SignedIn, Withdrawal};
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    argument::Argument,
    fields::{Fields, FreeText},
    peer::Caller,
    problem::{Fault, Problem},
};

/// What comes next: an address to open, or nothing because it is done.
#[derive(Debug, Serialize)]
pub(crate) struct LoginView {
    connector: String,
    open: Option<String>,
    signed_in: Option<SignedInView>,
}

#[derive(Debug, Serialize)]
struct SignedInView {
    issuer: String,
    resource: String,
    client: String,
    scopes: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LogoutView {
    connector: String,
    /// Whether there was a sign-in.
    forgotten: bool,
    /// What its authorization server did with the tokens: `revoked`, `unserved` or `refused`, and why not.
    tokens: Option<&'static str>,
    why: Option<String>,
}

pub(crate) async fn begin(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(connector): Argument<ConnectorName>,
    mut fields: Fields,
) -> Answered<LoginView> {
    let redirect: FreeText = fields.required("redirect")?;
    fields.end()?;
    known(&control, &connector)?;
    if !is_near(&redirect.0) {
        let why = "`redirect` is not an address on the operator's own machine, such as `http://127.0.0.1:7429/callback`";
        return Err(Problem::new(Fault::Invalid, why, "use `placet connector login`"));
    }
    let step = control.engine.begin_login(&connector, &redirect.0, &by).await?;
    let (open, signed_in) = match step {
        LoginStep::Authorize { url } => (Some(url), None),
        LoginStep::Done(signed_in) => (None, Some(view(signed_in))),
    };
    Ok(Answer::new(
        "placet/v1/connector-login",
        LoginView { connector: connector.to_string(), open, signed_in },
    ))
}

pub(crate) async fn end(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(connector): Argument<ConnectorName>,
    mut fields: Fields,
) -> Answered<LoginView> {
    let answer: String = fields.required("answer")?;
    fields.end()?;
    known(&control, &connector)?;
    let signed_in = control.engine.end_login(&connector, &answer, &by).await?;
    let view = LoginView { connector: connector.to_string(), open: None, signed_in: Some(view(signed_in)) };
    Ok(Answer::new("placet/v1/connector-login", view))
}

pub(crate) async fn forget(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(connector): Argument<ConnectorName>,
    fields: Fields,
) -> Answered<LogoutView> {
    fields.end()?;
    known(&control, &connector)?;
    let was = control.engine.forget_login(&connector, &by).await?;
    let tokens = was.as_ref().map(Withdrawal::as_str);
    let (forgotten, why) = match was {
        None => (false, None),
        Some(Withdrawal::Revoked | Withdrawal::Unserved) => (true, None),
        Some(Withdrawal::Refused(why)) => (true, Some(why)),
    };
    let view = LogoutView { connector: connector.to_string(), forgotten, tokens, why };
    Ok(Answer::new("placet/v1/connector-logout", view))
}

fn known(control: &Control, connector: &ConnectorName) -> Result<(), Problem> {
    match control.engine.has_connector(connector) {
        true => Ok(()),
        false => {
            let why = format!("there is no connector `{connector}`");
            Err(Problem::new(Fault::NotFound, why, "see `placet connector list`"))
        }
    }
}

/// Whether a code that is sent there reaches nobody but the machine whose browser was used (RFC 8252 section 7.3).
fn is_near(redirect: &str) -> bool {
    let Ok(uri) = redirect.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let near = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    near && uri.scheme_str() == Some("http") && !authority.as_str().contains('@') && uri.query().is_none()
}

fn view(signed_in: SignedIn) -> SignedInView {
    let SignedIn { issuer, resource, client, scopes } = signed_in;
    SignedInView { issuer, resource, client, scopes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_to_the_operators_machine_alone() {
        for near in ["http://127.0.0.1:7429/callback", "http://[::1]:1/x", "http://localhost:80/"] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "https://evil.example/callback",
            "http://localhost.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://10.0.0.1/",
            "http://127.0.0.1/x?y=1",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }
}
