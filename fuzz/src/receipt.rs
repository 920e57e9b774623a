//! Receipts: the bytes of a leaf come back as they were, and the ids in them are read in exactly one way.

use std::{fmt::Display, str::FromStr};

use placet_domain::{ApprovalId, CallId, Digest, InstanceId, Json, ReceiptId};
use placet_ledger::{decode_frame, encode_frame};

pub(crate) fn check(bytes: &[u8]) {
    let mut frame = Vec::new();
    if encode_frame(&mut frame, 0, std::iter::once(bytes), b"note").is_ok() {
        let frame = decode_frame(&frame).expect("an encoded frame decodes").expect("it is no end mark");
        assert_eq!(frame.leaves().collect::<Vec<_>>(), [bytes], "a leaf comes back as it was");
    }
    let Ok(body) = Json::parse(bytes) else { return };
    let text = |key: &str| body.member(key).and_then(Json::as_str);
    one_way::<ReceiptId>(text("id"));
    one_way::<CallId>(text("call"));
    one_way::<InstanceId>(text("instance"));
    one_way::<Digest>(text("decision"));
    one_way::<Digest>(text("call_digest"));
    let approval = body.member("approval").and_then(|approval| approval.member("id"));
    one_way::<ApprovalId>(approval.and_then(Json::as_str));
}

/// What is parsed prints as it was written.
fn one_way<T: FromStr + Display>(text: Option<&str>) {
    if let Some(text) = text
        && let Ok(parsed) = text.parse::<T>()
    {
        assert_eq!(parsed.to_string(), text);
    }
}
