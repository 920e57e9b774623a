use super::*;
use crate::wire_error::{HEADER_MISMATCH, UNSUPPORTED_VERSION};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
const SESSION: Era = Era::Session(SessionVersion::V2025_11_25);

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn message(text: &str) -> Inbound {
    Inbound::parse(text.as_bytes()).unwrap()
}

fn request(method: &str, params: &str) -> Request {
    match message(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)) {
        Inbound::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

fn call(arguments: &str) -> Request {
    request("tools/call", &format!(r#""name":"t","arguments":{arguments},{META}"#))
}

const CALL: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "t")];

#[test]
fn a_message_declares_its_era() {
    let modern = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{META}}}}}"#);
    let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let open = |version: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{version}"}}}}"#
        )
    };
    let version = |value| [("mcp-protocol-version", value)];
    let era = |pairs: &[(&'static str, &str)], body: &str| era_of(&headers(pairs), &message(body));

    assert_eq!(era(&version("2026-07-28"), &modern), Ok(Era::Stateless));
    assert_eq!(era(&[], &modern), Ok(Era::Stateless));
    assert_eq!(era(&version("2026-07-28"), bare), Ok(Era::Stateless));
    assert_eq!(era(&version("2025-11-25"), bare), Ok(SESSION));
    assert_eq!(era(&[("mcp-session-id", "s")], bare), Ok(Era::Session(SessionVersion::V2025_06_18)));
    assert_eq!(era(&[], &open("2025-11-25")), Ok(SESSION));
    assert_eq!(era(&version("2025-06-18"), &open("2025-11-25")), Ok(SESSION));
    // What sessions do not have is negotiated, not refused.
    assert_eq!(era(&[], &open("2026-07-28")), Ok(SESSION));
    assert_eq!(era(&[], &open("2024-11-05")), Ok(SESSION));
    assert_eq!(era(&version("2026-07-28"), &open("2025-11-25")), Ok(Era::Stateless));
    let bare_open = r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#;
    assert_eq!(era(&version("2026-07-28"), bare_open), Ok(Era::Stateless));
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(era(&version("2025-11-25"), response), Ok(SESSION));

    for (pairs, body, code) in [
        (&version("2025-11-25")[..], modern.as_str(), HEADER_MISMATCH),
        (&version("2025-03-26"), bare, UNSUPPORTED_VERSION),
        (&version("1900-01-01"), bare, UNSUPPORTED_VERSION),
        (&[], bare, HEADER_MISMATCH),
        (
            &[("mcp-protocol-version", "2026-07-28"), ("mcp-protocol-version", "2025-11-25")],
            bare,
            HEADER_MISMATCH,
        ),
        (&version("2026-07-28\u{e9}"), bare, HEADER_MISMATCH),
        (&version("2026-07-28"), response, -32600),
        (&[], r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, -32602),
    ] {
        let error = era(pairs, body).expect_err(body);
        assert_eq!((error.code, error.http_status), (code, 400), "{error}");
    }
}

#[test]
fn an_unsupported_version_is_answered_with_the_list() {
    let body = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let error = era_of(&headers(&[("mcp-protocol-version", "1900-01-01")]), &body).unwrap_err();
    assert_eq!(
        error.data.unwrap().canonical(),
        r#"{"requested":"1900-01-01","supported":["2026-07-28","2025-11-25","2025-06-18"]}"#
    );
}

#[test]
fn matching_headers_agree() {
    assert_eq!(agree(&headers(&CALL), &call("{}"), Era::Stateless, None), Ok(()));
    let encoded = [CALL[0], CALL[1], ("mcp-name", "=?base64?dA==?=")];
    assert_eq!(agree(&headers(&encoded), &call("{}"), Era::Stateless, None), Ok(()));
    for (method, source, value) in [
        ("prompts/get", "name", "p"),
        ("resources/read", "uri", "file:///a b"),
        ("tasks/get", "taskId", "1"),
        ("tasks/update", "taskId", "1"),
        ("tasks/cancel", "taskId", "1"),
    ] {
        let read = request(method, &format!(r#""{source}":"{value}",{META}"#));
        let pairs = [CALL[0], ("mcp-method", method), ("mcp-name", value)];
        assert_eq!(agree(&headers(&pairs), &read, Era::Stateless, None), Ok(()), "{method}");
        let error = agree(&headers(&pairs[..2]), &read, Era::Stateless, None).unwrap_err();
        assert_eq!(error.code, HEADER_MISMATCH, "{method} without a name");
    }
}

#[test]
fn missing_repeated_wrong_and_broken_headers_are_refused() {
    let table: &[&[(&'static str, &str)]] = &[
        &CALL[1..],
        &[CALL[0], CALL[2]],
        &CALL[..2],
        &[("mcp-protocol-version", "2025-11-25"), CALL[1], CALL[2]],
        &[CALL[0], ("mcp-method", "tools/list"), CALL[2]],
        &[CALL[0], ("mcp-method", "Tools/Call"), CALL[2]],
        &[CALL[0], ("mcp-method", "=?base64?dG9vbHMvY2FsbA==?="), CALL[2]],
        &[CALL[0], CALL[1], ("mcp-name", "T")],
        &[CALL[0], CALL[1], ("mcp-name", "other")],
        &[CALL[0], CALL[1], ("mcp-name", "=?base64?dA=?=")],
        &[CALL[0], CALL[1], ("mcp-name", "=?BASE64?dA==?=")],
        &[CALL[0], CALL[1], ("mcp-name", "té")],
        &[CALL[0], CALL[1], CALL[2], CALL[2]],
        &[CALL[0], CALL[1], CALL[1], CALL[2]],
    ];
    for pairs in table {
        let error = agree(&headers(pairs), &call("{}"), Era::Stateless, None).expect_err("refused");
        assert_eq!((error.code, error.http_status), (HEADER_MISMATCH, 400), "{pairs:?}: {error}");
        assert_eq!(error.placet, placet_domain::Code::HeaderMismatch);
    }
}

#[test]
fn a_stateless_request_without_its_meta_is_refused() {
    for meta in [
        "",
        r#","_meta":{}"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        r#","_meta":{"io.modelcontextprotocol/clientCapabilities":{}}"#,
        r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}"#,
    ] {
        let call = request("tools/call", &format!(r#""name":"t"{meta}"#));
        let error = agree(&headers(&CALL), &call, Era::Stateless, None).expect_err(meta);
        assert_eq!((error.code, error.http_status), (-32602, 400), "{meta}");
    }
    let other = request("tools/call", &format!(r#""name":"t",{}"#, META.replace("2026-07-28", "2025-11-25")));
    assert_eq!(agree(&headers(&CALL), &other, Era::Stateless, None).unwrap_err().code, HEADER_MISMATCH);
}

#[test]
fn methods_of_the_other_era_are_unknown() {
    let ping = request("ping", META);
    let pairs = headers(&[CALL[0], ("mcp-method", "ping")]);
    let error = agree(&pairs, &ping, Era::Stateless, None).unwrap_err();
    assert_eq!((error.code, error.http_status), (-32601, 404));
    assert_eq!(agree(&HeaderMap::new(), &ping, SESSION, None), Ok(()));
    let discover = request("server/discover", "");
    assert_eq!(agree(&HeaderMap::new(), &discover, SESSION, None).unwrap_err().code, -32601);
}

#[test]
fn a_session_holds_its_version_and_may_not_mislead_routers() {
    let call = request("tools/call", r#""name":"t""#);
    let check = |pairs: &[(&'static str, &str)]| agree(&headers(pairs), &call, SESSION, None);
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[("mcp-protocol-version", "2025-11-25"), ("mcp-name", "t")]), Ok(()));
    for pairs in [("mcp-protocol-version", "2025-06-18"), ("mcp-name", "u"), ("mcp-method", "tools/list")] {
        let error = check(&[pairs]).expect_err(pairs.0);
        assert_eq!((error.code, error.http_status), (-32600, 400));
    }
    let open = request("initialize", r#""protocolVersion":"2025-11-25""#);
    assert_eq!(agree(&headers(&[("mcp-protocol-version", "2025-06-18")]), &open, SESSION, None), Ok(()));
}

const SCHEMA: &str = r#"{"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "limit":{"type":"integer","x-mcp-header":"Limit"},
    "options":{"type":"object","properties":{"dry":{"type":"boolean","x-mcp-header":"Dry"}}}}}"#;

#[test]
fn mirrored_parameters_agree_or_the_call_is_refused() {
    let schema = Json::parse(SCHEMA.as_bytes()).unwrap();
    let check = |arguments: &str, extra: &[(&'static str, &str)]| {
        let pairs = [&CALL[..], extra].concat();
        agree(&headers(&pairs), &call(arguments), Era::Stateless, Some(&schema)).map_err(|error| error.code)
    };
    let (region, limit, dry) = ("mcp-param-region", "mcp-param-limit", "mcp-param-dry");
    assert_eq!(check("{}", &[]), Ok(()));
    assert_eq!(check(r#"{"region":null}"#, &[]), Ok(()));
    assert_eq!(check(r#"{"region":"eu"}"#, &[(region, "eu")]), Ok(()));
    assert_eq!(check(r#"{"region":"eu"}"#, &[(region, "=?base64?ZXU=?=")]), Ok(()));
    assert_eq!(check(r#"{"region":"世"}"#, &[(region, "=?base64?5LiW?=")]), Ok(()));
    assert_eq!(check(r#"{"region":""}"#, &[(region, "")]), Ok(()));
    assert_eq!(check(r#"{"limit":42}"#, &[(limit, "42")]), Ok(()));
    assert_eq!(check(r#"{"limit":42}"#, &[(limit, "42.0")]), Ok(()));
    assert_eq!(check(r#"{"limit":42.0}"#, &[(limit, "42")]), Ok(()));
    assert_eq!(check(r#"{"options":{"dry":true}}"#, &[(dry, "true")]), Ok(()));
    assert_eq!(check("{}", &[("mcp-param-unknown", "x")]), Ok(()));
    for (arguments, extra) in [
        (r#"{"region":"eu"}"#, &[][..]),
        (r#"{"region":"eu"}"#, &[(region, "us")]),
        (r#"{"region":"eu"}"#, &[(region, "EU")]),
        (r#"{"region":"eu"}"#, &[(region, "eu"), (region, "us")]),
        (r#"{"region":"eu"}"#, &[(region, "=?base64?ZXU?=")]),
        (r#"{"region":"é"}"#, &[(region, "é")]),
        ("{}", &[(region, "eu")]),
        (r#"{"region":null}"#, &[(region, "null")]),
        (r#"{"region":["eu"]}"#, &[(region, "eu")]),
        (r#"{"limit":42}"#, &[(limit, "43")]),
        (r#"{"limit":42}"#, &[(limit, "0x2a")]),
        (r#"{"limit":9007199254740991}"#, &[(limit, "9007199254740992")]),
        (r#"{"limit":1}"#, &[(limit, "inf")]),
        (r#"{"options":{"dry":true}}"#, &[(dry, "True")]),
        (r#"{"options":{"dry":true}}"#, &[]),
    ] {
        assert_eq!(check(arguments, extra), Err(HEADER_MISMATCH), "{arguments} {extra:?}");
    }
    let invalid = Json::parse(br#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#).unwrap();
    assert!(agree(&headers(&CALL), &call("{}"), Era::Stateless, Some(&invalid)).is_err());
}

#[test]
fn headers_toward_a_server_come_from_the_body_and_agree_with_it() {
    let schema = Json::parse(SCHEMA.as_bytes()).unwrap();
    for arguments in [
        "{}",
        r#"{"region":" a\r\nX-Evil: 1 ","limit":-7,"options":{"dry":false}}"#,
        r#"{"region":"=?base64?eA==?=","limit":null}"#,
        r#"{"region":"世界"}"#,
    ] {
        let call = call(arguments);
        let derived = mirrored("tools/call", &call.params, Era::Stateless, Some(&schema));
        let map: HeaderMap = derived.into_iter().collect();
        assert_eq!(agree(&map, &call, Era::Stateless, Some(&schema)), Ok(()), "{arguments}");
    }
    let read = request("resources/read", &format!(r#""uri":"file:///ü",{META}"#));
    let map: HeaderMap = mirrored("resources/read", &read.params, Era::Stateless, None).into_iter().collect();
    assert_eq!(agree(&map, &read, Era::Stateless, None), Ok(()));
    assert!(mirrored("initialize", &Object::new(), SESSION, None).is_empty());
    assert_eq!(
        mirrored("tools/call", &call("{}").params, SESSION, Some(&schema)),
        [(MCP_PROTOCOL_VERSION.clone(), HeaderValue::from_static("2025-11-25"))]
    );
}
