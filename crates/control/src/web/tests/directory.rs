//! The directory's door over a real connection: who is let in, what follows from a change, and what is refused.

use placet_domain::{DirectoryUserId, Stage};
use placet_engine::{KeyRequest, ports::People as _};
use placet_testkit::PortOperation;

use super::*;
use crate::scim::BASE;

/// A provider that keeps the directory of a site.
struct Provider<'a> {
    site: &'a Site,
    secret: String,
}

struct Told {
    status: StatusCode,
    body: Json,
    seen: Seen,
}

impl Told {
    fn text(&self, path: &str) -> &str {
        let found = path.split('/').try_fold(&self.body, |value, key| match key.parse::<usize>() {
            Ok(place) => value.as_array()?.get(place),
            Err(_) => value.member(key),
        });
        found.and_then(Json::as_str).unwrap_or_else(|| panic!("no `{path}` in {}", self.seen.body))
    }

    fn total(&self) -> i64 {
        self.body.member("totalResults").and_then(Json::as_integer).unwrap()
    }
}

impl<'a> Provider<'a> {
    async fn of(site: &'a Site) -> Self {
        let request = KeyRequest {
            note: "a test".to_owned(),
            life: Duration::from_secs(86_400),
            by: "ana".parse().unwrap(),
        };
        let secret = site.world.engine.make_directory_key(request).await.unwrap().secret;
        Self { site, secret }
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Told {
        let authorization = format!("Bearer {}", self.secret);
        let headers = [("authorization", authorization.as_str())];
        let mut program = self.site.browser();
        let seen = program.send(method, &format!("{BASE}{path}"), &headers, body).await;
        let body = Json::parse(seen.body.as_bytes()).unwrap_or(Json::Null);
        Told { status: seen.status, body, seen }
    }

    async fn get(&self, path: &str) -> Told {
        self.send(Method::GET, path, "").await
    }

    async fn post(&self, path: &str, body: &str) -> Told {
        self.send(Method::POST, path, body).await
    }

    async fn patch(&self, path: &str, operations: &str) -> Told {
        let schemas = r#"["urn:ietf:params:scim:api:messages:2.0:PatchOp"]"#;
        let body = format!(r#"{{"schemas":{schemas},"Operations":[{operations}]}}"#);
        self.send(Method::PATCH, path, &body).await
    }

    /// Somebody new: their path.
    async fn user(&self, name: &str) -> String {
        let told = self.post("/Users", &format!(r#"{{"userName":"{name}","active":true}}"#)).await;
        assert_eq!(told.status, StatusCode::CREATED, "{}", told.seen.body);
        format!("/Users/{}", told.text("id"))
    }
}

fn known(site: &Site, name: &str) -> Option<Vec<String>> {
    let person = site.world.people.person(&name.parse().unwrap())?;
    Some(person.groups.iter().map(ToString::to_string).collect())
}

fn changes(site: &Site) -> Vec<String> {
    let text = |receipt: &Json| receipt.member("change").and_then(Json::as_str).unwrap().to_owned();
    site.world.receipts("directory").iter().map(text).collect()
}

#[tokio::test]
async fn no_path_of_the_directory_answers_a_stranger() {
    let site = Site::local().await;
    let provider = Provider::of(&site).await;
    let user = provider.user("zoe").await;
    for path in [
        "",
        "/.search",
        "/Users",
        &user,
        "/Groups",
        "/Groups/x",
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/Schemas",
        "/ResourceTypes/User",
        "/Schemas/x",
        "/Bulk",
        "/nothing",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for secret in ["", "Bearer ", "Bearer placet_scim_0", "Basic eDp5"] {
                let headers = [("authorization", secret)];
                let headers = if secret.is_empty() { &headers[..0] } else { &headers[..] };
                let seen = site.browser().send(method.clone(), &format!("{BASE}{path}"), headers, "{}").await;
                assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            }
        }
    }
    // A session of a person opens nothing here, and a token of the directory nothing else.
    let mut ana = site.ana().await;
    assert_eq!(ana.get(&format!("{BASE}/Users")).await.status, StatusCode::UNAUTHORIZED);
    let authorization = format!("Bearer {}", provider.secret);
    let other = [("authorization", authorization.as_str())];
    let seen = site.browser().send(Method::GET, "/v1/people", &other, "").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    // A page has nothing to do here.
    let page = [("authorization", authorization.as_str()), ("origin", site.origin.as_str())];
    let seen = site.browser().send(Method::GET, &format!("{BASE}/Users"), &page, "").await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    // Nor does it open anything when its time is over, or when it was removed.
    assert_eq!(provider.get("/Users").await.total(), 1);
    site.advance(24 * 60);
    assert_eq!(provider.get("/Users").await.status, StatusCode::UNAUTHORIZED);
    let provider = Provider::of(&site).await;
    let id = site.world.engine.directory_keys().last().unwrap().id;
    assert!(site.world.engine.remove_directory_key(id, &"ana".parse().unwrap()).await.unwrap());
    assert_eq!(provider.get("/Users").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_person_comes_is_found_and_is_in_a_group() {
    let site = Site::local().await;
    let provider = Provider::of(&site).await;
    let user = provider.user("zoe@corp.example").await;
    assert_eq!(known(&site, "zoe@corp.example"), Some(vec![]));
    let found =
        provider.get("/Users?filter=userName%20eq%20%22ZOE@corp.example%22&startIndex=1&count=1").await;
    assert_eq!((found.total(), found.text("Resources/0/id")), (1, &user[7..]));
    assert_eq!(provider.get("/Users?filter=userName%20eq%20%22x%22").await.total(), 0);
    let group =
        format!(r#"{{"displayName":"crew","externalId":"7","members":[{{"value":"{}"}}]}}"#, &user[7..]);
    let group = provider.post("/Groups", &group).await;
    assert_eq!(group.status, StatusCode::CREATED);
    assert_eq!(group.text("members/0/value"), &user[7..]);
    let asked = r#"{"filter":"displayName eq \"CREW\"","count":1,"excludedAttributes":["members"]}"#;
    let found = provider.post("/Groups/.search", asked).await;
    assert_eq!((found.total(), found.text("Resources/0/externalId")), (1, "7"));
    assert!(!found.seen.body.contains("members"));
    assert_eq!(known(&site, "zoe@corp.example"), Some(vec!["crew".to_owned()]));
    assert_eq!(provider.get(&user).await.text("groups/0/display"), "crew");
    let path = format!("/Groups/{}", group.text("id"));
    let left = format!(r#"{{"op":"remove","path":"members[value eq \"{}\"]"}}"#, &user[7..]);
    assert_eq!(provider.patch(&path, &left).await.status, StatusCode::OK);
    assert_eq!(known(&site, "zoe@corp.example"), Some(vec![]));
    assert_eq!(
        changes(&site),
        ["directory_key_added", "directory_person_added", "directory_group_added", "directory_group_changed"]
    );
    assert_eq!(provider.send(Method::DELETE, &path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(provider.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn people_and_groups_are_found_together_at_the_root() {
    let site = Site::local().await;
    let provider = Provider::of(&site).await;
    let zoe = provider.user("zoe").await;
    provider.user("yan").await;
    let group = format!(r#"{{"displayName":"zoology","members":[{{"value":"{}"}}]}}"#, &zoe[7..]);
    assert_eq!(provider.post("/Groups", &group).await.status, StatusCode::CREATED);
    let kinds = |told: &Told| -> Vec<String> {
        let all = told.body.member("Resources").and_then(Json::as_array).unwrap().iter();
        all.map(|one| one.member("meta").and_then(|meta| meta.member("resourceType")).unwrap())
            .map(|kind| kind.as_str().unwrap().to_owned())
            .collect()
    };
    // A name that either kind may have; an attribute that one kind lacks has no value there.
    for (filter, found) in [
        (r#"userName sw \"zo\" or displayName sw \"zo\""#, &["User", "Group"][..]),
        (r#"displayName pr"#, &["Group"]),
        (r#"not (userName pr)"#, &["Group"]),
        (r#"meta.resourceType eq \"User\""#, &["User", "User"]),
        (
            r#"(meta.resourceType eq \"user\") or (meta.resourceType eq \"Group\")"#,
            &["User", "User", "Group"],
        ),
        (r#"urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq \"zoology\""#, &["Group"]),
    ] {
        let told = provider.post("/.search", &format!(r#"{{"filter":"{filter}"}}"#)).await;
        assert_eq!(kinds(&told), found, "{filter}");
        assert_eq!(told.total(), i64::try_from(found.len()).unwrap());
    }
    // One page goes from the last of the people to the first of the groups.
    let told = provider.post("/.search", r#"{"startIndex":2,"count":2,"attributes":["meta"]}"#).await;
    assert_eq!((told.total(), kinds(&told)), (3, vec!["User".to_owned(), "Group".to_owned()]));
    assert!(!told.seen.body.contains("displayName"));
    assert_eq!(provider.get("?count=0").await.total(), 3);
    assert_eq!(
        provider.post("/.search", r#"{"filter":"displayName is \"x\""}"#).await.text("scimType"),
        "invalidFilter"
    );
    // People are found by the group they are in.
    let filter = provider.post("/Users/.search", r#"{"filter":"groups.display eq \"zoology\""}"#).await;
    assert_eq!((filter.total(), filter.text("Resources/0/userName")), (1, "zoe"));
    assert_eq!(provider.post("/Users/.search", r#"{"filter":"not (groups pr)"}"#).await.total(), 1);
}

#[tokio::test]
async fn whoever_is_deactivated_has_left_and_so_has_whoever_is_deleted() {
    for deletes in [false, true] {
        let site = Site::local().await;
        let provider = Provider::of(&site).await;
        let user = provider.user("zoe").await;
        let zoe: PersonName = "zoe".parse().unwrap();
        let run = site.world.agent("sales").on_behalf_of("zoe").start().await;
        let (sales, ana) = ("sales".parse().unwrap(), "ana".parse().unwrap());
        site.world.engine.replace_owner(&sales, &zoe, &ana).await.unwrap();
        let mut browser = site.browser();
        let link = site.ana().await.post("/v1/people/zoe/invite", "{}").await.text("link");
        browser.set_passphrase(&link, PASSPHRASE).await;
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
        let told = match deletes {
            true => provider.send(Method::DELETE, &user, "").await,
            false => provider.patch(&user, r#"{"op":"Replace","path":"active","value":"False"}"#).await,
        };
        assert!(told.status.is_success(), "{}", told.seen.body);
        // Nothing of them is left: no run, no session, no account; and the countdown of what they own has begun.
        assert_eq!(known(&site, "zoe"), None);
        let instance = site.world.ports.mandates.instance(run.instance.id).unwrap();
        assert!(instance.revoked.is_some());
        let agent = site.world.ports.registry.agent(&"sales".parse().unwrap()).unwrap();
        assert!(matches!(agent.life.stage, Stage::Countdown { .. }), "{:?}", agent.life.stage);
        assert_ne!(browser.get("/").await.status, StatusCode::OK);
        assert_eq!(site.accounts.account(&zoe).await.unwrap(), None);
        let left = "directory_person_left".to_owned();
        assert!(changes(&site).contains(&left));
        assert!(changes(&site).iter().filter(|change| **change == left).count() <= 2);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_the_protocols_words() {
    let site = Site::local().await;
    let provider = Provider::of(&site).await;
    let user = provider.user("zoe").await;
    let other = provider.user("yan").await;
    let nobody = DirectoryUserId::new(Timestamp::from_micros(0), [0; 10]);
    let stranger = format!(r#"{{"displayName":"crew","members":[{{"value":"{nobody}"}}]}}"#);
    for (path, body, status, scim_type) in [
        ("/Users", r#"{"userName":"ZOE"}"#, StatusCode::CONFLICT, "uniqueness"),
        ("/Users", r#"{"userName":"zoe doe"}"#, StatusCode::BAD_REQUEST, "invalidValue"),
        ("/Users", r#"{"active":true}"#, StatusCode::BAD_REQUEST, "invalidValue"),
        ("/Users", r#"{"userName":"a","username":"b"}"#, StatusCode::BAD_REQUEST, "invalidSyntax"),
        ("/Users", r#"{"userName":"a","active":"perhaps"}"#, StatusCode::BAD_REQUEST, "invalidValue"),
        ("/Users", "[]", StatusCode::BAD_REQUEST, "invalidSyntax"),
        ("/Groups", r#"{"displayName":"two words"}"#, StatusCode::BAD_REQUEST, "invalidValue"),
        ("/Groups", &stranger, StatusCode::BAD_REQUEST, "invalidValue"),
        (
            "/Groups",
            r#"{"displayName":"a","members":[{"value":"ana"}]}"#,
            StatusCode::BAD_REQUEST,
            "invalidValue",
        ),
    ] {
        let told = provider.post(path, body).await;
        assert_eq!((told.status, told.text("scimType")), (status, scim_type), "{body}");
        assert_eq!(told.text("status"), status.as_str());
    }
    let taken = r#"{"op":"replace","path":"userName","value":"Zoe"}"#;
    assert_eq!(provider.patch(&other, taken).await.status, StatusCode::CONFLICT);
    let authorization = format!("Bearer {}", provider.secret);
    let stale = [("authorization", authorization.as_str()), ("if-match", "W/\"9\"")];
    let seen = site.browser().send(Method::DELETE, &format!("{BASE}{user}"), &stale, "").await;
    assert_eq!(seen.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(provider.get("/Users?filter=userName%20is%20%22x%22").await.text("scimType"), "invalidFilter");
    assert_eq!(provider.get("/Users?count=x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(provider.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(provider.send(Method::PUT, "/Users", "{}").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_taken_away_is_gone_though_its_receipt_is_not_written() {
    let site = Site::local().await;
    let provider = Provider::of(&site).await;
    let user = provider.user("zoe").await;
    site.world.failpoints.fail_before(PortOperation::LedgerAppend);
    let told = provider.patch(&user, r#"{"op":"replace","value":{"active":false}}"#).await;
    assert_eq!((told.status, known(&site, "zoe")), (StatusCode::SERVICE_UNAVAILABLE, None));
    // And nobody is let in whose coming is not on record.
    let told = provider.post("/Users", r#"{"userName":"yan"}"#).await;
    assert_eq!((told.status, known(&site, "yan")), (StatusCode::SERVICE_UNAVAILABLE, None));
    site.world.failpoints.heal();
    site.world.engine.record_directory().await.unwrap();
    assert_eq!(changes(&site).last().unwrap(), "directory_person_left");
    assert_eq!(known(&site, "zoe"), None);
}
