//! An agent proves itself without a stored secret, and what it gets is an instance like any other.

use std::sync::atomic::{AtomicU32, Ordering};

use placet_domain::{Code, Json, Means, Object};
use placet_engine::{
    Credential, DpopRule, Form, IssuerKind, KeySource, OAuthAnswer, OAuthRequest, Reply, TrustedIssuer,
};
use placet_identity::{CLIENT_ASSERTION_TYPE, JWT_BEARER, Jwks, SPIFFE_ASSERTION_TYPE};
use placet_testkit::{Signer, World, WorldBuilder};

use super::crm::{APPROVERS, RULES, SMALL, answered, builder, code, owner, refused};

pub(super) const ISSUER: &str = "https://placet.example";
pub(super) const TOKEN: &str = "https://placet.example/oauth/token";
const MCP: &str = "https://placet.example/mcp/crm";
const NOTE: &str = "crm.add_note";

/// An id that no other token of this process has.
pub(super) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) async fn opened(builder: WorldBuilder) -> World {
    let world = builder.policies(RULES).policies(APPROVERS).open().await;
    owner(&world, "bob", "bob");
    world
}

/// A key of `billing`, which is registered.
pub(super) async fn with_key(world: &World) -> Signer {
    let _run = world.agent("billing").start().await;
    let key = Signer::ed25519(1, "laptop");
    let means = Means::Key(key.jwk());
    world.engine.add_credential(&"billing".parse().unwrap(), means, &"ana".parse().unwrap()).await.unwrap();
    key
}

pub(super) fn issuer(name: &str, kind: IssuerKind, url: &str, keys: KeySource) -> TrustedIssuer {
    TrustedIssuer {
        name: name.to_owned(),
        kind,
        url: url.to_owned(),
        audience: None,
        client_id: Some("placet".to_owned()),
        person: "preferred_username".to_owned(),
        groups: "groups".to_owned(),
        keys,
    }
}

pub(super) fn fixed(key: &Signer) -> KeySource {
    KeySource::Fixed(Jwks::parse(Json::Object(key.jwks("sig")).canonical().as_bytes()).unwrap())
}

pub(super) fn request(pairs: &[(&str, &str)]) -> OAuthRequest {
    let pairs = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    OAuthRequest {
        form: Form::new(pairs).unwrap(),
        credential: Credential::Absent,
        proof: None,
        method: "POST".to_owned(),
        url: TOKEN.to_owned(),
    }
}

/// A request that an agent authenticates by its key.
pub(super) fn signed(world: &World, key: &Signer, pairs: &[(&str, &str)]) -> OAuthRequest {
    let assertion = key.assertion("billing", ISSUER, &unique(), world.ports.clock.now());
    let own = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
    request(&[pairs, &own].concat())
}

pub(super) fn text(answer: &OAuthAnswer, name: &str) -> String {
    let body = answer.body.as_ref().unwrap_or_else(|| panic!("no body: {answer:?}"));
    body.member(name).and_then(Json::as_str).unwrap_or_else(|| panic!("no {name}: {answer:?}")).to_owned()
}

#[track_caller]
pub(super) fn granted(answer: &OAuthAnswer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    text(answer, "access_token")
}

#[track_caller]
pub(super) fn denied(answer: &OAuthAnswer, error: &str) {
    assert_eq!(text(answer, "error"), error, "{answer:?}");
}

const CLIENT: (&str, &str) = ("grant_type", "client_credentials");

/// A call of a tool with this credential.
pub(super) async fn calls(world: &World, credential: Credential, tool: &str, arguments: &str) -> Reply {
    let actor = world.agent("billing").start().await;
    let mut attempt = actor.attempt(tool, arguments);
    attempt.credential = credential;
    actor.sends(attempt).await
}

pub(super) fn bearer(token: &str) -> Credential {
    Credential::Bearer(token.into())
}

