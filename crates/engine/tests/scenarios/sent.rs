//! What is sent upstream is what was judged and hashed, whatever the arguments are and however they were written.

use placet_domain::{Json, Number, Object, Operation, ToolCall};
use placet_testkit::{Actor, World, result};
use proptest::prelude::*;

use super::crm::{billing, text, world};

/// Any value that the strict parser takes, as a tree.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Json::from),
        (-1.0e15..1.0e15_f64).prop_map(number),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(number),
        word().prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            members(inner).prop_map(Json::Object),
        ]
    })
}

/// A number as the parser reads it: whole ones are integers.
fn number(value: f64) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap_or(Json::Number(Number::Integer(0)))
}

/// Text without U+0000, which the parser refuses.
fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{0,12}", "\\PC{0,12}", any::<String>()].prop_map(|text| text.replace('\0', ""))
}

fn members(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Object> {
    proptest::collection::vec((word(), value), 0..6).prop_map(|members| {
        members.into_iter().fold(Object::new(), |object, (key, value)| object.with(&key, value))
    })
}

/// The tree as a client might write it: in its own order, with spaces, every letter escaped or none.
fn written(value: &Json, escaped: bool, text: &mut String) {
    match value {
        Json::Object(object) => {
            text.push_str("{ ");
            for (place, (key, value)) in object.members().enumerate() {
                text.push_str(if place == 0 { "" } else { "\n, " });
                written(&Json::from(key), escaped, text);
                text.push_str("\t:\r\n");
                written(value, escaped, text);
            }
            text.push_str(" }");
        }
        Json::Array(elements) => {
            text.push('[');
            for (place, element) in elements.iter().enumerate() {
                text.push_str(if place == 0 { " " } else { " , " });
                written(element, escaped, text);
            }
            text.push(']');
        }
        Json::String(word) if escaped => {
            text.push('"');
            word.encode_utf16().for_each(|unit| text.push_str(&format!("\\u{unit:04X}")));
            text.push('"');
        }
        scalar => text.push_str(&scalar.canonical()),
    }
}

fn call(actor: &Actor, params: &Json) -> placet_engine::Attempt {
    let mut attempt = actor.attempt("crm.add_note", "{}");
    let params = params.as_object().unwrap().clone();
    let tool = Operation::Tool("add_note".parse().unwrap());
    attempt.call = Ok(ToolCall::new("crm".parse().unwrap(), tool, params).unwrap());
    attempt
}

fn last_decision(world: &World) -> (usize, Json) {
    let leaves = world.ledger.leaves();
    let place = leaves.iter().rposition(|leaf| leaf.contains(r#""kind":"decision""#)).unwrap();
    (place, Json::parse(leaves[place].as_bytes()).unwrap())
}

#[test]
fn what_arrives_at_the_tool_opens_the_commitment_of_the_receipt() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(world());
    let billing = runtime.block_on(billing(&world));
    let arguments = members(json());
    proptest!(ProptestConfig::with_cases(256), |(arguments in arguments, meta in members(json()), escaped: bool)| {
        let tree = Json::Object(
            Object::new().with("name", "add_note").with("arguments", arguments.clone()).with("_meta", meta),
        );
        let mut text_sent = String::new();
        written(&tree, escaped, &mut text_sent);
        let read = Json::parse(text_sent.as_bytes()).expect("the text is strict JSON");
        prop_assert_eq!(&read, &tree);
        let reply = runtime.block_on(billing.sends(call(&billing, &read)));
        prop_assert!(result(&reply).is_some(), "{:?}", reply);

        let arrived = world.sent().pop().unwrap().params;
        prop_assert_eq!(&Json::parse(arrived.as_bytes()).unwrap(), &tree);
        let (index, receipt) = last_decision(&world);
        let commitment = world.ledger.opening(index).unwrap().commit("request", arrived.as_bytes());
        prop_assert_eq!(commitment.to_string(), text(&receipt, "request"));
        let changed = arrived.replacen("add_note", "add_nota", 1);
        let other = world.ledger.opening(index).unwrap().commit("request", changed.as_bytes());
        prop_assert_ne!(other.to_string(), text(&receipt, "request"));
    });
    assert_eq!(world.sent().len(), world.receipts("outcome").len());
}
