//! Questions of enforcement points: judged as calls are, on record as calls are, and nothing is ever sent.

use std::collections::BTreeMap;

use placet_domain::{Code, Json, Object, Resource};
use placet_engine::{Application, Asked, Asking, Caller, Evaluation, Inquiry, PetitionError, Vocabulary};
use placet_policy::AttributeType;
use placet_testkit::{Actor, PortOperation, World};

const POLICIES: &str = r#"
    @id("records-asks") permit (principal == Agent::"records-app", action in Action::"records", resource);
    @id("people-read") permit (principal is User, action == Action::"records.read", resource);
    @id("staff-write") permit (principal in Group::"staff", action == Action::"records.write", resource)
        unless { resource has status && resource.status == "archived" };
    @id("soft-delete") permit (principal in Group::"staff", action == Action::"records.delete", resource)
        when { context.input.action has soft && context.input.action.soft };
    @id("held") forbid (principal, action, resource is record) when { resource has status && resource.status == "held" };
    @id("big") @unless("approval") @approvers("leads") @timeout("4h") @reason("many at once")
    forbid (principal, action == Action::"records.export", resource);
    @id("exports") permit (principal in Group::"staff", action == Action::"records.export", resource);
    @id("reads") permit (principal, action == Action::"crm.read", resource);
    @id("leads") permit (principal in Group::"leads", action == Action::"approve", resource);
"#;

fn records() -> Application {
    let words = |named: &[(&str, AttributeType)]| -> BTreeMap<String, AttributeType> {
        named.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
    };
    let vocabulary = Vocabulary {
        subject: words(&[("role", AttributeType::String)]),
        action: words(&[("soft", AttributeType::Bool)]),
        ..Vocabulary::default()
    };
    let action = |name: &str| (vocabulary.action(name.parse().unwrap()), "record".to_owned());
    Application {
        name: "records".parse().unwrap(),
        issuer: None,
        actions: ["read", "write", "delete", "export"].map(action).into(),
        routes: Vec::new(),
        resources: vec![(
            Resource { kind: "record".to_owned(), id: "record-2".to_owned() },
            Object::new().with("status", "archived"),
        )],
    }
}

