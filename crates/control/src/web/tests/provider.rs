//! People of an identity provider.

use placet_domain::Object;

use super::{
    idp::{CLIENT, ISSUER, SECRET},
    *,
};

fn config() -> SignInConfig {
    SignInConfig {
        issuer: ISSUER.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(ClientSecret::new(SECRET)),
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        person_claim: PersonClaim::PreferredUsername,
        groups_claim: "groups".to_owned(),
        admit: false,
    }
}

fn called(name: &str) -> Object {
    Object::new().with("preferred_username", name)
}

/// Where a browser is led that begins to sign in.
async fn begun(browser: &mut Browser) -> String {
    let seen = browser.get("/sign-in/provider").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let cookie = seen.header("set-cookie");
    assert!(cookie.starts_with("__Host-placet-sign-in=") && cookie.contains("SameSite=Lax"), "{cookie}");
    seen.header("location").to_owned()
}

async fn sign_in(site: &Site, claims: Object) -> (Browser, Seen) {
    let mut browser = site.browser();
    let to = begun(&mut browser).await;
    let back = site.idp.authorize(&to, claims);
    let seen = browser.get(&back).await;
    (browser, seen)
}

#[tokio::test]
async fn a_person_signs_in_at_the_provider_and_has_the_groups_it_says() {
    let site = Site::with(Some(config())).await;
    assert!(site.first.is_none(), "no passphrases beside a provider");
    let claims = called("cy").with("groups", vec!["ops", "no group of ours", "staff"]);
    let (mut cy, seen) = sign_in(&site, claims).await;
    // Not a redirect: from the provider's site it would not carry the strict cookie.
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.body.contains("content=\"0; url=/\""));
    assert!(!cy.cookies.contains_key("__Host-placet-sign-in"));
    let people = cy.get("/v1/people").await.json();
    let cy = people
        .member("people")
        .and_then(Json::as_array)
        .unwrap()
        .iter()
        .find(|person| person.member("name").and_then(Json::as_str) == Some("cy"));
    let roles = cy.unwrap().member("roles").unwrap().canonical();
    assert_eq!(roles, r#"["admin","viewer"]"#);
    let mut browser = site.browser();
    assert_eq!(browser.sign_in("cy", PASSPHRASE).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_state_is_good_once_and_for_the_browser_that_began() {
    let site = Site::with(Some(config())).await;
    let mut browser = site.browser();
    let to = begun(&mut browser).await;
    let back = site.idp.authorize(&to, called("ana"));
    // Somebody else's browser, with the answer of this sign-in: login by another's account.
    let mut other = site.browser();
    assert_eq!(other.get(&back).await.status, StatusCode::BAD_REQUEST, "no sign-in was begun there");
    begun(&mut other).await;
    // The first try has used the state up, whoever it came from.
    assert_eq!(
        browser.get(&back).await.status,
        StatusCode::OK,
        "a stranger without a cookie uses nothing up"
    );
    assert_eq!(browser.get(&back).await.status, StatusCode::BAD_REQUEST, "replayed");
    let mut again = browser.clone();
    let to = begun(&mut again).await;
    let back = site.idp.authorize(&to, called("ana"));
    assert_eq!(other.get(&back).await.status, StatusCode::BAD_REQUEST, "another browser's");
    let mut late = site.browser();
    let to = begun(&mut late).await;
    let back = site.idp.authorize(&to, called("ana"));
    site.advance(10);
    assert_eq!(late.get(&back).await.status, StatusCode::BAD_REQUEST, "too late");
}

#[tokio::test]
async fn a_replayed_code_opens_nothing() {
    let site = Site::with(Some(config())).await;
    let mut browser = site.browser();
    let to = begun(&mut browser).await;
    let back = site.idp.authorize(&to, called("ana"));
    assert_eq!(browser.get(&back).await.status, StatusCode::OK);
    // The code of then under a state of now.
    let code = back.split('&').next().unwrap().to_owned();
    let mut thief = site.browser();
    let to = begun(&mut thief).await;
    let fresh = site.idp.authorize(&to, called("ana"));
    let (_, state) = fresh.split_once('&').unwrap();
    let seen = thief.get(&format!("{code}&{state}")).await;
    assert_eq!(seen.status, StatusCode::BAD_GATEWAY);
    assert!(!thief.is_in().await);
    // A code that was stolen before it was used fails for want of its verifier.
    let mut victim = site.browser();
    let to = begun(&mut victim).await;
    let stolen = site.idp.authorize(&to, called("ana"));
    let stolen = stolen.split('&').next().unwrap();
    let to = begun(&mut thief).await;
    let fresh = site.idp.authorize(&to, called("bo"));
    let (_, state) = fresh.split_once('&').unwrap();
    assert_eq!(thief.get(&format!("{stolen}&{state}")).await.status, StatusCode::BAD_GATEWAY);
    assert!(!thief.is_in().await);
}

#[tokio::test]
async fn what_the_provider_did_not_say_to_us_now_is_refused() {
    let lies = [
        Object::new().with("nonce", "another"),
        Object::new().with("nonce", ""),
        Object::new().with("iss", "https://evil.example"),
        Object::new().with("aud", "somebody else"),
        Object::new().with("aud", vec![CLIENT, "somebody else"]),
        Object::new().with("azp", "somebody else"),
        Object::new().with("exp", 1_795_299_000),
        Object::new().with("iat", 1_795_400_000),
        Object::new().with("sub", ""),
    ];
    let site = Site::with(Some(config())).await;
    for lie in lies {
        let shown = Json::Object(lie.clone()).canonical();
        *site.idp.lies.lock() = lie;
        let (mut browser, seen) = sign_in(&site, called("ana")).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{shown}");
        assert!(!browser.is_in().await, "{shown}");
    }
    *site.idp.lies.lock() = Object::new();
    *site.idp.forges.lock() = true;
    let (_, seen) = sign_in(&site, called("ana")).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "another key");
}

#[tokio::test]
async fn an_answer_of_another_issuer_or_an_error_is_no_sign_in() {
    let site = Site::with(Some(config())).await;
    let mut browser = site.browser();
    let to = begun(&mut browser).await;
    let back = site.idp.authorize(&to, called("ana"));
    let (mixed, _) = back.rsplit_once("&iss=").unwrap();
    let seen = browser.get(&format!("{mixed}&iss=https%3A%2F%2Fevil.example")).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let to = begun(&mut browser).await;
    let state = to.split('&').find(|pair| pair.starts_with("state=")).unwrap().to_owned();
    let seen = browser.get(&format!("/sign-in/callback?error=%3Cscript%3E&{state}")).await;
    assert!(seen.status == StatusCode::BAD_GATEWAY && !seen.body.contains("script"), "{}", seen.body);
}

#[tokio::test]
async fn unknown_people_are_refused_unless_the_operator_admits_them() {
    let site = Site::with(Some(config())).await;
    let (mut zoe, seen) = sign_in(&site, called("zoe").with("groups", vec!["ops"])).await;
    assert!(
        seen.status == StatusCode::FORBIDDEN && seen.body.contains("`zoe` is not known"),
        "{}",
        seen.body
    );
    assert!(!zoe.is_in().await && site.accounts.accounts().await.unwrap().is_empty());
    let site = Site::with(Some(SignInConfig { admit: true, ..config() })).await;
    let (mut zoe, _) = sign_in(&site, called("zoe").with("groups", vec!["staff"])).await;
    assert!(zoe.is_in().await);
}

#[tokio::test]
async fn a_name_that_another_account_takes_over_is_not_its_person() {
    let site = Site::with(Some(config())).await;
    let (_, seen) = sign_in(&site, called("ana")).await;
    assert_eq!(seen.status, StatusCode::OK);
    let (mut other, seen) = sign_in(&site, called("ana").with("sub", "account-2")).await;
    assert!(seen.status == StatusCode::FORBIDDEN && !other.is_in().await, "{}", seen.body);
}

#[tokio::test]
async fn an_address_counts_only_if_the_provider_verified_it() {
    let site = Site::with(Some(SignInConfig { person_claim: PersonClaim::Email, ..config() })).await;
    site.world.people.add("ana@corp.example", &["staff"]);
    let address = || Object::new().with("email", "ana@corp.example");
    for claims in
        [address(), address().with("email_verified", false), address().with("email_verified", "true")]
    {
        let (_, seen) = sign_in(&site, claims).await;
        assert!(
            seen.status == StatusCode::FORBIDDEN && seen.body.contains("email_verified"),
            "{}",
            seen.body
        );
    }
    let (mut ana, _) =
        sign_in(&site, address().with("email_verified", true).with("groups", vec!["staff"])).await;
    assert!(ana.is_in().await);
}

#[tokio::test]
async fn keys_that_were_changed_are_fetched_again() {
    let site = Site::with(Some(config())).await;
    let (_, seen) = sign_in(&site, called("ana")).await;
    assert_eq!(seen.status, StatusCode::OK);
    site.idp.rotate();
    site.world.clock.advance(Duration::from_secs(11));
    let (_, seen) = sign_in(&site, called("ana")).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
}
