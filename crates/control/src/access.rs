//! Who may do what: every route passes here and nowhere else. Groups make roles, and Cedar says what roles may do
//! (`placet-policy`, `control.cedar`). What is decided here comes before what the engine says of the matter itself.

mod thing;

use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use placet_domain::{GroupName, Person, PersonName};
use placet_policy::{ControlAction, ControlPolicy, LoadErrors, PolicySource, Role};

use crate::{
    Control,
    peer::{Caller, Door},
    problem::{Fault, Problem},
    routes::{ROUTES, Route},
};

pub(crate) use thing::About;

/// Which groups have which role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeMap<Role, Vec<GroupName>>);

impl Roles {
    /// Gives a role to groups.
    #[must_use]
    pub fn with(mut self, role: Role, groups: Vec<GroupName>) -> Self {
        self.0.entry(role).or_default().extend(groups);
        self
    }

    /// The roles of somebody in these groups.
    #[must_use]
    pub fn of(&self, groups: &[GroupName]) -> Vec<Role> {
        let has = |(_, with): &(&Role, &Vec<GroupName>)| with.iter().any(|group| groups.contains(group));
        self.0.iter().filter(has).map(|(role, _)| *role).collect()
    }
}

/// The roles of this deployment and the rules about them.
pub struct Access {
    roles: Option<Roles>,
    policy: ControlPolicy,
}

impl Access {
    /// These roles under the rules that ship. Without roles, whoever is declared and calls over the socket may do
    /// everything, and nobody else anything.
    ///
    /// # Errors
    /// The rules do not fit the routes: a fault of the program.
    pub fn built_in(roles: Option<Roles>) -> Result<Self, LoadErrors> {
        Ok(Self { roles, policy: ControlPolicy::built_in(&actions())? })
    }

    /// These roles under rules of the operator's own.
    ///
    /// # Errors
    /// Every finding about the rules.
    pub fn load(roles: Option<Roles>, rules: &[PolicySource]) -> Result<Self, LoadErrors> {
        Ok(Self { roles, policy: ControlPolicy::load(rules, &actions())? })
    }

    /// The roles that somebody was given, by whichever door they come.
    pub(crate) fn given(&self, person: &Person) -> Vec<Role> {
        self.roles.as_ref().map(|roles| roles.of(&person.groups)).unwrap_or_default()
    }

    fn roles(&self, person: &Person, door: Door) -> Vec<Role> {
        match (&self.roles, door) {
            (Some(roles), _) => roles.of(&person.groups),
            (None, Door::Socket) => vec![Role::Operator],
            (None, Door::Web) => Vec::new(),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Access").field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// Every route as the rules know it.
fn actions() -> Vec<ControlAction> {
    let action =
        |route: &Route| ControlAction { id: route.id, group: route.group, about: route.about.kinds() };
    ROUTES.iter().map(action).collect()
}

/// Stands before one route.
pub(crate) async fn enforce(
    State((control, route)): State<(Arc<Control>, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    match judged(&control, route, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn judged(control: &Control, route: &Route, request: Request) -> Result<Request, Problem> {
    let (Some(Caller(name)), Some(door)) =
        (request.extensions().get::<Caller>().cloned(), request.extensions().get::<Door>().copied())
    else {
        // Only a router without its first layer gets here.
        return Err(Problem::new(Fault::Stranger, "nobody is calling", "sign in"));
    };
    let (thing, request) = route.about.find(control, request).await?;
    let person = person(control, name);
    let roles = control.access.roles(&person, door);
    let now = control.engine.ports().clock.now();
    control.access.policy.may(&person, &roles, route.id, &thing, now).map_err(|why| {
        tracing::info!(person = %person.name, route = route.id, thing = thing.id, why, "turned away");
        let next =
            "ask an administrator for the role, or somebody who has it; `[roles]` in placet.toml says who";
        Problem::new(Fault::Forbidden, why, next)
    })?;
    Ok(request)
}

fn person(control: &Control, name: PersonName) -> Person {
    match control.engine.ports().people.person(&name) {
        Some(person) => (*person).clone(),
        None => Person { name, groups: Vec::new() },
    }
}

#[cfg(test)]
mod tests;
