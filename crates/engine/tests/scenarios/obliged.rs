//! Obligations that enforcement points carry out: told to whoever enforces and says that it does, a no for everybody else.

use placet_domain::{Code, Json, Object, Resource};
use placet_engine::{
    Application, Asked, Asking, Caller, Evaluation, Inquiry, Page, PetitionError, Vocabulary, Wanted,
};
use placet_testkit::World;

const POLICIES: &str = r#"
    @id("reads") permit (principal, action in Action::"records", resource);
    @id("no-numbers") @unless("redact") @fields("$.structuredContent.ssn")
    forbid (principal is User, action == Action::"records.read", resource) when { resource == record::"secret" };
    @id("export") @unless("cap_rows") @rows("5") @path("$.structuredContent.rows")
    forbid (principal is User, action == Action::"records.export", resource);
    @id("asked") @unless("approval") @approvers("leads")
    forbid (principal is User, action == Action::"records.export", resource);
    @id("leads") permit (principal in Group::"leads", action == Action::"approve", resource);
"#;

async fn world() -> World {
    let vocabulary = Vocabulary::default();
    let action = |name: &str| (vocabulary.action(name.parse().unwrap()), "record".to_owned());
    let known = |id: &str| (Resource { kind: "record".to_owned(), id: id.to_owned() }, Object::new());
    let application = Application {
        name: "records".parse().unwrap(),
        issuer: None,
        actions: ["read", "export"].map(action).into(),
        routes: Vec::new(),
        resources: vec![known("plain"), known("secret")],
    };
    World::new()
        .person("alice", &[])
        .person("lea", &["leads"])
        .application(application, &[("record", &[])])
        .enforcer("records", "app")
        .policies(POLICIES)
        .open()
        .await
}

async fn caller(world: &World, agent: &str) -> Caller {
    let actor = world.agent(agent).start().await;
    world.engine.authenticate(&actor.credential()).unwrap()
}

fn asks(action: &str, id: &str, edits: bool) -> Inquiry {
    let asked = |kind: &str, id: &str| Asked { kind: kind.into(), id: id.into(), ..Asked::default() };
    let declared = Json::parse(
        br#"{"supported_mandatory_extensions":["obligations"],"supported_obligations":["custom"]}"#,
    );
    let context = match declared.unwrap() {
        Json::Object(declared) if edits => declared,
        _ => Object::new(),
    };
    Inquiry {
        subject: asked("user", "alice"),
        action: action.to_owned(),
        resource: asked("record", id),
        context,
        edits,
        ..Inquiry::default()
    }
}

async fn answered(world: &World, asker: &Caller, inquiry: &Inquiry) -> Evaluation {
    world.engine.evaluate(asker, inquiry, Asking::Nobody(inquiry.approval()), "authzen").await
}

fn kinds(evaluation: &Evaluation) -> Vec<&'static str> {
    evaluation.obligations.iter().map(|one| one.duty.kind()).collect()
}

#[tokio::test]
async fn whoever_carries_obligations_out_is_told_them_and_everybody_else_no() {
    let world = world().await;
    let (app, other) = (caller(&world, "app").await, caller(&world, "other").await);
    let told = answered(&world, &app, &asks("read", "secret", true)).await;
    assert!(told.allows());
    assert_eq!(kinds(&told), ["redact"]);
    let receipt = world.receipts("decision").pop().unwrap();
    assert!(receipt.member("obligations").is_some() && receipt.member("code").is_none());
    // It has not said so; or it says so and enforces nothing.
    let silent = answered(&world, &app, &asks("read", "secret", false)).await;
    assert_eq!(silent.refusal.as_ref().map(|refusal| refusal.code), Some(Code::NotJudged));
    assert!(kinds(&silent).is_empty());
    let itself = Inquiry {
        subject: Asked { kind: "agent".to_owned(), id: "other".to_owned(), ..Asked::default() },
        ..asks("read", "secret", true)
    };
    assert!(kinds(&answered(&world, &other, &itself).await).is_empty());
    assert!(!answered(&world, &other, &asks("read", "secret", true)).await.allows());
    // Nothing obliges: nothing is said.
    let plain = answered(&world, &app, &asks("read", "plain", true)).await;
    assert!(plain.allows() && plain.obligations.is_empty());
}

#[tokio::test]
async fn a_search_finds_what_obliges_only_for_whoever_carries_it_out() {
    let world = world().await;
    let app = caller(&world, "app").await;
    let mut found = Vec::new();
    for edits in [false, true] {
        let inquiry = asks("read", "", edits);
        let page = world.engine.search(&app, Wanted::Resources, &inquiry, &Page::default()).await;
        found.push(page.matches.into_iter().map(|one| (one.name, one.obligations.len())).collect::<Vec<_>>());
    }
    let of = |all: &[(&str, usize)]| all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let expected: [Vec<(String, usize)>; 2] = [of(&[("plain", 0)]), of(&[("plain", 0), ("secret", 1)])];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_approved_question_still_obliges_and_the_offer_is_bound_to_what_was_said() {
    let world = world().await;
    let app = caller(&world, "app").await;
    let asked = asks("export", "plain", true);
    let denied = answered(&world, &app, &asked).await;
    assert!(!denied.allows() && denied.obligations.is_empty());
    let offer = world.engine.offer(&asked, &denied).unwrap();
    // Without what it said when it was denied it is another question.
    let other = world.engine.petition(&app, &asks("export", "plain", false), &offer.token).await;
    assert!(matches!(other, Err(PetitionError::NotBound(_))));
    let approval = world.engine.petition(&app, &asked, &offer.token).await.unwrap();
    world.approve(approval.id, "lea").await.unwrap();
    let approved = Object::new().with("id", approval.id.to_string());
    // A no uses no approval up.
    let silent = asks("export", "plain", false);
    let context = silent.context.clone().with("approval", approved.clone());
    assert!(!answered(&world, &app, &Inquiry { context, ..silent }).await.allows());
    let asked = Inquiry { context: asked.context.clone().with("approval", approved), ..asked };
    let told = answered(&world, &app, &asked).await;
    assert_eq!(kinds(&told), ["cap_rows"], "{told:?}");
}
