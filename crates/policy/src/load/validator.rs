//! Cedar's validator of a schema. Reading the schema of a few tools takes many times as long as reading a few policies, and
//! policies change more often than tools do: what was read last is kept.

use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{CedarSchemaError, Schema, Validator};

/// How many are kept: that of the tools in force, and of those that are compared with them.
const KEPT: usize = 2;

/// The texts and what they came to, the newest first.
static READ: Mutex<Vec<(Arc<str>, Arc<Validator>)>> = Mutex::new(Vec::new());

/// The validator of a schema in Cedar's own format.
///
/// # Errors
/// The text is no schema.
pub(super) fn of_schema(text: &str) -> Result<Arc<Validator>, CedarSchemaError> {
    if let Some(found) = kept(text) {
        return Ok(found);
    }
    // Read without the lock: two that read the same do no harm.
    let (schema, _) = Schema::from_cedarschema_str(text)?;
    let validator = Arc::new(Validator::new(schema));
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.insert(0, (text.into(), Arc::clone(&validator)));
    read.truncate(KEPT);
    Ok(validator)
}

fn kept(text: &str) -> Option<Arc<Validator>> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let place = read.iter().position(|(known, _)| **known == *text)?;
    read.get_mut(..=place)?.rotate_right(1);
    read.first().map(|(_, validator)| Arc::clone(validator))
}
