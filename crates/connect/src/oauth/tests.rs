//! Sign-ins against an authorization server written by hand, which counts and can be told to misbehave.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU8, Ordering},
    },
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use placet_domain::{ConnectorName, Timestamp};
use placet_engine::ports::{Clock, Entropy, LoginStep, StoreError, Vault, Withdrawal};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{Account, Challenge, ClientProof, OauthClient, OauthConfig, OauthGrant, Safe, VaultKey};
use crate::ending::Ending;

const REDIRECT: &str = "http://127.0.0.1:7429/callback";

/// The resource and its authorization server at one address.
#[derive(Default)]
struct Stage {
    base: String,
    /// Path and body of each request.
    asked: Mutex<Vec<(String, String)>>,
    /// What the token endpoint does.
    refuses: Mutex<bool>,
    /// What the revocation endpoint answers, if there is one.
    revokes: Mutex<Option<&'static str>>,
    /// Which issuer the resource names, if it is not this one.
    issuer: Mutex<Option<String>>,
    tokens: AtomicU8,
}

impl Stage {
    async fn open() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stage = Arc::new(Self { base, ..Self::default() });
        let served = stage.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(stream));
            }
        });
        stage
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let (line, body) = loop {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap_or(0);
            if read == 0 {
                return;
            }
            bytes.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length:").and_then(|length| length.trim().parse().ok())
            });
            if body.len() >= length.unwrap_or(0) {
                break (head.lines().next().unwrap().to_owned(), body.to_owned());
            }
        };
        let path = line.split(' ').nth(1).unwrap().to_owned();
        self.asked.lock().push((path.clone(), body.clone()));
        let (status, answer) = self.answer(&path, &body);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        let _written = stream.write_all(answer.as_bytes()).await;
    }

    fn answer(&self, path: &str, body: &str) -> (&'static str, String) {
        let base = &self.base;
        match path {
            "/.well-known/oauth-protected-resource/mcp" => {
                let issuer = self.issuer.lock().clone().unwrap_or_else(|| base.clone());
                ("200 OK", format!(r#"{{"resource":"{base}/mcp","authorization_servers":["{issuer}"]}}"#))
            }
            "/.well-known/oauth-authorization-server" => (
                "200 OK",
                format!(
                    r#"{{{}"issuer":"{base}","authorization_endpoint":"{base}/authorize","token_endpoint":"{base}/token",
                    "registration_endpoint":"{base}/register","code_challenge_methods_supported":["S256"],
                    "token_endpoint_auth_methods_supported":["none"],"authorization_response_iss_parameter_supported":true}}"#,
                    match *self.revokes.lock() {
                        Some(_) => format!(r#""revocation_endpoint":"{base}/revoke","#),
                        None => String::new(),
                    }
                ),
            ),
            "/revoke" => (self.revokes.lock().unwrap_or("404 Not Found"), String::new()),
            "/register" => ("201 Created", r#"{"client_id":"registered"}"#.to_owned()),
            "/token" if *self.refuses.lock() => {
                ("400 Bad Request", r#"{"error":"invalid_grant"}"#.to_owned())
            }
            "/token" => {
                let number = self.tokens.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(body.contains("resource="), "{body}");
                let token = format!(
                    r#"{{"access_token":"access-{number}","token_type":"bearer","expires_in":300,"refresh_token":"refresh-{number}"}}"#
                );
                ("200 OK", token)
            }
            _ => ("404 Not Found", "{}".to_owned()),
        }
    }

    fn asked(&self, path: &str) -> Vec<String> {
        self.asked.lock().iter().filter(|(asked, _)| asked == path).map(|(_, body)| body.clone()).collect()
    }
}

#[derive(Default)]
struct Shelf(Mutex<HashMap<ConnectorName, Vec<u8>>>);

#[async_trait]
impl Vault for Shelf {
    async fn sealed(&self, connector: &ConnectorName) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(connector).cloned())
    }

    async fn keep(&self, connector: &ConnectorName, sealed: Vec<u8>) -> Result<(), StoreError> {
        self.0.lock().insert(connector.clone(), sealed);
        Ok(())
    }

    async fn remove(&self, connector: &ConnectorName) -> Result<bool, StoreError> {
        Ok(self.0.lock().remove(connector).is_some())
    }
}

