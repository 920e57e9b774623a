//! `PATCH` (RFC 7644 section 3.5.2), with what providers make of it: operations in any capitals, values without a path,
//! paths as names of values, truth values as texts, members to remove as a value.

use placet_domain::{Json, Object};

use super::{
    answer::ScimError,
    attribute::{Attribute, Kind, Mutability, Shape},
    document,
    path::Path,
};

/// Operations one request may have.
const OPERATIONS: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Remove,
    Replace,
}

/// The resource after every operation of a request. All are done, or none.
pub(super) fn applied(kind: &Kind, mut resource: Object, request: &Object) -> Result<Object, ScimError> {
    let operations = member(request, "Operations")
        .and_then(Json::as_array)
        .ok_or_else(|| ScimError::typed("invalidSyntax", "`Operations` is missing, or no array"))?;
    if operations.len() > OPERATIONS {
        return Err(ScimError::value(format!("a request has at most {OPERATIONS} operations")));
    }
    for operation in operations {
        let Json::Object(operation) = operation else {
            return Err(ScimError::typed("invalidSyntax", "an operation is no object"));
        };
        apply(kind, &mut resource, operation)?;
    }
    match kind.attributes.iter().find(|one| one.required && resource.member(one.name).is_none()) {
        Some(missing) => Err(ScimError::value(format!("`{}` cannot be taken away", missing.name))),
        None => Ok(resource),
    }
}

fn apply(kind: &Kind, resource: &mut Object, operation: &Object) -> Result<(), ScimError> {
    let verb = match member(operation, "op").and_then(Json::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Verb::Add,
        Some("remove") => Verb::Remove,
        Some("replace") => Verb::Replace,
        _ => return Err(ScimError::typed("invalidSyntax", "`op` is not add, remove or replace")),
    };
    let value = member(operation, "value");
    match member(operation, "path") {
        None | Some(Json::Null) => {
            let Some(Json::Object(values)) = value.filter(|_| verb != Verb::Remove) else {
                return Err(match verb {
                    Verb::Remove => ScimError::typed("noTarget", "to remove something, name its path"),
                    Verb::Add | Verb::Replace => ScimError::value("without a path the value is an object"),
                });
            };
            for (name, value) in values.members() {
                let Some(path) = Path::parse(kind, name)? else { continue };
                // A whole resource sent back names its id too.
                if path.attribute.mutability != Mutability::ReadOnly {
                    change(resource, verb, &path, Some(value))?;
                }
            }
            Ok(())
        }
        Some(Json::String(text)) => match Path::parse(kind, text)? {
            None => Ok(()),
            Some(path) if path.attribute.mutability == Mutability::ReadOnly => {
                Err(ScimError::typed("mutability", format!("`{}` cannot be changed", path.attribute.name)))
            }
            Some(path) => change(resource, verb, &path, value),
        },
        Some(_) => Err(ScimError::typed("invalidPath", "the path is no text")),
    }
}

fn change(resource: &mut Object, verb: Verb, path: &Path, value: Option<&Json>) -> Result<(), ScimError> {
    let value = match (verb, value) {
        (Verb::Remove, value) => value,
        (_, Some(value)) => Some(value),
        (_, None) => return Err(ScimError::value("the value is missing")),
    };
    let attribute = path.attribute;
    let changed = match (attribute.many, path.part) {
        (true, _) => many(values(resource, attribute), verb, path, value)?,
        (false, Some(part)) => {
            let mut object = match resource.member(attribute.name) {
                Some(Json::Object(object)) => object.clone(),
                _ => Object::new(),
            };
            put(&mut object, part, verb, value)?;
            (!object.is_empty()).then_some(Json::Object(object))
        }
        (false, None) => single(resource, attribute, verb, value)?,
    };
    match changed {
        Some(value) => resource.set(attribute.name, value),
        None => {
            resource.remove(attribute.name);
        }
    }
    Ok(())
}

/// An attribute of one value. Of a complex one the parts that are given are replaced.
fn single(
    resource: &Object,
    attribute: &Attribute,
    verb: Verb,
    value: Option<&Json>,
) -> Result<Option<Json>, ScimError> {
    let Some(value) = value.filter(|_| verb != Verb::Remove) else { return Ok(None) };
    let before = resource.member(attribute.name).and_then(Json::as_object);
    match (attribute.shape, value, before) {
        (Shape::Complex(_), Json::Object(parts), Some(before)) => {
            let mut merged = before.clone();
            for (name, value) in parts.members() {
                if let Some(part) = attribute.part(name) {
                    put(&mut merged, part, Verb::Replace, Some(value))?;
                }
            }
            Ok((!merged.is_empty()).then_some(Json::Object(merged)))
        }
        _ => document::one(attribute, value),
    }
}

