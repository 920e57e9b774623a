//! Looked-up facts: attributes of a resource and facts of a mandate, from JSON to what Cedar was told they are.
//! A fact of another type is an error, and an error denies.

use cedar_policy_core::ast::{Literal, Value};
use placet_domain::{Json, Number};
use smol_str::SmolStr;

use crate::AttributeType;
use crate::entities::{Types, text, user_value, value};
use crate::moment::Constructors;

/// The value of a fact, or what it is instead.
pub(crate) fn fact(
    types: &Types,
    constructors: &Constructors,
    kind: AttributeType,
    fact: &Json,
) -> Result<Value, String> {
    let read = match (kind, fact) {
        (AttributeType::Bool, Json::Bool(truth)) => Some(value(*truth)),
        (AttributeType::Decimal, Json::Number(number)) => {
            let digits = decimal_digits(*number).ok_or("is beyond four decimals, which policies read")?;
            Some(constructors.decimal(&digits)?)
        }
        (AttributeType::Long, Json::Number(Number::Integer(number))) => Some(value(*number)),
        (AttributeType::SetOfString, Json::Array(elements)) => strings(elements),
        (AttributeType::String, Json::String(word)) => Some(text(word)),
        (AttributeType::User, Json::String(name)) => Some(user_value(types, name)),
        _ => None,
    };
    read.ok_or_else(|| format!("is {}, the configuration says {}", fact.kind(), kind.as_str()))
}

/// A set of texts, if every element is one.
pub(crate) fn strings(elements: &[Json]) -> Option<Value> {
    let literals: Option<Vec<Literal>> = elements
        .iter()
        .map(|element| element.as_str().map(|word| Literal::String(SmolStr::new(word))))
        .collect();
    literals.map(|literals| Value::set_of_lits(literals, None))
}

/// A number exactly as a Cedar `decimal`, if it has no more than four digits after the point.
pub(crate) fn decimal_digits(number: Number) -> Option<String> {
    /// Cedar keeps decimals as 64-bit integers of ten-thousandths.
    const LARGEST: i64 = i64::MAX / 10_000;
    match number {
        Number::Integer(whole) if whole.abs() <= LARGEST => Some(format!("{whole}.0")),
        Number::Integer(_) => None,
        Number::Fraction(fraction) => {
            // The shortest text that reads back as the same number: what the sender wrote.
            let digits = fraction.to_string();
            let (whole, after) = digits.split_once('.')?;
            (after.len() <= 4 && whole.parse::<i64>().is_ok_and(|whole| whole.abs() < LARGEST))
                .then_some(digits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_decimals_only_when_exact() {
        for (number, expected) in [
            (Number::Integer(5), Some("5.0")),
            (Number::Integer(-5), Some("-5.0")),
            (Number::Fraction(0.15), Some("0.15")),
            (Number::Fraction(-0.1234), Some("-0.1234")),
            (Number::Fraction(0.12345), None),
            (Number::Fraction(1e300), None),
            (Number::Fraction(1e-9), None),
            (Number::Integer(i64::MAX), None),
        ] {
            assert_eq!(decimal_digits(number).as_deref(), expected, "{number:?}");
        }
    }
}