#[tokio::test]
async fn an_agent_with_a_key_gets_an_instance_and_the_receipt_says_how_it_was_proven() {
    let world = opened(builder()).await;
    let key = with_key(&world).await;
    let pairs = [CLIENT, ("task", "renew"), ("ticket", "T-1"), ("scope", NOTE), ("ttl", "120")];
    let answer = world.engine.token(signed(&world, &key, &pairs)).await;
    let token = granted(&answer);
    assert_eq!((text(&answer, "token_type").as_str(), text(&answer, "scope").as_str()), ("Bearer", NOTE));
    answered(&calls(&world, bearer(&token), NOTE, "{}").await);
    refused(&calls(&world, bearer(&token), "crm.update_deal", SMALL).await, Code::OutsideScope);
    let started = &world.receipts("instance")[1];
    let about = started.member("about").unwrap();
    let words = |path: &[&str]| path.iter().try_fold(about, |json, step| json.member(step)).unwrap().as_str();
    assert_eq!(started.member("by").unwrap().as_str(), Some("ana"));
    assert_eq!(words(&["proven", "by"]), Some("private_key_jwt"));
    assert_eq!((words(&["task"]), words(&["scope"])), (Some("renew"), Some(NOTE)));
    let credential = &world.receipts("credential")[0];
    assert_eq!(credential.member("change").unwrap().as_str(), Some("credential_added"));
    assert_eq!(
        words(&["proven", "credential"]),
        credential.member("about").unwrap().member("credential").unwrap().as_str()
    );
}

