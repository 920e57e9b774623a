//! A year in the life of an agent, by the clock alone: every step with its receipt, its reminders and what it takes.

use std::time::Duration;

use placet_domain::{Agent, AgentName, Charter, Code, Json, Mandate, PersonName, Stage, Tier};
use placet_engine::{ChangeError, ProposalAnswer, Registration, RegistryRules, StartError, StartRequest};
use placet_testkit::{Actor, World};

use super::crm::{DEAL_SCHEMA, answered, refused, text};

const READ: &str = "crm.get_deal";
const WRITE: &str = "crm.update_deal";
const DEAL: &str = r#"{"deal_id":"D-1"}"#;

const EVERYTHING: &str = r#"@id("everything") permit (principal, action, resource);"#;

pub(super) fn name() -> AgentName {
    "deal-writer".parse().unwrap()
}

pub(super) fn person(name: &str) -> PersonName {
    name.parse().unwrap()
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// An organisation with approvers, two possible owners and a CRM of which everything is permitted.
pub(super) async fn organisation() -> World {
    World::new()
        .person("oda", &["sales"])
        .person("otto", &["sales"])
        .person("bea", &["sales"])
        .person("sven", &["security", "compliance"])
        .person("cora", &["compliance"])
        .person("vera", &["vp"])
        .person("lea", &["lead"])
        .tool(READ, DEAL_SCHEMA)
        .tool(WRITE, DEAL_SCHEMA)
        .groups(READ, &["read"])
        .groups(WRITE, &["write"])
        .policies(EVERYTHING)
        .registry(RegistryRules::default())
        .open()
        .await
}

pub(super) fn charter(text: &str) -> Charter {
    Charter::from_json(Json::parse(text.as_bytes()).unwrap().as_object().unwrap()).unwrap()
}

pub(super) fn registration(tier: Tier, of: &str) -> Registration {
    Registration {
        name: name(),
        owner: person("oda"),
        purpose: "keeps deals fresh".to_owned(),
        tier,
        groups: vec![],
        charter: charter(of),
    }
}

pub(super) async fn answers(world: &World, by: &str, approve: bool) -> Result<Agent, ChangeError> {
    let answer =
        ProposalAnswer { agent: name(), approve, by: person(by), group: None, rationale: "seen".to_owned() };
    world.engine.answer_proposal(answer).await
}

pub(super) fn agent(world: &World) -> Agent {
    Agent::clone(&world.ports.registry.agent(&name()).unwrap())
}

pub(super) fn stage(world: &World) -> &'static str {
    agent(world).life.stage.as_str()
}

/// A run that lives for an hour, as a program of the organisation would start one each time.
pub(super) async fn run(world: &World) -> Actor {
    world.agent("deal-writer").task("keep the deals current").life(Duration::from_secs(3600)).start().await
}

pub(super) async fn start(world: &World) -> Result<(), StartError> {
    let request = StartRequest {
        agent: name(),
        mandate: Mandate::default(),
        life: Duration::from_secs(60),
        by: person("oda"),
        parent: None,
    };
    world.engine.start(request).await.map(drop)
}

/// The agent's receipts since the last look, one word each.
#[derive(Default)]
struct Reader {
    seen: usize,
    told: usize,
}

impl Reader {
    fn receipts(&mut self, world: &World) -> Vec<String> {
        let all = world.receipts("agent");
        let new = all.iter().skip(self.seen).map(word).collect();
        self.seen = all.len();
        new
    }

    /// The new notices: to whom, and the text.
    fn notices(&mut self, world: &World) -> Vec<(String, String)> {
        let all = world.notifier.notices();
        let new = all.iter().skip(self.told).map(|notice| {
            (
                notice.to.iter().map(|person| person.as_str()).collect::<Vec<_>>().join(","),
                notice.text.clone(),
            )
        });
        let new = new.collect();
        self.told = all.len();
        new
    }
}

fn word(receipt: &Json) -> String {
    let about = receipt.member("about").unwrap();
    let by = text(receipt, "by");
    let days = || about.member("days").and_then(Json::as_integer).unwrap();
    match text(receipt, "change").as_str() {
        "agent_stage" => format!("{}→{} {}", text(about, "from"), text(about, "to"), text(about, "cause"))
            .trim()
            .to_owned(),
        "agent_answered" => format!("{by} for {}", text(about, "group")),
        "agent_reminded" => format!("{} {}", text(about, "stage"), days()),
        "agent_owner_replaced" => format!("{}→{} by {by}", text(about, "before"), text(about, "owner")),
        other => format!("{other} by {by}"),
    }
}

