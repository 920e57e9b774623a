//! `placet limits`: what the counters of limits show.

use clap::Args;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, some_text, text},
};

#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Only the counters of this limit, or of this `usage.NAME`
    #[arg(value_name = "LIMIT")]
    limit: Option<String>,
}

pub(crate) async fn run(limits: Limits, context: &Context) -> Result<Exit, Failure> {
    let query = limits.limit.as_deref().map(|limit| format!("?limit={}", escaped(limit))).unwrap_or_default();
    let answer = context.client().get(&format!("/v1/limits{query}")).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<Vec<String>> = list(&answer, "counters")
        .iter()
        .map(|counter| {
            vec![
                text(counter, "limit"),
                some_text(counter, "of")
                    .filter(|of| !of.is_empty())
                    .unwrap_or_else(|| "everybody".to_owned()),
                text(counter, "used"),
                or_dash(some_text(counter, "most")),
                or_dash(some_text(counter, "left")),
                text(counter, "next_end"),
            ]
        })
        .collect();
    if rows.is_empty() {
        note("nothing counts on a limit at the moment");
        return Ok(Exit::Ok);
    }
    context.screen.table(&["limit", "for", "used", "most", "left", "less from"], &rows);
    Ok(Exit::Ok)
}

/// A word for a query: ids may hold any printable character.
fn escaped(word: &str) -> String {
    word.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