/// An attribute of several values.
fn many(
    mut all: Vec<Object>,
    verb: Verb,
    path: &Path,
    value: Option<&Json>,
) -> Result<Option<Json>, ScimError> {
    let attribute = path.attribute;
    let chosen = |object: &Object| path.filter.as_ref().is_none_or(|filter| filter.fits(object));
    match (verb, path.part) {
        (Verb::Remove, Some(part)) => {
            all.iter_mut().filter(|one| chosen(one)).for_each(|one| {
                one.remove(part.name);
            });
            all.retain(|one| !one.is_empty());
        }
        (Verb::Remove, None) => match value.filter(|_| path.filter.is_none()) {
            // Entra names the members to remove as a value.
            Some(value) => {
                let gone = given(attribute, Some(value))?;
                all.retain(|one| !gone.iter().any(|gone| same(one, gone)));
            }
            None => all.retain(|one| !chosen(one)),
        },
        (Verb::Add | Verb::Replace, Some(part)) => {
            if !all.iter().any(chosen) {
                all.push(made(path, verb)?);
            }
            let primary = part.name == "primary" && value.is_some_and(is_true);
            for one in &mut all {
                match chosen(one) {
                    true => put(one, part, Verb::Replace, value)?,
                    false if primary => drop(one.remove("primary")),
                    false => {}
                }
            }
        }
        (Verb::Replace, None) if path.filter.is_none() => all = given(attribute, value)?,
        (Verb::Replace, None) => {
            if !all.iter().any(chosen) {
                return Err(no_target(attribute));
            }
            let new = given(attribute, value)?;
            for one in all.iter_mut().filter(|one| chosen(one)) {
                for (name, value) in new.iter().flat_map(Object::members) {
                    one.set(name, value.clone());
                }
            }
        }
        (Verb::Add, None) => add(&mut all, given(attribute, value)?),
    }
    let all: Vec<Json> = all.into_iter().map(Json::Object).collect();
    Ok((!all.is_empty()).then_some(Json::Array(all)))
}

/// Adds what is not there yet. A new primary value takes the place of the one before.
fn add(all: &mut Vec<Object>, new: Vec<Object>) {
    if new.iter().any(|one| one.member("primary").is_some_and(is_true)) {
        all.iter_mut().for_each(|one| drop(one.remove("primary")));
    }
    // Of members there can be many: they are looked up by their value.
    let known: std::collections::HashSet<String> = all.iter().filter_map(key).collect();
    for one in new {
        let is_known = key(&one).is_some_and(|key| known.contains(&key));
        match all.iter_mut().find(|before| is_known && same(before, &one)) {
            Some(before) => {
                for (name, value) in one.members() {
                    before.set(name, value.clone());
                }
            }
            None => all.push(one),
        }
    }
}

/// What an operation makes when nothing fits its filter.
fn made(path: &Path, verb: Verb) -> Result<Object, ScimError> {
    match (&path.filter, verb) {
        (None, _) => Ok(Object::new()),
        (Some(filter), Verb::Add) => filter.demands().ok_or_else(|| no_target(path.attribute)),
        (Some(_), Verb::Remove | Verb::Replace) => Err(no_target(path.attribute)),
    }
}

