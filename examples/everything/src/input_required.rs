//! Tools of the stateless era that end a round with `input_required` (SEP-2322).

use serde_json::{Value, json};

use crate::input::{Ask, Input};
use crate::message::Fault;
use crate::seal::Seal;
use crate::tools::{Call, text};

pub(crate) fn run(seal: &Seal, call: &Call) -> Result<Value, Fault> {
    let Call { name, input, .. } = call;
    match name.as_str() {
        "test_input_required_result_elicitation" => {
            match input.form("user_name", "name").and_then(Value::as_str) {
                Some(name) => Ok(text(format!("Hello, {name}!"))),
                None => input.required(&[("user_name", Ask::text("What is your name?", "name"))], None),
            }
        }
        "test_input_required_result_sampling" => match input.sampled("capital_question") {
            Some(answer) => Ok(text(answer)),
            None => input.required(&[("capital_question", capital_question())], None),
        },
        "test_input_required_result_list_roots" => match input.roots("client_roots") {
            Some(roots) => Ok(text(format!("Roots: {}", roots.join(", ")))),
            None => input.required(&[("client_roots", Ask::Roots)], None),
        },
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            confirmation(seal, name, input)
        }
        "test_input_required_result_multiple_inputs" => several(seal, name, input),
        "test_input_required_result_multi_round" => rounds(seal, name, input),
        "test_input_required_result_capabilities" => whatever_is_declared(input),
        "test_missing_capability" if input.declares("sampling") => Ok(text("The client declared sampling")),
        "test_missing_capability" => Err(Fault::missing_capability(json!({ "sampling": {} }))),
        unknown => Err(Fault::invalid_params(format!("there is no tool `{unknown}`"))),
    }
}

/// One confirmation, believed only together with the state of the first round.
fn confirmation(seal: &Seal, owner: &str, input: &Input) -> Result<Value, Fault> {
    let opened = input.state.as_deref().map(|state| seal.open(owner, state)).transpose()?;
    match (opened, input.form("confirm", "ok").and_then(Value::as_bool)) {
        (Some(_), Some(ok)) => Ok(text(format!("state-ok, confirmed: {ok}"))),
        _ => {
            let state = seal.close(owner, &json!({ "round": 1 }));
            input.required(&[("confirm", Ask::confirmation("Please confirm", "ok"))], Some(state))
        }
    }
}

fn several(seal: &Seal, owner: &str, input: &Input) -> Result<Value, Fault> {
    let opened = input.state.as_deref().map(|state| seal.open(owner, state)).transpose()?;
    let name = input.form("user_name", "name").and_then(Value::as_str);
    match (opened, name, input.sampled("greeting"), input.roots("client_roots")) {
        (Some(_), Some(name), Some(greeting), Some(roots)) => {
            Ok(text(format!("{greeting} {name}, roots: {}", roots.join(", "))))
        }
        _ => input.required(
            &[
                ("user_name", Ask::text("What is your name?", "name")),
                ("greeting", Ask::Sample { prompt: "Generate a greeting", max_tokens: 50 }),
                ("client_roots", Ask::Roots),
            ],
            Some(seal.close(owner, &json!({ "round": 1 }))),
        ),
    }
}

/// Two questions, one after the other; the first answer travels in the sealed state.
fn rounds(seal: &Seal, owner: &str, input: &Input) -> Result<Value, Fault> {
    let opened = input.state.as_deref().map(|state| seal.open(owner, state)).transpose()?;
    let round = opened.as_ref().and_then(|state| state.get("round")).and_then(Value::as_u64);
    let earlier = opened.as_ref().and_then(|state| state.get("name")).and_then(Value::as_str);
    let name = input.form("step1", "name").and_then(Value::as_str).filter(|_| round == Some(1)).or(earlier);
    let colour = input.form("step2", "color").and_then(Value::as_str).filter(|_| round == Some(2));
    match (name, colour) {
        (Some(name), Some(colour)) => Ok(text(format!("{name} likes {colour}"))),
        (Some(name), None) => input.required(
            &[("step2", Ask::text("Step 2: What is your favorite color?", "color"))],
            Some(seal.close(owner, &json!({ "round": 2, "name": name }))),
        ),
        (None, _) => input.required(
            &[("step1", Ask::text("Step 1: What is your name?", "name"))],
            Some(seal.close(owner, &json!({ "round": 1 }))),
        ),
    }
}

/// Asks only for what the client said it can answer.
fn whatever_is_declared(input: &Input) -> Result<Value, Fault> {
    if input.form("user_name", "name").is_some()
        || input.sampled("capital_question").is_some()
        || input.roots("client_roots").is_some()
    {
        return Ok(text("Thank you"));
    }
    let mut asks = vec![
        ("user_name", Ask::text("What is your name?", "name")),
        ("capital_question", capital_question()),
        ("client_roots", Ask::Roots),
    ];
    asks.retain(|(_, ask)| input.declares(ask.capability()));
    if asks.is_empty() { Ok(text("The client can be asked nothing")) } else { input.required(&asks, None) }
}

fn capital_question() -> Ask {
    Ask::Sample { prompt: "What is the capital of France?", max_tokens: 100 }
}
