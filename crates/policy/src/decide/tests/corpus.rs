//! Much more of the same, and Cedar's own conformance corpus: what `cargo xtask corpus` runs. By itself the tests run
//! a small part; these variables make it more:
//! `PLACET_CORPUS_REQUESTS`, `PLACET_CORPUS_SEED`, `PLACET_CORPUS_FILE`.

use std::collections::BTreeSet;

use cedar_policy::{Context, Entities, EntityUid, PolicySet, Request};
use cedar_policy_core::ast::{ActionConstraint, Entity, Policy};

use super::*;
use crate::evaluate::Trial;
use crate::refute::Opening;
use crate::rule::Head;

/// Cedar's corpus, in part: see the README beside it.
const SAMPLE: &str = include_str!("../../../tests/corpus/cedar.jsonl");
/// Requests of one generated policy set.
const OF_A_SET: usize = 500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
fn generated_requests_are_decided_as_stock_cedar_decides_them() {
    let wanted = usize::try_from(number("PLACET_CORPUS_REQUESTS", 1_000)).unwrap();
    let mut dice = Dice(number("PLACET_CORPUS_SEED", 11));
    let mut totals = Totals::default();
    let mut policies = 0;
    while totals.requests < wanted {
        let text = super::policies(&mut dice);
        policies += compare_set(&text, OF_A_SET.min(wanted - totals.requests), &mut dice, &mut totals);
    }
    assert!(totals.errors > 0 && totals.allowed > 0);
    println!(
        "generated: {} requests under {policies} policies, {} evaluations, {} allowed, {} errors, 0 differences",
        totals.requests, totals.compared, totals.allowed, totals.errors
    );
}

#[test]
fn cedars_own_corpus_is_decided_as_it_says() {
    let text = match std::env::var_os("PLACET_CORPUS_FILE") {
        Some(file) => std::fs::read_to_string(file).unwrap(),
        None => SAMPLE.to_owned(),
    };
    let (mut files, mut requests, mut errors) = (0, 0, 0);
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let set: PolicySet = case["policies"].as_str().unwrap().parse().unwrap();
        let entities = Entities::from_json_value(references(&case["entities"]), None).unwrap();
        files += 1;
        for asked in case["requests"].as_array().unwrap() {
            let request = Request::new(
                uid(&asked["principal"]),
                uid(&asked["action"]),
                uid(&asked["resource"]),
                Context::from_json_value(asked["context"].clone(), None).unwrap(),
                None,
            )
            .unwrap();
            let names = |key: &str| -> BTreeSet<String> {
                asked[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
            };
            let recorded = (asked["decision"] == "allow", names("reason"), names("errors"));
            let stock = stock(&set, &request, &entities);
            let ours = by_our_rules(&set, &request, &entities);
            assert_eq!(stock, recorded, "{line}");
            assert_eq!(ours, stock, "{line}");
            requests += 1;
            errors += ours.2.len();
        }
    }
    assert!(files > 150 && requests > 300 && errors > 20, "{files} {requests} {errors}");
    println!("cedar's corpus: {files} policy sets, {requests} requests, {errors} errors, 0 differences");
}

/// The corpus was written against schemas, by which Cedar knows a reference from a record. Without them it is told.
fn references(entities: &serde_json::Value) -> serde_json::Value {
    fn told(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Array(all) => all.iter().map(told).collect(),
            serde_json::Value::Object(members)
                if members.contains_key("__entity") || members.contains_key("__extn") =>
            {
                value.clone()
            }
            serde_json::Value::Object(members) => {
                let is_reference =
                    members.len() == 2 && members.contains_key("type") && members.contains_key("id");
                match is_reference {
                    true => serde_json::json!({ "__entity": value }),
                    false => members.iter().map(|(name, value)| (name.clone(), told(value))).collect(),
                }
            }
            other => other.clone(),
        }
    }
    let mut entities = entities.clone();
    for entity in entities.as_array_mut().unwrap() {
        entity["attrs"] = told(&entity["attrs"]);
    }
    entities
}

fn uid(json: &serde_json::Value) -> EntityUid {
    EntityUid::from_json(json.clone()).unwrap()
}

fn stock(set: &PolicySet, request: &Request, entities: &Entities) -> Said {
    let (request, entities): (&cedar_policy_core::ast::Request, &cedar_policy_core::entities::Entities) =
        (request.as_ref(), entities.as_ref());
    let response = Authorizer::new().is_authorized(request.clone(), set.as_ref(), entities);
    let errors = response.diagnostics.errors.iter().map(|error| {
        let cedar_policy_core::authorizer::AuthorizationError::PolicyEvaluationError { id, .. } = error;
        id.to_string()
    });
    let reasons = response.diagnostics.reason.iter().map(ToString::to_string).collect();
    (response.decision == Stock::Allow, reasons, errors.collect())
}

/// The same by the parts that decide here: heads of scopes, refuted openings, conditions alone. The index by action and
/// principal is made for agents and users; the generated requests are what tries it.
fn by_our_rules(set: &PolicySet, request: &Request, entities: &Entities) -> Said {
    let request: &cedar_policy_core::ast::Request = request.as_ref();
    let entities: &cedar_policy_core::entities::Entities = entities.as_ref();
    let known = |entry: &cedar_policy_core::ast::EntityUIDEntry| {
        let uid = entry.uid().unwrap().clone();
        match entities.entity(&uid) {
            cedar_policy_core::entities::Dereference::Data(entity) => entity.clone(),
            _ => Entity::with_uid(uid),
        }
    };
    let (principal, action, resource) =
        (known(request.principal()), known(request.action()), known(request.resource()));
    let members = match request.context().unwrap() {
        cedar_policy_core::ast::Context::Value(members) => members.clone(),
        cedar_policy_core::ast::Context::RestrictedResidual(_) => panic!("a context with unknowns"),
    };
    let trial = Trial::new(principal.uid(), action.uid(), resource.uid(), &members, entities);
    let (mut grants, mut forbids, mut errors) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for policy in set.policies() {
        let inner: &Policy = policy.as_ref();
        let condition = crate::parsed::condition_without_places(policy);
        let rule = Rule {
            id: policy.id().to_string().parse().unwrap(),
            class: Class::Veto,
            principal: Head::of(inner.principal_constraint().as_inner()),
            resource: Head::of(inner.resource_constraint().as_inner()),
            opening: Opening::of(condition.as_ref()),
            of_caller: false,
            of_calls: true,
            shadow: false,
            fingerprint: crate::compare::Fingerprint::of(policy),
            condition,
            reason: None,
            remedy: None,
        };
        if !rule.principal.matches(&principal)
            || !rule.resource.matches(&resource)
            || !is_named(inner.action_constraint(), &action)
        {
            continue;
        }
        let into = match (trial.holds(&rule), policy.effect()) {
            (Ok(false), _) => continue,
            (Ok(true), cedar_policy::Effect::Permit) => &mut grants,
            (Ok(true), cedar_policy::Effect::Forbid) => &mut forbids,
            (Err(_), _) => &mut errors,
        };
        into.insert(rule.id.to_string());
    }
    let allowed = !grants.is_empty() && forbids.is_empty();
    (allowed, if allowed { grants } else { forbids }, errors)
}

fn is_named(constraint: &ActionConstraint, action: &Entity) -> bool {
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => action.uid() == uid.as_ref(),
        ActionConstraint::In(uids) => {
            uids.iter().any(|uid| action.uid() == uid.as_ref() || action.is_descendant_of(uid))
        }
    }
}