/// Whether two values are of the same thing: the same `value`, and the same `type` if both have one.
fn same(one: &Object, other: &Object) -> bool {
    let differ = |name: &str| match (one.member(name), other.member(name)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    key(one) == key(other) && !differ("type")
}

fn key(object: &Object) -> Option<String> {
    object.member("value").and_then(Json::as_str).map(str::to_owned)
}

fn put(object: &mut Object, part: &Attribute, verb: Verb, value: Option<&Json>) -> Result<(), ScimError> {
    let value = match value.filter(|_| verb != Verb::Remove) {
        Some(value) => document::one(part, value)?,
        None => None,
    };
    match value {
        Some(value) => object.set(part.name, value),
        None => {
            object.remove(part.name);
        }
    }
    Ok(())
}

fn given(attribute: &Attribute, value: Option<&Json>) -> Result<Vec<Object>, ScimError> {
    let value = value.map(|value| document::attribute_value(attribute, value)).transpose()?.flatten();
    Ok(objects(value.as_ref()))
}

fn values(resource: &Object, attribute: &Attribute) -> Vec<Object> {
    objects(resource.member(attribute.name))
}

fn objects(value: Option<&Json>) -> Vec<Object> {
    let all = value.and_then(Json::as_array).unwrap_or_default();
    all.iter().filter_map(Json::as_object).cloned().collect()
}

fn is_true(value: &Json) -> bool {
    match value {
        Json::Bool(value) => *value,
        Json::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn no_target(attribute: &Attribute) -> ScimError {
    ScimError::typed("noTarget", format!("no value of `{}` fits the filter", attribute.name))
}

/// A member of the message, in any capitals.
fn member<'a>(object: &'a Object, name: &str) -> Option<&'a Json> {
    object.members().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{
        super::attribute::{GROUP, USER},
        *,
    };

    const BOB: &str = r#"{"userName":"bob","active":true,"name":{"givenName":"Bo","familyName":"B"},
        "emails":[{"value":"b@x.example","type":"work","primary":true}]}"#;
    const CREW: &str = r#"{"displayName":"crew","members":[{"value":"usr_1"},{"value":"usr_2"}]}"#;

    fn patched(kind: &Kind, resource: &str, operations: &str) -> Result<String, ScimError> {
        let read = |text: &str| Json::parse(text.as_bytes()).unwrap().as_object().unwrap().clone();
        let request = read(&format!(r#"{{"Operations":[{operations}]}}"#));
        applied(kind, read(resource), &request).map(|done| Json::Object(done).canonical())
    }

    #[test]
    fn what_entra_sends_is_understood() {
        for (operation, seen) in [
            (r#"{"op":"Replace","path":"active","value":"False"}"#, r#""active":false"#),
            (r#"{"op":"replace","value":{"active":"False"}}"#, r#""active":false"#),
            (r#"{"op":"Add","path":"name.formatted","value":"Bo B"}"#, r#""formatted":"Bo B""#),
            (r#"{"op":"Replace","value":{"name.familyName":"C"}}"#, r#""familyName":"C","givenName":"Bo""#),
            (
                r#"{"op":"Replace","path":"emails[type eq \"work\"].value","value":"c@x.example"}"#,
                r#""value":"c@x.example""#,
            ),
            (
                r#"{"op":"Add","path":"emails[type eq \"home\"].value","value":"h@x.example"}"#,
                r#"{"type":"home","value":"h@x.example"}"#,
            ),
            (
                r#"{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"x"}"#,
                r#""userName":"bob""#,
            ),
        ] {
            let done = patched(&USER, BOB, operation).unwrap();
            assert!(done.contains(seen), "{operation}\n{done}");
        }
        let remove = r#"{"op":"Remove","path":"members","value":[{"value":"usr_1"}]}"#;
        assert_eq!(
            patched(&GROUP, CREW, remove).unwrap(),
            r#"{"displayName":"crew","members":[{"value":"usr_2"}]}"#
        );
    }

    #[test]
    fn what_okta_sends_is_understood() {
        let rename = r#"{"op":"replace","value":{"id":"grp_1","displayName":"band"}}"#;
        assert!(patched(&GROUP, CREW, rename).unwrap().contains(r#""displayName":"band""#));
        let moves = r#"{"op":"remove","path":"members[value eq \"usr_2\"]"},
            {"op":"add","path":"members","value":[{"value":"usr_3","display":"cy"},{"value":"usr_1"}]}"#;
        let done = patched(&GROUP, CREW, moves).unwrap();
        assert_eq!(done, r#"{"displayName":"crew","members":[{"value":"usr_1"},{"value":"usr_3"}]}"#);
        let none = r#"{"op":"replace","path":"members","value":[]}"#;
        assert_eq!(patched(&GROUP, CREW, none).unwrap(), r#"{"displayName":"crew"}"#);
    }

    #[test]
    fn there_is_one_primary_address() {
        let add =
            r#"{"op":"add","path":"emails","value":[{"value":"n@x.example","type":"home","primary":true}]}"#;
        let done = patched(&USER, BOB, add).unwrap();
        assert_eq!(done.matches(r#""primary":true"#).count(), 1, "{done}");
        assert!(done.contains("b@x.example") && done.contains("n@x.example"));
    }

    #[test]
    fn what_cannot_be_done_changes_nothing_and_says_why() {
        for (operation, scim_type) in [
            (r#"{"op":"remove","path":"userName"}"#, "invalidValue"),
            (r#"{"op":"remove"}"#, "noTarget"),
            (r#"{"op":"replace","path":"id","value":"x"}"#, "mutability"),
            (r#"{"op":"replace","path":"groups","value":[]}"#, "mutability"),
            (r#"{"op":"replace","path":"emails[type eq \"home\"].value","value":"x"}"#, "noTarget"),
            (r#"{"op":"replace","path":"emails[type]","value":"x"}"#, "invalidFilter"),
            (r#"{"op":"replace","path":"name[givenName eq \"x\"]","value":"x"}"#, "invalidPath"),
            (r#"{"op":"replace","path":"active","value":"perhaps"}"#, "invalidValue"),
            (r#"{"op":"replace","path":"active"}"#, "invalidValue"),
            (r#"{"op":"add","value":"x"}"#, "invalidValue"),
            (r#"{"op":"merge","path":"active","value":true}"#, "invalidSyntax"),
        ] {
            assert_eq!(
                patched(&USER, BOB, operation).unwrap_err().scim_type(),
                Some(scim_type),
                "{operation}"
            );
        }
    }
}
