//! Frames of JSON-RPC: what a client's message was read as is what is written for the server, and a server's message
//! survives what is done to it.

use placet_domain::Json;
use placet_wire::{Id, Inbound, Outbound, RawResult, ResponseBody, encode_request, meta, rewrite_id};

pub(crate) fn check(bytes: &[u8]) {
    inbound(bytes);
    outbound(bytes);
}

fn inbound(bytes: &[u8]) {
    let Ok(Inbound::Request(request)) = Inbound::parse(bytes) else { return };
    let Ok(connector) = "crm".parse() else { return };
    let Ok(call) = request.tool_call(&connector) else { return };
    let written = encode_request(&Id::from(7), call.operation().method(), call.params());
    let again = Json::parse(written.as_str().as_bytes()).expect("what we send is strict JSON");
    let params = again.member("params").and_then(Json::as_object);
    assert_eq!(params, Some(call.params()), "what is sent is what was judged");
    assert_eq!(
        params.map(|params| Json::Object(params.clone()).canonical()).as_deref(),
        Some(written.params())
    );
}

fn outbound(bytes: &[u8]) {
    let Ok(message) = Outbound::parse(bytes) else { return };
    match &message {
        Outbound::Response { body: ResponseBody::Result(result), .. } => {
            let receipt = placet_domain::Object::new().with("id", "rcp_1");
            let text = result.with_meta(meta::RECEIPT, &receipt);
            let again = RawResult::parse(text.as_bytes()).expect("a result with our meta is a result");
            assert_eq!(again.is_error(), result.is_error());
            assert_eq!(again.result_type(), result.result_type());
            let ours = again
                .member("_meta")
                .map(|all| RawResult::parse(all.as_bytes()).expect("`_meta` is an object"));
            let ours = ours.as_ref().and_then(|all| all.member(meta::RECEIPT));
            assert_eq!(
                ours,
                Some(r#"{"id":"rcp_1"}"#),
                "the receipt is ours, whatever the server has put there"
            );
        }
        Outbound::Response { body: ResponseBody::Error(_), .. } | Outbound::Request { .. } => {}
        Outbound::Unaddressed(_) | Outbound::Notification { .. } => return,
    }
    let renamed = rewrite_id(bytes, &Id::from(7)).expect("a message with an id can get another");
    match Outbound::parse(&renamed).expect("a message with another id is a message") {
        Outbound::Response { id, .. } | Outbound::Request { id, .. } => assert_eq!(id, Id::from(7)),
        other => panic!("another id made another kind of message: {other:?}"),
    }
}
