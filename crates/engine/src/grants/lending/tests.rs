use std::time::Duration;

use placet_domain::Giver;

use super::*;
use crate::flatness;

const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

fn grant(number: usize) -> Grant {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Grant {
        id: GrantId::new(NOW, random),
        agent: agent(number),
        instance: None,
        connector: "crm".parse().unwrap(),
        tools: vec!["update_deal".parse().unwrap(), "get_deal".parse().unwrap()],
        resource: Some(deal(number)),
        lasts: Duration::from_secs(300),
        justification: "INC-4451".to_owned(),
        asked_by: None,
        on_behalf_of: None,
        started_by: None,
        asked: NOW,
        expires: NOW.after(Duration::from_secs(300)),
        state: GrantState::Given(Giver::Policy("reads".parse().unwrap(), NOW)),
        recorded: true,
    }
}

/// Each agent has ten grants.
fn agent(number: usize) -> AgentName {
    format!("agent-{}", number / 10).parse().unwrap()
}

fn deal(number: usize) -> Resource {
    Resource { kind: "Deal".to_owned(), id: number.to_string() }
}

fn found(lending: &Lending, number: usize, now: Timestamp) -> usize {
    let operation = Operation::Tool("update_deal".parse().unwrap());
    lending.at_hand(&agent(number), &"crm".parse().unwrap(), &operation, Some(&deal(number)), now).len()
}

#[test]
fn a_grant_is_found_by_what_it_covers_until_it_ends_or_is_taken_back() {
    let lending = Lending::with((0..100).map(grant).collect());
    assert_eq!((found(&lending, 7, NOW), found(&lending, 7, grant(7).expires)), (1, 0));
    assert_eq!(found(&lending, 100, NOW), 0);
    assert_eq!(lending.of_agent(&agent(7)).len(), 10);
    let answer = placet_domain::Answer { by: "sue".parse().unwrap(), at: NOW, rationale: String::new() };
    lending.put(Arc::new(Grant { state: GrantState::Revoked(answer), ..grant(7) }));
    assert_eq!((found(&lending, 7, NOW), found(&lending, 8, NOW)), (0, 1));
    lending.remove(&grant(8));
    assert_eq!((found(&lending, 8, NOW), lending.of_agent(&agent(7)).len()), (0, 9));
    // On anything: found whatever the call is about.
    lending.put(Arc::new(Grant { resource: None, ..grant(9) }));
    let operation = Operation::Tool("get_deal".parse().unwrap());
    let any = lending.at_hand(&agent(9), &"crm".parse().unwrap(), &operation, None, NOW);
    assert_eq!(any.len(), 1);
}

#[test]
fn what_has_ended_is_cleared_away_when_another_comes() {
    let lending = Lending::with(vec![grant(1)]);
    let later = grant(1).expires;
    lending.put(Arc::new(Grant { id: GrantId::new(later, [9; 10]), asked: later, ..grant(1) }));
    let known = lending.known.read().unwrap();
    let kept: usize = known.cover.values().flat_map(HashMap::values).map(Vec::len).sum();
    assert_eq!(kept, 2, "one for each of its tools");
}

#[test]
fn a_call_leans_on_its_grant_until_it_ends() {
    let lending = Lending::default();
    let run = InstanceId::new(NOW, [1; 10]);
    let (crm, operation) = ("crm".parse().unwrap(), Operation::Tool("get_deal".parse().unwrap()));
    let (one, two) = (grant(1).id, grant(2).id);
    let first = lending.lean(run, &crm, &operation, one);
    let second = lending.lean(run, &crm, &operation, two);
    assert_eq!(lending.leans(run, &crm, &operation), [one, two]);
    drop(first);
    assert_eq!(lending.leans(run, &crm, &operation), [two]);
    drop(second);
    assert!(lending.leaning.lock().unwrap().is_empty());
}

#[test]
#[ignore = "a measurement: `cargo xtask bench-flat`"]
fn measured_lookups_of_grants() {
    flatness::tell("grants", |size| {
        // One grant for each agent, so that as many agents are at work among few as among many.
        let lending = Lending::with((0..size).map(|number| grant(number * 10)).collect());
        let operation = Operation::Tool("update_deal".parse().unwrap());
        let connector: ConnectorName = "crm".parse().unwrap();
        // Spread over all of them.
        let calls: Vec<(AgentName, Resource)> = (0..flatness::CALLERS)
            .map(|caller| caller * (size / flatness::CALLERS) * 10)
            .map(|number| (agent(number), deal(number)))
            .collect();
        move |turn| {
            let (agent, deal) = &calls[turn % calls.len()];
            let at_hand = lending.at_hand(agent, &connector, &operation, Some(deal), NOW);
            assert_eq!(std::hint::black_box(at_hand).len(), 1);
        }
    });
}
