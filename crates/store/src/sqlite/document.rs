//! JSON trees as texts in a column: what was written reads back through the strict parser to the same tree.
//! Not RFC 8785, which sorts: members keep the order in which they arrived.

use placet_domain::{Json, JsonError, Number, Object};

/// The text of a tree.
pub(super) fn text(value: &Json) -> String {
    let mut text = String::with_capacity(256);
    write(value, &mut text);
    text
}

/// The text of an object.
pub(super) fn object_text(object: &Object) -> String {
    let mut text = String::with_capacity(256);
    write_object(object, &mut text);
    text
}

/// The tree of a text that [`text`] wrote.
pub(super) fn read(text: &str) -> Result<Json, JsonError> {
    Json::parse(text.as_bytes())
}

fn write(value: &Json, text: &mut String) {
    match value {
        // An exponent says "a double" to every parser.
        Json::Number(Number::Fraction(number)) => text.push_str(&format!("{number:e}")),
        Json::Array(elements) => {
            text.push('[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(element, text);
            }
            text.push(']');
        }
        Json::Object(object) => write_object(object, text),
        Json::Null | Json::Bool(_) | Json::Number(Number::Integer(_)) | Json::String(_) => {
            value.write_canonical(text);
        }
    }
}

fn write_object(object: &Object, text: &mut String) {
    text.push('{');
    for (place, (key, value)) in object.members().enumerate() {
        if place > 0 {
            text.push(',');
        }
        Json::from(key).write_canonical(text);
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_accepted_once_reads_back_in_its_order() {
        for accepted in [
            r#"{"z":1,"a":[1.5,-2.25e-7,1E30,48250.0,-0.0,9007199254740991],"\"\n":"é\u0001"}"#,
            "[[],{},null,true,\"\\u20ac\"]",
        ] {
            let tree = Json::parse(accepted.as_bytes()).unwrap();
            let stored = read(&text(&tree)).unwrap();
            assert_eq!(stored, tree);
            assert_eq!(text(&stored), text(&tree));
            assert_eq!(stored.canonical(), tree.canonical());
        }
        let tree = read(r#"{"z":1,"a":2}"#).unwrap();
        assert_eq!(text(&tree), r#"{"z":1,"a":2}"#);
    }
}
