//! Decision points of others: they narrow what our policies allow, never widen it, and silence is no consent.

use std::time::Duration;

use placet_domain::{Code, Json, Timestamp};
use placet_engine::{ExternalPoint, Objection, Reply};
use placet_testkit::{World, refusal, ticket};

const POLICIES: &str = r#"
    @id("all") permit (principal, action in Action::"crm", resource);
    @id("never") forbid (principal, action == Action::"crm.delete", resource);
    @id("leads") permit (principal in Group::"leads", action == Action::"approve", resource);
"#;

async fn world(stands: Objection) -> World {
    let about = vec![
        ("crm".parse().unwrap(), Some("update".parse().unwrap())),
        ("crm".parse().unwrap(), Some("delete".parse().unwrap())),
    ];
    let subject = placet_domain::Object::new().with("cerbos.roles", vec!["agent"]);
    let point = ExternalPoint {
        name: "risk".to_owned(),
        id: "external:risk".parse().unwrap(),
        about,
        stands,
        subject,
    };
    World::new()
        .person("lea", &["leads"])
        .tool("crm.read", r#"{"type":"object"}"#)
        .tool("crm.update", r#"{"type":"object"}"#)
        .tool("crm.delete", r#"{"type":"object"}"#)
        .external(point)
        .policies(POLICIES)
        .open()
        .await
}

fn gate() -> Objection {
    Objection::Gate(vec!["leads".parse().unwrap()], Duration::from_secs(3_600))
}

fn opinion(world: &World) -> Option<String> {
    let receipts = world.receipts("decision");
    let opinions = receipts.last()?.member("opinions")?.as_array()?.to_vec();
    Some(opinions.first()?.member("verdict")?.as_str()?.to_owned())
}

/// Every decision of the log comes out again without asking anybody.
async fn replays(world: &World) {
    let found = world.engine.replay_as_recorded(Timestamp::from_micros(0)).await.unwrap();
    assert_eq!((found.flips, found.unknown.len(), found.not_kept), (vec![], 0, 0));
    assert_eq!((found.judged, found.decisions > 0), (found.decisions, true));
}

#[tokio::test]
async fn a_veto_of_another_decision_point_refuses_and_so_does_its_silence() {
    let world = world(Objection::Veto).await;
    let agent = world.agent("updater").start().await;
    for (answer, word) in [(Some(true), "agrees"), (Some(false), "objects"), (None, "silent")] {
        world.decision_points.answers("risk", answer);
        let reply = agent.calls("crm.update", r#"{"amount":5}"#).await;
        assert_eq!(opinion(&world).as_deref(), Some(word));
        match answer {
            Some(true) => assert!(matches!(reply, Reply::Answered { .. })),
            _ => assert_eq!(refusal(&reply).unwrap().code, Code::Vetoed),
        }
    }
    assert_eq!(world.sent().len(), 1);
    let asked = world.decision_points.asked();
    let text = Json::Object(asked[0].clone()).canonical();
    for part in [r#""name":"crm.update""#, r#""arguments":{"amount":5}"#, r#""cerbos.roles":["agent"]"#] {
        assert!(text.contains(part), "{text}");
    }
    // Not asked about what our own policies refuse, nor about tools that are not named.
    let _ = agent.calls("crm.delete", "{}").await;
    let _ = agent.calls("crm.read", "{}").await;
    assert_eq!(opinion(&world), None);
    replays(&world).await;
    assert_eq!(world.decision_points.asked().len(), 3);
}

#[tokio::test]
async fn a_gate_of_another_decision_point_is_lifted_by_people_for_one_call() {
    let world = world(gate()).await;
    let agent = world.agent("updater").start().await;
    world.decision_points.answers("risk", Some(false));
    let held = agent.calls("crm.update", r#"{"amount":5}"#).await;
    assert_eq!(refusal(&held).unwrap().code, Code::ApprovalRequired);
    world.approve(ticket(&held).unwrap(), "lea").await.unwrap();
    assert!(matches!(agent.calls("crm.update", r#"{"amount":5}"#).await, Reply::Answered { .. }));
    let again = agent.calls("crm.update", r#"{"amount":5}"#).await;
    assert_eq!(refusal(&again).unwrap().code, Code::ApprovalRequired);
    // It agrees by now: nobody has to be asked.
    world.decision_points.answers("risk", Some(true));
    assert!(matches!(agent.calls("crm.update", r#"{"amount":5}"#).await, Reply::Answered { .. }));
    assert_eq!(world.sent().len(), 2);
    replays(&world).await;
}
