//! `context.input`: a call's arguments as the tool's schema types them. This is the schema check as well: a
//! value of another type, a missing required argument or one that a closed schema does not name is an error.

use cedar_policy_core::ast::{Literal, Value};
use placet_domain::{Json, Number, Object};
use smol_str::SmolStr;

use crate::entities::{text, value};
use crate::facts::decimal_digits;
use crate::moment::Constructors;
use crate::shape::{Field, Record, Shape};

/// What policies see of the arguments.
#[derive(Debug)]
pub(crate) struct Input {
    /// The typed members that policies may read.
    pub(crate) value: Value,
    /// Paths of members that the schema does not name.
    pub(crate) unknown: Vec<String>,
}

/// Reads the arguments. Members of `skip` are transport, not arguments.
pub(crate) fn read(
    constructors: &Constructors,
    shape: &Record,
    arguments: &Object,
    skip: &[&str],
) -> Result<Input, String> {
    let mut reader = Reader { constructors, unknown: Vec::new() };
    let value = reader.record(shape, arguments, skip, None)?;
    Ok(Input { value, unknown: reader.unknown })
}

struct Reader<'a> {
    constructors: &'a Constructors,
    unknown: Vec<String>,
}

/// Where a record is inside the arguments.
#[derive(Clone, Copy)]
struct Path<'a> {
    above: Option<&'a Path<'a>>,
    name: &'a str,
}

impl Path<'_> {
    fn dotted(&self) -> String {
        match self.above {
            Some(above) => format!("{}.{}", above.dotted(), self.name),
            None => self.name.to_owned(),
        }
    }
}

impl Reader<'_> {
    fn record(
        &mut self,
        shape: &Record,
        object: &Object,
        skip: &[&str],
        above: Option<&Path<'_>>,
    ) -> Result<Value, String> {
        let mut members: Vec<(SmolStr, Value)> = Vec::with_capacity(object.members().len());
        let mut required = shape.fields.iter().filter(|field| field.required).count();
        for (name, json) in object.members() {
            let path = Path { above, name };
            let Some(field) = shape.field(name) else {
                if skip.contains(&name) {
                    continue;
                }
                if shape.closed {
                    return Err(format!("argument `{}` is not in the tool's schema", path.dotted()));
                }
                self.unknown.push(path.dotted());
                continue;
            };
            required -= usize::from(field.required);
            if let Some(value) = self.member(field, json, &path)? {
                members.push((field.name.clone(), value));
            }
        }
        if required > 0 {
            return Err(missing(shape, object, above));
        }
        Ok(Value::record(members, None))
    }

    /// The value of a member, if policies may read it.
    fn member(&mut self, field: &Field, json: &Json, path: &Path<'_>) -> Result<Option<Value>, String> {
        let mismatch = |wanted: &str| {
            format!("argument `{}` is {}, the schema says {wanted}", path.dotted(), json.kind())
        };
        if *json == Json::Null && field.nullable {
            return Ok(None);
        }
        let read = field.read;
        match (&field.shape, json) {
            (Shape::Opaque, _) => Ok(None),
            (Shape::Bool, Json::Bool(truth)) => Ok(read.then(|| value(*truth))),
            (Shape::Integer, Json::Number(Number::Integer(number))) => Ok(read.then(|| value(*number))),
            (Shape::Number, Json::Number(number)) => self.decimal(*number, read, path),
            (Shape::Text, Json::String(word)) => Ok(read.then(|| text(word))),
            (Shape::SetOfText, Json::Array(elements)) => {
                set(elements, read, path, "string", |one| one.as_str().map(|word| SmolStr::new(word).into()))
            }
            (Shape::SetOfInteger, Json::Array(elements)) => {
                set(elements, read, path, "integer", |one| one.as_integer().map(Literal::from))
            }
            (Shape::Record(shape), Json::Object(object)) => {
                let value = self.record(shape, object, &[], Some(path))?;
                Ok(read.then_some(value))
            }
            (Shape::Bool, _) => Err(mismatch("boolean")),
            (Shape::Integer, _) => Err(mismatch("integer")),
            (Shape::Number, _) => Err(mismatch("number")),
            (Shape::Text, _) => Err(mismatch("string")),
            (Shape::SetOfText | Shape::SetOfInteger, _) => Err(mismatch("array")),
            (Shape::Record(_), _) => Err(mismatch("object")),
        }
    }

    fn decimal(&self, number: Number, read: bool, path: &Path<'_>) -> Result<Option<Value>, String> {
        if !read {
            return Ok(None);
        }
        // Rounding could move a number across a limit, so what cannot be read exactly is not judged.
        let digits = decimal_digits(number).ok_or_else(|| {
            format!(
                "argument `{}` has more than four digits after the point, and a policy reads it",
                path.dotted()
            )
        })?;
        self.constructors.decimal(&digits).map(Some)
    }
}

