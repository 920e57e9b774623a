//! The one place that runs Cedar's evaluator. It evaluates the condition alone: the index and the heads of the
//! scope have already said that the scope is true. A differential test compares this with `is_authorized`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{
    Context, Entity, EntityUID, EntityUIDEntry, Expr, Literal, Request, SlotEnv, Value, ValueKind,
};
use cedar_policy_core::entities::{Entities, TCComputation};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::CoreSchema;
use smol_str::SmolStr;

use crate::rule::Rule;

/// The context of a request, as Cedar's evaluator takes it.
pub(crate) type Members = Arc<BTreeMap<SmolStr, Value>>;

/// The entities of one request. Their ancestors are complete, so no closure is computed.
pub(crate) fn entities(of_request: impl IntoIterator<Item = Arc<Entity>>) -> Result<Entities, String> {
    Entities::new()
        .add_entities(
            of_request,
            None::<&CoreSchema<'_>>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .map_err(|error| error.to_string())
}

/// A request ready to try policies on.
pub(crate) struct Trial<'a> {
    evaluator: Evaluator<'a>,
    slots: SlotEnv,
    context: Members,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(
        principal: &EntityUID,
        action: &EntityUID,
        resource: &EntityUID,
        context: &Members,
        entities: &'a Entities,
    ) -> Self {
        let known = |uid: &EntityUID| EntityUIDEntry::known(uid.clone(), None);
        let value = Context::Value(Arc::clone(context));
        let request = Request::new_unchecked(known(principal), known(action), known(resource), Some(value));
        Self {
            evaluator: Evaluator::new(request, entities, Extensions::all_available()),
            slots: SlotEnv::new(),
            context: Arc::clone(context),
        }
    }

    /// Whether the policy's condition holds.
    ///
    /// # Errors
    /// The condition could not be evaluated; for a veto or a gate that denies.
    pub(crate) fn holds(&self, rule: &Rule) -> Result<bool, String> {
        let Some(condition) = &rule.condition else { return Ok(true) };
        if rule.opening.is_refuted(&self.context) {
            return Ok(false);
        }
        self.truth(condition)
    }

    /// The truth of one expression.
    ///
    /// # Errors
    /// It could not be evaluated, or is no truth value.
    pub(crate) fn truth(&self, expression: &Expr) -> Result<bool, String> {
        let value = self.evaluator.interpret(expression, &self.slots).map_err(|error| error.to_string())?;
        match value.value_kind() {
            ValueKind::Lit(Literal::Bool(truth)) => Ok(*truth),
            _ => Err("its condition is not a truth value".to_owned()),
        }
    }

    /// The value of an expression in Cedar's syntax; `None` if it has none here.
    pub(crate) fn value(&self, expression: &Expr) -> Option<String> {
        self.evaluator.interpret(expression, &self.slots).ok().map(|value| value.to_string())
    }
}
