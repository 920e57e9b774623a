//! RFC 8785 (JSON Canonicalization Scheme): one value, one spelling.

use std::cmp::Ordering;

use super::{Json, Number, Object};

impl Json {
    /// The value in RFC 8785 form.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(256);
        self.write_canonical(&mut text);
        text
    }

    /// Appends the value in RFC 8785 form.
    pub fn write_canonical(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(true) => text.push_str("true"),
            Self::Bool(false) => text.push_str("false"),
            Self::Number(number) => number.write(text),
            Self::String(string) => write_string(string, text),
            Self::Array(elements) => {
                text.push('[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    element.write_canonical(text);
                }
                text.push(']');
            }
            Self::Object(object) => object.write_canonical(text),
        }
    }
}

impl Object {
    /// Appends the object in RFC 8785 form: members sorted by the UTF-16 code units of their keys.
    pub fn write_canonical(&self, text: &mut String) {
        let mut members: Vec<(&str, &Json)> = self.members().collect();
        if !members.is_sorted_by(|(left, _), (right, _)| in_order(left, right).is_le()) {
            members.sort_unstable_by(|(left, _), (right, _)| in_order(left, right));
        }
        text.push('{');
        for (place, (key, value)) in members.into_iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            write_string(key, text);
            text.push(':');
            value.write_canonical(text);
        }
        text.push('}');
    }
}

impl Number {
    fn write(self, text: &mut String) {
        match self {
            Self::Integer(value) => text.push_str(itoa::Buffer::new().format(value)),
            // ECMAScript's Number::toString, which RFC 8785 section 3.2.2.3 prescribes.
            Self::Fraction(value) => text.push_str(ryu_js::Buffer::new().format_finite(value)),
        }
    }
}

fn in_order(left: &str, right: &str) -> Ordering {
    match left.is_ascii() && right.is_ascii() {
        true => left.cmp(right),
        false => left.encode_utf16().cmp(right.encode_utf16()),
    }
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    // Without a way out of the loop many bytes are looked at in one step, and most strings hold nothing to escape.
    if !string.bytes().fold(false, |found, byte| found | is_escaped(byte)) {
        text.push_str(string);
        text.push('"');
        return;
    }
    let mut plain = 0;
    for (place, byte) in string.bytes().enumerate() {
        if !is_escaped(byte) {
            continue;
        }
        // Escaped bytes are ASCII, so both ends are character borders.
        text.push_str(string.get(plain..place).unwrap_or_default());
        plain = place + 1;
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x08 => text.push_str("\\b"),
            0x09 => text.push_str("\\t"),
            0x0a => text.push_str("\\n"),
            0x0c => text.push_str("\\f"),
            0x0d => text.push_str("\\r"),
            control => text.push_str(&format!("\\u{control:04x}")),
        }
    }
    text.push_str(string.get(plain..).unwrap_or_default());
    text.push('"');
}
