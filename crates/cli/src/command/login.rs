//! `placet login` and `placet logout`: a token for a Placet elsewhere, by a code that a person confirms in a browser.

use std::time::Duration;

use clap::Args;
use hyper::{Method, StatusCode};
use placet_domain::Json;

use crate::{
    exit::Exit,
    failure::Failure,
    print::{note, out, text, visible},
    server::Server,
};

const FORM: &str = "application/x-www-form-urlencoded";
/// The pause between two looks, if the server names none, and what is added when it is too short.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Its address, for example `https://placet.example`
    #[arg(value_name = "URL")]
    server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Its address, for example `https://placet.example`
    #[arg(value_name = "URL", env = "PLACET_SERVER")]
    server: Server,
}

pub(crate) async fn login(Login { server }: Login) -> Result<Exit, Failure> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String =
        name.trim().chars().filter(|one| one.is_ascii_alphanumeric() || "-.".contains(*one)).collect();
    let (status, begun) = ask(&server, "/device/start", format!("client_name=placet+on+{name}")).await?;
    if status != StatusCode::OK {
        return Err(Failure::new(format!(
            "{server} lets nobody in this way at the moment: {}",
            refusal(&begun)
        ))
        .with_exit(Exit::Unreachable));
    }
    out(&format!("open   {}", text(&begun, "verification_uri")));
    out(&format!("type   {}", text(&begun, "user_code")));
    note("waiting for you to agree there");
    let seconds =
        |key: &str| begun.member(key).and_then(Json::as_integer).and_then(|one| u64::try_from(one).ok());
    let mut pause = seconds("interval").map_or(PAUSE, Duration::from_secs);
    let device = begun.member("device_code").and_then(Json::as_str).unwrap_or_default();
    let body =
        format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code={device}");
    loop {
        tokio::time::sleep(pause).await;
        let (status, answer) = ask(&server, "/device/token", body.clone()).await?;
        if status == StatusCode::OK {
            let token = answer.member("access_token").and_then(Json::as_str).unwrap_or_default();
            server.keep(token).map_err(Failure::new)?;
            out(&format!("you are {} at {server}, for eight hours", text(&answer, "person")));
            return Ok(Exit::Ok);
        }
        match refusal(&answer).as_str() {
            "authorization_pending" => {}
            "slow_down" => pause += PAUSE,
            "access_denied" => {
                return Err(Failure::new("it was refused in the browser").with_exit(Exit::Denied));
            }
            "expired_token" => {
                let why = "nobody agreed in time\n  next: run `placet login` again";
                return Err(Failure::new(why).with_exit(Exit::Unauthenticated));
            }
            other => return Err(Failure::new(format!("{server} answers `{other}`"))),
        }
    }
}

pub(crate) async fn logout(Logout { server }: Logout) -> Result<Exit, Failure> {
    let Some(token) = server.token().map_err(Failure::new)? else {
        out(&format!("you are not logged in at {server}"));
        return Ok(Exit::Ok);
    };
    // The file goes first: whatever the server says, this machine has no token any more.
    server.forget().map_err(Failure::new)?;
    let sent = server.send(Method::POST, "/sign-out", FORM, String::new(), Some(&token)).await;
    match sent {
        Ok((status, _)) if status.is_success() => {
            out(&format!("logged out of {server}"));
            Ok(Exit::Ok)
        }
        Ok((status, _)) => {
            Err(Failure::new(format!("the token is gone here, but {server} answers {status}")))
        }
        Err(why) => {
            let message =
                format!("the token is gone here, but {server} was not told: {why}; it ends by itself");
            Err(Failure::new(message).with_exit(Exit::Unreachable))
        }
    }
}

async fn ask(server: &Server, path: &str, body: String) -> Result<(StatusCode, Json), Failure> {
    let sent = server.send(Method::POST, path, FORM, body, None).await;
    let (status, bytes) = sent.map_err(|why| {
        Failure::new(format!("no Placet answers at {server}: {why}")).with_exit(Exit::Unreachable)
    })?;
    let answer = Json::parse(&bytes).map_err(|_| {
        Failure::new(format!("{server} answers {status}, and not as a Placet with `[control] listen`"))
    })?;
    Ok((status, answer))
}

/// The error of an answer, or its sentence.
fn refusal(answer: &Json) -> String {
    let word = ["error", "detail"].into_iter().find_map(|key| answer.member(key).and_then(Json::as_str));
    visible(word.unwrap_or("nothing"))
}
