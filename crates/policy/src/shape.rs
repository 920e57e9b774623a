//! The typed reading of a tool's JSON Schema: what policies can see of its arguments.
//! Anything that has no one Cedar type (unions, arrays of objects, deep nesting) is opaque: carried, not read.

use std::cell::Cell;

use placet_domain::{Json, Object};
use smol_str::SmolStr;

/// Objects nested deeper than this are opaque; it also ends reference cycles.
const DEPTH: usize = 8;
/// Schemas read of one tool; the rest is opaque. References could otherwise multiply without end.
const SCHEMAS: usize = 4_096;

/// The document that references point into.
struct Root<'a> {
    document: &'a Json,
    left: Cell<usize>,
}

/// What a value is, as far as policies can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Bool,
    /// Cedar `Long`.
    Integer,
    /// Cedar `decimal`.
    Number,
    /// Named by the schema, but without a Cedar type.
    Opaque,
    Record(Record),
    SetOfInteger,
    SetOfText,
    Text,
}

/// An object with named members, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Record {
    pub(crate) fields: Vec<Field>,
    /// The schema says `additionalProperties: false`.
    pub(crate) closed: bool,
}

/// One named member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: SmolStr,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// `null` is accepted and read as absent.
    pub(crate) nullable: bool,
    /// Some policy may read it; otherwise it is only checked.
    pub(crate) read: bool,
}

impl Field {
    /// Whether the Cedar attribute always exists.
    pub(crate) fn always(&self) -> bool {
        self.required && !self.nullable
    }
}

impl Record {
    /// The members of a method's params that policies can read.
    pub(crate) fn of_texts(names: &[(&str, bool)]) -> Self {
        let fields = names.iter().map(|(name, required)| Field {
            name: SmolStr::new(name),
            shape: Shape::Text,
            required: *required,
            nullable: false,
            read: true,
        });
        Self { fields: sorted(fields.collect()), closed: false }
    }

    /// Reads a tool's `inputSchema`.
    pub(crate) fn of_schema(schema: Option<&Json>) -> Self {
        let Some(root) = schema else { return Self::default() };
        let root = Root { document: root, left: Cell::new(SCHEMAS) };
        record(resolve(root.document, &root), &root, 0).unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let place = self.fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        self.fields.get(place)
    }

    /// Marks what policies may read. Members of a record that is read are all read.
    pub(crate) fn mark_read(&mut self, is_read: &dyn Fn(&str) -> bool) {
        for field in &mut self.fields {
            field.read = is_read(&field.name);
            if let (Shape::Record(inner), true) = (&mut field.shape, field.read) {
                inner.mark_read(&|_| true);
            }
        }
    }
}

fn sorted(mut fields: Vec<Field>) -> Vec<Field> {
    fields.sort_by(|left, right| left.name.cmp(&right.name));
    fields
}

fn record(schema: &Json, root: &Root<'_>, depth: usize) -> Option<Record> {
    let closed = schema.member("additionalProperties").and_then(Json::as_bool) == Some(false);
    let properties = match schema.member("properties") {
        Some(properties) => properties.as_object()?,
        None => &Object::new(),
    };
    let required: Vec<&str> = schema
        .member("required")
        .and_then(Json::as_array)
        .map(|names| names.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let fields = properties
        .members()
        .map(|(name, schema)| {
            let (shape, nullable) = read(schema, root, depth + 1);
            Field {
                name: SmolStr::new(name),
                shape,
                required: required.contains(&name),
                nullable,
                read: true,
            }
        })
        .collect();
    Some(Record { fields: sorted(fields), closed })
}

/// The shape of a schema, and whether it accepts `null`.
fn read(schema: &Json, root: &Root<'_>, depth: usize) -> (Shape, bool) {
    let left = root.left.get();
    if depth > DEPTH || left == 0 {
        return (Shape::Opaque, true);
    }
    root.left.set(left - 1);
    let schema = resolve(schema, root);
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(branches) = schema.member(word).and_then(Json::as_array) {
            return union(branches, root, depth + 1);
        }
    }
    match schema.member("type") {
        Some(Json::String(name)) => (named(name, schema, root, depth), name == "null"),
        Some(Json::Array(names)) => {
            let nullable = names.iter().any(|name| name.as_str() == Some("null"));
            let mut others = names.iter().filter_map(Json::as_str).filter(|name| *name != "null");
            match (others.next(), others.next()) {
                (Some(only), None) => (named(only, schema, root, depth), nullable),
                _ => (Shape::Opaque, true),
            }
        }
        _ => {
            let shape = untyped(schema);
            let nullable = shape == Shape::Opaque;
            (shape, nullable)
        }
    }
}

