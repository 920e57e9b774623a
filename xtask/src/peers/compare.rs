//! What a client saw, directly and through the gateway, step by step.

use serde_json::{Map, Value};

/// Steps whose label begins so are refused by the policy, and are taken through the gateway alone.
const DENIED: &str = "denied";
/// Behind these, texts of the foreign servers are not compared: the minute at which they were made, and the client's
/// own answer as it stood on the wire, whose members the gateway puts into canonical order.
const CUTS: [&str; 2] = [" created at ", "\nRaw result: "];
/// The gateway's lists of tools are stale sooner, and nobody else's to cache.
const LIST_TTL_MS: u64 = 5_000;
/// Characters of a value in the report.
const SHOWN: usize = 600;

/// The steps that the policy does not deny.
pub(super) fn undenied(steps: &Value) -> Value {
    let label = |step: &Value| step.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
    steps.as_array().into_iter().flatten().filter(|step| !label(step).starts_with(DENIED)).cloned().collect()
}

/// Prints the differences and the figures of one client; returns how many steps differ.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(super) fn report(client: &str, seen: &Value) -> usize {
    let mut wrong = 0;
    for (name, steps) in seen.as_object().into_iter().flatten() {
        let Some((connector, how)) = name.split_once(" through ") else { continue };
        let direct = seen.get(format!("{connector} directly"));
        let (mut same, mut denied) = (0, 0);
        if let Some(error) = steps.get("connect") {
            wrong += 1;
            println!("DIFF {client} {name}: no connection: {}", shown(error));
            continue;
        }
        for (label, value) in steps.as_object().into_iter().flatten() {
            if label.starts_with(DENIED) {
                match is_refusal(value) {
                    true => denied += 1,
                    false => {
                        wrong += 1;
                        println!("DIFF {client} {name}: {label}: not a refusal: {}", shown(value));
                    }
                }
                continue;
            }
            let alone = direct.and_then(|steps| steps.get(label)).map(plain);
            let behind = plain(value);
            if alone.as_ref().map(|alone| expected(alone, label, &behind)).as_ref() == Some(&behind) {
                same += 1;
            } else {
                wrong += 1;
                let alone = alone.unwrap_or_default();
                println!(
                    "DIFF {client} {name}: {label}:\n  directly {}\n  gateway  {}",
                    shown(&alone),
                    shown(value)
                );
            }
        }
        let missing = direct
            .and_then(Value::as_object)
            .map_or(0, |direct| direct.keys().filter(|label| steps.get(label.as_str()).is_none()).count());
        wrong += missing;
        println!(
            "{client:<15} {connector:<17} {how:<16} {same} steps the same, {denied} refused, {missing} missing"
        );
    }
    wrong
}

/// A refusal as models and programs can read it: the call ended in error, and the text has our code.
fn is_refusal(value: &Value) -> bool {
    let texts = value.get("content").and_then(Value::as_array).into_iter().flatten();
    let coded =
        texts.filter_map(|block| block.get("text").and_then(Value::as_str)).any(|text| text.contains("PL-"));
    value.get("isError") == Some(&Value::Bool(true)) && coded
}

/// Without what is ours and what depends on the minute.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let cut = CUTS.iter().filter_map(|cut| text.find(cut)).min();
            Value::String(text.get(..cut.unwrap_or(text.len())).unwrap_or_default().to_owned())
        }
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Object(members) => Value::Object(members.iter().filter_map(plain_member).collect()),
        other => other.clone(),
    }
}

fn plain_member((name, value): (&String, &Value)) -> Option<(String, Value)> {
    let value = plain(value);
    match (name.as_str(), &value) {
        ("_meta", Value::Object(meta)) => {
            let theirs: Map<_, _> = meta
                .iter()
                .filter(|(key, _)| !key.starts_with("dev.placet/"))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            (!theirs.is_empty()).then(|| (name.clone(), Value::Object(theirs)))
        }
        _ => Some((name.clone(), value)),
    }
}

/// What the gateway has to show where the server shows this: a list of tools without those that the policy denies.
fn expected(value: &Value, label: &str, behind: &Value) -> Value {
    let mut value = value.clone();
    let Some(members) = value.as_object_mut() else { return value };
    if label == "progress" {
        // A library may drop what comes together with the answer; the gateway's delay can only spare it that.
        let progress = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let (alone, all) = (progress(members.get("progress")), progress(behind.get("progress")));
        if all.starts_with(&alone) {
            members.insert("progress".to_owned(), all.into());
        }
    }
    if label == "tools" {
        if let Some(scope) = members.get_mut("cacheScope") {
            *scope = "private".into();
        }
        if let Some(ttl) = members.get_mut("ttlMs") {
            *ttl = ttl.as_u64().unwrap_or_default().min(LIST_TTL_MS).into();
        }
        if let Some(tools) = members.get_mut("tools").and_then(Value::as_array_mut) {
            tools.retain(|tool| {
                let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
                !super::DENIED_TOOLS.iter().any(|(_, denied)| *denied == name)
            });
        }
    }
    value
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_our_own_keys_are_left_out_of_a_comparison() {
        let value = json!({ "_meta": { "dev.placet/receipt": {}, "theirs": 1 }, "a": [{ "_meta": { "dev.placet/receipt": 1 } }] });
        assert_eq!(plain(&value), json!({ "_meta": { "theirs": 1 }, "a": [{}] }));
    }

    #[test]
    fn an_error_without_our_code_is_not_a_refusal() {
        let answer = |text: &str| json!({ "isError": true, "content": [{ "type": "text", "text": text }] });
        assert!(is_refusal(&answer("PL-3001: no")));
        assert!(!is_refusal(&answer("no such tool")));
        assert!(!is_refusal(&json!({ "content": [{ "type": "text", "text": "PL-3001" }] })));
    }
}