/// Lets days go by, looking at the clock each day, twice; says on which days something happened.
async fn live(world: &World, count: u64, reader: &mut Reader) -> Vec<(u64, String)> {
    let mut happened = Vec::new();
    for day in 1..=count {
        world.clock.advance(days(1));
        let ticked = world.engine.tick().await;
        assert_eq!(ticked.failed, []);
        // A second look at the same moment finds nothing left to do.
        let again = world.engine.tick().await;
        assert_eq!((again.moved, again.reminded), (0, 0));
        happened.extend(reader.receipts(world).into_iter().map(|word| (day, word)));
    }
    happened
}

#[track_caller]
fn happened(seen: &[(u64, String)], expected: &[(u64, &str)]) {
    let seen: Vec<(u64, &str)> = seen.iter().map(|(day, word)| (*day, word.as_str())).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "a year from its beginning to its end: a straight, commented procedure"
)]
async fn a_year_in_the_life_of_an_agent() {
    let mut world = organisation().await;
    let mut reader = Reader::default();

    // Registration: tier 3 asks security, compliance and a vice president; nothing runs before.
    let wishes = r##"{"backup_owner":"bea","wants":["crm"],"data":["customer"],"contact":"#deals"}"##;
    let proposed = world.engine.register(registration(Tier::Three, wishes), &person("oda")).await.unwrap();
    assert_eq!(proposed.life.stage, Stage::Proposed);
    assert_eq!(reader.receipts(&world), ["agent_registered by oda"]);
    let told = reader.notices(&world);
    assert_eq!(told[0].0, "cora,sven,vera");
    assert!(told[0].1.contains("`placet agent approve deal-writer`"), "{told:?}");
    let error = start(&world).await.unwrap_err();
    assert!(error.to_string().contains("waits for its approvers"), "{error}");
    for (by, why) in
        [("oda", "asked for it themselves"), ("lea", "in none of the groups"), ("nobody", "not declared")]
    {
        let error = answers(&world, by, true).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    answers(&world, "sven", true).await.unwrap();
    let twice = answers(&world, "sven", true).await.unwrap_err().to_string();
    assert!(twice.contains("each group needs another person"), "{twice}");
    answers(&world, "vera", true).await.unwrap();
    assert_eq!(stage(&world), "proposed");
    answers(&world, "cora", true).await.unwrap();
    assert_eq!(stage(&world), "active");
    assert_eq!(
        reader.receipts(&world),
        ["sven for security", "vera for vp", "cora for compliance", "proposed→active"]
    );
    assert_eq!(reader.notices(&world), [("oda,bea".to_owned(), "agent `deal-writer` is active".to_owned())]);

    // A quarter of work. The certification becomes due on day 90, and the owner is reminded, once.
    answered(&run(&world).await.calls(READ, DEAL).await);
    happened(
        &live(&world, 90, &mut reader).await,
        &[(90, "active→certification_due"), (90, "certification_due 14")],
    );
    let told = reader.notices(&world);
    assert_eq!((told.len(), told[0].0.as_str()), (1, "oda,bea"));
    assert!(told[0].1.contains("within 14 days") && told[0].1.contains("`placet agent certify deal-writer`"));
    answered(&run(&world).await.calls(WRITE, DEAL).await);

    // Certification done, with evidence, by the owner and by nobody else.
    happened(&live(&world, 7, &mut reader).await, &[(7, "certification_due 7")]);
    let error = world.engine.certify(&name(), &person("lea")).await.unwrap_err().to_string();
    assert!(error.contains("its owner `oda` or the backup owner does"), "{error}");
    let dossier = world.engine.dossier(&name()).await.unwrap().unwrap();
    assert_eq!(dossier.evidence(), "used 2 of 2 permitted tools, last call 7 days ago");
    world.engine.certify(&name(), &person("oda")).await.unwrap();
    assert_eq!(reader.receipts(&world), ["agent_certified by oda", "certification_due→active"]);
    let receipts = world.receipts("agent");
    let evidence = receipts[receipts.len() - 2].member("about").unwrap();
    assert_eq!(evidence.member("permitted").and_then(Json::as_integer), Some(2));
    assert_eq!(evidence.member("used").and_then(Json::as_integer), Some(2));
    assert_eq!(evidence.member("tools").and_then(Json::as_array).map(<[Json]>::len), Some(2));
    let _active = reader.notices(&world);

    // Certification missed: two weeks of grace, an alert, 30 days with reminders, read-only, off. A restart on the way
    // changes nothing.
    happened(
        &live(&world, 104, &mut reader).await,
        &[
            (90, "active→certification_due"),
            (90, "certification_due 14"),
            (97, "certification_due 7"),
            (103, "certification_due 1"),
            (104, "certification_due→countdown certification_missed"),
            (104, "countdown 30"),
        ],
    );
    let told = reader.notices(&world);
    assert!(told.last().unwrap().1.contains("becomes read-only at"), "{told:?}");
    assert!(world.notifier.notices().last().unwrap().alert);
    assert_eq!(world.notifier.notices().last().unwrap().contact.as_deref(), Some("#deals"));
    answered(&run(&world).await.calls(WRITE, DEAL).await);
    world.restart().await;
    happened(
        &live(&world, 30, &mut reader).await,
        &[
            (16, "countdown 14"),
            (23, "countdown 7"),
            (29, "countdown 1"),
            (30, "countdown→restricted certification_missed"),
            (30, "restricted 7"),
        ],
    );
    assert_eq!(reader.notices(&world).len(), 4);

    // Read-only: reads go on, writes are refused and say what to do and who.
    let actor = run(&world).await;
    answered(&actor.calls(READ, DEAL).await);
    let reply = actor.calls(WRITE, DEAL).await;
    refused(&reply, Code::ReadOnlyAgent);
    let refusal = placet_testkit::refusal(&reply).unwrap().to_string();
    assert!(
        refusal.contains("its certification was missed") && refusal.contains("oda, owner of"),
        "{refusal}"
    );
    let last = world.receipts("decision").pop().unwrap();
    assert_eq!(text(&last, "code"), "PL-1221");
    happened(
        &live(&world, 7, &mut reader).await,
        &[(6, "restricted 1"), (7, "restricted→suspended certification_missed"), (7, "suspended 30")],
    );
    let error = start(&world).await.unwrap_err().to_string();
    assert!(error.contains("is suspended since"), "{error}");
    assert!(reader.notices(&world).iter().all(|(to, _)| to == "oda,bea"));

    // It is certified late, which alone does not bring it back; resuming does.
    let error = world.engine.resume(&name(), &person("oda")).await.unwrap_err().to_string();
    assert!(error.contains("`placet agent certify` comes first"), "{error}");
    world.engine.certify(&name(), &person("bea")).await.unwrap();
    assert_eq!(stage(&world), "suspended");
    world.engine.resume(&name(), &person("oda")).await.unwrap();
    assert_eq!(reader.receipts(&world), ["agent_certified by bea", "suspended→active"]);
    answered(&run(&world).await.calls(WRITE, DEAL).await);

    // The owner leaves: an alert on the same day, to the backup; reminders go to who is there.
    let _active = reader.notices(&world);
    world.people.leave("oda");
    happened(
        &live(&world, 30, &mut reader).await,
        &[
            (1, "active→countdown owner_gone"),
            (1, "countdown 30"),
            (17, "countdown 14"),
            (24, "countdown 7"),
            (30, "countdown 1"),
        ],
    );
    let told = reader.notices(&world);
    assert!(told.iter().all(|(to, _)| to == "bea"), "{told:?}");
    assert!(
        told[0].1.contains("`oda` has left") && told[0].1.contains("`placet agent owner deal-writer PERSON`")
    );
    happened(
        &live(&world, 1, &mut reader).await,
        &[(1, "countdown→restricted owner_gone"), (1, "restricted 7")],
    );
    let error = world.engine.certify(&name(), &person("bea")).await.unwrap_err().to_string();
    assert!(error.contains("its owner has left"), "{error}");

    // The owner is replaced: all rights are back, under the new name. A team is no owner.
    let team = world.engine.replace_owner(&name(), &person("sales"), &person("bea")).await.unwrap_err();
    assert!(team.to_string().contains("name one of: bea, otto"), "{team}");
    world.engine.replace_owner(&name(), &person("otto"), &person("bea")).await.unwrap();
    assert_eq!(reader.receipts(&world), ["oda→otto by bea", "restricted→active"]);
    assert_eq!(agent(&world).owner, person("otto"));
    answered(&run(&world).await.calls(WRITE, DEAL).await);

    // An incident: anybody may stop it; whoever did, or security, resumes it, not its owner.
    world.engine.suspend(&name(), &person("lea")).await.unwrap();
    let error = world.engine.resume(&name(), &person("otto")).await.unwrap_err().to_string();
    assert!(error.contains("`lea` suspended it"), "{error}");
    happened(&live(&world, 20, &mut reader).await, &[(1, "active→suspended operator")]);
    world.engine.resume(&name(), &person("sven")).await.unwrap();
    world.engine.retire(&name(), &person("otto")).await.unwrap();
    assert_eq!(reader.receipts(&world), ["suspended→active", "active→retired operator"]);
    let told = reader.notices(&world);
    assert!(told.last().unwrap().1.contains("was retired"), "{told:?}");
    let error = world.engine.resume(&name(), &person("otto")).await.unwrap_err().to_string();
    assert!(error.contains("register a new agent"), "{error}");
    happened(&live(&world, 60, &mut reader).await, &[]);

    // All of it can be read back from the ledger.
    let history = world.engine.history(&name()).await.unwrap();
    assert_eq!(history.len(), world.receipts("agent").len());
    assert!(history.windows(2).all(|pair| pair[0].index < pair[1].index));
}