struct Moving(AtomicI64);

impl Clock for Moving {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::SeqCst));
    }
}

struct World {
    stage: Arc<Stage>,
    shelf: Arc<Shelf>,
    clock: Arc<Moving>,
    account: Arc<Account>,
}

impl World {
    async fn new(change: impl FnOnce(&mut OauthConfig, &str)) -> Self {
        let stage = Stage::open().await;
        let mut config = OauthConfig {
            grant: OauthGrant::Code,
            client: None,
            document: None,
            issuer: None,
            scopes: Vec::new(),
            private_addresses: false,
        };
        change(&mut config, &stage.base);
        let shelf = Arc::new(Shelf::default());
        let clock = Arc::new(Moving(AtomicI64::new(1_795_300_000_000_000)));
        let account = account(&stage, &shelf, &clock, config);
        Self { stage, shelf, clock, account }
    }

    /// A person signs in: what the browser is sent to, and comes back with.
    async fn signed_in(&self) -> String {
        let url = self.begun().await;
        let answer = self.answer_to(&url);
        self.account.end(&answer).await.unwrap();
        answer
    }

    async fn begun(&self) -> String {
        match self.account.begin(&Challenge::default(), REDIRECT).await.unwrap() {
            LoginStep::Authorize { url } => url,
            LoginStep::Done(_) => panic!("a person signs in"),
        }
    }

    fn answer_to(&self, url: &str) -> String {
        let query = url.split_once('?').unwrap().1;
        let state = query.split('&').find(|pair| pair.starts_with("state=")).unwrap();
        format!("code=c&{state}&iss={}", self.stage.base.replace(':', "%3A").replace('/', "%2F"))
    }

    fn passes(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    async fn token(&self) -> Result<String, String> {
        token(&self.account).await
    }
}

fn account(stage: &Stage, shelf: &Arc<Shelf>, clock: &Arc<Moving>, config: OauthConfig) -> Arc<Account> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let safe = Safe {
        vault: shelf.clone(),
        key: Arc::new(VaultKey::new(&[3; 32]).unwrap()),
        clock: clock.clone(),
        entropy: Arc::new(Counting(AtomicU8::new(1))),
    };
    let url = format!("{}/mcp", stage.base).parse().unwrap();
    Arc::new(Account::new("files".parse().unwrap(), url, config, safe).unwrap())
}

