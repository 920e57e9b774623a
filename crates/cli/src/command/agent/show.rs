//! How agents are shown: a line each, one as a whole, and the receipts of a life.

use placet_domain::{Json, Timestamp};

use crate::{
    context::Context,
    print::{Tone, list, some_text, text, visible},
};

pub(super) fn list_of(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
    let row = |agent: &Json| {
        vec![
            text(agent, "name"),
            text(agent, "tier"),
            text(agent, "owner"),
            stage(agent, context),
            text(agent, "live_instances"),
            some_text(agent, "last_call").unwrap_or_else(|| "never".to_owned()),
            format!("{}/{}", used_of_permitted(agent), list(agent, "may_use").len()),
            text(agent, "purpose"),
        ]
    };
    let rows: Vec<Vec<String>> = list(answer, "agents").iter().map(row).collect();
    let head = ["agent", "tier", "owner", "stage", "live", "last call", "used/may", "purpose"];
    context.screen.table(&head, &rows);
}

pub(super) fn whole(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
    let agent = answer.member("agent").unwrap_or(&Json::Null);
    let charter = agent.member("charter").unwrap_or(&Json::Null);
    let joined = |value: &Json, key: &str| {
        let all = texts(value, key);
        (!all.is_empty()).then(|| all.join(", "))
    };
    let since = format!("{} since {}", stage(agent, context), text(agent, "since"));
    let used = |one: &Json| {
        format!("{} ({}×, last {})", text(one, "operation"), text(one, "calls"), text(one, "last"))
    };
    let used: Vec<String> = list(agent, "used").iter().map(used).collect();
    context.screen.fields(&[
        ("agent", some_text(agent, "name")),
        ("stage", Some(since)),
        ("by", some_text(agent, "by")),
        ("next step at", some_text(agent, "deadline")),
        ("owner", some_text(agent, "owner")),
        ("backup", some_text(agent, "backup_owner")),
        ("page", joined(agent, "page")),
        ("contact", some_text(charter, "contact")),
        ("purpose", some_text(agent, "purpose")),
        ("tier", some_text(agent, "tier")),
        ("groups", joined(agent, "groups")),
        ("wants", joined(charter, "wants")),
        ("data", joined(charter, "data")),
        ("model", some_text(charter, "model")),
        ("environment", some_text(charter, "environment")),
        ("until", some_text(charter, "until")),
        ("tasks", tasks(charter)),
        ("approvers", agent.member("proposal").and_then(approvers)),
        ("certified", some_text(agent, "certified")),
        ("runs out", some_text(agent, "certification_ends")),
        ("evidence", some_text(agent, "evidence")),
        ("last seen", some_text(agent, "last_seen")),
        ("live", some_text(agent, "live_instances")),
        ("used", (!used.is_empty()).then(|| used.join("\n"))),
        ("may use", joined(agent, "may_use")),
        ("registered", some_text(agent, "registered")),
    ]);
}

pub(super) fn history(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
    let row = |entry: &Json| {
        let receipt = entry.member("receipt").unwrap_or(&Json::Null);
        let time = receipt.member("time_us").and_then(Json::as_integer).unwrap_or_default();
        vec![
            Timestamp::from_micros(time).to_string(),
            text(receipt, "change"),
            some_text(receipt, "by").unwrap_or_else(|| "-".to_owned()),
            receipt.member("about").map(said).unwrap_or_default(),
            text(receipt, "id"),
        ]
    };
    let rows: Vec<Vec<String>> = list(answer, "receipts").iter().map(row).collect();
    context.screen.table(&["time", "change", "by", "what", "receipt"], &rows);
}

/// The stage in its colour, with its cause.
pub(super) fn stage(agent: &Json, context: &Context) -> String {
    let word = text(agent, "stage");
    let tone = match word.as_str() {
        "active" => Tone::Good,
        "proposed" | "certification_due" | "countdown" => Tone::Attention,
        _ => Tone::Bad,
    };
    let shown = context.screen.tone(&word, tone);
    match some_text(agent, "cause") {
        Some(cause) => format!("{shown} ({cause})"),
        None => shown,
    }
}

/// The texts of a list.
pub(super) fn texts(value: &Json, key: &str) -> Vec<String> {
    list(value, key).iter().filter_map(Json::as_str).map(visible).collect()
}

fn used_of_permitted(agent: &Json) -> usize {
    let may = texts(agent, "may_use");
    list(agent, "used").iter().filter(|used| may.contains(&text(used, "operation"))).count()
}

fn approvers(proposal: &Json) -> Option<String> {
    let of = |group: &Json| {
        let group = group.as_str()?;
        let answer = list(proposal, "answers").iter().find(|answer| text(answer, "group") == group);
        Some(match answer {
            Some(answer) => {
                format!("{}: {}, {}", visible(group), text(answer, "by"), text(answer, "rationale"))
            }
            None => format!("{}: open", visible(group)),
        })
    };
    let lines: Vec<String> = list(proposal, "approvers").iter().filter_map(of).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn tasks(charter: &Json) -> Option<String> {
    let line = |task: &Json| format!("{}: {}", text(task, "name"), texts(task, "scope").join(", "));
    let lines: Vec<String> = list(charter, "tasks").iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What a receipt is about, in one line, without the agent's name.
fn said(about: &Json) -> String {
    let Some(about) = about.as_object() else { return String::new() };
    let said = about.members().filter(|(key, _)| *key != "agent").map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.canonical(), str::to_owned);
        format!("{key}={}", visible(&value))
    });
    said.collect::<Vec<_>>().join(" ")
}
