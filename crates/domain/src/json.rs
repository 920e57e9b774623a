//! The one parsed tree: what is judged, hashed, shown to the approver and sent to the tool.
//! Strict parsing is in `json/parse.rs`, RFC 8785 output in `json/canonical.rs`.

mod canonical;
mod parse;

pub use parse::{JsonError, JsonFault};
use smol_str::SmolStr;

/// A JSON value without ambiguity: no duplicate keys, no lone surrogates, no inexact integers.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

/// A number. Equal values are equal whatever their spelling: `48250.0` and `48250` are one integer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer within ±(2^53 - 1).
    Integer(i64),
    /// A finite number with a fractional part, or one beyond the integers spelled with an exponent.
    Fraction(f64),
}

/// An object: members in their order of arrival, keys unique. Keys are short, as a rule, and then need no allocation.
#[derive(Debug, Clone, Default)]
pub struct Object(Vec<(SmolStr, Json)>);

impl Object {
    /// An object with no members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a member.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of a member, to change it.
    pub fn member_mut(&mut self, key: &str) -> Option<&mut Json> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Members in order of arrival, to change their values.
    pub fn members_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Json)> {
        self.0.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    /// Members in order of arrival.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Adds a member or replaces its value.
    pub fn set(&mut self, key: impl AsRef<str>, value: impl Into<Json>) {
        let (key, value) = (key.as_ref(), value.into());
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((SmolStr::new(key), value)),
        }
    }

    /// [`Object::set`] for building in one expression.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.set(key, value);
        self
    }

    /// [`Object::with`] where an absent value leaves the member out.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let place = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(place).1)
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Objects are equal when they hold the same members, in any order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.members().all(|(key, value)| other.member(key) == Some(value))
    }
}

impl Json {
    /// A member, if this is an object that has it.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Json> {
        self.as_object()?.member(key)
    }

    /// The object, if it is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Number(Number::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// What kind of value this is, as JSON Schema calls it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(Number::Integer(_)) => "integer",
            Self::Number(Number::Fraction(_)) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Json {
    /// The caller keeps to ±(2^53 - 1): our own integers are times and counts.
    fn from(value: i64) -> Self {
        Self::Number(Number::Integer(value))
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(elements: Vec<T>) -> Self {
        Self::Array(elements.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests;