#[tokio::test]
async fn an_assertion_that_was_used_or_is_somebody_elses_starts_nothing() {
    let world = opened(builder()).await;
    let key = with_key(&world).await;
    let now = world.ports.clock.now();
    let other = Signer::ed25519(2, "laptop");
    let twice = key.assertion("billing", ISSUER, &unique(), now);
    let with = async |assertion: &str| {
        let own = [("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion)];
        world.engine.token(request(&[&[CLIENT][..], &own].concat())).await
    };
    granted(&with(&twice).await);
    let before = world.ports.mandates.instances().len();
    for assertion in [
        twice.as_str(),
        &other.assertion("billing", ISSUER, &unique(), now),
        &key.assertion("scout", ISSUER, &unique(), now),
        &key.assertion("billing", "https://other.example", &unique(), now),
        &key.assertion("billing", ISSUER, &unique(), placet_domain::Timestamp::from_micros(0)),
        "x.y.z",
        "",
    ] {
        assert!(with(assertion).await.status >= 400, "{assertion}");
    }
    denied(&world.engine.token(request(&[CLIENT])).await, "invalid_client");
    denied(&world.engine.token(request(&[CLIENT, ("client_secret", "s3cret")])).await, "invalid_client");
    denied(
        &world.engine.token(signed(&world, &key, &[("grant_type", "password")])).await,
        "unsupported_grant_type",
    );
    denied(
        &world.engine.token(signed(&world, &key, &[CLIENT, ("on_behalf_of", "bob")])).await,
        "invalid_request",
    );
    denied(&world.engine.token(signed(&world, &key, &[CLIENT, ("ttl", "3601")])).await, "invalid_request");
    denied(&world.engine.token(signed(&world, &key, &[CLIENT, ("scope", "crm  x")])).await, "invalid_scope");
    assert_eq!(world.ports.mandates.instances().len(), before);
}

#[tokio::test]
async fn only_those_who_answer_for_an_agent_say_how_it_proves_itself() {
    let world = opened(builder()).await;
    let key = with_key(&world).await;
    let (billing, ana, eve) = ("billing".parse().unwrap(), "ana".parse().unwrap(), "eve".parse().unwrap());
    let other = Means::Key(Signer::ed25519(3, "other").jwk());
    assert!(world.engine.add_credential(&billing, other.clone(), &eve).await.is_err());
    assert!(world.engine.open_enrolment(&billing, &eve).await.is_err());
    assert!(world.engine.add_credential(&billing, Means::Key(key.jwk()), &ana).await.is_err(), "twice");
    let secret = key.jwk().with("d", "AAAA");
    assert!(world.engine.add_credential(&billing, Means::Key(secret), &ana).await.is_err(), "private");
    let id = world.engine.credentials_of(&billing)[0].id;
    assert!(world.engine.remove_credential(id, &eve).await.is_err());
    world.engine.remove_credential(id, &ana).await.unwrap();
    denied(&world.engine.token(signed(&world, &key, &[CLIENT])).await, "invalid_client");
    let changes: Vec<_> =
        world.receipts("credential").iter().map(|one| one.member("change").cloned()).collect();
    assert_eq!(changes, ["credential_added", "credential_removed"].map(|change| Some(change.into())));
}

fn enrolling(world: &World, code: &str, key: &Signer, prover: &Signer) -> (OAuthRequest, Object) {
    let url = "https://placet.example/oauth/enrol";
    let proof = prover.proof("POST", url, None, None, &unique(), world.ports.clock.now());
    let body = Object::new().with("code", code).with("jwk", key.jwk());
    (OAuthRequest { proof: Some(proof), url: url.to_owned(), ..request(&[]) }, body)
}

#[tokio::test]
async fn a_code_enrols_one_key_once_and_within_its_time() {
    let world = opened(builder()).await;
    let _run = world.agent("billing").start().await;
    let (billing, ana) = ("billing".parse().unwrap(), "ana".parse().unwrap());
    let (key, other) = (Signer::ed25519(4, "laptop"), Signer::ed25519(5, "other"));
    let (code, _) = world.engine.open_enrolment(&billing, &ana).await.unwrap();
    let enrol = async |code: &str, key: &Signer, prover: &Signer| {
        let (request, body) = enrolling(&world, code, key, prover);
        world.engine.enrol(request, body).await
    };
    assert_eq!(enrol(&code, &key, &other).await.status, 400, "a key that is not proven");
    assert_eq!(enrol("AAAAA-AAAAA-AAAAA-AAAAA", &key, &key).await.status, 400);
    let answer = enrol(&code.to_lowercase().replace('-', ""), &key, &key).await;
    assert_eq!((answer.status, text(&answer, "agent").as_str()), (201, "billing"));
    denied(&enrol(&code, &other, &other).await, "invalid_grant");
    granted(&world.engine.token(signed(&world, &key, &[CLIENT])).await);
    let (late, expires) = world.engine.open_enrolment(&billing, &ana).await.unwrap();
    world.clock.advance(expires.since(world.ports.clock.now()));
    denied(&enrol(&late, &other, &other).await, "invalid_grant");
    let texts: Vec<String> = world.ledger.receipts().iter().map(Json::canonical).collect();
    assert!(texts.iter().all(|receipt| !receipt.contains(&code)), "a code is in no receipt");
}

#[tokio::test]
async fn of_sixty_four_who_use_a_code_at_once_one_is_enrolled() {
    let world = opened(builder()).await;
    let _run = world.agent("billing").start().await;
    let (code, _) =
        world.engine.open_enrolment(&"billing".parse().unwrap(), &"ana".parse().unwrap()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 10..74 {
        let key = Signer::ed25519(seed, "laptop");
        let (request, body) = enrolling(&world, &code, &key, &key);
        let engine = world.engine.clone();
        tasks.spawn(async move { engine.enrol(request, body).await.status });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(world.engine.credentials_of(&"billing".parse().unwrap()).len(), 1);
}

fn workload(world: &World, key: &Signer, url: &str, repository: &str) -> String {
    let now = world.ports.clock.now().seconds();
    let claims = Object::new()
        .with("iss", url)
        .with("aud", ISSUER)
        .with("sub", format!("repo:{repository}:ref:refs/heads/main"))
        .with("repository", repository)
        .with("ref", "refs/heads/main")
        .with("iat", now)
        .with("exp", now + 300);
    key.token("JWT", claims)
}

#[tokio::test]
async fn a_workload_of_a_trusted_platform_is_the_agent_whose_rule_it_meets() {
    let url = "https://ci.example";
    let world = opened(builder().issuer(issuer("ci", IssuerKind::GitHub, url, KeySource::Discovered))).await;
    let _run = world.agent("billing").start().await;
    let (billing, ana) = ("billing".parse().unwrap(), "ana".parse().unwrap());
    let claims = [("repository", "acme/billing"), ("ref", "refs/heads/main")];
    let claims = claims.map(|(path, pattern)| (path.to_owned(), pattern.to_owned())).to_vec();
    let rule = Means::Federated { issuer: "github".to_owned(), claims };
    world.engine.add_credential(&billing, rule, &ana).await.unwrap();
    let (old, new) = (Signer::ed25519(6, "old"), Signer::ed25519(7, "new"));
    let grant = async |token: &str| {
        world.engine.token(request(&[("grant_type", JWT_BEARER), ("assertion", token)])).await
    };
    let token = workload(&world, &old, url, "acme/billing");
    denied(&grant(&token).await, "temporarily_unavailable");
    world.providers.publish(
        "https://ci.example/.well-known/openid-configuration",
        Object::new().with("issuer", url).with("jwks_uri", "https://ci.example/keys"),
    );
    world.providers.publish("https://ci.example/keys", old.jwks("sig"));
    // What failed a moment ago is not tried again at once.
    denied(&grant(&token).await, "temporarily_unavailable");
    world.clock.advance(std::time::Duration::from_secs(30));
    let bearer_token = granted(&grant(&token).await);
    answered(&calls(&world, bearer(&bearer_token), NOTE, "{}").await);
    denied(&grant(&workload(&world, &old, url, "evil/billing")).await, "invalid_grant");
    denied(&grant(&workload(&world, &old, "https://evil.example", "acme/billing")).await, "invalid_grant");
    // The platform rotates its key: one fetch finds it, and an unknown one causes no second fetch.
    world.clock.advance(std::time::Duration::from_secs(60));
    world.providers.publish("https://ci.example/keys", new.jwks("sig"));
    granted(&grant(&workload(&world, &new, url, "acme/billing")).await);
    let fetched = world.providers.fetched().len();
    denied(
        &grant(&workload(&world, &Signer::ed25519(8, "unknown"), url, "acme/billing")).await,
        "invalid_grant",
    );
    assert_eq!(world.providers.fetched().len(), fetched);
    // Without its issuer the keys hold until their time is over.
    world.providers.vanish();
    granted(&grant(&workload(&world, &new, url, "acme/billing")).await);
    world.clock.advance(std::time::Duration::from_secs(2 * 3600));
    denied(&grant(&workload(&world, &new, url, "acme/billing")).await, "temporarily_unavailable");
}

#[tokio::test]
async fn keys_of_another_origin_than_the_issuers_are_not_fetched() {
    let url = "https://ci.example";
    let world = opened(builder().issuer(issuer("ci", IssuerKind::Oidc, url, KeySource::Discovered))).await;
    let key = Signer::ed25519(6, "k");
    world.providers.publish(
        "https://ci.example/.well-known/openid-configuration",
        Object::new().with("issuer", url).with("jwks_uri", "http://169.254.169.254/keys"),
    );
    world.providers.publish("http://169.254.169.254/keys", key.jwks("sig"));
    let token = workload(&world, &key, url, "acme/billing");
    let answer = world.engine.token(request(&[("grant_type", JWT_BEARER), ("assertion", &token)])).await;
    denied(&answer, "temporarily_unavailable");
    assert_eq!(world.providers.fetched(), ["https://ci.example/.well-known/openid-configuration"]);
}

#[tokio::test]
async fn a_workload_with_an_svid_is_its_agent_for_as_long_as_the_svid_lives() {
    let bundle = Signer::p256("bundle");
    let document = Json::Object(bundle.jwks("jwt-svid")).canonical();
    let keys = KeySource::Fixed(Jwks::parse_bundle(document.as_bytes()).unwrap());
    let world =
        opened(builder().issuer(issuer("prod", IssuerKind::Spiffe, "spiffe://prod.example", keys))).await;
    let _run = world.agent("billing").start().await;
    let means = Means::Spiffe("spiffe://prod.example/billing".to_owned());
    world.engine.add_credential(&"billing".parse().unwrap(), means, &"ana".parse().unwrap()).await.unwrap();
    let now = world.ports.clock.now().seconds();
    let svid = |id: &str, audience: &str| {
        bundle.token("JWT", Object::new().with("sub", id).with("aud", vec![audience]).with("exp", now + 300))
    };
    let grant = async |svid: &str| {
        let own = [("client_assertion_type", SPIFFE_ASSERTION_TYPE), ("client_assertion", svid)];
        world.engine.token(request(&[&[CLIENT][..], &own].concat())).await
    };
    let good = svid("spiffe://prod.example/billing", ISSUER);
    let answer = grant(&good).await;
    granted(&answer);
    assert_eq!(answer.body.unwrap().member("expires_in").and_then(Json::as_integer), Some(300));
    // Its workload caches an SVID and uses it again.
    granted(&grant(&good).await);
    for (id, audience) in [
        ("spiffe://prod.example/scout", ISSUER),
        ("spiffe://test.example/billing", ISSUER),
        ("spiffe://prod.example/billing", "https://other.example"),
    ] {
        denied(&grant(&svid(id, audience)).await, "invalid_client");
    }
}

#[tokio::test]
async fn an_agent_learns_about_its_own_tokens_and_ends_them() {
    let world = opened(builder()).await;
    let key = with_key(&world).await;
    let token = granted(&world.engine.token(signed(&world, &key, &[CLIENT])).await);
    let other = world.agent("scout").start().await;
    let about = async |token: &str| {
        let answer = world.engine.introspect(signed(&world, &key, &[("token", token)])).await;
        answer.body.unwrap().member("active").and_then(Json::as_bool).unwrap()
    };
    assert!(about(&token).await);
    assert!(!about(&other.token).await && !about("x.y.z").await);
    denied(&world.engine.introspect(request(&[("token", &token)])).await, "invalid_client");
    // Revoking what is not one's own is answered alike, and nothing happens.
    for token in [other.token.as_str(), "nonsense"] {
        assert_eq!(world.engine.revoke_token(signed(&world, &key, &[("token", token)])).await.status, 200);
    }
    assert!(world.engine.authenticate(&other.credential()).is_ok());
    let own = OAuthRequest { credential: bearer(&token), ..request(&[("token", &token)]) };
    assert_eq!(world.engine.revoke_token(own).await.status, 200);
    assert!(!about(&token).await);
    refused(&calls(&world, bearer(&token), NOTE, "{}").await, Code::RevokedInstance);
    let ended = world.receipts("revocation");
    assert_eq!(
        ended[0].member("about").unwrap().member("cause").unwrap().as_str(),
        Some("ended by its agent")
    );
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_good_with_proofs_of_it_alone() {
    let world = opened(builder()).await;
    let key = with_key(&world).await;
    let now = world.ports.clock.now();
    let proven = |proof: String| OAuthRequest { proof: Some(proof), ..signed(&world, &key, &[CLIENT]) };
    let answer = world.engine.token(proven(key.proof("POST", TOKEN, None, None, &unique(), now))).await;
    let token = granted(&answer);
    assert_eq!(text(&answer, "token_type"), "DPoP");
    let presented = |proof: &str, url: &str| Credential::proven(&token, proof, "POST", url.to_owned());
    let proof = key.proof("POST", MCP, Some(&token), None, &unique(), now);
    refused(&calls(&world, bearer(&token), NOTE, "{}").await, Code::ProofRequired);
    answered(&calls(&world, presented(&proof, MCP), NOTE, "{}").await);
    let other = Signer::ed25519(9, "other");
    let made = |signer: &Signer, method: &str, url: &str, token: Option<&str>, at| {
        signer.proof(method, url, token, None, &unique(), at)
    };
    let past = placet_domain::Timestamp::from_micros(now.micros() - 61_000_000);
    for bad in [
        proof.clone(),
        made(&key, "GET", MCP, Some(&token), now),
        made(&key, "POST", "https://placet.example/mcp/mail", Some(&token), now),
        made(&key, "POST", MCP, None, now),
        made(&key, "POST", MCP, Some("other"), now),
        made(&key, "POST", MCP, Some(&token), past),
        made(&other, "POST", MCP, Some(&token), now),
        String::new(),
    ] {
        refused(&calls(&world, presented(&bad, MCP), NOTE, "{}").await, Code::ProofRejected);
    }
    let plain = world.agent("billing").start().await;
    let proof = key.proof("POST", MCP, Some(&plain.token), None, &unique(), now);
    let unbound = Credential::proven(&plain.token, &proof, "POST", MCP.to_owned());
    refused(&calls(&world, unbound, NOTE, "{}").await, Code::ProofRejected);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn where_proofs_are_required_bearer_tokens_are_neither_issued_nor_taken() {
    let world = opened(builder().dpop(DpopRule { required: true, nonces: true })).await;
    let key = with_key(&world).await;
    let now = world.ports.clock.now();
    denied(&world.engine.token(signed(&world, &key, &[CLIENT])).await, "invalid_dpop_proof");
    let ask = async |nonce: Option<&str>| {
        let proof = key.proof("POST", TOKEN, None, nonce, &unique(), now);
        world.engine.token(OAuthRequest { proof: Some(proof), ..signed(&world, &key, &[CLIENT]) }).await
    };
    let without = ask(None).await;
    denied(&without, "use_dpop_nonce");
    let nonce = without.nonce.unwrap();
    let token = granted(&ask(Some(&nonce)).await);
    let plain = world.agent("billing").start().await;
    refused(&plain.calls(NOTE, "{}").await, Code::ProofRequired);
    let with = |nonce: Option<&str>| {
        let proof = key.proof("POST", MCP, Some(&token), nonce, &unique(), now);
        Credential::proven(&token, &proof, "POST", MCP.to_owned())
    };
    assert_eq!(code(&calls(&world, with(None), NOTE, "{}").await), Some(Code::ProofNonce));
    answered(&calls(&world, with(Some(&nonce)), NOTE, "{}").await);
    let (challenge, fresh) = world.engine.challenge(&"crm".parse().unwrap(), Code::ProofNonce);
    assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\""), "{challenge}");
    assert_eq!(fresh, Some(nonce));
}

#[tokio::test]
async fn a_token_for_one_connector_is_good_there_alone() {
    let world = opened(builder().tool("mail.send", r#"{"type":"object"}"#)).await;
    let key = with_key(&world).await;
    let ask = async |resource: &str| {
        world.engine.token(signed(&world, &key, &[CLIENT, ("resource", resource)])).await
    };
    let token = granted(&ask("https://PLACET.example/mcp/crm/").await);
    answered(&calls(&world, bearer(&token), NOTE, "{}").await);
    refused(&calls(&world, bearer(&token), "mail.send", "{}").await, Code::WrongAudience);
    assert!(world.engine.authenticate(&bearer(&token)).is_err());
    let whole = granted(&ask("https://placet.example").await);
    assert!(world.engine.authenticate(&bearer(&whole)).is_ok());
    for resource in [
        "https://placet.example/mcp/unknown",
        "https://other.example/mcp/crm",
        "crm",
        "https://placet.example/mcp/crm?x=1",
    ] {
        denied(&ask(resource).await, "invalid_target");
    }
}

#[tokio::test]
async fn what_the_deployment_says_about_itself_names_its_endpoints() {
    let world = opened(builder()).await;
    let server = world.engine.authorization_server();
    let text = |name: &str| server.member(name).and_then(Json::as_str).unwrap();
    assert_eq!((text("issuer"), text("token_endpoint")), (ISSUER, TOKEN));
    assert_eq!(text("revocation_endpoint"), "https://placet.example/oauth/revoke");
    let resource = world.engine.protected_resource(Some(&"crm".parse().unwrap()));
    assert_eq!(resource.member("resource").and_then(Json::as_str), Some(MCP));
    let (challenge, _) = world.engine.challenge(&"crm".parse().unwrap(), Code::NoCredential);
    assert_eq!(
        challenge,
        "Bearer scope=\"crm\", resource_metadata=\"https://placet.example/.well-known/oauth-protected-resource/mcp/crm\""
    );
    assert_eq!(world.engine.token_keys().member("keys").and_then(Json::as_array).unwrap().len(), 1);
}
