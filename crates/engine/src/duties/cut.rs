//! Taking values out of a document, and rows out of its arrays, where a path leads. A member that is not there is
//! nothing to take; a value of another kind than the path says is one that the path cannot look into.

use placet_domain::{Json, Step};

use super::sweep::Sweep;

/// What stands for a text that was taken out; `null` stands for anything else.
pub(super) const REDACTED: &str = "[redacted]";

/// Takes out every value that the steps lead to. How many.
pub(super) fn redact(document: &mut Json, steps: &[Step], sweep: &mut Sweep) -> Result<u64, String> {
    walk(document, steps, &mut |value| {
        let stands = match value {
            Json::Null => return Ok(0),
            Json::String(_) => Json::from(REDACTED),
            _ => Json::Null,
        };
        sweep.take(&std::mem::replace(value, stands));
        Ok(1)
    })
}

/// Leaves at most so many elements of every array that the steps lead to. How many went.
pub(super) fn cap(document: &mut Json, steps: &[Step], rows: usize) -> Result<u64, String> {
    walk(document, steps, &mut |value| match value {
        Json::Null => Ok(0),
        Json::Array(elements) => {
            let gone = elements.len().saturating_sub(rows);
            elements.truncate(rows);
            Ok(gone as u64)
        }
        other => Err(format!("rows of a {} cannot be counted", other.kind())),
    })
}

fn walk(
    value: &mut Json,
    steps: &[Step],
    act: &mut dyn FnMut(&mut Json) -> Result<u64, String>,
) -> Result<u64, String> {
    let Some((step, rest)) = steps.split_first() else { return act(value) };
    match (step, value) {
        (_, Json::Null) => Ok(0),
        (Step::Member(name), Json::Object(object)) => {
            object.member_mut(name).map_or(Ok(0), |value| walk(value, rest, act))
        }
        (Step::Element(place), Json::Array(elements)) => {
            elements.get_mut(*place).map_or(Ok(0), |value| walk(value, rest, act))
        }
        (Step::Each, Json::Array(elements)) => {
            let mut count = 0;
            for element in elements {
                count += walk(element, rest, act)?;
            }
            Ok(count)
        }
        (step, other) => {
            let wanted = if matches!(step, Step::Member(_)) { "an object" } else { "an array" };
            Err(format!("the path leads through a value of kind {} where {wanted} should be", other.kind()))
        }
    }
}
