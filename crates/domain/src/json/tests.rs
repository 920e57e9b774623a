use super::*;

fn fault(text: &str) -> Option<JsonFault> {
    Json::parse(text.as_bytes()).err().map(|error| error.fault)
}

#[test]
fn ambiguous_texts_are_refused() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for (text, expected) in [
        (r#"{"a":1,"a":2}"#, JsonFault::DuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, JsonFault::DuplicateKey),
        (r#"[{"b":{"c":1,"c":1}}]"#, JsonFault::DuplicateKey),
        (r#""\ud800""#, JsonFault::Syntax),
        (r#""\udc00x""#, JsonFault::Syntax),
        (r#"{"\ud800":1}"#, JsonFault::Syntax),
        (r#""a\u0000b""#, JsonFault::Nul),
        (r#"{"a\u0000":1}"#, JsonFault::Nul),
        ("\u{feff}{}", JsonFault::ByteOrderMark),
        ("9007199254740992", JsonFault::Inexact),
        ("-9007199254740992", JsonFault::Inexact),
        ("12345678901234567890123", JsonFault::Inexact),
        ("9007199254740993.5", JsonFault::Inexact),
        ("1e20", JsonFault::Inexact),
        (r#"["\"", 12345678901234567890123]"#, JsonFault::Inexact),
        ("1e400", JsonFault::Syntax),
        ("NaN", JsonFault::Syntax),
        ("01", JsonFault::Syntax),
        ("{} {}", JsonFault::Syntax),
        ("[1,]", JsonFault::Syntax),
        ("{'a':1}", JsonFault::Syntax),
        ("// x\n1", JsonFault::Syntax),
        ("", JsonFault::Syntax),
        ("\"a\u{0}b\"", JsonFault::Syntax),
        (&deep, JsonFault::Depth),
    ] {
        assert_eq!(fault(text), Some(expected), "{text:?}");
    }
    assert_eq!(Json::parse(b"\"\xff\"").map_err(|error| error.fault), Err(JsonFault::Utf8));
}

#[test]
fn duplicate_keys_are_found_in_large_objects() {
    let mut members: Vec<String> = (0..100).map(|key| format!("\"k{key}\":0")).collect();
    assert!(Json::parse(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
    members.push("\"k3\":0".into());
    assert_eq!(fault(&format!("{{{}}}", members.join(","))), Some(JsonFault::DuplicateKey));
    members.pop();
    members.push("\"k99\":0".into());
    assert_eq!(fault(&format!("{{{}}}", members.join(","))), Some(JsonFault::DuplicateKey));
}

#[test]
fn sixty_four_levels_are_accepted() {
    assert_eq!(fault(&format!("{}{}", "[".repeat(64), "]".repeat(64))), None);
}

#[test]
fn numbers_are_equal_by_value() {
    for text in ["48250", "48250.0", "4.825e4", "482500e-1"] {
        assert_eq!(Json::parse(text.as_bytes()), Ok(Json::from(48_250)), "{text}");
    }
    assert_eq!(Json::parse(b"-0.0"), Ok(Json::from(0)));
    assert_eq!(Json::parse(b"-0"), Ok(Json::from(0)));
    assert_eq!(
        Json::parse(b"9007199254740991").map(|value| value.canonical()),
        Ok("9007199254740991".into())
    );
}

#[test]
fn members_keep_their_order_and_compare_without_it() {
    let left = Json::parse(br#"{"b":1,"a":2}"#).unwrap();
    let right = Json::parse(br#"{"a":2,"b":1}"#).unwrap();
    assert_eq!(left, right);
    assert_eq!(left.as_object().unwrap().members().next().unwrap().0, "b");
    assert_eq!(left.canonical(), right.canonical());
}

/// Data from cyberphone/json-canonicalization (Apache-2.0).
#[test]
fn canonical_form_follows_the_published_vectors() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/jcs");
    for name in ["arrays", "french", "structures", "unicode", "values", "weird"] {
        let input = std::fs::read(format!("{vectors}/input/{name}.json")).unwrap();
        let output = std::fs::read_to_string(format!("{vectors}/output/{name}.json")).unwrap();
        let hex = std::fs::read_to_string(format!("{vectors}/outhex/{name}.txt")).unwrap();
        let canonical = Json::parse(&input).unwrap().canonical();
        assert_eq!(canonical, output.trim_end_matches('\n'), "{name}");
        let bytes: Vec<u8> =
            hex.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        assert_eq!(canonical.as_bytes(), bytes, "{name}");
    }
}

#[test]
fn a_large_number_with_an_exponent_is_a_double_everywhere() {
    assert_eq!(Json::parse(b"1E30").map(|value| value.canonical()), Ok("1e+30".into()));
    assert_eq!(fault(r#"{"1234567890123456789012345":"\\1234567890123456789012345", "a": 1e30}"#), None);
}

#[test]
fn a_canonical_text_parses_to_the_same_value() {
    let text = r#"{"a":[1,2.5,"é\n\u001f\"",null,true],"ö":{"z":-1e-7}}"#;
    let value = Json::parse(text.as_bytes()).unwrap();
    assert_eq!(Json::parse(value.canonical().as_bytes()), Ok(value));
}
