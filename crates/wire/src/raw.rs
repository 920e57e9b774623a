//! Shallow reading of JSON objects: keys are decoded, values stay the text they were, with their place.

use std::{borrow::Cow, collections::HashSet, fmt, ops::Range};

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::lookalike::cut;

/// Most members an object may have where members are looked at one by one.
const MEMBERS: usize = 4096;
/// Objects up to this size find duplicate keys by comparing; larger ones by hashing.
const FEW: usize = 16;

/// One member of an object.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: &'a str,
    /// Where the value stands in the text of the object.
    pub(crate) place: Range<usize>,
}

/// The members of the object that `text` is, in their order. Refuses duplicate keys. The error is a sentence
/// that quotes no value.
pub(crate) fn members(text: &str) -> Result<Vec<Member<'_>>, String> {
    if !text.trim_start().starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Members { text }
        .deserialize(&mut deserializer)
        .and_then(|members| deserializer.end().map(|()| members))
        .map_err(|error| error.to_string())
}

/// The value of one member.
pub(crate) fn member<'a>(members: &[Member<'a>], key: &str) -> Option<&'a str> {
    members.iter().find(|member| member.key == key).map(|member| member.value)
}

/// Appends a member to an object given as text, or replaces its value.
pub(crate) fn with_member(text: &str, members: &[Member<'_>], key: &str, value: &str) -> String {
    match members.iter().find(|member| member.key == key) {
        Some(member) => splice(text, &mut [(member.place.clone(), value.to_owned())]),
        None => splice(text, &mut [addition(text, members.is_empty(), key, value)]),
    }
}

/// The edit that appends a member before the closing brace.
pub(crate) fn addition(text: &str, is_first: bool, key: &str, value: &str) -> (Range<usize>, String) {
    let brace = text.trim_end().len().saturating_sub(1);
    let comma = if is_first { "" } else { "," };
    let mut member = String::with_capacity(key.len() + value.len() + 4);
    member.push_str(comma);
    placet_domain::Json::from(key).write_canonical(&mut member);
    member.push(':');
    member.push_str(value);
    (brace..brace, member)
}

/// Replaces places of a text. Places do not overlap; additions at one place keep their order.
pub(crate) fn splice(text: &str, edits: &mut [(Range<usize>, String)]) -> String {
    edits.sort_by_key(|(place, _)| place.start);
    let mut spliced =
        String::with_capacity(text.len() + edits.iter().map(|(_, new)| new.len()).sum::<usize>());
    let mut end = 0;
    for (place, new) in edits.iter() {
        spliced.push_str(text.get(end..place.start).unwrap_or_default());
        spliced.push_str(new);
        end = place.end;
    }
    spliced.push_str(text.get(end..).unwrap_or_default());
    spliced
}

/// Where `part`, a slice of `whole`, stands in it.
fn place_in(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}

struct Members<'a> {
    text: &'a str,
}

impl<'a> DeserializeSeed<'a> for Members<'a> {
    type Value = Vec<Member<'a>>;

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Members<'a> {
    type Value = Vec<Member<'a>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<Member<'a>> = Vec::with_capacity(8);
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if members.len() == MEMBERS {
                return Err(A::Error::custom(format_args!("an object has more than {MEMBERS} members")));
            }
            if members.len() == FEW {
                seen.extend(members.iter().map(|member| member.key.clone()));
            }
            let repeated = match members.len() < FEW {
                true => members.iter().any(|member| member.key == key),
                false => !seen.insert(key.clone()),
            };
            if repeated {
                return Err(A::Error::custom(format_args!(
                    "key {:?} appears twice in one object",
                    cut(&key)
                )));
            }
            let value = map.next_value::<&'a RawValue>()?.get();
            members.push(Member { key, value, place: place_in(self.text, value) });
        }
        Ok(members)
    }
}

/// A key, borrowed where it holds no escapes.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_text_and_place() {
        let text = r#" {"a" : 1.0e5 , "\u0062":{"x":[1, 2]},"c":"\ud800"} "#;
        let members = members(text).expect("an object");
        let found: Vec<_> = members.iter().map(|member| (&*member.key, member.value)).collect();
        assert_eq!(found, [("a", "1.0e5"), ("b", r#"{"x":[1, 2]}"#), ("c", r#""\ud800""#)]);
        for member in &members {
            assert_eq!(text.get(member.place.clone()), Some(member.value));
        }
    }

    #[test]
    fn duplicates_are_found_among_few_and_many_and_behind_escapes() {
        assert!(members(r#"{"a":1,"\u0061":2}"#).is_err());
        let many: Vec<String> = (0..100).map(|number| format!("\"k{number}\":0")).collect();
        assert!(members(&format!("{{{}}}", many.join(","))).is_ok());
        assert!(members(&format!("{{{},\"k50\":1}}", many.join(","))).is_err());
        let far_too_many: Vec<String> = (0..=MEMBERS).map(|number| format!("\"k{number}\":0")).collect();
        assert!(members(&format!("{{{}}}", far_too_many.join(","))).is_err());
    }

    #[test]
    fn additions_and_replacements_touch_nothing_else() {
        let text = r#"{ "a" : 1 }"#;
        let found = members(text).expect("an object");
        assert_eq!(with_member(text, &found, "b", "2"), r#"{ "a" : 1 ,"b":2}"#);
        assert_eq!(with_member(text, &found, "a", "2"), r#"{ "a" : 2 }"#);
        assert_eq!(with_member("{}", &[], "a", "1"), r#"{"a":1}"#);
    }
}
