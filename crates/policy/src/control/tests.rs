//! The rules that ship, against a handful of routes; every route and role is in `placet-control`'s golden matrix.

use placet_domain::Tier;

use super::*;

const ACTIONS: [ControlAction; 9] = [
    action("agents.certify", ControlGroup::Steward, &[ThingKind::Agent]),
    action("agents.register", ControlGroup::Propose, &[ThingKind::Agent]),
    action("approvals.answer", ControlGroup::Answer, &[ThingKind::Approval]),
    action("halts.stop", ControlGroup::Stop, &[ThingKind::Agent, ThingKind::Deployment]),
    action("halts.resume", ControlGroup::Resume, &[ThingKind::Agent, ThingKind::Deployment]),
    action("instances.start", ControlGroup::Run, &[ThingKind::Agent]),
    action("policies.approve", ControlGroup::Answer, &[ThingKind::Deployment]),
    action("policies.reload", ControlGroup::Administer, &[ThingKind::Deployment]),
    action("status.show", ControlGroup::Read, &[ThingKind::Deployment]),
];
const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

const fn action(id: &'static str, group: ControlGroup, about: &'static [ThingKind]) -> ControlAction {
    ControlAction { id, group, about }
}

fn bo() -> Person {
    Person { name: "bo".parse().unwrap(), groups: vec!["staff".parse().unwrap()] }
}

fn agent_of(owner: &str) -> Thing {
    Thing { owners: vec![owner.parse().unwrap()], tier: Some(2), ..Thing::unowned(ThingKind::Agent, "a") }
}

fn loaded(text: &str) -> Result<ControlPolicy, LoadErrors> {
    ControlPolicy::load(&[PolicySource { name: "own.cedar".to_owned(), text: text.to_owned() }], &ACTIONS)
}

#[test]
fn nobody_without_a_role_may_do_anything_to_what_is_not_theirs() {
    let policy = ControlPolicy::built_in(&ACTIONS).unwrap();
    for action in ACTIONS {
        for kind in action.about {
            let thing = Thing { tier: Some(1), ..Thing::unowned(*kind, "x") };
            let why = policy.may(&bo(), &[], action.id, &thing, NOW).unwrap_err();
            assert!(why.contains("no rule lets `bo` (no role)"), "{why}");
        }
    }
    let why = policy.may(&bo(), &[Role::Admin], "no.such.route", &agent_of("bo"), NOW).unwrap_err();
    assert!(why.contains("no.such.route"), "{why}");
    assert!(policy.may(&bo(), &[Role::Admin], "agents.certify", &Thing::deployment(), NOW).is_err());
}

#[test]
fn owners_look_after_their_own_and_not_after_others() {
    let policy = ControlPolicy::built_in(&ACTIONS).unwrap();
    for action in ["agents.certify", "instances.start", "halts.stop", "halts.resume"] {
        assert_eq!(policy.may(&bo(), &[Role::Owner], action, &agent_of("bo"), NOW), Ok(()), "{action}");
        assert!(policy.may(&bo(), &[Role::Owner], action, &agent_of("ana"), NOW).is_err(), "{action}");
    }
    assert!(policy.may(&bo(), &[Role::Owner], "agents.register", &agent_of("ana"), NOW).is_err());
    assert!(policy.may(&bo(), &[], "agents.register", &agent_of("bo"), NOW).is_err());
}

#[test]
fn an_approver_answers_for_their_tier_alone() {
    let policy = ControlPolicy::built_in(&ACTIONS).unwrap();
    for (tier, expected) in [(Some(1), false), (Some(2), true), (Some(3), false), (None, false)] {
        let approval = Thing { tier, ..Thing::unowned(ThingKind::Approval, "apr_1") };
        let may = policy.may(&bo(), &[Role::Approver(Tier::Two)], "approvals.answer", &approval, NOW);
        assert_eq!(may.is_ok(), expected, "{tier:?}");
    }
}

#[test]
fn an_operators_own_rules_replace_all_others_and_forbids_win() {
    let policy = loaded(
        r#"@id("all") permit (principal in Group::"staff", action, resource);
           @id("freeze") @reason("there is a freeze") forbid (principal, action == Action::"policies.reload", resource);
           @id("once") @expires("2026-11-01T00:00:00Z") permit (principal, action, resource);"#,
    )
    .unwrap();
    assert_eq!(policy.may(&bo(), &[], "status.show", &Thing::deployment(), NOW), Ok(()));
    let why = policy.may(&bo(), &[], "policies.reload", &Thing::deployment(), NOW).unwrap_err();
    assert_eq!(why, "rule `freeze` forbids it: there is a freeze");
    let stranger = Person { name: "zoe".parse().unwrap(), groups: vec![] };
    assert!(policy.may(&stranger, &[Role::Admin], "status.show", &Thing::deployment(), NOW).is_err());
}

#[test]
fn rules_that_mean_nothing_are_refused() {
    for (text, told) in [
        (r#"permit (principal, action, resource);"#, "no `@id`"),
        (r#"@id("a") permit (principal, action == Action::"agents.destroy", resource);"#, "agents.destroy"),
        (r#"@id("a") permit (principal is Agent, action, resource);"#, "never fire"),
        (
            r#"@id("a") @unless("approval") @approvers("x") forbid (principal, action, resource);"#,
            "nobody to lift it",
        ),
        (r#"@id("a") permit (principal, action, resource) when { resource.tier == 1 };"#, "tier"),
        ("permit", "unexpected"),
    ] {
        let errors = loaded(text).unwrap_err();
        let all = format!("{:?}", errors.findings);
        assert!(all.contains(told), "{text}: {all}");
    }
}

#[test]
fn roles_read_back_and_the_operators_is_nobodys_to_give() {
    for role in Role::GIVEN {
        assert_eq!(role.as_str().parse(), Ok(role));
    }
    assert!("operator".parse::<Role>().is_err());
    assert!("approver".parse::<Role>().is_err());
}
