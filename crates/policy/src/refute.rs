//! A condition's first words, read without Cedar's evaluator. Most policies begin by saying what they are not about
//! (`context.input.stage == "Closed Won" && …`), and `false && …` is false whatever follows (Cedar, "Operators").
//! This only ever refutes: where it is not certain, the evaluator decides. A differential test compares the two.

use std::sync::Arc;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, Value, ValueKind, Var};
use smol_str::SmolStr;

use crate::evaluate::Members;

/// The leading conjuncts that can be read by looking into the context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opening(Vec<Test>);

#[derive(Debug, Clone)]
struct Test {
    /// Members below `context`.
    path: Vec<SmolStr>,
    wants: Wants,
}

#[derive(Debug, Clone)]
enum Wants {
    Equal(Literal),
    Member(SmolStr),
}

impl Opening {
    pub(crate) fn of(condition: Option<&Arc<Expr>>) -> Self {
        let mut tests = Vec::new();
        if let Some(condition) = condition {
            collect(condition, &mut tests);
        }
        Self(tests)
    }

    /// Whether the condition is certainly false.
    pub(crate) fn is_refuted(&self, context: &Members) -> bool {
        for test in &self.0 {
            match test.holds(context) {
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
        false
    }
}

impl Test {
    /// `None` where the evaluator might err, or this does not know.
    fn holds(&self, context: &Members) -> Option<bool> {
        let mut record = context;
        let mut found: Option<&Value> = None;
        for name in &self.path {
            if let Some(value) = found {
                record = members(value)?;
            }
            found = Some(record.get(name)?);
        }
        match (&self.wants, found) {
            (Wants::Member(name), None) => Some(context.contains_key(name)),
            (Wants::Member(name), Some(value)) => Some(members(value)?.contains_key(name)),
            (Wants::Equal(_), None) => None,
            (Wants::Equal(wanted), Some(value)) => match (wanted, value.value_kind()) {
                (Literal::String(wanted), ValueKind::Lit(Literal::String(text))) => Some(wanted == text),
                (Literal::Long(wanted), ValueKind::Lit(Literal::Long(number))) => Some(wanted == number),
                (Literal::Bool(wanted), ValueKind::Lit(Literal::Bool(truth))) => Some(wanted == truth),
                _ => None,
            },
        }
    }
}

fn members(value: &Value) -> Option<&Members> {
    match value.value_kind() {
        ValueKind::Record(members) => Some(members),
        _ => None,
    }
}

/// Collects conjuncts from the left; `false` once one of them cannot be read.
fn collect(condition: &Expr, tests: &mut Vec<Test>) -> bool {
    if let ExprKind::And { left, right } = condition.expr_kind() {
        return collect(left, tests) && collect(right, tests);
    }
    let test = match condition.expr_kind() {
        ExprKind::HasAttr { expr, attr } => {
            path(expr).map(|path| Test { path, wants: Wants::Member(attr.clone()) })
        }
        ExprKind::BinaryApp { op: BinaryOp::Eq, arg1, arg2 } => match (arg1.expr_kind(), arg2.expr_kind()) {
            (_, ExprKind::Lit(literal)) => {
                path(arg1).map(|path| Test { path, wants: Wants::Equal(literal.clone()) })
            }
            (ExprKind::Lit(literal), _) => {
                path(arg2).map(|path| Test { path, wants: Wants::Equal(literal.clone()) })
            }
            _ => None,
        },
        _ => None,
    };
    let is_read = test.is_some();
    tests.extend(test);
    is_read
}

/// The members from `context` down to this expression.
fn path(expression: &Expr) -> Option<Vec<SmolStr>> {
    match expression.expr_kind() {
        ExprKind::Var(Var::Context) => Some(Vec::new()),
        ExprKind::GetAttr { expr, attr } => {
            let mut path = path(expr)?;
            path.push(attr.clone());
            Some(path)
        }
        _ => None,
    }
}
