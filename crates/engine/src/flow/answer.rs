//! The texts of a tool's answer: every string, name and number of it, and of the JSON that its text blocks hold.

use placet_domain::{Json, Number, limits};

use crate::ports::Answered;

/// The parsed answer; `None` if it cannot be followed: too large, or no strict JSON.
pub(super) fn read(answer: &Answered) -> Option<Json> {
    let (Answered::Error(bytes) | Answered::Result(bytes)) = answer;
    (bytes.len() <= limits::FLOW_ANSWER_BYTES).then(|| Json::parse(bytes).ok()).flatten()
}

/// Visits every text of an answer.
pub(super) fn texts(json: &Json, visit: &mut dyn FnMut(&str)) {
    match json {
        Json::Null | Json::Bool(_) => {}
        Json::Number(number) => visit(&spelled(*number)),
        Json::String(text) => {
            visit(text);
            // What is escaped in here is not escaped where the agent reads it.
            if let Some(inner) = held(text) {
                texts(&inner, visit);
            }
        }
        Json::Array(elements) => elements.iter().for_each(|element| texts(element, visit)),
        Json::Object(object) => object.members().for_each(|(name, value)| {
            visit(name);
            texts(value, visit);
        }),
    }
}

/// What policies and directories mean by the content of an answer: the structured content, or else a text that is JSON.
pub(super) fn content(answer: &Json) -> Option<Json> {
    match answer.member("structuredContent") {
        Some(content) => Some(content.clone()),
        None => {
            let blocks = answer.member("content").and_then(Json::as_array)?;
            blocks.iter().find_map(|block| held(block.member("text")?.as_str()?))
        }
    }
}

fn held(text: &str) -> Option<Json> {
    let begins = text.trim_start().starts_with(['{', '[']);
    begins.then(|| Json::parse(text.trim().as_bytes()).ok()).flatten()
}

/// A number as JSON writes it.
pub(super) fn spelled(number: Number) -> String {
    match number {
        Number::Integer(whole) => whole.to_string(),
        Number::Fraction(fraction) => fraction.to_string(),
    }
}

/// The ways in which people write a number.
pub(super) fn spellings(number: Number) -> Vec<String> {
    match number {
        Number::Integer(whole) => {
            let grouped = grouped(whole);
            vec![
                whole.to_string(),
                format!("{whole}.0"),
                format!("{whole}.00"),
                format!("{grouped}.00"),
                grouped,
            ]
        }
        Number::Fraction(fraction) => {
            let exact = fraction.to_string();
            let cents = format!("{fraction:.2}");
            let same = cents.parse::<f64>().is_ok_and(|cents| cents == fraction);
            std::iter::once(exact).chain(same.then_some(cents)).collect()
        }
    }
}

fn grouped(whole: i64) -> String {
    let digits = whole.unsigned_abs().to_string();
    let mut told = String::from(if whole < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_visited_and_what_a_text_holds_as_well() {
        let json = Json::parse(br#"{"content":[{"text":"{\"a\\u0062\":[1.5,\"x\"]}"}],"n":7}"#).unwrap();
        let mut seen = Vec::new();
        texts(&json, &mut |text| seen.push(text.to_owned()));
        for text in ["content", "ab", "1.5", "x", "7"] {
            assert!(seen.iter().any(|one| one == text), "{text}: {seen:?}");
        }
        assert_eq!(content(&json).unwrap().member("ab").unwrap().as_array().unwrap().len(), 2);
    }

    #[test]
    fn numbers_are_spelled_as_people_write_them() {
        assert!(spellings(Number::Integer(1_200)).contains(&"1,200.00".to_owned()));
        assert!(spellings(Number::Integer(-30_000)).contains(&"-30,000".to_owned()));
        assert_eq!(spellings(Number::Fraction(98.7)), ["98.7", "98.70"]);
        assert_eq!(spellings(Number::Fraction(0.125)), ["0.125"]);
    }
}
