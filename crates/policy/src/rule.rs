//! One policy, read: its class, the heads of its scope, its condition and its texts.
//! Grants are permits, vetoes plain forbids, gates forbids with `@unless`.

use std::sync::Arc;

use cedar_policy_core::ast::{
    Entity, EntityReference, EntityType, EntityUID, Expr, PrincipalOrResourceConstraint,
};
use placet_domain::{Gate, Limit, Obligation, PolicyId, Reason, Timestamp};

use crate::compare::Fingerprint;
use crate::refute::Opening;

/// A loaded policy.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: PolicyId,
    pub(crate) class: Class,
    pub(crate) principal: Head,
    pub(crate) resource: Head,
    /// The `when` and `unless` clauses; none is true.
    pub(crate) condition: Option<Arc<Expr>>,
    /// What the condition says first.
    pub(crate) opening: Opening,
    /// The condition reads neither the resource nor the arguments.
    pub(crate) of_caller: bool,
    /// Its scope has an action that is a call.
    pub(crate) of_calls: bool,
    /// It is evaluated and never counts (`@mode("shadow")`).
    pub(crate) shadow: bool,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) reason: Option<String>,
    pub(crate) remedy: Option<String>,
}

/// What a satisfied policy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// Permits, until `@expires`.
    Grant { expires: Option<Timestamp> },
    /// Forbids, unless a person lifts it.
    Gate(Gate),
    /// Forbids, unless something is done with the call.
    Duty(Obligation),
    /// Forbids, unless a counter has room for the call.
    Limit(Arc<Limit>),
    /// Forbids.
    Veto,
}

/// One part of a scope.
#[derive(Debug, Clone)]
pub(crate) enum Head {
    Any,
    Equal(Arc<EntityUID>),
    In(Arc<EntityUID>),
    Is(Arc<EntityType>),
    IsIn(Arc<EntityType>, Arc<EntityUID>),
    /// A template slot that was never filled: matches nothing.
    Open,
}

impl Head {
    pub(crate) fn of(constraint: &PrincipalOrResourceConstraint) -> Self {
        match constraint {
            PrincipalOrResourceConstraint::Any => Self::Any,
            PrincipalOrResourceConstraint::Eq(EntityReference::EUID(uid)) => Self::Equal(Arc::clone(uid)),
            PrincipalOrResourceConstraint::In(EntityReference::EUID(uid)) => Self::In(Arc::clone(uid)),
            PrincipalOrResourceConstraint::Is(kind) => Self::Is(Arc::clone(kind)),
            PrincipalOrResourceConstraint::IsIn(kind, EntityReference::EUID(uid)) => {
                Self::IsIn(Arc::clone(kind), Arc::clone(uid))
            }
            PrincipalOrResourceConstraint::Eq(EntityReference::Slot(_))
            | PrincipalOrResourceConstraint::In(EntityReference::Slot(_))
            | PrincipalOrResourceConstraint::IsIn(_, EntityReference::Slot(_)) => Self::Open,
        }
    }

    /// Cedar's meaning of this part of a scope, which never errs.
    pub(crate) fn matches(&self, entity: &Entity) -> bool {
        let within = |uid: &EntityUID| entity.uid() == uid || entity.is_descendant_of(uid);
        match self {
            Self::Any => true,
            Self::Equal(uid) => entity.uid() == uid.as_ref(),
            Self::In(uid) => within(uid),
            Self::Is(kind) => entity.uid().entity_type() == kind.as_ref(),
            Self::IsIn(kind, uid) => entity.uid().entity_type() == kind.as_ref() && within(uid),
            Self::Open => false,
        }
    }
}

impl Rule {
    /// The policy as an answer names it.
    pub(crate) fn to_reason(&self) -> Reason {
        Reason { policy: self.id.clone(), reason: self.reason.clone(), remedy: self.remedy.clone() }
    }

    /// Whether it still counts. Only a grant ends by itself, so that time can only narrow.
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        !matches!(&self.class, Class::Grant { expires: Some(end) } if *end <= now)
    }
}
