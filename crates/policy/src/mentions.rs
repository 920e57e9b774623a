//! What the policies can read at all. Arguments that no policy names are checked and then left out of the
//! context; and a veto that reads only the caller can already be judged when tools are listed.

use std::collections::HashSet;

use cedar_policy_core::ast::{Expr, ExprKind, Var};
use smol_str::SmolStr;

/// Members of the context that are the same for every call of one operation by one caller at one moment.
const OF_CALLER: [&str; 5] = ["instance", "mandate", "risk", "time", "user"];
/// Members of the context that are records.
const RECORDS: [&str; 6] = ["history", "input", "mandate", "provenance", "time", "usage"];

/// Every attribute name in a policy set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mentions {
    names: HashSet<SmolStr>,
    /// Some policy uses a record of the context as a whole, so that every name counts.
    whole: bool,
}

impl Mentions {
    /// Counts every name, as if the policies read everything.
    #[cfg(test)]
    pub(crate) fn everything() -> Self {
        Self { names: HashSet::new(), whole: true }
    }

    /// Whether some policy may read an attribute of this name.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.whole || self.names.contains(name)
    }

    /// Adds what one condition reads.
    pub(crate) fn add(&mut self, condition: &Expr) {
        for node in condition.subexpressions() {
            match node.expr_kind() {
                ExprKind::GetAttr { attr, .. } | ExprKind::HasAttr { attr, .. } => {
                    self.names.insert(attr.clone());
                }
                ExprKind::ExtHasAttr { attrs, .. } => self.names.extend(attrs.iter().cloned()),
                _ => self.whole |= children(node).into_iter().any(is_record),
            }
        }
    }
}

/// Whether a condition reads nothing that depends on the resource or on the arguments.
pub(crate) fn reads_only_the_caller(condition: &Expr) -> bool {
    condition.subexpressions().all(|node| match node.expr_kind() {
        ExprKind::Var(Var::Resource) => false,
        ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } => {
            !is_context(expr) || OF_CALLER.contains(&attr.as_str())
        }
        ExprKind::ExtHasAttr { expr, attrs } => {
            !is_context(expr) || OF_CALLER.contains(&attrs.first().as_str())
        }
        _ => !children(node).into_iter().any(is_context),
    }) && !is_context(condition)
}

fn is_context(node: &Expr) -> bool {
    matches!(node.expr_kind(), ExprKind::Var(Var::Context))
}

/// The context or one of its records. Records inside `input` are read as a whole anyway.
fn is_record(node: &Expr) -> bool {
    match node.expr_kind() {
        ExprKind::GetAttr { expr, attr } => is_context(expr) && RECORDS.contains(&attr.as_str()),
        _ => is_context(node),
    }
}

/// The direct parts of an expression.
pub(crate) fn children(node: &Expr) -> Vec<&Expr> {
    match node.expr_kind() {
        ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => Vec::new(),
        ExprKind::If { test_expr, then_expr, else_expr } => vec![test_expr, then_expr, else_expr],
        ExprKind::And { left, right } | ExprKind::Or { left, right } => vec![left, right],
        ExprKind::UnaryApp { arg, .. } => vec![arg],
        ExprKind::BinaryApp { arg1, arg2, .. } => vec![arg1, arg2],
        ExprKind::ExtensionFunctionApp { args, .. } => args.iter().collect(),
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. }
        | ExprKind::Is { expr, .. } => vec![expr],
        ExprKind::Set(elements) => elements.iter().collect(),
        ExprKind::Record(members) => members.values().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Expr {
        let policy: cedar_policy::Policy =
            format!("forbid (principal, action, resource) when {{ {text} }};").parse().unwrap();
        let policy: &cedar_policy_core::ast::Policy = policy.as_ref();
        policy.non_scope_constraints().unwrap().clone()
    }

    #[test]
    fn names_are_found_wherever_they_stand() {
        for text in [
            "context.input.amount > 3",
            "context.input has amount",
            "[1].contains(context.input.amount)",
            r#"context.input["amount"] == 1"#,
            "(if true then context else context).input.amount > 1",
        ] {
            let mut mentions = Mentions::default();
            mentions.add(&condition(text));
            assert!(mentions.reads("amount"), "{text}");
            assert_eq!(mentions.reads("notes"), text.contains("then context"), "{text}");
        }
    }

    #[test]
    fn a_record_used_as_a_whole_reads_everything() {
        for text in ["context.input == {amount: 1}", "[context].isEmpty()", "{a: context.mandate} == {a: 1}"]
        {
            let mut mentions = Mentions::default();
            mentions.add(&condition(text));
            assert!(mentions.reads("anything"), "{text}");
        }
    }

    #[test]
    fn conditions_on_the_caller_alone_are_told_apart() {
        for (text, expected) in [
            ("principal.tier <= 1", true),
            ("context.time.weekday > 5 && context.mandate has ticket", true),
            ("context has user", true),
            ("context.input has amount", false),
            ("context.input_unknown.isEmpty()", false),
            ("context.to_domains.isEmpty()", false),
            ("resource.owner == principal", false),
            ("principal == resource", false),
            ("context == {a: 1}", false),
            ("(if true then context else context).time.weekday > 1", false),
        ] {
            assert_eq!(reads_only_the_caller(&condition(text)), expected, "{text}");
        }
    }
}