async fn world() -> World {
    World::new()
        .person("alice", &["staff"])
        .person("bob", &[])
        .person("lea", &["leads"])
        .tool("crm.read", r#"{"type":"object"}"#)
        .application(records(), &[("record", &[("status", AttributeType::String)])])
        .enforcer("records", "records-app")
        .enforcer("crm", "edge")
        .policies(POLICIES)
        .open()
        .await
}

fn caller(world: &World, actor: &Actor) -> Caller {
    world.engine.authenticate(&actor.credential()).unwrap()
}

fn asks(subject: (&str, &str), action: &str, resource: (&str, &str)) -> Inquiry {
    let asked = |(kind, id): (&str, &str)| Asked { kind: kind.into(), id: id.into(), ..Asked::default() };
    Inquiry {
        subject: asked(subject),
        action: action.to_owned(),
        resource: asked(resource),
        ..Inquiry::default()
    }
}

fn code(evaluation: &Evaluation) -> Option<Code> {
    evaluation.refusal.as_ref().map(|refusal| refusal.code)
}

#[tokio::test]
async fn a_question_is_judged_for_the_application_and_for_the_person() {
    let world = world().await;
    let app = world.agent("records-app").start().await;
    let other = world.agent("other-app").start().await;
    let (app, other) = (caller(&world, &app), caller(&world, &other));
    let record = ("record", "record-1");
    for (subject, action, resource, expected) in [
        (("user", "alice"), "read", record, None),
        (("user", "alice"), "records.write", record, None),
        (("user", "bob"), "read", record, None),
        (("user", "bob"), "write", record, Some(Code::NoGrant)),
        (("user", "alice@example.com"), "write", record, None),
        // Declared of the resource here, whatever the application says or leaves out.
        (("user", "alice"), "write", ("record", "record-2"), Some(Code::NoGrant)),
        (("user", "mallory"), "read", record, Some(Code::UnknownSubject)),
        (("spaceship", "alice"), "read", record, Some(Code::UnknownSubject)),
        (("user", "alice"), "read", ("ship", "record-1"), Some(Code::WrongResource)),
        (("user", "alice"), "fly", record, Some(Code::UnknownTool)),
        (("user", "alice"), "records.fly", record, Some(Code::UnknownTool)),
    ] {
        let asked = asks(subject, action, resource);
        assert_eq!(
            code(&world.engine.evaluate(&app, &asked, Asking::Nobody(None), "authzen").await),
            expected,
            "{asked:?}"
        );
        // Whoever enforces nothing learns nothing about others.
        let refused = code(&world.engine.evaluate(&other, &asked, Asking::Nobody(None), "authzen").await);
        assert!(matches!(refused, Some(Code::NotEnforcer | Code::UnknownTool | Code::WrongResource)));
    }
    let mut soft = asks(("user", "alice"), "delete", record);
    assert_eq!(
        code(&world.engine.evaluate(&app, &soft, Asking::Nobody(None), "authzen").await),
        Some(Code::NoGrant)
    );
    soft.action_properties.set("soft", true);
    assert_eq!(code(&world.engine.evaluate(&app, &soft, Asking::Nobody(None), "authzen").await), None);
    soft.resource.properties.set("status", "held");
    assert_eq!(
        code(&world.engine.evaluate(&app, &soft, Asking::Nobody(None), "authzen").await),
        Some(Code::Vetoed)
    );
    soft.action_properties.set("soft", "yes");
    assert_eq!(
        code(&world.engine.evaluate(&app, &soft, Asking::Nobody(None), "authzen").await),
        Some(Code::OutsideSchema)
    );
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn every_answer_has_a_receipt_that_says_who_asked_about_whom() {
    let mut world = world().await;
    let app = world.agent("records-app").start().await;
    let asker = caller(&world, &app);
    let asked = asks(("user", "alice"), "write", ("record", "record-1"));
    let answer = world.engine.evaluate(&asker, &asked, Asking::Nobody(None), "authzen").await;
    assert!(answer.allows());
    let receipts = world.receipts("decision");
    let receipt = receipts.last().unwrap();
    let text =
        |json: &Json, key: &str| json.member(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    assert_eq!(text(receipt, "verdict"), "allow");
    assert_eq!(text(receipt, "operation"), "write");
    assert_eq!(text(receipt, "call"), answer.receipts.unwrap().call.to_string());
    assert_eq!(text(receipt.member("mandate").unwrap(), "on_behalf_of"), "alice");
    let note = receipt.member("evaluation").unwrap();
    assert_eq!(text(note, "asker"), "records-app");
    assert_eq!(text(note, "protocol"), "authzen");
    assert_eq!(text(note, "subject"), "user:alice");
    // An answer is not an open call: a restart has nothing to settle.
    world.restart().await;
    assert!(world.receipts("outcome").is_empty());
}

#[tokio::test]
async fn a_run_may_ask_about_itself_and_an_enforcer_about_a_run() {
    let world = world().await;
    let agent = world.agent("reader").start().await;
    let edge = world.agent("edge").start().await;
    let stranger = world.agent("stranger").start().await;
    let id = agent.instance.id.to_string();
    let own = asks(("identity", &id), "crm.read", ("tool", "read"));
    for (asker, subject, expected) in [
        (&agent, ("identity", id.as_str()), None),
        (&agent, ("agent", "reader"), None),
        (&edge, ("instance", id.as_str()), None),
        (&edge, ("identity", id.as_str()), None),
        (&stranger, ("instance", id.as_str()), Some(Code::NotEnforcer)),
    ] {
        let asked = asks(subject, "crm.read", ("tool", "read"));
        let asker = caller(&world, asker);
        assert_eq!(
            code(&world.engine.evaluate(&asker, &asked, Asking::Nobody(None), "authzen").await),
            expected,
            "{subject:?}"
        );
    }
    world.engine.revoke(agent.instance.id, &"ana".parse().unwrap()).await.unwrap();
    let edge = caller(&world, &edge);
    assert_eq!(
        code(&world.engine.evaluate(&edge, &own, Asking::Nobody(None), "authzen").await),
        Some(Code::RevokedInstance)
    );
}

#[tokio::test]
async fn no_answer_is_given_that_is_not_on_record_and_none_to_a_stopped_asker() {
    let world = world().await;
    let app = world.agent("records-app").start().await;
    let asker = caller(&world, &app);
    let asked = asks(("user", "alice"), "read", ("record", "record-1"));
    world.failpoints.fail_before(PortOperation::LedgerAppend);
    assert_eq!(
        code(&world.engine.evaluate(&asker, &asked, Asking::Nobody(None), "authzen").await),
        Some(Code::LedgerUnavailable)
    );
    world.failpoints.heal();
    world.engine.halt("connector:records".parse().unwrap(), "wrong", &"ana".parse().unwrap()).await.unwrap();
    assert_eq!(
        code(&world.engine.evaluate(&asker, &asked, Asking::Nobody(None), "authzen").await),
        Some(Code::Halted)
    );
    world.engine.lift(&"connector:records".parse().unwrap(), &"ana".parse().unwrap()).await.unwrap();
    world.engine.revoke(app.instance.id, &"ana".parse().unwrap()).await.unwrap();
    assert_eq!(
        code(&world.engine.evaluate(&asker, &asked, Asking::Nobody(None), "authzen").await),
        Some(Code::RevokedInstance)
    );
}

#[tokio::test]
async fn a_denial_that_people_can_lift_is_asked_about_and_the_approval_counts_once() {
    let world = world().await;
    let app = world.agent("records-app").start().await;
    let other = world.agent("edge").start().await;
    let (app, other) = (caller(&world, &app), caller(&world, &other));
    let mut asked = asks(("user", "alice"), "export", ("record", "record-1"));
    asked.context.set("ip", "10.0.0.1");
    let nobody = |asked: &Inquiry| (asked.clone(), Asking::Nobody(asked.approval()));
    let evaluate = async |asked: &Inquiry| {
        let (asked, asking) = nobody(asked);
        world.engine.evaluate(&app, &asked, asking, "authzen").await
    };
    let denied = evaluate(&asked).await;
    assert_eq!(code(&denied), Some(Code::ApprovalRequired));
    assert!(world.notifier.told().is_empty(), "asking the decision point bothers nobody");
    let offer = world.engine.offer(&asked, &denied).unwrap();
    assert_eq!(offer.reasons, ["many at once"]);

    // Only what was denied can be asked for, and only with the token of its denial.
    let mut changed = asked.clone();
    changed.resource.id = "record-9".to_owned();
    let refused = world.engine.petition(&app, &changed, &offer.token).await;
    assert!(matches!(refused, Err(PetitionError::NotBound(_))));
    let refused = world.engine.petition(&app, &asked, "x.y.z").await;
    assert!(matches!(refused, Err(PetitionError::NotBound(_))));

    // A justification may be added; it is not judged.
    let mut sent = asked.clone();
    sent.context.set("justification", "quarterly report");
    let approval = world.engine.petition(&app, &sent, &offer.token).await.unwrap();
    assert_eq!(world.engine.petition(&app, &asked, &offer.token).await.unwrap().id, approval.id);
    let foreign = world.engine.petitioned(&other, approval.id).await;
    assert!(matches!(foreign, Err(PetitionError::Unknown(_))));
    world.approve(approval.id, "lea").await.unwrap();
    // Asking for it again does not use it up, and without its name it does not count.
    assert_eq!(world.engine.petition(&app, &asked, &offer.token).await.unwrap().id, approval.id);
    assert_eq!(code(&evaluate(&asked).await), Some(Code::ApprovalRequired));
    asked.context.set("approval", Object::new().with("id", approval.id.to_string()));
    let allowed = evaluate(&asked).await;
    assert_eq!((code(&allowed), allowed.approval), (None, Some(approval.id)));
    assert_eq!(code(&evaluate(&asked).await), Some(Code::ApprovalRequired));
    world.clock.advance(std::time::Duration::from_secs(601));
    let late = world.engine.petition(&app, &asked, &offer.token).await;
    assert!(matches!(late, Err(PetitionError::Expired)));
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn another_gateway_asks_about_a_message_by_its_method_and_what_it_names() {
    let world = world().await;
    let agent = world.agent("reader").start().await;
    let for_alice = world.agent("reader").on_behalf_of("alice").start().await;
    let edge = world.agent("edge").start().await;
    let edge = caller(&world, &edge);
    let (id, acting) = (agent.instance.id.to_string(), for_alice.instance.id.to_string());
    let server = Object::new().with("server", "crm");
    let evaluate = async |inquiry: &Inquiry| {
        code(&world.engine.evaluate(&edge, inquiry, Asking::Nobody(None), "authzen").await)
    };
    for (method, resource, expected) in [
        ("tools/call", ("tool", "read"), None),
        ("tools/call", ("tool", "crm.read"), None),
        ("tools/call", ("tool", "write"), Some(Code::UnknownTool)),
        ("resources/read", ("resource", "file:///etc/passwd"), Some(Code::NoGrant)),
        ("tools/list", ("mcp_server", "https://placet.example/mcp/crm"), None),
        ("initialize", ("mcp_server", "crm"), None),
        ("initialize", ("mcp_server", "https://elsewhere.example/mcp"), Some(Code::UnknownConnector)),
        ("tools/delete", ("tool", "read"), Some(Code::UnknownTool)),
    ] {
        let asked = asks(("identity", &id), method, resource);
        assert_eq!(evaluate(&asked).await, expected, "{method} {resource:?}");
    }
    let mut stated = asks(("identity", &id), "tools/call", ("tool", "read"));
    stated.resource.properties = server;
    assert_eq!(evaluate(&stated).await, None);
    // A delegated token: the person is the subject, the run acts. Of anybody else it says nothing.
    let mut delegated = asks(("identity", "alice"), "tools/call", ("tool", "read"));
    delegated.subject.properties.set("act", Object::new().with("sub", acting));
    assert_eq!(evaluate(&delegated).await, None);
    delegated.subject.id = "bob".to_owned();
    assert_eq!(evaluate(&delegated).await, Some(Code::UnknownSubject));
}
