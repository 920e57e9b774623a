use placet_domain::Operation;
use proptest::prelude::*;

use super::*;
use crate::{Era, Lifecycle, encode_request};

fn refused(body: &str) -> FrameError {
    Inbound::parse(body.as_bytes()).expect_err(body)
}

fn request(body: &str) -> Request {
    match Inbound::parse(body.as_bytes()) {
        Ok(Inbound::Request(request)) => request,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn a_tool_call_is_parsed_once_into_a_call() {
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call",
        "params":{"name":"wire_transfer","arguments":{"amount":50000},"extension":{"kept":[1,2]}}}"#;
    let request = request(body);
    let connector: ConnectorName = "bank".parse().unwrap();
    let call = request.tool_call(&connector).unwrap();
    assert_eq!(call.operation().name(), "wire_transfer");
    assert_eq!(call.arguments(), Object::new().with("amount", 50_000));
    assert!(call.params().member("extension").is_some());
    assert_eq!(request.into_tool_call(&connector), Ok(call));
}

#[test]
fn only_what_acts_is_a_call() {
    let connector: ConnectorName = "bank".parse().unwrap();
    for method in ["tools/list", "ping", "initialize", "tools/destroy"] {
        let request = request(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#));
        assert!(request.tool_call(&connector).is_err(), "{method}");
    }
    let read = request(r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b"}}"#);
    assert_eq!(read.tool_call(&connector).unwrap().operation(), &Operation::ReadResource);
    let odd =
        request(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":[1]}}"#);
    assert!(odd.tool_call(&connector).is_err());
}

/// Body, JSON-RPC code, id in the answer.
fn all_refused(table: &[(&str, i64, Option<Id>)]) {
    for (body, code, id) in table {
        let error = refused(body);
        let wire = error.wire();
        assert_eq!((wire.code, wire.http_status, error.id()), (*code, 400, id.as_ref()), "{body}: {error}");
        assert_eq!(error.refusal().code, Code::Malformed);
        let reply = Json::parse(&wire.reply(error.id())).unwrap();
        assert_eq!(reply.member("id").and_then(Id::of), *id, "{body}");
    }
}

const ONE: Option<Id> = Some(Id::Integer(1));

/// Parsers that matched keys by case folding ran another method, or other arguments, than the one judged.
#[test]
fn keys_that_pass_for_others_are_refused() {
    all_refused(&[
        (r#"{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"t"}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}"#, -32600, ONE),
        (r#"{"JSONRPC":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#, -32600, ONE),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","Arguments":{}}}"#,
            -32602,
            ONE,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","argumentſ":{}}}"#,
            -32602,
            ONE,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","NAME":"u"}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_Meta":{}}}"#, -32602, ONE),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b","URI":"c:d"}}"#,
            -32602,
            ONE,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"ProgressToken":1}}}"#, -32602, ONE),
    ]);
}

/// An untagged enum let malformed calls of known methods through as requests of unknown kind.
#[test]
fn calls_whose_tool_is_not_named_once_are_refused() {
    all_refused(&[
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","name":"danger"}}"#,
            -32600,
            ONE,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":null}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["t"]}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a b"}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602, ONE),
    ]);
}

#[test]
fn batches_are_refused_even_of_one_or_none() {
    all_refused(&[(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, None), (" \n[]", -32600, None)]);
}

#[test]
fn ids_that_are_no_string_or_64_bit_integer_are_refused() {
    all_refused(&[
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, None),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, None),
        (r#"{"jsonrpc":"2.0","id":1e30,"method":"ping"}"#, -32600, None),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, -32600, None),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, -32600, None),
        (r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#, -32600, None),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600, None),
    ]);
}