/// All branches of one shape, besides `null`, are that shape; anything else is opaque.
fn union(branches: &[Json], root: &Root<'_>, depth: usize) -> (Shape, bool) {
    let is_null =
        |branch: &&Json| resolve(branch, root).member("type").and_then(Json::as_str) == Some("null");
    let nullable = branches.iter().any(|branch| is_null(&branch));
    let mut shapes =
        branches.iter().filter(|branch| !is_null(branch)).map(|branch| read(branch, root, depth));
    let Some((first, first_nullable)) = shapes.next() else { return (Shape::Opaque, true) };
    let mut nullable = nullable || first_nullable;
    for (shape, also_nullable) in shapes {
        // Records with the same members can still differ in what they require: only scalars merge.
        if shape != first || matches!(shape, Shape::Record(_)) {
            return (Shape::Opaque, true);
        }
        nullable |= also_nullable;
    }
    (first, nullable)
}

fn named(name: &str, schema: &Json, root: &Root<'_>, depth: usize) -> Shape {
    match name {
        "boolean" => Shape::Bool,
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "string" => Shape::Text,
        "array" => match schema.member("items").map(|items| read(items, root, depth + 1)) {
            Some((Shape::Text, false)) => Shape::SetOfText,
            Some((Shape::Integer, false)) => Shape::SetOfInteger,
            _ => Shape::Opaque,
        },
        "object" if schema.member("properties").is_some() => {
            record(schema, root, depth).map_or(Shape::Opaque, Shape::Record)
        }
        _ => Shape::Opaque,
    }
}

/// `enum` or `const` of texts needs no `type`.
fn untyped(schema: &Json) -> Shape {
    let texts = match (schema.member("enum"), schema.member("const")) {
        (Some(Json::Array(values)), _) => {
            !values.is_empty() && values.iter().all(|value| value.as_str().is_some())
        }
        (_, Some(Json::String(_))) => true,
        _ => false,
    };
    if texts { Shape::Text } else { Shape::Opaque }
}

/// Follows `#/$defs/Name` and `#/definitions/Name` inside the same schema.
fn resolve<'a>(schema: &'a Json, root: &Root<'a>) -> &'a Json {
    let mut schema = schema;
    for _ in 0..DEPTH {
        let Some(reference) = schema.member("$ref").and_then(Json::as_str) else { return schema };
        let target = ["$defs", "definitions"].into_iter().find_map(|section| {
            let name = reference.strip_prefix("#/")?.strip_prefix(section)?.strip_prefix('/')?;
            root.document.member(section)?.member(name)
        });
        match target {
            Some(target) => schema = target,
            None => return schema,
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(property: &str) -> (Shape, bool) {
        let text = format!(
            r##"{{"type":"object","properties":{{"x":{property}}},
                "$defs":{{"Stage":{{"oneOf":[{{"const":"A","type":"string"}},{{"const":"B","type":"string"}}]}},
                "Loop":{{"type":"object","properties":{{"next":{{"$ref":"#/$defs/Loop"}}}}}},
                "Self":{{"$ref":"#/$defs/Self"}}}}}}"##
        );
        let record = Record::of_schema(Some(&Json::parse(text.as_bytes()).unwrap()));
        let field = record.field("x").unwrap().clone();
        (field.shape, field.nullable)
    }

    #[test]
    fn properties_get_the_type_that_policies_read() {
        for (property, expected) in [
            (r#"{"type":"string"}"#, (Shape::Text, false)),
            (r#"{"enum":["a","b"]}"#, (Shape::Text, false)),
            (r#"{"type":"integer"}"#, (Shape::Integer, false)),
            (r#"{"type":"number"}"#, (Shape::Number, false)),
            (r#"{"type":["string","null"]}"#, (Shape::Text, true)),
            (r#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#, (Shape::Integer, true)),
            (r##"{"$ref":"#/$defs/Stage"}"##, (Shape::Text, false)),
            (r#"{"type":"array","items":{"type":"string"}}"#, (Shape::SetOfText, false)),
            (r#"{"type":"array","items":{"type":"integer"}}"#, (Shape::SetOfInteger, false)),
            (r#"{"type":"array","items":{"type":"object"}}"#, (Shape::Opaque, false)),
            (r#"{"type":["string","integer"]}"#, (Shape::Opaque, true)),
            (r#"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#, (Shape::Opaque, true)),
            (r#"{"type":"object"}"#, (Shape::Opaque, false)),
            (r##"{"$ref":"https://elsewhere"}"##, (Shape::Opaque, true)),
            (r##"{"$ref":"#/$defs/Self"}"##, (Shape::Opaque, true)),
            ("true", (Shape::Opaque, true)),
        ] {
            assert_eq!(shape(property), expected, "{property}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let (mut shape, _) = shape(r##"{"$ref":"#/$defs/Loop"}"##);
        let mut levels = 0;
        while let Shape::Record(record) = shape {
            shape = record.field("next").unwrap().shape.clone();
            levels += 1;
        }
        assert!((1..=DEPTH).contains(&levels));
        assert_eq!(shape, Shape::Opaque);
    }
}
