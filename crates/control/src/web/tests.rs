//! The listener over a real connection: who is let in, how, for how long, and what is refused.

mod devices;
mod directory;
mod idp;
mod local;
mod provider;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use placet_domain::{ApprovalId, Json, Tier};
use placet_engine::ports::AccessKind;
use placet_policy::Role;
use placet_testkit::{MemoryAccounts, World};
use tokio::{net::TcpStream, sync::oneshot};

use super::*;
use crate::{
    Access, ControlConfig, ReloadFailure, Roles, RotateFailure,
    routes::{ROUTES, Verb},
};
use idp::Idp;

/// A world with its control API on a listener. `ana` administers, `bo` reads and leads, `cy` has no group.
struct Site {
    world: World,
    accounts: Arc<MemoryAccounts>,
    idp: Arc<Idp>,
    address: SocketAddr,
    origin: String,
    first: Option<String>,
    _stop: oneshot::Sender<()>,
    _home: tempfile::TempDir,
}

impl Site {
    async fn local() -> Self {
        Self::with(None).await
    }

    async fn with(sign_in: Option<SignInConfig>) -> Self {
        let mut world = World::new()
            .person("ana", &["ops"])
            .person("bo", &["staff", "leads"])
            .person("cy", &[])
            .tool("crm.update_deal", r#"{"type":"object"}"#)
            .open()
            .await;
        let idp = Arc::new(Idp::new());
        world.ports.providers = idp.clone();
        world.restart().await;
        let home = tempfile::tempdir().unwrap();
        let config = ControlConfig {
            socket: home.path().join("run/control.sock"),
            people: Arc::new(|_uid| None),
            connectors: vec![],
            reload: Arc::new(|_by| Box::pin(async { Err(ReloadFailure::Read("no".to_owned())) })),
            rotate: Arc::new(|_by, _leaked| Box::pin(async { Err(RotateFailure("no".into())) })),
            change_log_key: Arc::new(|_by| Box::pin(async { Err(RotateFailure("no".into())) })),
        };
        let group = |name: &str| vec![name.parse::<GroupName>().unwrap()];
        let roles = Roles::default()
            .with(Role::Admin, group("ops"))
            .with(Role::Viewer, group("staff"))
            .with(Role::Approver(Tier::Two), group("leads"));
        let accounts = Arc::<MemoryAccounts>::default();
        let admits = sign_in.as_ref().is_some_and(|sign_in| sign_in.admit);
        let people = world.people.clone();
        let directory: Directory = Arc::new(move |person, groups| {
            let groups: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
            let known = placet_engine::ports::People::person(&*people, person).is_some();
            if known || admits {
                people.add(person.as_str(), &groups);
            }
        });
        let web = WebConfig::new("127.0.0.1:0".parse().unwrap(), None, sign_in).unwrap();
        let control = Control::new(world.engine.clone(), config, Access::built_in(Some(roles)).unwrap())
            .with_web(Web::new(web, accounts.clone(), directory));
        let bound = control.bind().await.unwrap();
        let first = bound.first_link(&"ana".parse().unwrap()).await.unwrap().map(|invited| invited.link);
        let (address, origin) = bound.web().map(|(address, origin)| (address, origin.to_owned())).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(bound.serve(async { drop(stopped.await) }));
        Self { world, accounts, idp, address, origin, first, _stop: stop, _home: home }
    }

    fn browser(&self) -> Browser {
        Browser { address: self.address, origin: self.origin.clone(), cookies: BTreeMap::new() }
    }

    /// A browser in which `ana` has set her passphrase by the first link.
    async fn ana(&self) -> Browser {
        let mut browser = self.browser();
        let seen = browser.set_passphrase(self.first.as_deref().unwrap(), PASSPHRASE).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
        browser
    }

    fn advance(&self, minutes: u64) {
        self.world.clock.advance(Duration::from_secs(60 * minutes));
    }
}

const PASSPHRASE: &str = "seven green bottles";

/// A browser: it keeps cookies, and says where its writes come from.
#[derive(Clone)]
struct Browser {
    address: SocketAddr,
    origin: String,
    cookies: BTreeMap<String, String>,
}

struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Json {
        Json::parse(self.body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn text(&self, key: &str) -> String {
        self.json()
            .member(key)
            .and_then(Json::as_str)
            .unwrap_or_else(|| panic!("{key}: {}", self.body))
            .to_owned()
    }
}

impl Browser {
    async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Seen {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        let mut all = vec![("host", self.origin.strip_prefix("http://").unwrap_or("?").to_owned())];
        if !self.cookies.is_empty() {
            let line: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            all.push(("cookie", line.join("; ")));
        }
        for (name, value) in headers {
            all.retain(|(other, _)| other != name);
            if !value.is_empty() {
                all.push((name, (*value).to_owned()));
            }
        }
        for (name, value) in all {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for line in headers.get_all("set-cookie") {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match attributes.contains("Max-Age=0") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Seen { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&mut self, path: &str) -> Seen {
        self.send(Method::GET, path, &[], "").await
    }

    /// A form of a page of ours.
    async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let origin = self.origin.clone();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, &body).await
    }

    /// A write of a page's or a program's.
    async fn post(&mut self, path: &str, body: &str) -> Seen {
        let origin = self.origin.clone();
        self.send(Method::POST, path, &[("origin", &origin)], body).await
    }

    async fn set_passphrase(&mut self, link: &str, passphrase: &str) -> Seen {
        let secret = link.rsplit('/').next().unwrap();
        self.form("/setup", &[("secret", secret), ("passphrase", passphrase), ("again", passphrase)]).await
    }

    async fn sign_in(&mut self, person: &str, passphrase: &str) -> Seen {
        self.form("/sign-in", &[("person", person), ("passphrase", passphrase), ("next", "home")]).await
    }

    /// Whether somebody is signed in.
    async fn is_in(&mut self) -> bool {
        self.get("/v1/status").await.status == StatusCode::OK
    }
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
    }
}

#[tokio::test]
async fn no_route_answers_a_stranger() {
    let site = Site::local().await;
    let before = site.world.ledger.receipts().len();
    for cookie in ["", "__Host-placet=guess", "__Host-placet=a; __Host-placet=b", "placet=x"] {
        for route in ROUTES {
            let id = ApprovalId::new(Timestamp::from_micros(0), [0; 10]).to_string();
            let path = route.path.replace("{id}", &id).replace("{name}", "crm");
            let headers = [("origin", site.origin.as_str()), ("cookie", cookie)];
            let seen = site.browser().send(method(route.verb), &path, &headers, "{}").await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(seen.text("type"), "https://placet.dev/problems/sign-in", "{path}");
        }
    }
    let seen = site.browser().get("/v1/nothing").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.world.ledger.receipts().len(), before, "nothing was changed");
}

#[tokio::test]
async fn no_page_tells_a_stranger_anything_but_how_to_sign_in() {
    let site = Site::local().await;
    for page in PAGES {
        for verb in [Method::GET, Method::POST] {
            let path = page.path.replace("{secret}", "guess");
            let headers =
                [("origin", site.origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
            let seen = site.browser().send(verb.clone(), &path, &headers, "").await;
            let told = seen.body.contains("ana") || seen.body.contains("bo<");
            assert!(!told, "{verb} {path}: {}", seen.body);
            if !page.open {
                let turned = seen.status == StatusCode::METHOD_NOT_ALLOWED
                    || (seen.status == StatusCode::SEE_OTHER
                        && seen.header("location").starts_with("/sign-in"));
                assert!(turned, "{verb} {path}: {}", seen.status);
            }
        }
    }
    assert!(site.accounts.keys().iter().all(|key| key.kind == AccessKind::Setup), "only the first link");
}

#[tokio::test]
async fn a_role_opens_what_it_is_for_and_nothing_else() {
    let site = Site::local().await;
    let mut ana = site.ana().await;
    let link = ana.post("/v1/people/bo/invite", "{}").await.text("link");
    let mut bo = site.browser();
    bo.set_passphrase(&link, "a table of seven").await;
    let link = ana.post("/v1/people/cy/invite", "{}").await.text("link");
    let mut cy = site.browser();
    cy.set_passphrase(&link, "a table of seven").await;
    // `cy` is known, and may do nothing.
    for (browser, path, status) in
        [(&mut bo, "/v1/agents", StatusCode::OK), (&mut cy, "/v1/agents", StatusCode::FORBIDDEN)]
    {
        assert_eq!(browser.get(path).await.status, status);
    }
    let agent = r#"{"name":"a","owner":"cy","purpose":"p","tier":2}"#;
    assert_eq!(bo.post("/v1/agents", agent).await.status, StatusCode::FORBIDDEN);
    assert_eq!(cy.post("/v1/agents", agent).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ana.post("/v1/agents", agent).await.status, StatusCode::OK);
    // Now `cy` owns one, and looks after it.
    assert_eq!(cy.get("/v1/agents/a").await.status, StatusCode::OK);
    assert_eq!(cy.post("/v1/agents/a/certify", "{}").await.status, StatusCode::OK);
    assert_eq!(
        cy.post("/v1/halts", r#"{"what":"agent","name":"a","reason":"it mails"}"#).await.status,
        StatusCode::OK
    );
    assert_eq!(
        cy.post("/v1/halts", r#"{"what":"all","reason":"it mails"}"#).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(bo.post("/v1/agents/a/suspend", "{}").await.status, StatusCode::FORBIDDEN);
    let seen = bo.post("/v1/people/cy/invite", "{}").await;
    assert!(
        seen.status == StatusCode::FORBIDDEN && seen.text("detail").contains("approver-2, viewer"),
        "{}",
        seen.body
    );
}

#[tokio::test]
async fn a_foreign_page_can_neither_read_nor_write() {
    let site = Site::local().await;
    let mut ana = site.ana().await;
    let origin = site.origin.clone();
    let refused: [&[(&str, &str)]; 7] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost:1")],
        &[("origin", &origin), ("sec-fetch-site", "cross-site")],
        &[("origin", &origin), ("host", "evil.example")],
        &[("origin", "https://evil.example"), ("placet-request", "1")],
    ];
    for headers in refused {
        let body = r#"{"name":"a","owner":"ana","purpose":"p","tier":1}"#;
        let seen = ana.send(Method::POST, "/v1/agents", headers, body).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{headers:?}");
        let form = "person=ana&passphrase=x";
        let mut all = headers.to_vec();
        all.push(("content-type", "application/x-www-form-urlencoded"));
        assert_eq!(ana.send(Method::POST, "/sign-in", &all, form).await.status, StatusCode::FORBIDDEN);
    }
    assert!(site.world.receipts("agent").is_empty());
    // Rebinding: a name of somebody else's that leads here.
    let seen = ana.send(Method::GET, "/v1/agents", &[("host", "evil.example")], "").await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let seen = ana.send(Method::GET, "/v1/agents", &[("origin", "https://evil.example")], "").await;
    assert!(
        seen.status == StatusCode::FORBIDDEN && !seen.headers.contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn every_answer_has_the_headers_and_the_cookie_its_flags() {
    let site = Site::local().await;
    let mut browser = site.browser();
    for path in ["/", "/sign-in", "/v1/status", "/style.css", "/nothing"] {
        let seen = browser.get(path).await;
        assert!(
            seen.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"),
            "{path}"
        );
        assert_eq!(seen.header("x-content-type-options"), "nosniff");
        assert_eq!(seen.header("cache-control"), "no-store");
        assert!(!seen.body.contains("<script"));
    }
    let seen = browser.set_passphrase(site.first.as_deref().unwrap(), PASSPHRASE).await;
    let cookie = seen.header("set-cookie").to_owned();
    let (value, flags) = cookie.strip_prefix("__Host-placet=").unwrap().split_once(';').unwrap();
    assert_eq!(flags, " Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=28800");
    assert!(value.len() == 43 && !seen.header("location").contains(value));
    let hash = placet_domain::Digest::of(value.as_bytes());
    assert!(site.accounts.keys().iter().any(|key| key.hash == hash), "kept as a digest");
}

#[tokio::test]
async fn a_session_ends_by_time_by_disuse_at_sign_out_and_when_its_person_leaves() {
    let site = Site::local().await;
    let mut ana = site.ana().await;
    for _ in 0..23 {
        site.advance(20);
        assert!(ana.is_in().await, "used every twenty minutes");
    }
    site.advance(20);
    assert!(!ana.is_in().await, "eight hours are the end");
    ana.sign_in("ana", PASSPHRASE).await;
    site.advance(31);
    assert!(!ana.is_in().await, "half an hour without use");
    ana.sign_in("ana", PASSPHRASE).await;
    let mut stolen = ana.clone();
    assert!(stolen.is_in().await);
    let seen = ana.form("/sign-out", &[]).await;
    assert_eq!(seen.header("location"), "/sign-in");
    assert!(!stolen.is_in().await && ana.cookies.is_empty(), "ended here, and not only in the browser");
    ana.sign_in("ana", PASSPHRASE).await;
    assert!(ana.is_in().await);
    site.world.people.leave("ana");
    assert!(!ana.is_in().await);
    site.world.people.add("ana", &["ops"]);
    assert!(!ana.is_in().await, "who comes back signs in anew");
}
