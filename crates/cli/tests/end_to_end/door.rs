//! The front door: whatever can be read in two ways, or comes from where it should not, reaches nothing.

use serde_json::json;

use super::{deployment::Deployment, http::Post};

/// What a refusal looks like: HTTP status, JSON-RPC code, code of ours; the latter two where there are any.
type Expected = (u16, Option<i64>, Option<&'static str>);

const PARSE: Expected = (400, Some(-32700), None);
const INVALID: Expected = (400, Some(-32600), None);
const PARAMS: Expected = (400, Some(-32602), None);
const MISMATCH: Expected = (400, Some(-32020), None);

/// Bodies in place of the proper one of a call to `update_deal`.
fn bodies() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let with = |envelope: &str, params: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call"{envelope},"params":{{"name":"update_deal"{params},"arguments":{{"deal_id":"789"{arguments}}},{meta}}}}}"#
        )
    };
    let deep = format!(r#","notes":{}{}"#, "[".repeat(70), "]".repeat(70));
    let proper = with("", "", "");
    vec![
        ("a key twice in the envelope", with(r#","method":"tools/list""#, "", "").into(), INVALID),
        ("a key twice in the params", with("", r#","name":"get_deal""#, "").into(), INVALID),
        ("a key twice in the arguments", with("", "", r#","deal_id":"790""#).into(), INVALID),
        ("a key twice, once escaped", with("", "", r#","\u0064eal_id":"790""#).into(), INVALID),
        ("`Method` beside `method`", with(r#","Method":"tools/list""#, "", "").into(), INVALID),
        ("`ID` beside `id`", with(r#","ID":2"#, "", "").into(), INVALID),
        ("an unknown member of the envelope", with(r#","extra":1"#, "", "").into(), INVALID),
        ("`Name` beside `name`", with("", r#","Name":"get_deal""#, "").into(), PARAMS),
        ("a batch", format!("[{proper}]").into(), INVALID),
        ("a batch after blanks", format!("\n\t [{proper},{proper}]").into(), INVALID),
        ("an escaped NUL", with("", "", r#","notes":"a\u0000b""#).into(), INVALID),
        ("a raw NUL", with("", "", ",\"notes\":\"a\0b\"").into(), PARSE),
        ("a lone surrogate", with("", "", r#","notes":"\ud800""#).into(), PARSE),
        ("a byte order mark", format!("\u{feff}{proper}").into(), PARSE),
        ("text after the message", format!("{proper} {proper}").into(), PARSE),
        ("a comment", format!("// hi\n{proper}").into(), PARSE),
        ("not UTF-8", [proper.as_bytes(), b"\xff"].concat(), PARSE),
        ("UTF-16", proper.encode_utf16().flat_map(u16::to_le_bytes).collect(), PARSE),
        ("nothing", Vec::new(), PARSE),
        ("too deep", with("", "", &deep).into(), INVALID),
        ("an integer that doubles round", with("", "", r#","amount":9007199254740993"#).into(), INVALID),
        ("another version of JSON-RPC", proper.replacen("\"2.0\"", "\"1.0\"", 1).into(), INVALID),
        ("no id and no method", r#"{"jsonrpc":"2.0"}"#.into(), INVALID),
        ("an id that is an object", proper.replacen("\"id\":1", "\"id\":{}", 1).into(), INVALID),
    ]
}

/// Changes to a proper call.
fn changes(call: &Post) -> Vec<(&'static str, Post, Expected)> {
    let call = || call.clone();
    let renamed = |method: &str| {
        let body = String::from_utf8(call().body).unwrap().replacen("tools/call", method, 1);
        call().body(body).with("mcp-method", method)
    };
    let large =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x".repeat(100_001)}});
    vec![
        ("a compressed body", call().with("content-encoding", "gzip"), (415, None, Some("PL-1104"))),
        (
            "identity is an encoding too",
            call().with("content-encoding", "identity"),
            (415, None, Some("PL-1104")),
        ),
        ("another content type", call().with("content-type", "text/plain"), (415, None, Some("PL-1101"))),
        ("a body that is too large", call().body(large.to_string()), (413, None, Some("PL-1103"))),
        ("another host", call().with("host", "evil.example"), (403, None, Some("PL-1106"))),
        ("a page elsewhere", call().with("origin", "https://evil.example"), (403, None, Some("PL-1106"))),
        ("a page from nowhere", call().with("origin", "null"), (403, None, Some("PL-1106"))),
        ("another method in the header", call().with("mcp-method", "tools/list"), MISMATCH),
        ("no method in the header", call().without("mcp-method"), MISMATCH),
        ("another tool in the header", call().with("mcp-name", "get_deal"), MISMATCH),
        ("no tool in the header", call().without("mcp-name"), MISMATCH),
        ("another version in the header", call().with("mcp-protocol-version", "2025-11-25"), MISMATCH),
        ("no version in the header", call().without("mcp-protocol-version"), MISMATCH),
        ("a method that does not exist", renamed("tools/destroy"), (404, Some(-32601), None)),
        ("a method in other letters", renamed("Tools/Call"), (404, Some(-32601), None)),
        ("a method of the other era", renamed("ping"), (404, Some(-32601), None)),
        ("another connector", Post { path: "/mcp/erp".to_owned(), ..call() }, (404, None, Some("PL-1107"))),
        ("no connector", Post { path: "/mcp/".to_owned(), ..call() }, (404, None, Some("PL-1107"))),
        (
            "a path that climbs",
            Post { path: "/mcp/../mcp/crm".to_owned(), ..call() },
            (404, None, Some("PL-1107")),
        ),
        ("another verb", Post { verb: "PUT", ..call() }, (405, None, None)),
    ]
}

#[test]
fn what_can_be_read_in_two_ways_reaches_nothing() {
    let deployment = Deployment::open();
    let token = deployment.token();
    let call = Post::call(deployment.address, &token, "update_deal", json!({"deal_id": "789", "notes": "x"}));
    let with_bodies =
        bodies().into_iter().map(|(what, body, expected)| (what, call.clone().body(body), expected));
    let mut wrong = Vec::new();
    for (what, post, (status, rpc, ours)) in with_bodies.chain(changes(&call)) {
        let response = post.send(deployment.address);
        let code = serde_json::from_str::<serde_json::Value>(&response.body)
            .ok()
            .and_then(|message| message.get("error")?.get("code")?.as_i64());
        let named = ours.is_none_or(|ours| response.body.contains(ours));
        if response.status != status || code != rpc || !named {
            wrong.push(format!("{what}: expected {status} {rpc:?} {ours:?}: {response:?}"));
        }
        let ran = deployment.ran();
        if !ran.is_empty() {
            wrong.push(format!("{what}: the CRM ran {ran:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The same call without any of it runs.
    call.clone().with("origin", "https://console.example").send(deployment.address).answered();
    assert_eq!(deployment.updates(), 1);
}

#[test]
fn arguments_that_are_no_object_are_refused_as_the_tool_would() {
    let deployment = Deployment::open();
    let token = deployment.token();
    for arguments in [json!([]), json!("x"), json!(7)] {
        deployment.calls(&token, "update_deal", arguments).refused("PL-1101");
    }
    assert_eq!(deployment.ran(), Vec::<String>::new());
}
