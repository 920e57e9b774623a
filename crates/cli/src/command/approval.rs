//! `placet approval`: seeing exactly what will happen, and answering.

use clap::{Subcommand, ValueEnum};
use placet_domain::{ApprovalId, Json, Object};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, out, pretty, some_text, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the questions that wait for an answer
    List {
        /// List those in another state
        #[arg(long, value_enum, default_value = "pending")]
        state: State,
    },
    /// Show exactly what will happen if it is approved
    Show {
        /// The question
        id: ApprovalId,
        /// End with 8 while it is pending, and with 3 if it was denied or has expired
        #[arg(long)]
        exit_code: bool,
    },
    /// Let exactly this call run, once
    Approve {
        /// The question
        id: ApprovalId,
        /// Why; recorded in the receipt
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
    },
    /// Refuse this call
    Deny {
        /// The question
        id: ApprovalId,
        /// Why; recorded in the receipt, and told to the agent
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
    },
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    All,
    Approved,
    Consumed,
    Denied,
    Expired,
    Pending,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::List { state } => {
            let answer = context.client().get(&format!("/v1/approvals{}", query(state))).await?;
            show_list(&answer, context);
            Ok(Exit::Ok)
        }
        Verb::Show { id, exit_code } => {
            let answer = context.client().get(&format!("/v1/approvals/{id}")).await?;
            let approval = answer.member("approval").unwrap_or(&Json::Null);
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => show(approval, context),
            }
            Ok(if exit_code { exit_of(approval) } else { Exit::Ok })
        }
        Verb::Approve { id, because } => answer(id, true, because, context).await,
        Verb::Deny { id, because } => answer(id, false, because, context).await,
    }
}

async fn answer(
    id: ApprovalId,
    approve: bool,
    because: Option<String>,
    context: &Context,
) -> Result<Exit, Failure> {
    let body = Object::new().with("approve", approve).with("rationale", because.unwrap_or_default());
    let answer = context.client().post(&format!("/v1/approvals/{id}/answer"), body).await?;
    let approval = answer.member("approval").unwrap_or(&Json::Null);
    if context.screen.is_json() {
        context.screen.json(&answer);
    } else if approve {
        out(&format!(
            "approved `{id}`: `{}` may send the identical call once, until {}",
            text(approval, "agent"),
            text(approval, "expires")
        ));
    } else {
        out(&format!("denied `{id}`"));
    }
    Ok(Exit::Ok)
}

fn query(state: State) -> &'static str {
    match state {
        State::All => "",
        State::Approved => "?state=approved",
        State::Consumed => "?state=consumed",
        State::Denied => "?state=denied",
        State::Expired => "?state=expired",
        State::Pending => "?state=pending",
    }
}

fn exit_of(approval: &Json) -> Exit {
    match text(approval, "state").as_str() {
        "pending" => Exit::Pending,
        "denied" | "expired" => Exit::Denied,
        _ => Exit::Ok,
    }
}

fn operation(approval: &Json) -> String {
    format!("{}.{}", text(approval, "connector"), text(approval, "operation"))
}

fn show_list(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
    let rows: Vec<Vec<String>> = list(answer, "approvals")
        .iter()
        .map(|approval| {
            let gates: Vec<String> =
                list(approval, "gates").iter().map(|gate| text(gate, "policy")).collect();
            vec![
                text(approval, "id"),
                text(approval, "state"),
                operation(approval),
                text(approval, "agent"),
                some_text(approval, "on_behalf_of").unwrap_or_else(|| "-".to_owned()),
                gates.join(","),
                text(approval, "expires"),
            ]
        })
        .collect();
    context
        .screen
        .table(&["approval", "state", "operation", "agent", "on behalf of", "gates", "expires"], &rows);
}

fn show(approval: &Json, context: &Context) {
    let screen = context.screen;
    let state = text(approval, "state");
    let tone = match state.as_str() {
        "approved" | "consumed" => Tone::Good,
        "pending" => Tone::Attention,
        _ => Tone::Bad,
    };
    let answer = approval.member("answer").filter(|answer| answer.as_object().is_some());
    screen.fields(&[
        ("approval", some_text(approval, "id")),
        ("state", Some(screen.tone(&state, tone))),
        ("will call", Some(operation(approval))),
        ("with", approval.member("arguments").map(pretty)),
        ("gates", Some(gates(approval).join("\n"))),
        ("agent", some_text(approval, "agent")),
        ("instance", some_text(approval, "instance")),
        ("owner", some_text(approval, "owner")),
        ("on behalf of", some_text(approval, "on_behalf_of")),
        ("ticket", some_text(approval, "ticket")),
        ("asked", some_text(approval, "asked")),
        ("expires", some_text(approval, "expires")),
        ("answered by", answer.and_then(|answer| some_text(answer, "by"))),
        ("answered", answer.and_then(|answer| some_text(answer, "at"))),
        ("because", answer.and_then(|answer| some_text(answer, "rationale")).filter(|why| !why.is_empty())),
        ("digest", some_text(approval, "digest")),
        ("policy", some_text(approval, "policy")),
    ]);
    if state == "pending" {
        let id = text(approval, "id");
        out(&format!(
            "\nanswer: placet approval approve {id} --because TEXT\n        placet approval deny {id} --because TEXT"
        ));
    }
}

fn gates(approval: &Json) -> Vec<String> {
    list(approval, "gates")
        .iter()
        .map(|gate| {
            let approvers: Vec<&str> = list(gate, "approvers").iter().filter_map(Json::as_str).collect();
            let reason = some_text(gate, "reason").map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{}{reason} (asks {})", text(gate, "policy"), approvers.join(", "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_can_wait_on_the_exit_code() {
        for (state, exit) in [
            ("pending", Exit::Pending),
            ("denied", Exit::Denied),
            ("expired", Exit::Denied),
            ("approved", Exit::Ok),
            ("consumed", Exit::Ok),
        ] {
            assert_eq!(exit_of(&Object::new().with("state", state).into()), exit, "{state}");
        }
    }

    #[test]
    fn a_gate_says_why_and_who_is_asked() {
        let gate = Object::new()
            .with("policy", "crm-amount-cap")
            .with("reason", "amounts above 50,000\u{202e}")
            .with("approvers", vec!["sales-managers"]);
        let approval = Object::new().with("gates", vec![gate]).into();
        assert_eq!(gates(&approval), ["crm-amount-cap: amounts above 50,000\\u{202e} (asks sales-managers)"]);
    }
}
