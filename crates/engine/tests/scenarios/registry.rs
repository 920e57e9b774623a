//! The registry: who must agree, what a charter limits, what people may do, and what a failing port leaves behind.

use placet_domain::{Code, Stage, Tier};
use placet_engine::{ChangeError, Lookup, RegisterError, Registration, StepKind};
use placet_testkit::{PortOperation, World};

use super::{
    crm::{answered, refused, text},
    year::{agent, answers, charter, name, organisation, person, registration, run, stage, start},
};

const READS: &str = r#"{"wants":["crm.get_deal"]}"#;
const WRITES: &str = r#"{"wants":["crm.get_deal","crm.update_deal"]}"#;
const DEAL: &str = r#"{"deal_id":"D-1"}"#;

async fn register(world: &World, tier: Tier, of: &str) -> Result<Stage, RegisterError> {
    world.engine.register(registration(tier, of), &person("oda")).await.map(|agent| agent.life.stage)
}

fn changes(world: &World) -> Vec<String> {
    world.receipts("agent").iter().map(|receipt| text(receipt, "change")).collect()
}

#[tokio::test]
async fn a_tier_1_agent_that_only_reads_is_active_at_once() {
    let world = organisation().await;
    assert_eq!(register(&world, Tier::One, READS).await.unwrap(), Stage::Active);
    answered(&run(&world).await.calls("crm.get_deal", DEAL).await);
}

