//! Obligations as policies ask for them: reading the annotations of a gate that something done with the call lifts,
//! and the one duty that can be judged at once. Written for people in `docs/policies/obligations.md`.

use cedar_policy::Policy;
use placet_domain::{AccessRequest, Duty, FieldPath, Json, Obligation, PolicyId, Step};

use crate::lint::Complaint;
use crate::parsed::annotation;

/// Kinds of `@unless` that are obligations.
pub(crate) const KINDS: [&str; 3] = ["redact", "cap_rows", "require_fields"];
/// The annotations that belong to them.
pub(crate) const KEYS: [&str; 3] = ["fields", "path", "rows"];

/// The obligation of a gate whose `@unless` is one of [`KINDS`].
pub(crate) fn read(policy: &Policy, id: &PolicyId, kind: &str) -> Result<Obligation, Complaint> {
    let duty = match kind {
        "redact" => {
            of_others(policy, kind, &["path", "rows"])?;
            Duty::Redact(fields(policy, kind, "$.structuredContent.customers[*].ssn", in_result)?)
        }
        "cap_rows" => {
            of_others(policy, kind, &["fields"])?;
            Duty::CapRows { rows: rows(policy)?, path: path(policy)? }
        }
        _ => {
            of_others(policy, kind, &["path", "rows"])?;
            Duty::RequireFields(fields(policy, kind, "ticket", |_| Ok(()))?)
        }
    };
    Ok(Obligation { policy: id.clone(), duty })
}

/// The first gate that requires arguments which are not there, and which.
pub(crate) fn unmet<'o>(
    obligations: &'o [Obligation],
    request: &AccessRequest,
) -> Option<(&'o PolicyId, String)> {
    obligations.iter().find_map(|obligation| {
        let Duty::RequireFields(paths) = &obligation.duty else { return None };
        let arguments = Json::Object(request.call.arguments());
        let missing: Vec<String> = paths
            .iter()
            .filter(|path| !is_there(path.steps(), &arguments))
            .map(|path| format!("`{path}`"))
            .collect();
        let missing = (!missing.is_empty()).then(|| missing.join(", "))?;
        let policy = &obligation.policy;
        Some((policy, format!("policy `{policy}` requires {missing} in the arguments, not empty")))
    })
}

/// Something is there, and not empty: at every element where the path says every one.
fn is_there(steps: &[Step], value: &Json) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return match value {
            Json::Null => false,
            Json::String(text) => !text.trim().is_empty(),
            Json::Array(elements) => !elements.is_empty(),
            Json::Object(object) => !object.is_empty(),
            Json::Bool(_) | Json::Number(_) => true,
        };
    };
    match (step, value) {
        (Step::Member(name), value) => value.member(name).is_some_and(|value| is_there(rest, value)),
        (Step::Element(place), Json::Array(elements)) => {
            elements.get(*place).is_some_and(|value| is_there(rest, value))
        }
        (Step::Each, Json::Array(elements)) => {
            !elements.is_empty() && elements.iter().all(|value| is_there(rest, value))
        }
        (Step::Element(_) | Step::Each, _) => false,
    }
}

fn fields(
    policy: &Policy,
    kind: &str,
    example: &str,
    accept: fn(&FieldPath) -> Result<(), Complaint>,
) -> Result<Vec<FieldPath>, Complaint> {
    let help = || format!("say which, for example `@fields(\"{example}\")`");
    let text = annotation(policy, "fields")
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| (format!("`@unless(\"{kind}\")` without `@fields`"), help()))?;
    let paths = FieldPath::list(text).map_err(|error| (format!("`@fields(\"{text}\")`: {error}"), help()))?;
    paths.iter().try_for_each(accept)?;
    Ok(paths)
}

fn path(policy: &Policy) -> Result<FieldPath, Complaint> {
    let help = || "say which array, for example `@path(\"$.structuredContent.rows\")`".to_owned();
    let text = annotation(policy, "path")
        .ok_or_else(|| ("`@unless(\"cap_rows\")` without `@path`".to_owned(), help()))?;
    let path: FieldPath = text
        .parse()
        .map_err(|error: placet_domain::ParsePathError| (format!("`@path(\"{text}\")`: {error}"), help()))?;
    in_result(&path)?;
    Ok(path)
}

fn rows(policy: &Policy) -> Result<usize, Complaint> {
    let help = || "say how many, for example `@rows(\"100\")`".to_owned();
    let text = annotation(policy, "rows")
        .ok_or_else(|| ("`@unless(\"cap_rows\")` without `@rows`".to_owned(), help()))?;
    let plain = text.bytes().all(|digit| digit.is_ascii_digit());
    match text.parse() {
        Ok(rows) if plain => Ok(rows),
        _ => Err((format!("`@rows(\"{text}\")` is not a number of rows"), help())),
    }
}

/// Results are looked into below their structured content; texts that say the same are edited alike.
fn in_result(path: &FieldPath) -> Result<(), Complaint> {
    match path.below("structuredContent") {
        Some(_) => Ok(()),
        None => Err((
            format!("the path `{path}` does not lead into the result's structured content"),
            "begin it with `$.structuredContent.`".to_owned(),
        )),
    }
}

fn of_others(policy: &Policy, kind: &str, keys: &[&str]) -> Result<(), Complaint> {
    match keys.iter().find(|key| annotation(policy, key).is_some()) {
        Some(key) => Err((
            format!("`@{key}` has no effect on `@unless(\"{kind}\")`"),
            format!("take `@{key}` away, or use the kind that it belongs to"),
        )),
        None => Ok(()),
    }
}
