use proptest::prelude::*;

use super::*;
use crate::SessionVersion;

const SESSION: Era = Era::Session(SessionVersion::V2025_11_25);

fn page(text: &str) -> RawResult {
    RawResult::parse(text.as_bytes()).expect(text)
}

fn listing(text: &str) -> Listing {
    tools(&page(text)).expect(text)
}

fn one(definition: &str) -> Listing {
    listing(&format!(r#"{{"tools":[{definition}]}}"#))
}

#[test]
fn definitions_are_read_in_order_with_the_cursor() {
    let found = listing(
        r#"{"nextCursor":"p2","tools":[{"name":"b","inputSchema":{"type":"object"},"x":1},{"name":"a"}],"more":1}"#,
    );
    let names: Vec<_> = found.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!((names, found.next_cursor.as_deref()), (vec!["b", "a"], Some("p2")));
    assert!(found.refused.is_empty());
    assert!(found.tools[0].definition.member("x").is_some());
    assert_eq!(listing(r#"{"tools":[],"nextCursor":null}"#).next_cursor, None);
    for broken in [r#"{"tools":{}}"#, "{}", r#"{"tools":null}"#, r#"{"tools":[],"nextCursor":7}"#] {
        assert!(tools(&page(broken)).is_err(), "{broken}");
    }
}

#[test]
fn one_bad_definition_does_not_spoil_the_list() {
    let found = listing(
        r#"{"tools":[{"name":"good"},{"name":"dup","name":"dup"},{"name":"a b"},7,{"title":"nameless"},
            {"name":"surrogate","description":"\ud800"},{"name":"twice"},{"name":"twice","description":"other"}]}"#,
    );
    let names: Vec<_> = found.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["good"]);
    assert_eq!(found.refused.len(), 7);
    assert_eq!(found.refused[1].name.as_deref(), Some("a b"));
    assert!(found.refused.iter().all(|refused| !refused.why.is_empty()));
}

#[test]
fn a_schema_with_huge_bounds_is_read_and_pinned_to_the_last_digit() {
    let with = |bound: &str| {
        one(&format!(
            r#"{{"name":"t","description":"\"-9223372036854775807\\","inputSchema":{{"properties":{{"n":{{
                "minimum":-{bound},"maximum":{bound},"exclusiveMaximum":1.7976931348623157e308}}}}}}}}"#
        ))
    };
    let found = with("9223372036854775807");
    assert!(found.refused.is_empty(), "{found:?}");
    let tool = &found.tools[0];
    let spelled: Vec<_> = tool
        .definition
        .member(INEXACT_NUMBERS)
        .and_then(Json::as_array)
        .unwrap()
        .iter()
        .map(Json::as_str)
        .collect();
    assert_eq!(spelled, [Some("-9223372036854775807"), Some("9223372036854775807")]);
    let bound =
        tool.input_schema().and_then(|schema| schema.member("properties")?.member("n")?.member("maximum"));
    assert_eq!(bound.map(Json::canonical).as_deref(), Some("9007199254740991"));
    assert_eq!(tool.pin(), with("9223372036854775807").tools[0].pin());
    // The same double, another digit: another tool.
    assert_ne!(tool.pin(), with("9223372036854775806").tools[0].pin());
    // Exact numbers leave no mark.
    assert!(with("9007199254740991").tools[0].definition.member(INEXACT_NUMBERS).is_none());
}

#[test]
fn nobody_else_writes_our_mark() {
    let found = one(&format!(r#"{{"name":"t","{INEXACT_NUMBERS}":["1"],"n":9223372036854775807}}"#));
    assert_eq!((found.tools.len(), found.refused.len()), (0, 1));
    // Without inexact numbers the member is the server's own: kept, and part of the pin.
    let plain = one(&format!(r#"{{"name":"t","{INEXACT_NUMBERS}":["1"]}}"#));
    assert_eq!(plain.tools.len(), 1);
}

#[test]
fn a_client_sees_only_what_it_may_use_byte_for_byte() {
    let text = r#"{ "tools" : [ {"name":"a","n":1.50} , {"name":"b"},{"name":"c","u":"\u00e9"} ], "x":[1 ,2],"ttlMs":900000,"cacheScope":"public","resultType":"complete"}"#;
    let shown = filter(&page(text), |name| name != "b", None, Era::Stateless).unwrap();
    assert_eq!(
        shown,
        r#"{ "tools" : [{"name":"a","n":1.50},{"name":"c","u":"\u00e9"}], "x":[1 ,2],"ttlMs":5000,"cacheScope":"private","resultType":"complete"}"#
    );
    let none = filter(&page(text), |_| false, None, Era::Stateless).unwrap();
    assert!(none.contains(r#""tools" : [],"#), "{none}");
}

#[test]
fn an_older_servers_list_is_completed_for_a_stateless_client_only() {
    let text = r#"{"tools":[{"name":"a"}]}"#;
    assert_eq!(filter(&page(text), |_| true, None, SESSION).unwrap(), text);
    assert_eq!(
        filter(&page(text), |_| true, None, Era::Stateless).unwrap(),
        r#"{"tools":[{"name":"a"}],"cacheScope":"private","ttlMs":0,"resultType":"complete"}"#
    );
    // A newer server's hints become private for an older client too.
    let newer = r#"{"tools":[],"cacheScope":"public","ttlMs":4000}"#;
    assert_eq!(filter(&page(newer), |_| true, None, SESSION).unwrap(), newer.replace("public", "private"));
    for odd in ["-1", "1.5", "null", "\"9\"", "99999999999999999999"] {
        let text = format!(r#"{{"tools":[],"cacheScope":7,"ttlMs":{odd}}}"#);
        assert_eq!(
            filter(&page(&text), |_| true, None, SESSION).unwrap(),
            r#"{"tools":[],"cacheScope":"private","ttlMs":0}"#
        );
    }
}

#[test]
fn what_cannot_be_named_once_is_not_shown() {
    let text = r#"{"tools":[{"name":"a"},{"name":"a","description":"poison"},{"name":"b","name":"c"},{"x":1},7,{"name":"d"}]}"#;
    assert_eq!(filter(&page(text), |_| true, None, SESSION).unwrap(), r#"{"tools":[{"name":"d"}]}"#);
}

#[test]
fn the_empty_list_fits_its_era() {
    assert_eq!(Json::from(empty(SESSION)).canonical(), r#"{"tools":[]}"#);
    assert!(empty(Era::Stateless).member("ttlMs").is_some());
}

proptest! {
    #[test]
    fn no_result_makes_the_reader_panic(text in r#"[{}\[\]",:0-9eE.\-a-z\\u é]{0,60}"#) {
        let Ok(page) = RawResult::parse(format!(r#"{{"tools":[{{"name":"a","x":{text}}}]}}"#).as_bytes()) else {
            return Ok(());
        };
        drop(tools(&page));
        let shown = filter(&page, |_| true, None, Era::Stateless);
        prop_assert!(shown.is_err() || RawResult::parse(shown.unwrap().as_bytes()).is_ok());
    }

    #[test]
    fn every_integer_is_pinned_to_the_last_digit(digits in "[1-9][0-9]{0,40}", other in "[1-9][0-9]{0,40}") {
        let pin = |number: &str| one(&format!(r#"{{"name":"t","n":{number}}}"#)).tools[0].pin();
        prop_assert_eq!(pin(&digits) == pin(&other), digits == other);
    }
}
