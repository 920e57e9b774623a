//! Command lines that are let in.

use super::*;

const KIND: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OURS: (&str, &str) = ("placet-request", "1");

struct CommandLine {
    browser: Browser,
    device: String,
    code: String,
}

impl CommandLine {
    async fn begin(site: &Site) -> Self {
        let mut browser = site.browser();
        let seen =
            browser.send(Method::POST, "/device/start", &[KIND, OURS], "client_name=%3Cb%3Elaptop").await;
        assert_eq!(seen.text("verification_uri"), format!("{}/device", site.origin));
        let (device, code) = (seen.text("device_code"), seen.text("user_code"));
        Self { browser, device, code }
    }

    async fn look(&mut self) -> Seen {
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
        let body = format!("grant_type={grant}&device_code={}", self.device);
        self.browser.send(Method::POST, "/device/token", &[KIND, OURS], &body).await
    }

    async fn with(&mut self, token: &str, method: Method, path: &str) -> Seen {
        let bearer = format!("Bearer {token}");
        self.browser.send(method, path, &[("authorization", &bearer), OURS], "{}").await
    }
}

#[tokio::test]
async fn a_command_line_is_let_in_by_its_code_and_gets_one_token() {
    let site = Site::local().await;
    let mut ana = site.ana().await;
    let mut line = CommandLine::begin(&site).await;
    assert_eq!(line.look().await.text("error"), "authorization_pending");
    assert_eq!(line.look().await.text("error"), "slow_down");
    let typed = line.code.to_lowercase().replace('-', " ");
    let seen = ana.form("/device", &[("code", &typed)]).await;
    assert!(seen.body.contains("“&lt;b&gt;laptop”"), "{}", seen.body);
    let seen = ana.form("/device/answer", &[("code", &line.code), ("answer", "agree")]).await;
    assert_eq!(seen.status, StatusCode::OK);
    let seen = line.look().await;
    let token = seen.text("access_token");
    assert_eq!(seen.text("person"), "ana");
    assert_eq!(line.look().await.text("error"), "expired_token", "a token is given once");
    assert_eq!(line.with(&token, Method::GET, "/v1/people").await.status, StatusCode::OK);
    // It opens the API, no page, and lets nobody else in.
    assert_eq!(line.with(&token, Method::GET, "/device").await.header("location"), "/sign-in?next=device");
    assert_eq!(line.with(&token, Method::POST, "/device/answer").await.status, StatusCode::SEE_OTHER);
    // It is a token and no session.
    let mut browser = site.browser();
    browser.cookies.insert("__Host-placet".to_owned(), token.clone());
    assert!(!browser.is_in().await);
    site.advance(7 * 60);
    assert_eq!(
        line.with(&token, Method::GET, "/v1/people").await.status,
        StatusCode::OK,
        "eight hours, used or not"
    );
    assert_eq!(line.with(&token, Method::POST, "/sign-out").await.status, StatusCode::NO_CONTENT);
    assert_eq!(line.with(&token, Method::GET, "/v1/people").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_refused_or_too_late_gets_nothing() {
    let site = Site::local().await;
    let mut ana = site.ana().await;
    let mut line = CommandLine::begin(&site).await;
    ana.form("/device/answer", &[("code", &line.code), ("answer", "refuse")]).await;
    assert_eq!(line.look().await.text("error"), "access_denied");
    assert_eq!(line.look().await.text("error"), "expired_token");
    let mut line = CommandLine::begin(&site).await;
    site.advance(10);
    let seen = ana.form("/device/answer", &[("code", &line.code), ("answer", "agree")]).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    assert_eq!(line.look().await.text("error"), "expired_token");
    // Whoever leaves between the answer and the token gets none.
    let mut line = CommandLine::begin(&site).await;
    ana.form("/device/answer", &[("code", &line.code), ("answer", "agree")]).await;
    site.world.people.leave("ana");
    assert_eq!(line.look().await.text("error"), "access_denied");
}

#[tokio::test]
async fn codes_cannot_be_guessed_nor_answered_twice() {
    let site = Site::local().await;
    let mut ana = site.ana().await;
    let line = CommandLine::begin(&site).await;
    for guess in ["BBBB-BBBB", "CCCC-CCCC", "DDDD-DDDD", "FFFF-FFFF", "GGGG-GGGG"] {
        assert_eq!(ana.form("/device", &[("code", guess)]).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(ana.form("/device", &[("code", &line.code)]).await.status, StatusCode::TOO_MANY_REQUESTS);
    site.advance(15);
    let mut ana = site.browser();
    ana.sign_in("ana", PASSPHRASE).await;
    let line = CommandLine::begin(&site).await;
    let agree = [("code", line.code.as_str()), ("answer", "agree")];
    assert_eq!(ana.form("/device/answer", &agree).await.status, StatusCode::OK);
    assert_eq!(ana.form("/device/answer", &agree).await.status, StatusCode::NOT_FOUND);
    // A stranger cannot answer, and is led to sign in first.
    let seen = site.browser().form("/device/answer", &agree).await;
    assert_eq!(seen.header("location"), "/sign-in?next=device");
}

#[tokio::test]
async fn only_so_many_command_lines_wait() {
    let site = Site::local().await;
    for _ in 0..64 {
        CommandLine::begin(&site).await;
    }
    let seen = site.browser().send(Method::POST, "/device/start", &[KIND, OURS], "").await;
    assert_eq!(seen.text("error"), "temporarily_unavailable");
    site.advance(10);
    CommandLine::begin(&site).await;
}
