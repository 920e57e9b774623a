//! RFC 8785 (JSON Canonicalization Scheme): one value, one spelling.

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
        members.sort_unstable_by(|(left, _), (right, _)| {
            if left.is_ascii() && right.is_ascii() {
                left.cmp(right)
            } else {
                left.encode_utf16().cmp(right.encode_utf16())
            }
        });
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

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    let mut plain = 0;
    for (place, byte) in string.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
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
