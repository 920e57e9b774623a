//! Letting a command line in, in the manner of RFC 8628: it shows a code, its person signs in with a browser, types the
//! code and agrees; the command line then gets a token. The code is never part of an address: people type what they see.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use placet_domain::{Digest, PersonName, Timestamp};
use placet_engine::ports::AccessKind;
use serde_json::json;

use super::{
    browser::{Person, web},
    form::Form,
    page::{self, Escaped, Page, refusal},
    session::{self, LIFE, Secret},
};
use crate::Control;

/// How long a code may be typed.
const LIFE_OF_CODE: Duration = Duration::from_secs(10 * 60);
/// The shortest time between two looks of a command line.
const INTERVAL: Duration = Duration::from_secs(2);
/// Command lines that wait.
const WAITING: usize = 64;
/// Longest name of a command line, characters.
const NAME_CHARS: usize = 64;
/// Letters of codes: no vowels, so that they make no words, and none that look alike (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Command lines that wait to be let in. A restart forgets them: people begin again.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<Vec<Login>>);

#[derive(Debug)]
struct Login {
    device: Digest,
    code: String,
    /// What the command line says of itself.
    name: String,
    state: Progress,
    made: Timestamp,
    looked: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Agreed(PersonName),
    Refused,
    Waiting,
}

/// What a command line is told.
enum Told {
    Come(PersonName),
    Slower,
    Refused,
    Gone,
    Wait,
}

impl Logins {
    fn put(&self, login: Login) -> bool {
        let mut all = self.0.lock();
        let now = login.made;
        all.retain(|one| now.since(one.made) < LIFE_OF_CODE);
        if all.len() >= WAITING || all.iter().any(|one| one.code == login.code) {
            return false;
        }
        all.push(login);
        true
    }

    fn name_of(&self, code: &str, now: Timestamp) -> Option<String> {
        let all = self.0.lock();
        let open = |one: &&Login| is_open(one, code, now);
        all.iter().find(open).map(|one| one.name.clone())
    }

    /// Answers for a command line; `false` if none waits with this code.
    fn answer(&self, code: &str, person: Option<&PersonName>, now: Timestamp) -> bool {
        let mut all = self.0.lock();
        let Some(login) = all.iter_mut().find(|one| is_open(one, code, now)) else { return false };
        login.state = person.map_or(Progress::Refused, |person| Progress::Agreed(person.clone()));
        true
    }

    /// What a command line is told. Whoever is let in, or refused, is told once.
    fn look(&self, device: Digest, now: Timestamp) -> Told {
        let mut all = self.0.lock();
        let Some(place) = all.iter().position(|one| one.device == device) else { return Told::Gone };
        let Some(login) = all.get_mut(place) else { return Told::Gone };
        if now.since(login.made) >= LIFE_OF_CODE {
            all.swap_remove(place);
            return Told::Gone;
        }
        let early = login.looked.is_some_and(|looked| now.since(looked) < INTERVAL);
        login.looked = Some(now);
        match login.state.clone() {
            Progress::Waiting if early => Told::Slower,
            Progress::Waiting => Told::Wait,
            Progress::Agreed(person) => {
                all.swap_remove(place);
                Told::Come(person)
            }
            Progress::Refused => {
                all.swap_remove(place);
                Told::Refused
            }
        }
    }
}

fn is_open(login: &Login, code: &str, now: Timestamp) -> bool {
    login.code == code && login.state == Progress::Waiting && now.since(login.made) < LIFE_OF_CODE
}

