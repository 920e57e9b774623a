//! What Cedar has read of a policy. Its own accessors read names and texts anew with each question, which is most of the
//! time that loading thousands of policies takes; here the tree that is there is asked.

use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy_core::{ast, ast::Expr, est};

/// The text of an annotation; empty for one without a text.
pub(crate) fn annotation<'a>(policy: &'a Policy, key: &str) -> Option<&'a str> {
    policy.annotations().find(|(name, _)| *name == key).map(|(_, text)| text)
}

/// The policy in Cedar's JSON format.
pub(crate) fn to_json(policy: &Policy) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(in_json_format(policy))
}

/// The condition without places in the source. The evaluator copies a counted reference to them with every value,
/// and a decision does not tell them.
pub(crate) fn condition_without_places(policy: &Policy) -> Option<Arc<Expr>> {
    let placed: &ast::Policy = policy.as_ref();
    let unplaced = in_json_format(policy).try_into_ast_policy(Some(placed.id().clone()));
    unplaced.as_ref().unwrap_or(placed).non_scope_constraints_arc().cloned()
}

fn in_json_format(policy: &Policy) -> est::Policy {
    let tree: &ast::Policy = policy.as_ref();
    tree.clone().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        @id("a") @reason("because") @bare
        permit (principal in Group::"ops", action == Action::"x", resource)
        when { context.input.amount > 5 && context has user && [1, 2].contains(3) }
        unless { if context.late then true else context.name like "a*" };
    "#;

    fn policy() -> Policy {
        TEXT.parse().unwrap()
    }

    #[test]
    fn annotations_are_those_of_cedar() {
        let policy = policy();
        for key in ["id", "reason", "bare", "nothing", "not a name"] {
            assert_eq!(annotation(&policy, key), policy.annotation(key), "{key}");
        }
    }

    #[test]
    fn only_the_places_are_lost() {
        let policy = policy();
        let placed: &ast::Policy = policy.as_ref();
        let unplaced = condition_without_places(&policy).unwrap();
        assert!(unplaced.subexpressions().all(|part| part.source_loc().is_none()));
        assert!(unplaced.eq_shape(placed.non_scope_constraints().unwrap()));
    }

    #[test]
    fn the_json_means_the_policy() {
        let policy = policy();
        let again = Policy::from_json(None, to_json(&policy).unwrap()).unwrap();
        let (again, policy): (&ast::Policy, &ast::Policy) = (again.as_ref(), policy.as_ref());
        assert_eq!(again.principal_constraint(), policy.principal_constraint());
        assert!(again.non_scope_constraints().unwrap().eq_shape(policy.non_scope_constraints().unwrap()));
    }
}
