//! Which resource a call acts on: the object that an argument names.

use placet_domain::{Json, Object, Operation, Resource, ToolCall};

use crate::model::{Action, Bound};
use crate::{Resolver, Snapshot};

/// The resource of a call, and how its facts are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The resource, for [`placet_domain::AccessRequest::resource`].
    pub resource: Resource,
    /// The read tool that returns its facts, on the same connector. Without one there are no facts.
    pub resolver: Option<Resolver>,
    /// The attributes to keep of what the resolver returns.
    pub attributes: Vec<String>,
}

/// Why the resource of a call cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The argument is absent though the tool's schema requires it.
    #[error("argument `{0}` is missing")]
    Missing(String),
    /// The argument is neither a string nor an integer.
    #[error("argument `{argument}` is {kind} and names no resource")]
    NotAnId {
        /// The argument.
        argument: String,
        /// What it is instead.
        kind: &'static str,
    },
    /// The connector has no such action.
    #[error("there is no action `{0}`")]
    UnknownAction(String),
}

impl Snapshot {
    /// The resource that the call's arguments name; `None` if its tool binds none.
    ///
    /// # Errors
    /// The action is not known, or its arguments name no resource though they must.
    pub fn binding(&self, call: &ToolCall) -> Result<Option<Binding>, BindError> {
        let action =
            self.model.action(call.connector(), call.operation()).ok_or_else(|| unknown_action(call))?;
        let Some(bound) = &action.bound else { return Ok(None) };
        Ok(resource_id(action, bound, arguments(call))?.map(|id| Binding {
            resource: Resource { kind: bound.kind.clone(), id },
            resolver: bound.resolver.clone(),
            attributes: bound.attributes.iter().map(|(name, _)| name.to_string()).collect(),
        }))
    }
}

pub(crate) fn unknown_action(call: &ToolCall) -> BindError {
    BindError::UnknownAction(format!("{}.{}", call.connector(), call.operation().name()))
}

/// What is judged of a call, without copying it.
pub(crate) fn arguments(call: &ToolCall) -> Option<&Object> {
    match call.operation() {
        Operation::Tool(_) => call.params().member("arguments").and_then(Json::as_object),
        _ => Some(call.params()),
    }
}

/// The id of the resource that the arguments name.
pub(crate) fn resource_id(
    action: &Action,
    bound: &Bound,
    arguments: Option<&Object>,
) -> Result<Option<String>, BindError> {
    let nullable = action.input.field(&bound.argument).is_some_and(|field| field.nullable);
    match arguments.and_then(|arguments| arguments.member(&bound.argument)) {
        Some(Json::String(id)) => Ok(Some(id.clone())),
        Some(Json::Number(placet_domain::Number::Integer(id))) => Ok(Some(id.to_string())),
        None if bound.always => Err(BindError::Missing(bound.argument.clone())),
        None => Ok(None),
        Some(Json::Null) if nullable => Ok(None),
        Some(other) => Err(BindError::NotAnId { argument: bound.argument.clone(), kind: other.kind() }),
    }
}
