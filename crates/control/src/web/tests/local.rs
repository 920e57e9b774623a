//! People with passphrases.

use super::*;

#[tokio::test]
async fn there_is_no_first_password_only_a_link_that_works_once() {
    let site = Site::local().await;
    let link = site.first.clone().unwrap();
    for guess in ["", "admin", "password"] {
        let seen = site.browser().sign_in("ana", guess).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
    }
    let mut browser = site.browser();
    let path = link.strip_prefix(&site.origin).unwrap();
    // Looking at it does not use it up.
    for _ in 0..2 {
        assert!(browser.get(path).await.body.contains("For <strong>ana</strong>"));
    }
    assert_eq!(browser.set_passphrase(&link, PASSPHRASE).await.status, StatusCode::SEE_OTHER);
    assert!(browser.is_in().await);
    let seen = site.browser().set_passphrase(&link, "another passphrase").await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.browser().sign_in("ana", "another passphrase").await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.browser().sign_in("ana", PASSPHRASE).await.header("location"), "/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_who_use_a_link_at_once_one_gets_in() {
    let site = Site::local().await;
    let link = site.first.clone().unwrap();
    let takers: Vec<_> = (0..64)
        .map(|number| {
            let (mut browser, link) = (site.browser(), link.clone());
            tokio::spawn(async move {
                browser.set_passphrase(&link, &format!("passphrase number {number}")).await.status
            })
        })
        .collect();
    let mut inside = 0;
    for taker in takers {
        inside += usize::from(taker.await.unwrap() == StatusCode::SEE_OTHER);
    }
    assert_eq!(inside, 1);
}

#[tokio::test]
async fn a_link_ends_after_half_an_hour_and_weak_passphrases_do_not_use_it_up() {
    let site = Site::local().await;
    let link = site.first.clone().unwrap();
    for weak in ["short", "aaaaaaaaaaaaaaaa", "ana ana ana ana"] {
        let seen = site.browser().set_passphrase(&link, weak).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{weak}");
    }
    site.advance(30);
    assert_eq!(site.browser().set_passphrase(&link, PASSPHRASE).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn after_five_wrong_passphrases_the_right_one_waits_too() {
    let site = Site::local().await;
    site.ana().await;
    for _ in 0..5 {
        assert_eq!(site.browser().sign_in("ana", "wrong wrong wrong").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(site.browser().sign_in("ana", PASSPHRASE).await.status, StatusCode::TOO_MANY_REQUESTS);
    // Others are not locked out, and nobody learns who exists.
    let known = site.browser().sign_in("bo", "wrong wrong wrong").await;
    let unknown = site.browser().sign_in("zoe", "wrong wrong wrong").await;
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
    site.advance(15);
    assert_eq!(site.browser().sign_in("ana", PASSPHRASE).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_that_was_planted_before_signing_in_is_nobodys() {
    let site = Site::local().await;
    site.ana().await;
    let mut browser = site.browser();
    browser.cookies.insert("__Host-placet".to_owned(), "planted-by-somebody-else".to_owned());
    browser.sign_in("ana", PASSPHRASE).await;
    let given = browser.cookies.get("__Host-placet").cloned().unwrap();
    assert_ne!(given, "planted-by-somebody-else");
    let mut thief = site.browser();
    thief.cookies.insert("__Host-placet".to_owned(), "planted-by-somebody-else".to_owned());
    assert!(!thief.is_in().await && browser.is_in().await);
    // Signing in again ends the session that was there.
    let mut old = browser.clone();
    browser.sign_in("ana", PASSPHRASE).await;
    assert!(!old.is_in().await && browser.is_in().await);
}

#[tokio::test]
async fn a_new_link_ends_what_the_old_passphrase_opened() {
    let site = Site::local().await;
    let mut before = site.ana().await;
    let link = before.post("/v1/people/ana/invite", "{}").await.text("link");
    let mut after = site.browser();
    after.set_passphrase(&link, "eight green bottles").await;
    assert!(after.is_in().await && !before.is_in().await);
    assert_eq!(site.browser().sign_in("ana", PASSPHRASE).await.status, StatusCode::FORBIDDEN);
    let seen = after.post("/v1/people/zoe/invite", "{}").await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    assert_eq!(after.post("/v1/people/ana/forget", "{}").await.status, StatusCode::OK);
    assert!(!after.is_in().await);
    assert_eq!(site.browser().sign_in("ana", "eight green bottles").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn texts_of_a_request_are_escaped_and_never_lead_elsewhere() {
    let site = Site::local().await;
    site.ana().await;
    let seen = site.browser().get("/sign-in?next=%22%3E%3Cscript%3E").await;
    assert!(!seen.body.contains("<script"));
    let fields = [("person", "ana"), ("passphrase", PASSPHRASE), ("next", "https://evil.example")];
    assert_eq!(site.browser().form("/sign-in", &fields).await.header("location"), "/");
}
