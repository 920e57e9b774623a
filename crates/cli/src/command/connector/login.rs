//! `placet connector login` and `logout`: an operator signs in at the authorization server of an upstream with a browser.
//! What comes back to this machine is a code; Placet exchanges it, and no token is ever here.

use std::time::Duration;

use placet_domain::{ConnectorName, Json, Object};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, text},
};

/// How long the sign-in is waited for; the server waits no longer either.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// The longest line of a request that is read, bytes.
const LINE: usize = 16 * 1024;
/// Where the browser is sent back to.
const CALLBACK: &str = "/callback";

pub(super) async fn login(name: &ConnectorName, port: u16, context: &Context) -> Result<Exit, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        Failure::new(format!(
            "port {port} of this machine cannot be used: {error}\n  next: choose another `--port`"
        ))
    })?;
    let address = listener.local_addr().map_err(Failure::of("the port cannot be used"))?;
    let redirect = format!("http://{address}{CALLBACK}");
    let body = Object::new().with("redirect", redirect.as_str());
    let begun = context.client().post(&format!("/v1/connectors/{name}/login"), body).await?;
    let ended = match begun.member("open").and_then(Json::as_str) {
        None => begun,
        Some(url) => {
            // Alone on its line, whatever the screen: programs open it, too.
            out(url);
            note("open this address in a browser on this machine, and sign in there");
            let answer = tokio::time::timeout(PATIENCE, answer(&listener)).await.map_err(|_| {
                Failure::new("nobody signed in within ten minutes\n  next: run the command again")
                    .with_exit(Exit::Unauthenticated)
            })??;
            let body = Object::new().with("answer", answer);
            context.client().post(&format!("/v1/connectors/{name}/login/answer"), body).await?
        }
    };
    if context.screen.is_json() {
        context.screen.json(&ended);
        return Ok(Exit::Ok);
    }
    let signed_in = ended.member("signed_in").unwrap_or(&Json::Null);
    let scopes: Vec<&str> = list(signed_in, "scopes").iter().filter_map(Json::as_str).collect();
    let scopes = if scopes.is_empty() { "no scope".to_owned() } else { scopes.join(" ") };
    out(&format!("signed in at {} for {}: {scopes}", text(signed_in, "issuer"), text(signed_in, "resource")));
    Ok(Exit::Ok)
}

pub(super) async fn logout(name: &ConnectorName, context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().post(&format!("/v1/connectors/{name}/logout"), Object::new()).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
    } else {
        out(&parting(name, &answer));
    }
    Ok(Exit::Ok)
}

/// What an operator knows after signing out, and what is left to them.
fn parting(name: &ConnectorName, answer: &Json) -> String {
    let is_forgotten = answer.member("forgotten").and_then(Json::as_bool) == Some(true);
    let here = format!("the sign-in of `{name}` is forgotten here");
    match (is_forgotten, text(answer, "tokens").as_str()) {
        (false, _) => format!("nobody was signed in for `{name}`"),
        (true, "revoked") => format!("{here}, and its authorization server has revoked the tokens"),
        (true, "unserved") => {
            format!("{here}; its authorization server revokes no tokens: end it there, too")
        }
        (true, _) => {
            format!("{here}; its tokens may still be good ({}): end it there, too", text(answer, "why"))
        }
    }
}

/// The query with which the browser comes back. Whatever else connects is told that nothing is here.
async fn answer(listener: &TcpListener) -> Result<String, Failure> {
    loop {
        let (stream, _) =
            listener.accept().await.map_err(Failure::of("the browser's answer cannot be read"))?;
        if let Some(query) = asked(stream).await {
            return Ok(query);
        }
    }
}

async fn asked(stream: TcpStream) -> Option<String> {
    let mut stream = BufReader::with_capacity(LINE, stream);
    let mut line = Vec::new();
    let reading = async {
        while !line.ends_with(b"\n") && line.len() < LINE {
            let piece = stream.fill_buf().await.ok()?;
            let end = piece.iter().position(|byte| *byte == b'\n').map_or(piece.len(), |at| at + 1);
            if end == 0 {
                return None;
            }
            line.extend(piece.iter().take(end));
            stream.consume(end);
        }
        Some(())
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.ok()??;
    let query = query(std::str::from_utf8(&line).ok()?);
    let (status, told) = match query {
        Some(_) => (
            "200 OK",
            "Placet has the answer; the command line says how it ended. You can close this page.\n",
        ),
        None => ("404 Not Found", "There is nothing here.\n"),
    };
    let page = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{told}",
        told.len()
    );
    let _told = stream.get_mut().write_all(page.as_bytes()).await;
    let _closed = stream.get_mut().shutdown().await;
    query
}

/// The query of a request line that is the browser's way back.
fn query(line: &str) -> Option<String> {
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    let query = target.strip_prefix(CALLBACK)?.strip_prefix('?')?;
    let answers = |name: &str| query.split('&').any(|pair| pair.starts_with(name));
    (answers("state=") && (answers("code=") || answers("error="))).then(|| query.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[test]
    fn only_the_browsers_way_back_is_an_answer() {
        assert_eq!(query("GET /callback?code=a&state=b HTTP/1.1\r\n").as_deref(), Some("code=a&state=b"));
        assert_eq!(query("GET /callback?error=x&state=b HTTP/1.1\r\n").as_deref(), Some("error=x&state=b"));
        for line in [
            "GET /callback HTTP/1.1",
            "GET /callback?code=a HTTP/1.1",
            "GET /callbacks?code=a&state=b HTTP/1.1",
            "POST /callback?code=a&state=b HTTP/1.1",
            "GET /favicon.ico HTTP/1.1",
            "",
        ] {
            assert_eq!(query(line), None, "{line}");
        }
    }

    #[tokio::test]
    async fn what_else_connects_is_told_that_nothing_is_here() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = tokio::spawn(async move { answer(&listener).await.unwrap() });
        let mut told = Vec::new();
        for line in ["GET /favicon.ico HTTP/1.1\r\n\r\n", "GET /callback?state=s&code=c HTTP/1.1\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            let mut page = String::new();
            let _read = stream.read_to_string(&mut page).await;
            told.push(page.split(' ').nth(1).unwrap_or_default().to_owned());
        }
        assert_eq!(waiting.await.unwrap(), "state=s&code=c");
        assert_eq!(told, ["404", "200"]);
    }
}