/// A command line begins.
pub(super) async fn start(State(control): State<Arc<Control>>, form: Form) -> Response {
    let web = match web(&control) {
        Ok(web) => web,
        Err(response) => return response,
    };
    let (device, code) = (Secret::random(&control.engine), code(&control));
    let name: String = form.text("client_name").chars().take(NAME_CHARS).collect();
    let made = control.engine.ports().clock.now();
    let login = Login {
        device: device.hash(),
        code: code.clone(),
        name,
        state: Progress::Waiting,
        made,
        looked: None,
    };
    if !web.logins.put(login) {
        return told(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable");
    }
    let (front, back) = code.split_at(4);
    Json(json!({
        "device_code": device.expose(),
        "user_code": format!("{front}-{back}"),
        "verification_uri": format!("{}/device", web.origin),
        "expires_in": LIFE_OF_CODE.as_secs(),
        "interval": INTERVAL.as_secs(),
    }))
    .into_response()
}

/// A command line looks whether it was let in.
pub(super) async fn token(State(control): State<Arc<Control>>, form: Form) -> Response {
    let web = match web(&control) {
        Ok(web) => web,
        Err(response) => return response,
    };
    if form.text("grant_type") != GRANT {
        return told(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let now = control.engine.ports().clock.now();
    let person = match web.logins.look(Digest::of(form.text("device_code").as_bytes()), now) {
        Told::Come(person) => person,
        Told::Slower => return told(StatusCode::BAD_REQUEST, "slow_down"),
        Told::Refused => return told(StatusCode::BAD_REQUEST, "access_denied"),
        Told::Gone => return told(StatusCode::BAD_REQUEST, "expired_token"),
        Told::Wait => return told(StatusCode::BAD_REQUEST, "authorization_pending"),
    };
    if control.engine.ports().people.person(&person).is_none() {
        return told(StatusCode::BAD_REQUEST, "access_denied");
    }
    match session::make(web, &control.engine, AccessKind::Token, &person, LIFE).await {
        Ok(secret) => {
            tracing::info!(%person, "a command line was let in");
            Json(json!({
                "access_token": secret.expose(),
                "token_type": "Bearer",
                "expires_in": LIFE.as_secs(),
                "person": person.as_str(),
            }))
            .into_response()
        }
        Err(error) => page::unavailable(&error),
    }
}

/// Where people type the code.
pub(super) async fn page(Person(_): Person) -> Page {
    Page::new("Let a command line in")
        .says("Type the code that your own command line shows. Never type one that somebody sent you.")
        .with(
            "<form method=\"post\" action=\"/device\">\n<label>Code <input name=\"code\" autocomplete=\"off\" \
             autocapitalize=\"characters\" required></label>\n<button>Go on</button>\n</form>",
        )
}

/// What would be let in.
pub(super) async fn look(
    State(control): State<Arc<Control>>,
    Person(person): Person,
    form: Form,
) -> Response {
    let code = typed(form.text("code"));
    let found = async {
        let web = web(&control)?;
        let now = control.engine.ports().clock.now();
        guessed(&control, &person, now)?;
        web.logins.name_of(&code, now).ok_or_else(unknown)
    };
    match found.await {
        Ok(name) => {
            // Not forgiven here: whoever could look for nothing could try codes for nothing.
            Page::new("Is this yours?")
                .with(&format!("<p><code>{}</code></p>", Escaped(&code)))
                .says(&format!(
                    "It calls itself “{name}”. If you agree, it may do for eight hours what you may do."
                ))
                .with(&format!(
                    "<form method=\"post\" action=\"/device/answer\">\n\
                     <input type=\"hidden\" name=\"code\" value=\"{}\">\n\
                     <button name=\"answer\" value=\"agree\">Let it in</button>\n\
                     <button name=\"answer\" value=\"refuse\">No</button>\n</form>",
                    Escaped(&code)
                ))
                .into_response()
        }
        Err(response) => response,
    }
}

/// The answer.
pub(super) async fn answer(
    State(control): State<Arc<Control>>,
    Person(person): Person,
    form: Form,
) -> Response {
    let answered = async {
        let web = web(&control)?;
        let now = control.engine.ports().clock.now();
        guessed(&control, &person, now)?;
        let agree = form.text("answer") == "agree";
        match web.logins.answer(&typed(form.text("code")), agree.then_some(&person), now) {
            true => {
                web.attempts.right(&guesses(&person));
                Ok(agree)
            }
            false => Err(unknown()),
        }
    };
    match answered.await {
        Ok(true) => Page::new("It is in").says("You can go back to the command line.").into_response(),
        Ok(false) => Page::new("It stays out").says("The command line was refused.").into_response(),
        Err(response) => response,
    }
}

fn guesses(person: &PersonName) -> String {
    format!("code {person}")
}

fn guessed(control: &Control, person: &PersonName, now: Timestamp) -> Result<(), Response> {
    let web = web(control)?;
    web.attempts.count(&guesses(person), now).map_err(|_| {
        let why = "There were too many codes. Nothing was looked at.";
        refusal(StatusCode::TOO_MANY_REQUESTS, why, "Wait a quarter of an hour.").into_response()
    })
}

fn unknown() -> Response {
    let why = "No command line waits with this code.";
    refusal(StatusCode::NOT_FOUND, why, "Look at the code again; it is good for ten minutes.").into_response()
}

/// As people type codes: small letters, with or without the dash.
fn typed(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn code(control: &Control) -> String {
    let mut code = String::new();
    while code.len() < 8 {
        let mut bytes = [0; 16];
        control.engine.ports().entropy.fill(&mut bytes);
        // 240 is the largest multiple of 20 in a byte: beyond it the first letters would come more often.
        let letters =
            bytes.iter().filter(|byte| **byte < 240).filter_map(|byte| LETTERS.get(usize::from(byte % 20)));
        code.extend(letters.map(|letter| char::from(*letter)).take(8 - code.len()));
    }
    code
}

fn told(status: StatusCode, error: &'static str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
