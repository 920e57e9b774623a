//! Bodies as people type them, and as they are kept: known attributes under their own spelling, each of its type.
//! Truth values may be texts (`"False"`), names may be in any capitals; what is not kept is dropped, what is ambiguous is
//! refused.

use axum::body::Bytes;
use placet_domain::{Json, Object};

use super::{
    answer::ScimError,
    attribute::{Attribute, Kind, Mutability, Shape},
    path::local,
};

/// Longest text of an attribute, characters, and how many values one may have. A group's members are counted elsewhere.
const TEXT_CHARS: usize = 1_024;
const VALUES: usize = 50_000;

/// The object in a body.
pub(super) fn parse(body: &Bytes) -> Result<Object, ScimError> {
    match Json::parse(body) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(other) => Err(syntax(format!("the body is {}, not an object", other.kind()))),
        Err(error) => Err(syntax(format!("the body is not strict JSON: {error}"))),
    }
}

/// What of a resource is kept.
pub(super) fn resource(kind: &Kind, object: &Object) -> Result<Object, ScimError> {
    let mut kept = Object::new();
    for (name, value) in object.members() {
        let Some(attribute) = local(kind, name).and_then(|name| kind.attribute(name)) else { continue };
        if attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        if kept.member(attribute.name).is_some() {
            return Err(syntax(format!("`{}` is there twice", attribute.name)));
        }
        if let Some(value) = attribute_value(attribute, value)? {
            kept.set(attribute.name, value);
        }
    }
    Ok(kept)
}

/// The value of an attribute; none if it is null or empty, which is to be without one (RFC 7643 section 2.5).
pub(super) fn attribute_value(attribute: &Attribute, value: &Json) -> Result<Option<Json>, ScimError> {
    if !attribute.many {
        return one(attribute, value);
    }
    let elements = match value {
        Json::Array(elements) => elements.as_slice(),
        Json::Null => return Ok(None),
        single => std::slice::from_ref(single),
    };
    if elements.len() > VALUES {
        return Err(ScimError::value(format!("`{}` has more than {VALUES} values", attribute.name)));
    }
    let mut values: Vec<Json> = Vec::new();
    for element in elements {
        if let Some(value) = one(attribute, element)? {
            values.push(value);
        }
    }
    Ok((!values.is_empty()).then_some(Json::Array(values)))
}

/// One value of an attribute, or of a part of one.
pub(super) fn one(attribute: &Attribute, value: &Json) -> Result<Option<Json>, ScimError> {
    match (attribute.shape, value) {
        (_, Json::Null) => Ok(None),
        (Shape::Complex(_), Json::Object(object)) => {
            let object = parts(attribute, object)?;
            Ok((!object.is_empty()).then_some(Json::Object(object)))
        }
        // Some providers write a value alone where it could have parts.
        (Shape::Complex(_), Json::String(_)) if attribute.many => match attribute.part("value") {
            Some(part) => Ok(one(part, value)?.map(|value| Object::new().with(part.name, value).into())),
            None => Err(mistyped(attribute, value, "an object")),
        },
        (Shape::Complex(_), _) => Err(mistyped(attribute, value, "an object")),
        (Shape::Truth, Json::Bool(_)) => Ok(Some(value.clone())),
        (Shape::Truth, Json::String(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(Json::Bool(true))),
            "false" => Ok(Some(Json::Bool(false))),
            _ => Err(mistyped(attribute, value, "true or false")),
        },
        (Shape::Truth, _) => Err(mistyped(attribute, value, "true or false")),
        (Shape::Reference(_) | Shape::Text, Json::String(text)) => match text.chars().count() {
            0 => Ok(None),
            long if long > TEXT_CHARS => {
                Err(ScimError::value(format!("`{}` is longer than {TEXT_CHARS} characters", attribute.name)))
            }
            _ => Ok(Some(value.clone())),
        },
        (Shape::Reference(_) | Shape::Text, _) => Err(mistyped(attribute, value, "a text")),
    }
}

fn parts(attribute: &Attribute, object: &Object) -> Result<Object, ScimError> {
    let mut kept = Object::new();
    for (name, value) in object.members() {
        let Some(part) = attribute.part(name).filter(|part| part.mutability != Mutability::ReadOnly) else {
            continue;
        };
        if kept.member(part.name).is_some() {
            return Err(syntax(format!("`{}.{}` is there twice", attribute.name, part.name)));
        }
        if let Some(value) = one(part, value)? {
            kept.set(part.name, value);
        }
    }
    Ok(kept)
}

fn mistyped(attribute: &Attribute, value: &Json, wanted: &str) -> ScimError {
    ScimError::value(format!("`{}` is {}, not {wanted}", attribute.name, value.kind()))
}

fn syntax(why: impl Into<String>) -> ScimError {
    ScimError::typed("invalidSyntax", why)
}
