use placet_domain::Json;
use proptest::prelude::*;

use super::*;
use crate::{reply, request::tests::strict_json};

fn parse(text: &str) -> Result<Outbound, UpstreamError> {
    Outbound::parse(text.as_bytes())
}

fn result(text: &str) -> RawResult {
    RawResult::parse(text.as_bytes()).expect(text)
}

#[test]
fn a_result_keeps_its_bytes() {
    let text = r#"{"content":[ {"type":"hologram","x":1.50,"big":12345678901234567890123} ],"isError":true,"\u0066oo":"\ud800"}"#;
    let Ok(Outbound::Response { id, body: ResponseBody::Result(result) }) =
        parse(&format!("\r\n{{\"result\": {text} ,\"id\":\"a\",\"jsonrpc\":\"2.0\"}}\n"))
    else {
        panic!("a result")
    };
    assert_eq!((id, result.as_str()), ("a".into(), text));
    assert!(result.is_error());
    assert_eq!((result.result_type(), result.member("foo")), (None, Some(r#""\ud800""#)));
    let reply = reply::result(&9.into(), result.as_str());
    assert_eq!(&reply[..], format!(r#"{{"jsonrpc":"2.0","id":9,"result":{text}}}"#).as_bytes());
}

#[test]
fn only_true_is_an_error_and_only_at_the_top() {
    for text in [
        r#"{"isError":false}"#,
        r#"{"isError":"true"}"#,
        r#"{"isError":null}"#,
        "{}",
        r#"{"structuredContent":{"isError":true}}"#,
    ] {
        assert!(!result(text).is_error(), "{text}");
    }
    assert!(result(r#"{"is\u0045rror" : true}"#).is_error());
    assert_eq!(result(r#"{"resultType":"task"}"#).result_type(), Some("task"));
}

#[test]
fn errors_requests_and_notifications_are_told_apart() {
    let error = parse(r#"{"jsonrpc":"2.0","id":-5,"error":{"code":-32602,"message":"m","data":{"a":1.0}}}"#);
    let Ok(Outbound::Response { id: Id::Integer(-5), body: ResponseBody::Error(error) }) = error else {
        panic!("an error")
    };
    assert_eq!((error.code, error.message.as_str(), error.data()), (-32602, "m", Some(r#"{"a":1.0}"#)));
    for lost in [r#""id":null,"#, ""] {
        let text = format!(r#"{{"jsonrpc":"2.0",{lost}"error":{{"code":1,"message":"m"}}}}"#);
        assert!(matches!(parse(&text), Ok(Outbound::Unaddressed(_))), "{text}");
    }
    let asked =
        r#"{"jsonrpc":"2.0","id":9223372036854775807,"method":"elicitation/create","params":{"x":1.0}}"#;
    let Ok(Outbound::Request { id, method, raw }) = parse(asked) else { panic!("a request") };
    assert_eq!(
        (id, method.as_str(), &raw[..]),
        (Id::Integer(i64::MAX), "elicitation/create", asked.as_bytes())
    );
    let told = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":0.50}}"#;
    let Ok(Outbound::Notification { method, raw }) = parse(told) else { panic!("a notification") };
    assert_eq!((method.as_str(), &raw[..]), ("notifications/progress", told.as_bytes()));
}

#[test]
fn malformed_messages_do_not_reach_a_client() {
    for text in [
        "",
        "[]",
        "null",
        r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}{}"#,
        r#"{"id":1,"result":{}}"#,
        r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"id":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"r\u0065sult":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"reſult":{}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"isError":false,"isError":true}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"isError":false,"IsError":true}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"a":1,"a":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":7}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert_eq!(Outbound::parse(b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\"}"), Err(UpstreamError::NotUtf8));
    assert_eq!(Outbound::parse(&vec![b' '; limits::REPLY_BYTES + 1]), Err(UpstreamError::TooLarge));
}

#[test]
fn refusals_quote_no_value_of_the_server() {
    for text in [
        r#""hunter2""#,
        r#"{"jsonrpc":"hunter2"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":"hunter2"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":"hunter2","message":"hunter2"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":{"hunter2":1}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"a":"hunter2" "b"}}"#,
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn deep_nesting_is_carried_without_recursion() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":{deep}}}}}"#);
    assert!(parse(&text).is_ok());
}

#[test]
fn an_id_is_rewritten_and_nothing_else() {
    let text = r#"{ "x" : 1.0, "id" : "client\u0031" , "jsonrpc":"2.0","result":{"id":7} }"#;
    let rewritten = rewrite_id(text.as_bytes(), &Id::Integer(42)).unwrap();
    assert_eq!(&rewritten[..], text.replace(r#""client\u0031""#, "42").as_bytes());
    assert!(rewrite_id(br#"{"jsonrpc":"2.0","method":"a"}"#, &Id::Integer(1)).is_err());
}

#[test]
fn meta_is_added_on_every_shape() {
    let receipt = Object::new().with("id", "rcp_1");
    for (before, after) in [
        ("{}", r#"{"_meta":{"dev.placet/receipt":{"id":"rcp_1"}}}"#),
        ("{ }", r#"{ "_meta":{"dev.placet/receipt":{"id":"rcp_1"}}}"#),
        (r#"{"a":1.0}"#, r#"{"a":1.0,"_meta":{"dev.placet/receipt":{"id":"rcp_1"}}}"#),
        (r#"{"_meta":{}}"#, r#"{"_meta":{"dev.placet/receipt":{"id":"rcp_1"}}}"#),
        (r#"{"_meta":null,"b":2}"#, r#"{"_meta":{"dev.placet/receipt":{"id":"rcp_1"}},"b":2}"#),
        (
            r#"{"_meta": { "x": 1 } ,"b":2}"#,
            r#"{"_meta": { "x": 1 ,"dev.placet/receipt":{"id":"rcp_1"}} ,"b":2}"#,
        ),
        // A forged receipt, escaped or not, is replaced.
        (
            r#"{"_meta":{"dev.placet/receipt":"forged","x":1}}"#,
            r#"{"_meta":{"dev.placet/receipt":{"id":"rcp_1"},"x":1}}"#,
        ),
        (
            r#"{"_meta":{"dev.placet\/receipt":{"id":"forged"}}}"#,
            r#"{"_meta":{"dev.placet\/receipt":{"id":"rcp_1"}}}"#,
        ),
        // Only the result's own `_meta` counts.
        (
            r#"{"a":{"_meta":{}},"s":"{\"_meta\":{}}"}"#,
            r#"{"a":{"_meta":{}},"s":"{\"_meta\":{}}","_meta":{"dev.placet/receipt":{"id":"rcp_1"}}}"#,
        ),
    ] {
        assert_eq!(result(before).with_meta("dev.placet/receipt", &receipt), after);
    }
}

proptest! {
    #[test]
    fn with_meta_changes_one_member_of_any_result(value in strict_json(), meta in strict_json(), has_meta: bool) {
        let meta = if meta.as_object().is_some() { meta } else { Json::Null };
        let plain = Object::new().with("content", value).with_some("_meta", has_meta.then_some(meta.clone()));
        let before = result(&Json::from(plain.clone()).canonical());
        let once = before.with_meta("dev.placet/receipt", &Object::new().with("id", "1"));
        let twice = result(&once).with_meta("dev.placet/receipt", &Object::new().with("id", "2"));
        let after = Json::parse(twice.as_bytes()).unwrap();
        prop_assert_eq!(after.member("content"), plain.member("content"));
        let expected = meta.as_object().filter(|_| has_meta).cloned().unwrap_or_default()
            .with("dev.placet/receipt", Object::new().with("id", "2"));
        prop_assert_eq!(after.member("_meta"), Some(&expected.into()));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Outbound::parse(&bytes));
        drop(RawResult::parse(&bytes));
        drop(rewrite_id(&bytes, &Id::Integer(1)));
    }

    #[test]
    fn no_jsonish_text_makes_the_reader_panic(text in r#"[{}\[\]",:0-9eE.\-a-z_\\u é]{0,80}"#) {
        let Ok(found) = RawResult::parse(format!("{{{text}}}").as_bytes()) else { return Ok(()) };
        let spliced = found.with_meta("k", &Object::new());
        prop_assert!(RawResult::parse(spliced.as_bytes()).is_ok(), "{}", spliced);
    }
}