#[tokio::test]
async fn whoever_asks_for_less_than_fits_is_judged_by_what_fits() {
    for (of, chain) in [
        (WRITES, vec!["security", "lead"]),
        (r#"{"wants":["crm.get_deal"],"data":["customer"]}"#, vec!["security", "compliance", "vp"]),
        (r#"{"wants":["erp.pay"]}"#, vec!["security", "compliance", "vp"]),
    ] {
        let world = organisation().await;
        assert_eq!(register(&world, Tier::One, of).await.unwrap(), Stage::Proposed, "{of}");
        let proposal = agent(&world).life.proposal.unwrap();
        assert_eq!(proposal.chain.iter().map(|group| group.as_str()).collect::<Vec<_>>(), chain, "{of}");
    }
}

#[tokio::test]
async fn a_team_a_stranger_and_an_agents_own_backup_are_no_owners() {
    let world = organisation().await;
    let wanted = registration(Tier::One, READS);
    for (changed, told) in [
        (Registration { owner: person("sales"), ..wanted.clone() }, "name one of: bea, oda, otto"),
        (Registration { owner: person("zoe"), ..wanted.clone() }, "`zoe` is not a person"),
        (
            Registration { charter: charter(r#"{"backup_owner":"sales"}"#), ..wanted.clone() },
            "`sales` is a team",
        ),
        (
            Registration { charter: charter(r#"{"backup_owner":"oda"}"#), ..wanted.clone() },
            "both owner and backup",
        ),
        (Registration { purpose: " ".to_owned(), ..wanted.clone() }, "the purpose must be"),
    ] {
        let error = world.engine.register(changed, &person("oda")).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    assert!(world.receipts("agent").is_empty() && world.ports.registry.agents().is_empty());
}

#[tokio::test]
async fn a_registration_that_nobody_could_approve_is_refused_at_once() {
    let world = organisation().await;
    world.people.leave("lea");
    let error = register(&world, Tier::Two, WRITES).await.unwrap_err().to_string();
    assert!(error.contains("`lead`") && error.contains("[registry.approvers]"), "{error}");
    // Who asks does not count.
    world.people.add("oda", &["lead"]);
    assert!(register(&world, Tier::Two, WRITES).await.is_err());
}

#[tokio::test]
async fn a_charter_that_could_not_be_read_back_is_not_registered() {
    let world = organisation().await;
    let mut wanted = registration(Tier::One, READS);
    wanted.charter.wants = vec!["crm.get_deal".parse().unwrap(); placet_domain::limits::WANTS + 1];
    let error = world.engine.register(wanted, &person("oda")).await.unwrap_err();
    assert!(matches!(error, RegisterError::Charter(_)), "{error}");
    assert!(world.ports.registry.agents().is_empty());
}

#[tokio::test]
async fn one_refusal_ends_a_proposal_for_good() {
    let world = organisation().await;
    register(&world, Tier::Two, WRITES).await.unwrap();
    answers(&world, "sven", true).await.unwrap();
    answers(&world, "lea", false).await.unwrap();
    assert_eq!(stage(&world), "retired");
    assert_eq!(changes(&world), ["agent_registered", "agent_answered", "agent_answered", "agent_stage"]);
    let last = world.receipts("agent").pop().unwrap();
    assert_eq!(text(last.member("about").unwrap(), "cause"), "refused");
    assert!(answers(&world, "lea", true).await.is_err());
    assert!(start(&world).await.unwrap_err().to_string().contains("an approver refused it"));
    assert!(matches!(register(&world, Tier::One, READS).await, Err(RegisterError::Taken(_))));
}

#[tokio::test]
async fn a_person_in_two_groups_speaks_for_one_of_them() {
    let world = organisation().await;
    register(&world, Tier::Three, WRITES).await.unwrap();
    let answer = |group: &str| placet_engine::ProposalAnswer {
        agent: name(),
        approve: true,
        by: person("sven"),
        group: Some(group.parse().unwrap()),
        rationale: String::new(),
    };
    assert!(world.engine.answer_proposal(answer("vp")).await.is_err());
    world.engine.answer_proposal(answer("compliance")).await.unwrap();
    assert!(world.engine.answer_proposal(answer("security")).await.is_err());
    let open: Vec<_> = agent(&world).life.proposal.unwrap().open().map(ToString::to_string).collect();
    assert_eq!(open, ["security", "vp"]);
}

#[tokio::test]
async fn calls_outside_of_what_was_wanted_are_refused_and_hidden() {
    let world = organisation().await;
    register(&world, Tier::One, READS).await.unwrap();
    let actor = run(&world).await;
    let reply = actor.calls("crm.update_deal", DEAL).await;
    refused(&reply, Code::NotWanted);
    let told = placet_testkit::refusal(&reply).unwrap().to_string();
    assert!(
        told.contains("registered without `crm.update_deal`") && told.contains("oda, owner of"),
        "{told}"
    );
    assert_eq!(world.sent(), []);
    let caller = world.engine.authenticate(&actor.credential()).unwrap();
    let shows = |tool: &str| world.engine.shows(&caller, &"crm".parse().unwrap(), &tool.parse().unwrap());
    assert!(shows("get_deal") && !shows("update_deal"));
}

#[tokio::test]
async fn shrinking_leaves_what_was_used() {
    let world = organisation().await;
    register(&world, Tier::Two, r#"{"wants":["crm"]}"#).await.unwrap();
    let error = world.engine.shrink(&name(), &person("oda")).await.unwrap_err().to_string();
    assert!(error.contains("waits for its approvers"), "{error}");
    answers(&world, "sven", true).await.unwrap();
    answers(&world, "lea", true).await.unwrap();
    let error = world.engine.shrink(&name(), &person("oda")).await.unwrap_err().to_string();
    assert!(error.contains("has used nothing yet"), "{error}");
    let actor = run(&world).await;
    answered(&actor.calls("crm.get_deal", DEAL).await);
    let dossier = world.engine.dossier(&name()).await.unwrap().unwrap();
    assert_eq!(dossier.evidence(), "used 1 of 2 permitted tools, last call today");
    assert_eq!((dossier.live, dossier.usage.calls), (1, 1));
    world.engine.shrink(&name(), &person("oda")).await.unwrap();
    refused(&actor.calls("crm.update_deal", DEAL).await, Code::NotWanted);
    answered(&actor.calls("crm.get_deal", DEAL).await);
    let dossier = world.engine.dossier(&name()).await.unwrap().unwrap();
    assert_eq!(dossier.evidence(), "used 1 of 1 permitted tools, last call today");
}

#[tokio::test]
async fn the_index_of_uses_is_the_same_after_a_restart() {
    let mut world = organisation().await;
    register(&world, Tier::One, READS).await.unwrap();
    let actor = run(&world).await;
    answered(&actor.calls("crm.get_deal", DEAL).await);
    refused(&actor.calls("crm.update_deal", DEAL).await, Code::NotWanted);
    let before = world.engine.usage(&name()).await.unwrap();
    answered(&actor.calls("crm.get_deal", DEAL).await);
    let after = world.engine.usage(&name()).await.unwrap();
    assert_eq!((before.calls, after.calls), (1, 2));
    world.restart().await;
    assert_eq!(world.engine.usage(&name()).await.unwrap(), after);
}

#[tokio::test]
async fn a_suspended_agent_is_refused_with_what_to_do_from_the_acknowledgement_on() {
    let world = organisation().await;
    register(&world, Tier::One, READS).await.unwrap();
    let actor = run(&world).await;
    answered(&actor.calls("crm.get_deal", DEAL).await);
    world.engine.suspend(&name(), &person("lea")).await.unwrap();
    let reply = actor.calls("crm.get_deal", DEAL).await;
    refused(&reply, Code::UnknownAgent);
    let told = placet_testkit::refusal(&reply).unwrap().to_string();
    assert!(
        told.contains("is suspended since") && told.contains("`placet agent resume deal-writer`"),
        "{told}"
    );
    assert!(told.contains("oda, owner of `deal-writer`"), "{told}");
    world.engine.resume(&name(), &person("lea")).await.unwrap();
    answered(&actor.calls("crm.get_deal", DEAL).await);
    assert_eq!(world.sent().len(), 2);
}

#[tokio::test]
async fn what_is_taken_away_is_gone_even_if_the_ledger_is_not_there_and_recorded_later() {
    let world = organisation().await;
    register(&world, Tier::One, READS).await.unwrap();
    world.failpoints.fail_before(PortOperation::LedgerAppend);
    assert!(matches!(world.engine.suspend(&name(), &person("lea")).await, Err(ChangeError::Ledger(_))));
    assert_eq!(stage(&world), "suspended");
    assert_eq!(changes(&world), ["agent_registered"]);
    assert_eq!(world.engine.tick().await.failed.len(), 1);
    world.failpoints.heal();
    assert_eq!(world.engine.tick().await.failed, []);
    assert_eq!(world.engine.tick().await.failed, []);
    assert_eq!(changes(&world), ["agent_registered", "agent_stage"]);
    let last = world.receipts("agent").pop().unwrap();
    assert_eq!(
        (text(&last, "by"), text(last.member("about").unwrap(), "to")),
        ("lea".into(), "suspended".into())
    );
}

#[tokio::test]
async fn what_is_given_does_not_exist_before_its_receipt() {
    let world = organisation().await;
    register(&world, Tier::Two, WRITES).await.unwrap();
    answers(&world, "sven", true).await.unwrap();
    for operation in [PortOperation::LedgerAppend, PortOperation::RegistryUpdate] {
        world.failpoints.fail_before(operation);
        assert!(answers(&world, "lea", true).await.is_err());
        assert_eq!(stage(&world), "proposed", "{operation:?}");
        world.failpoints.heal();
    }
    answers(&world, "lea", true).await.unwrap();
    assert_eq!(stage(&world), "active");
}

#[tokio::test]
async fn a_change_that_allows_more_waits_while_the_agent_goes_on_as_it_was() {
    let world = organisation().await;
    register(&world, Tier::One, READS).await.unwrap();
    let actor = run(&world).await;
    world.engine.change(registration(Tier::Two, WRITES), &person("oda")).await.unwrap();
    assert_eq!((stage(&world), agent(&world).tier), ("active", Tier::One));
    refused(&actor.calls("crm.update_deal", DEAL).await, Code::NotWanted);
    answers(&world, "sven", true).await.unwrap();
    answers(&world, "lea", true).await.unwrap();
    assert_eq!((stage(&world), agent(&world).tier), ("active", Tier::Two));
    answered(&actor.calls("crm.update_deal", DEAL).await);
    // Refused, it changes nothing.
    let more = registration(Tier::Two, r#"{"wants":["crm"]}"#);
    world.engine.change(more.clone(), &person("oda")).await.unwrap();
    answers(&world, "lea", false).await.unwrap();
    assert_eq!((stage(&world), agent(&world).charter), ("active", charter(WRITES)));
    // Not answered, it lapses.
    world.engine.change(more, &person("oda")).await.unwrap();
    world.clock.advance(placet_domain::limits::PROPOSAL);
    assert_eq!(world.engine.tick().await.failed, []);
    assert!(agent(&world).life.proposal.is_none());
    // Narrower terms hold at once, even if nobody is there to agree to wider ones; strangers change nothing.
    world.people.leave("sven");
    let error = world.engine.change(registration(Tier::Two, READS), &person("lea")).await.unwrap_err();
    assert!(matches!(error, ChangeError::NotAllowed { .. }), "{error}");
    world.engine.change(registration(Tier::Two, READS), &person("oda")).await.unwrap();
    refused(&run(&world).await.calls("crm.update_deal", DEAL).await, Code::NotWanted);
}

#[tokio::test]
async fn a_plan_says_in_words_what_applying_does() {
    let world = organisation().await;
    let oda = person("oda");
    let new = registration(Tier::One, WRITES);
    let words = |steps: Vec<placet_engine::Step>| {
        steps
            .iter()
            .map(|step| format!("{} {}: {}", step.kind, step.agent, step.words.join("; ")))
            .collect::<Vec<_>>()
    };
    let plan = words(world.engine.plan(std::slice::from_ref(&new), false, &oda));
    assert_eq!(
        plan,
        [
            "create deal-writer: owner oda, tier 1: keeps deals fresh; tier 2 fits better: `crm.update_deal` writes; \
          waits for the approvers of tier 2: security, lead"
        ]
    );
    assert!(world.receipts("agent").is_empty(), "a plan changes nothing");
    assert_eq!(words(world.engine.apply(vec![new.clone()], false, &oda).await), plan);
    answers(&world, "sven", true).await.unwrap();
    answers(&world, "lea", true).await.unwrap();
    assert_eq!(words(world.engine.plan(std::slice::from_ref(&new), true, &oda)), ["keep deal-writer: "]);

    let other =
        Registration { owner: person("otto"), purpose: "less".to_owned(), ..registration(Tier::One, READS) };
    let plan = words(world.engine.plan(std::slice::from_ref(&other), true, &oda));
    assert_eq!(
        plan,
        [
            r#"change deal-writer: owner: oda → otto; purpose: keeps deals fresh → less; wants: ["crm.get_deal","crm.update_deal"] → ["crm.get_deal"]"#
        ]
    );
    world.engine.apply(vec![other], true, &oda).await;
    assert_eq!((agent(&world).owner, agent(&world).purpose), (person("otto"), "less".to_owned()));

    // In no file: kept, or retired on request by somebody who may.
    assert_eq!(world.engine.plan(&[], false, &oda)[0].kind, StepKind::Keep);
    let refused = world.engine.apply(vec![], true, &person("lea")).await;
    assert_eq!((refused[0].kind, stage(&world)), (StepKind::Refuse, "active"));
    assert_eq!(world.engine.apply(vec![], true, &person("otto")).await[0].kind, StepKind::Retire);
    assert_eq!(stage(&world), "retired");
    assert_eq!(world.engine.plan(&[new], true, &oda)[0].kind, StepKind::Refuse);
}

#[tokio::test]
async fn from_a_call_a_run_or_a_receipt_one_query_leads_to_the_people() {
    let world = organisation().await;
    register(&world, Tier::One, r#"{"wants":["crm.get_deal"],"backup_owner":"bea"}"#).await.unwrap();
    let actor = world.agent("deal-writer").on_behalf_of("otto").ticket("INC-7").start().await;
    for _ in 0..40 {
        answered(&run(&world).await.calls("crm.get_deal", DEAL).await);
        world.clock.advance(std::time::Duration::from_secs(3600));
    }
    let late = world.agent("deal-writer").on_behalf_of("otto").ticket("INC-8").start().await;
    answered(&late.calls("crm.get_deal", DEAL).await);
    let (decision, outcome) =
        (world.receipts("decision").pop().unwrap(), world.receipts("outcome").pop().unwrap());
    for id in [text(&decision, "call"), text(&decision, "id"), text(&outcome, "id")] {
        let who = world.engine.who(id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((who.agent.as_str(), who.operation.as_deref()), ("deal-writer", Some("crm.get_deal")));
        assert_eq!(who.instance, Some(late.instance.id.to_string()));
        assert_eq!((who.started_by.as_deref(), who.owner_then.as_deref()), (Some("ana"), Some("oda")));
        let mandate = placet_domain::Json::from(who.mandate).canonical();
        assert_eq!(mandate, r#"{"on_behalf_of":"otto","ticket":"INC-8"}"#);
        assert_eq!(who.page, [person("oda"), person("bea")]);
        assert_eq!(who.receipts.len(), 2);
    }
    // The people of today, whoever owned it then.
    world.people.leave("oda");
    let who = world.engine.who(Lookup::Instance(actor.instance.id)).await.unwrap().unwrap();
    assert_eq!(
        (who.page, who.mandate.member("ticket").and_then(|ticket| ticket.as_str())),
        (vec![person("bea")], Some("INC-7"))
    );
    world.people.leave("bea");
    let who = world.engine.who(Lookup::Instance(actor.instance.id)).await.unwrap().unwrap();
    assert_eq!(who.page, [person("sven")], "with nobody left, whoever administers the registry");
    let unknown = placet_domain::CallId::new(world.ports.clock.now(), [9; 10]);
    assert!(world.engine.who(Lookup::Call(unknown)).await.unwrap().is_none());
    assert!("apr_1".parse::<Lookup>().is_err());
}
