//! Strict parsing of untrusted JSON: refuses what two parsers could read differently.
//! Built on serde_json's tokenizer; the rules are RFC 8259, RFC 7493 (I-JSON) and ARCHITECTURE.md "One parsed tree".

use std::{cell::Cell, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use smol_str::SmolStr;

use super::{Json, Number, Object};
use crate::limits;

/// Objects up to this size find duplicate keys by comparing; larger ones by hashing.
const FEW_MEMBERS: usize = 16;

/// What made a text unacceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFault {
    /// The text starts with a byte order mark.
    ByteOrderMark,
    /// Nesting deeper than [`limits::JSON_DEPTH`].
    Depth,
    /// An object names a key twice.
    DuplicateKey,
    /// A number that is not exact in every implementation.
    Inexact,
    /// A string or key holds U+0000.
    Nul,
    /// Not JSON (lone surrogates and trailing text included).
    Syntax,
    /// Not UTF-8.
    Utf8,
}

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// The rule that was broken.
    pub fault: JsonFault,
    message: String,
}

impl JsonError {
    fn new(fault: JsonFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into() }
    }
}

impl Json {
    /// Parses one complete JSON text.
    ///
    /// # Errors
    /// Refuses anything that two parsers could read differently; the message names the place and the mend.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(JsonError::new(
                JsonFault::ByteOrderMark,
                "the text starts with a byte order mark; send plain UTF-8",
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            JsonError::new(JsonFault::Utf8, format!("byte {} is not UTF-8", error.valid_up_to()))
        })?;
        let notes = Notes { fault: Cell::new(JsonFault::Syntax), huge: Cell::new(false) };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = Value { depth: 0, notes: &notes }
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value))
            .map_err(|error| JsonError::new(notes.fault.get(), error.to_string()))?;
        match notes.huge.get().then(|| huge_plain_number(text)).flatten() {
            Some(number) => Err(JsonError::new(JsonFault::Inexact, inexact(number))),
            None => Ok(value),
        }
    }
}

/// The first number beyond ±(2^53 - 1) that is spelled out in digits. `1e30` means a double and is read
/// as one everywhere; twenty-three digits mean an integer to some parsers and a double to others.
fn huge_plain_number(text: &str) -> Option<&str> {
    let outside_strings = text.split('"').scan(false, |escaped, part| {
        // A quote after an odd run of backslashes does not end the string.
        let inside = *escaped;
        *escaped = match inside {
            false => true,
            true => part.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1,
        };
        Some((!inside).then_some(part))
    });
    outside_strings
        .flatten()
        .flat_map(|part| {
            part.split(|one: char| !one.is_ascii_alphanumeric() && !matches!(one, '+' | '-' | '.'))
        })
        .filter(|token| !token.contains(['e', 'E']))
        .find(|token| token.parse::<f64>().is_ok_and(|value| value.abs() > limits::JSON_INTEGER as f64))
}

fn inexact(number: impl fmt::Display) -> String {
    format!("number {number} is beyond ±(2^53 - 1) and not exact everywhere; send it as a string")
}

/// What the visitor tells beside its result.
struct Notes {
    fault: Cell<JsonFault>,
    /// A whole number beyond ±(2^53 - 1) was read as a double: its spelling decides.
    huge: Cell<bool>,
}

#[derive(Clone, Copy)]
struct Value<'a> {
    depth: usize,
    notes: &'a Notes,
}

impl Value<'_> {
    fn fail<E: serde::de::Error>(self, fault: JsonFault, message: impl fmt::Display) -> E {
        self.notes.fault.set(fault);
        E::custom(message)
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == limits::JSON_DEPTH {
            return Err(self.fail(
                JsonFault::Depth,
                format_args!("nesting is deeper than {} levels", limits::JSON_DEPTH),
            ));
        }
        Ok(Self { depth: self.depth + 1, notes: self.notes })
    }

    fn without_nul<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match text.contains('\0') {
            true => Err(self.fail(JsonFault::Nul, "a string holds U+0000, where some tools stop reading")),
            false => Ok(()),
        }
    }

    fn inexact<E: serde::de::Error>(self, value: impl fmt::Display) -> E {
        self.fail(JsonFault::Inexact, inexact(value))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Json, E> {
        if value.unsigned_abs() > limits::JSON_INTEGER.unsigned_abs() {
            return Err(self.inexact(value));
        }
        Ok(Json::Number(Number::Integer(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Json, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(self.inexact(value)),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        if value.fract() != 0.0 {
            return Ok(Json::Number(Number::Fraction(value)));
        }
        if value.abs() > limits::JSON_INTEGER as f64 {
            // RFC 8785 writes doubles below 1e21 in digits, which would read back as an inexact integer.
            if value.abs() < 1e21 {
                return Err(self.inexact(value));
            }
            self.notes.huge.set(true);
            return Ok(Json::Number(Number::Fraction(value)));
        }
        // Exact: an integral float within ±(2^53 - 1). Minus zero becomes zero, as in RFC 8785.
        Ok(Json::Number(Number::Integer(value as i64)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Json, E> {
        self.without_nul(text)?;
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Json, E> {
        self.without_nul(&text)?;
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(seed)? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut members: Vec<(SmolStr, Json)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            self.without_nul(&key)?;
            if members.len() == FEW_MEMBERS {
                seen.extend(members.iter().map(|(name, _)| name.clone()));
            }
            let repeated = if members.len() < FEW_MEMBERS {
                members.iter().any(|(name, _)| *name == key)
            } else {
                !seen.insert(key.clone())
            };
            if repeated {
                return Err(self
                    .fail(JsonFault::DuplicateKey, format_args!("key {key:?} appears twice in one object")));
            }
            members.push((key, map.next_value_seed(seed)?));
        }
        Ok(Json::Object(Object(members)))
    }
}

/// A key, read without an allocation if it is short.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = SmolStr;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<SmolStr, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = SmolStr;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<SmolStr, E> {
        Ok(SmolStr::new(key))
    }
}
