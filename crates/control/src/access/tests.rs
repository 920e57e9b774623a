//! The golden matrix: every route of the table, for everybody there is. Its diff is the review of a change.

use std::{fmt::Write, fs, path::Path};

use placet_domain::{Tier, Timestamp};
use placet_policy::{Thing, ThingKind};

use super::*;
use crate::routes::Verb;

const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);
const FILE: &str = "tests/control.txt";

/// Somebody in the matrix: what the column is called, their name, their roles.
fn everybody() -> Vec<(&'static str, &'static str, Vec<Role>)> {
    let mut all = vec![("nobody", "bo", vec![]), ("its-owner", "ana", vec![])];
    all.push(("its-owner+owner", "ana", vec![Role::Owner]));
    all.extend(Role::GIVEN.iter().map(|role| (role.as_str(), "bo", vec![*role])));
    all.push(("operator", "bo", vec![Role::Operator]));
    all
}

/// A thing of `ana`'s, of tier 2 where things have one.
fn thing(kind: ThingKind) -> Thing {
    match kind {
        ThingKind::Agent | ThingKind::Approval | ThingKind::Instance => Thing {
            owners: vec!["ana".parse().unwrap()],
            approvers: vec!["leads".parse().unwrap()],
            tier: Some(2),
            ..Thing::unowned(kind, "x")
        },
        ThingKind::Connector | ThingKind::Deployment => Thing::unowned(kind, "x"),
    }
}

fn matrix() -> String {
    let access = Access::built_in(None).unwrap();
    let mut text = String::from(
        "# Who may do what, by every route and everybody; written by crates/control/src/access/tests.rs, and rewritten\n\
         # with UPDATE_GOLDEN=1. Agents, approvals and instances are ana's and of tier 2; `its-owner` is ana.\n",
    );
    for route in ROUTES {
        let verb = if route.verb == Verb::Get { "GET" } else { "POST" };
        writeln!(text, "{verb} {} {} ({})", route.path, route.id, route.group.as_str()).unwrap();
        for kind in route.about.kinds() {
            let may = everybody().into_iter().filter(|(_, name, roles)| {
                let person = Person { name: name.parse().unwrap(), groups: vec!["staff".parse().unwrap()] };
                access.policy.may(&person, roles, route.id, &thing(*kind), NOW).is_ok()
            });
            let may: Vec<&str> = may.map(|(column, _, _)| column).collect();
            writeln!(text, "    {}: {}", kind.as_str(), may.join(", ")).unwrap();
        }
    }
    text
}

#[test]
fn every_route_is_for_whom_the_matrix_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let found = matrix();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &found).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    for (line, (golden, found)) in golden.lines().zip(found.lines()).enumerate() {
        assert_eq!(golden, found, "{FILE}:{}: look at it, then UPDATE_GOLDEN=1", line + 1);
    }
    assert_eq!(golden.lines().count(), found.lines().count(), "a route has no row: UPDATE_GOLDEN=1");
}

#[test]
fn every_route_has_a_name_of_its_own() {
    let mut names: Vec<&str> = ROUTES.iter().map(|route| route.id).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ROUTES.len());
}

#[test]
fn every_write_is_more_than_reading() {
    // Both answer what would be, and have a body to say of what.
    let asks = ["agents.plan", "policies.replay"];
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Post && !asks.contains(&route.id)) {
        assert_ne!(route.group.as_str(), "read", "{}", route.path);
    }
}

#[test]
fn groups_make_roles_and_without_roles_only_the_socket_counts() {
    let group = |name: &str| vec![name.parse::<GroupName>().unwrap()];
    let roles = Roles::default()
        .with(Role::Approver(Tier::Two), group("leads"))
        .with(Role::Admin, group("ops"))
        .with(Role::Viewer, group("leads"));
    assert_eq!(roles.of(&group("leads")), [Role::Approver(Tier::Two), Role::Viewer]);
    assert!(roles.of(&group("staff")).is_empty());
    let person = Person { name: "ana".parse().unwrap(), groups: group("ops") };
    let none = Access::built_in(None).unwrap();
    assert_eq!(none.roles(&person, Door::Socket), [Role::Operator]);
    assert!(none.roles(&person, Door::Web).is_empty());
    let some = Access::built_in(Some(roles)).unwrap();
    assert_eq!(some.roles(&person, Door::Socket), [Role::Admin]);
    assert_eq!(some.roles(&person, Door::Web), [Role::Admin]);
}