fn set(
    elements: &[Json],
    read: bool,
    path: &Path<'_>,
    wanted: &str,
    literal: impl Fn(&Json) -> Option<Literal>,
) -> Result<Option<Value>, String> {
    let literals = elements
        .iter()
        .enumerate()
        .map(|(place, element)| {
            literal(element).ok_or_else(|| {
                format!(
                    "argument `{}[{place}]` is {}, the schema says {wanted}",
                    path.dotted(),
                    element.kind()
                )
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(read.then(|| Value::set_of_lits(literals, None)))
}

fn missing(shape: &Record, object: &Object, above: Option<&Path<'_>>) -> String {
    let mut absent =
        shape.fields.iter().filter(|field| field.required && object.member(&field.name).is_none());
    match absent.next() {
        Some(field) => format!("argument `{}` is missing", Path { above, name: &field.name }.dotted()),
        None => "an argument is missing".to_owned(),
    }
}

/// The domains of the addresses in these arguments, in lower case. What is not one plain address stands for
/// itself, so that it is on no list of domains.
pub(crate) fn domains(arguments: &Object, names: &[SmolStr]) -> Vec<String> {
    let mut found = Vec::new();
    for value in names.iter().filter_map(|name| arguments.member(name)) {
        match value {
            Json::String(list) => {
                found.extend(list.split([',', ';']).map(|address| domain(address.trim())));
            }
            Json::Array(addresses) => found.extend(addresses.iter().filter_map(Json::as_str).map(domain)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {}
        }
    }
    found
}

fn domain(address: &str) -> String {
    let plain = |text: &str, extra: &[char]| {
        !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || extra.contains(&one))
    };
    match address.split_once('@') {
        Some((mailbox, domain))
            if plain(domain, &['.', '-']) && plain(mailbox, &['.', '-', '_', '+', '\'']) =>
        {
            domain.to_ascii_lowercase()
        }
        _ => address.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_become_domains() {
        for (address, expected) in [
            ("ana@Example.COM", "example.com"),
            ("a+b@sub.example.com", "sub.example.com"),
            ("Ana <ana@example.com>", "ana <ana@example.com>"),
            ("x@evil.com,ana@example.com", "x@evil.com,ana@example.com"),
            ("\"x@evil.com \"@example.com", "\"x@evil.com \"@example.com"),
            ("ana@example.com\r\nbcc: x", "ana@example.com\r\nbcc: x"),
            ("@example.com", "@example.com"),
            ("example.com", "example.com "),
        ] {
            assert_eq!(domain(address), expected.trim_end(), "{address:?}");
        }
    }

    #[test]
    fn a_text_of_several_addresses_is_taken_apart() {
        let arguments =
            Object::new().with("to", "a@one.example, b@Two.example;c").with("cc", vec!["d@three.example"]);
        let names = ["bcc", "cc", "to"].map(SmolStr::new_static);
        assert_eq!(domains(&arguments, &names), ["three.example", "one.example", "two.example", "c"]);
    }
}