#[test]
fn what_is_not_one_json_rpc_message_is_refused() {
    all_refused(&[
        (r#"{"id":1,"method":"ping"}"#, -32600, ONE),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, ONE),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}"#, -32602, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"result":7}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, -32600, ONE),
        (r#"{"jsonrpc":"2.0","result":{}}"#, -32600, None),
        (r#""ping""#, -32600, None),
        ("null", -32600, None),
    ]);
}

#[test]
fn what_is_not_json_or_not_the_same_everywhere_is_refused() {
    let with = |argument: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{argument}}}}}"#
        )
    };
    all_refused(&[
        ("", -32700, None),
        ("{", -32700, None),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#, -32700, None),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#, -32700, None),
        (&with(r#"{"a":NaN}"#), -32700, None),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700, None),
        // The value is ambiguous, the id is not: the client gets it back.
        (&with(r#"{"n":9007199254740993}"#), -32600, ONE),
        (&with(r#"{"n":12345678901234567890123}"#), -32600, ONE),
        (&with(r#"{"s":"\u0000"}"#), -32600, ONE),
        (&with(r#"{"a":{"b":[{"c":1,"c":2}]}}"#), -32600, ONE),
    ]);
}

#[test]
fn lone_surrogates_and_bytes_that_are_not_utf8_are_refused() {
    refused(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"s":"\ud800"}}}"#,
    );
    let error = Inbound::parse(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").unwrap_err();
    assert_eq!(error.wire().code, -32700);
}

#[test]
fn nesting_a_hundred_deep_is_refused_and_a_hundred_thousand_deep_does_no_harm() {
    for depth in [100, 100_000] {
        let nested = format!("{}{}", r#"{"a":"#.repeat(depth), "1".to_owned() + &"}".repeat(depth));
        let error = refused(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{nested}}}"#));
        assert_eq!((error.wire().code, error.id()), (-32600, Some(&Id::Integer(1))));
    }
}

#[test]
fn ids_come_back_as_they_were_sent() {
    for id in
        ["0", "-1", "9007199254740993", "-9223372036854775808", "9223372036854775807", r#""""#, r#""é\n""#]
    {
        let request = request(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
        assert_eq!(request.id.to_string(), id);
    }
    assert_ne!(request(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).id, "1".into());
}

#[test]
fn a_wide_id_excuses_no_wide_argument() {
    let error = refused(
        r#"{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"t","arguments":{"n":9007199254740993}}}"#,
    );
    assert_eq!((error.wire().code, error.id()), (-32600, Some(&Id::Integer(9_007_199_254_740_993))));
}

#[test]
fn requests_notifications_and_responses_are_told_apart() {
    let parse = |body: &str| Inbound::parse(body.as_bytes()).unwrap();
    let ping = parse(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert_eq!(ping.method(), Some("ping"));
    assert!(matches!(ping, Inbound::Request(Request { method: Method::Lifecycle(Lifecycle::Ping), .. })));
    let told = parse(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    assert!(matches!(&told, Inbound::Notification(told) if told.method == NotificationMethod::Cancelled));
    // Without an id, nothing acts: a call is no notification.
    let call = parse(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#);
    assert!(matches!(&call, Inbound::Notification(told) if told.method.admit(Era::Stateless).is_err()));
    let answer = parse(r#"{"jsonrpc":"2.0","id":"s1","error":{"code":-1,"message":"no","data":1}}"#);
    assert!(matches!(answer, Inbound::Response(Response { answer: Answer::Error(_), .. })));
    assert_eq!(answer.method(), None);
}

#[test]
fn refusals_do_not_echo_whole_keys_and_names() {
    let long = "x".repeat(10_000);
    for body in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","{long}":1}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{long}"}}}}"#),
    ] {
        assert!(refused(&body).to_string().len() < 200);
    }
    let unknown = request(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{long}"}}"#));
    assert!(unknown.method.admit(Era::Stateless).unwrap_err().message.len() < 200);
}

/// JSON that survives strict parsing.
pub(crate) fn strict_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Json::from),
        "[^\0]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::btree_map("x[a-z\"\\\\é]{0,4}", inner, 0..5).prop_map(|members| {
                Json::from(
                    members.into_iter().fold(Object::new(), |object, (key, value)| object.with(&key, value)),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_sent_is_what_was_parsed_unknown_members_included(extra in strict_json(), arguments in strict_json()) {
        let params = Object::new()
            .with("name", "t")
            .with("arguments", Object::new().with("in", arguments))
            .with("extension", extra.clone())
            .with("_meta", Object::new().with("example.org/x", extra));
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{}}}"#,
            Json::from(params.clone()).canonical()
        );
        let request = request(&body);
        let encoded = encode_request(&3.into(), request.method.as_str(), &request.params);
        prop_assert_eq!(encoded.params(), Json::from(params).canonical());
        let sent = Json::parse(encoded.as_str().as_bytes()).unwrap();
        prop_assert_eq!(sent.member("id"), Some(&Json::from(3)));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Inbound::parse(&body));
    }

    #[test]
    fn no_jsonish_text_makes_the_parser_panic(
        body in r#"[{}\[\]",:0-9eE.\-a-z\\u ]{0,80}"#
    ) {
        drop(Inbound::parse(body.as_bytes()));
        drop(Inbound::parse(format!(r#"{{"jsonrpc":"2.0","id":{body},"method":"ping"}}"#).as_bytes()));
    }
}