async fn token(account: &Arc<Account>) -> Result<String, String> {
    let mut headers = HeaderMap::new();
    match account.authorize(&mut headers).await {
        Ok(_) => Ok(headers[header::AUTHORIZATION].to_str().unwrap().to_owned()),
        Err(Ending::Unauthorized { sent: false, detail }) => Err(detail),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_a_sign_in_a_call_is_refused_with_the_way_out() {
    let world = World::new(|_, _| {}).await;
    let why = world.token().await.unwrap_err();
    assert!(why.contains("`placet connector login files`"), "{why}");
    assert_eq!(world.account.standing().unwrap_err(), why);
    assert!(world.stage.asked.lock().is_empty());
}

#[tokio::test]
async fn a_person_signs_in_and_what_is_kept_is_sealed() {
    let world = World::new(|_, _| {}).await;
    let url = world.begun().await;
    for part in ["code_challenge_method=S256", "resource=", "client_id=registered", "response_type=code"] {
        assert!(url.contains(part), "{url}");
    }
    world.account.end(&world.answer_to(&url)).await.unwrap();
    assert_eq!(world.token().await.unwrap(), "Bearer access-1");
    assert!(world.account.standing().is_ok());
    let kept = world.shelf.0.lock().values().next().unwrap().clone();
    assert!(!String::from_utf8_lossy(&kept).contains("access-1"));
    // After a restart, too.
    let again = account(&world.stage, &world.shelf, &world.clock, world.account.config.clone());
    assert_eq!(token(&again).await.unwrap(), "Bearer access-1");
    assert_eq!(again.forget().await.unwrap(), Some(Withdrawal::Unserved));
    assert!(token(&again).await.is_err());
    assert_eq!(again.forget().await.unwrap(), None);
}

#[tokio::test]
async fn whoever_signs_out_has_the_tokens_taken_back() {
    let world = World::new(|_, _| {}).await;
    *world.stage.revokes.lock() = Some("200 OK");
    world.signed_in().await;
    // Also what another start of the program has got.
    let again = account(&world.stage, &world.shelf, &world.clock, world.account.config.clone());
    assert_eq!(again.forget().await.unwrap(), Some(Withdrawal::Revoked));
    let forms = world.stage.asked("/revoke");
    assert_eq!(
        forms,
        [
            "token=refresh-1&token_type_hint=refresh_token&client_id=registered",
            "token=access-1&token_type_hint=access_token&client_id=registered"
        ]
    );
    assert!(token(&again).await.is_err() && world.shelf.0.lock().is_empty());
}

#[tokio::test]
async fn a_server_that_takes_no_token_back_keeps_nobody_signed_in() {
    let world = World::new(|_, _| {}).await;
    *world.stage.revokes.lock() = Some("503 Service Unavailable");
    world.signed_in().await;
    let was = world.account.forget().await.unwrap();
    assert!(matches!(&was, Some(Withdrawal::Refused(why)) if why.contains("HTTP 503")), "{was:?}");
    assert!(world.token().await.is_err() && world.shelf.0.lock().is_empty());
    // Nor does one that is nowhere to be reached, or what nobody can open any more.
    *world.stage.revokes.lock() = Some("200 OK");
    world.signed_in().await;
    for sealed in world.shelf.0.lock().values_mut() {
        sealed.truncate(20);
    }
    let again = account(&world.stage, &world.shelf, &world.clock, world.account.config.clone());
    assert!(matches!(again.forget().await.unwrap(), Some(Withdrawal::Refused(_))));
    assert!(world.shelf.0.lock().is_empty());
}

#[tokio::test]
async fn an_answer_is_taken_once_and_only_if_it_is_of_this_sign_in() {
    let world = World::new(|_, _| {}).await;
    let answer = world.answer_to(&world.begun().await);
    for wrong in [answer.replace("state=", "state=x"), "code=c".to_owned(), format!("{answer}&state=y")] {
        assert!(world.account.end(&wrong).await.is_err(), "{wrong}");
    }
    // Those ended nothing; this one does.
    let other_issuer = answer.replace("iss=", "iss=x");
    assert!(world.account.end(&other_issuer).await.is_err());
    assert!(world.account.end(&answer).await.is_err());
    let nameless = world.answer_to(&world.begun().await);
    assert!(world.account.end(nameless.split("&iss=").next().unwrap()).await.is_err());
    let late = world.answer_to(&world.begun().await);
    world.passes(601);
    assert!(world.account.end(&late).await.is_err());
    assert!(world.stage.asked("/token").is_empty());
    let used = world.signed_in().await;
    assert!(world.account.end(&used).await.is_err());
    assert_eq!(world.stage.asked("/token").len(), 1);
}

#[tokio::test]
async fn a_refresh_token_is_used_once_however_many_calls_wait_and_its_successor_is_kept() {
    let world = World::new(|_, _| {}).await;
    world.signed_in().await;
    world.passes(280);
    let waiting: Vec<_> = (0..16)
        .map(|_| {
            let account = world.account.clone();
            tokio::spawn(async move { token(&account).await.unwrap() })
        })
        .collect();
    for one in waiting {
        assert_eq!(one.await.unwrap(), "Bearer access-2");
    }
    assert_eq!(world.stage.asked("/token").len(), 2);
    let again = account(&world.stage, &world.shelf, &world.clock, world.account.config.clone());
    world.passes(280);
    assert_eq!(token(&again).await.unwrap(), "Bearer access-3");
    assert!(world.stage.asked("/token").pop().unwrap().contains("refresh_token=refresh-2"));
}

#[tokio::test]
async fn a_renewal_that_is_refused_is_not_asked_for_again() {
    let world = World::new(|_, _| {}).await;
    world.signed_in().await;
    world.passes(280);
    *world.stage.refuses.lock() = true;
    for _ in 0..3 {
        assert!(world.token().await.unwrap_err().contains("`placet connector login files`"));
    }
    assert_eq!(world.stage.asked("/token").len(), 2);
    *world.stage.refuses.lock() = false;
    world.signed_in().await;
    assert!(world.token().await.is_ok());
}

#[tokio::test]
async fn a_token_that_the_upstream_refuses_is_renewed_with_the_next_call_and_not_for_ever() {
    let world = World::new(|_, _| {}).await;
    world.signed_in().await;
    let refused = async || {
        let used = HeaderValue::from_str(&world.token().await.unwrap()).unwrap();
        world.account.challenged(&used, StatusCode::UNAUTHORIZED, &HeaderMap::new()).await.unwrap()
    };
    for _ in 0..2 {
        assert!(matches!(refused().await, Ending::Unauthorized { sent: true, .. }));
    }
    assert_eq!(world.stage.asked("/token").len(), 2);
    assert!(matches!(refused().await, Ending::Unauthorized { detail, .. } if detail.contains("login")));
    assert!(world.token().await.is_err());
    // A late answer to an old token does not end a new one.
    world.signed_in().await;
    let old = HeaderValue::from_static("Bearer access-1");
    world.account.challenged(&old, StatusCode::UNAUTHORIZED, &HeaderMap::new()).await.unwrap();
    assert!(world.token().await.is_ok());
}

#[tokio::test]
async fn what_the_upstream_asks_for_besides_is_asked_for_at_the_next_sign_in() {
    let world = World::new(|_, _| {}).await;
    world.signed_in().await;
    let used = HeaderValue::from_str(&world.token().await.unwrap()).unwrap();
    let mut headers = HeaderMap::new();
    let challenge = HeaderValue::from_static("Bearer error=\"insufficient_scope\", scope=\"files:write\"");
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    let ending = world.account.challenged(&used, StatusCode::FORBIDDEN, &headers).await.unwrap();
    assert!(matches!(ending, Ending::Unauthorized { detail, .. } if detail.contains("files:write")));
    // Other calls go on; a refusal that is not about scopes is the tool's own answer.
    assert!(world.token().await.is_ok() && world.account.standing().is_ok());
    assert!(world.account.challenged(&used, StatusCode::FORBIDDEN, &HeaderMap::new()).await.is_none());
    assert!(world.begun().await.contains("scope=files%3Awrite"));
}

fn confidential(config: &mut OauthConfig) {
    config.grant = OauthGrant::ClientCredentials;
    config.client = Some(OauthClient { id: "me".into(), proof: ClientProof::Secret("hush".into()) });
}

#[tokio::test]
async fn a_machine_signs_in_by_itself_where_the_operator_named_the_issuer() {
    let world = World::new(|config, base| {
        confidential(config);
        config.issuer = Some(base.to_owned());
        config.scopes = vec!["files:read".to_owned()];
    })
    .await;
    assert_eq!(world.token().await.unwrap(), "Bearer access-1");
    let form = world.stage.asked("/token").pop().unwrap();
    assert!(form.contains("grant_type=client_credentials") && form.contains("scope=files%3Aread"), "{form}");
    world.passes(280);
    assert_eq!(world.token().await.unwrap(), "Bearer access-2");
}

#[tokio::test]
async fn a_secret_goes_to_an_issuer_that_somebody_meant_and_to_no_other() {
    // Nobody named it: a person looks once.
    let world = World::new(|config, _| confidential(config)).await;
    assert!(world.token().await.is_err() && world.stage.asked("/token").is_empty());
    assert!(matches!(world.account.begin(&Challenge::default(), REDIRECT).await, Ok(LoginStep::Done(_))));
    assert!(world.token().await.is_ok());
    // The upstream names another one later.
    let other = Stage::open().await;
    *world.stage.issuer.lock() = Some(other.base.clone());
    assert!(world.account.begin(&Challenge::default(), REDIRECT).await.is_err());
    assert!(other.asked("/token").is_empty());
    // The operator named this one, and the upstream another.
    let world = World::new(|config, base| {
        confidential(config);
        config.issuer = Some(base.to_owned());
    })
    .await;
    *world.stage.issuer.lock() = Some(other.base.clone());
    assert!(world.token().await.is_err());
    assert!(other.asked("/token").is_empty() && world.stage.asked("/token").is_empty());
}
