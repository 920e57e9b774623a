//! `placet who`: the people behind a call, an instance or a receipt, in one query.

use clap::Args;
use placet_domain::Json;
use placet_engine::Lookup;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, some_text, text, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// A call (`cal_…`), an instance (`ins_…`) or a receipt (`rcp_…`)
    #[arg(value_name = "CALL|INSTANCE|RECEIPT", value_parser = known)]
    id: String,
}

fn known(text: &str) -> Result<String, String> {
    text.parse::<Lookup>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

pub(crate) async fn run(who: Who, context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().get(&format!("/v1/who/{}", who.id)).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let mandate = answer.member("mandate").unwrap_or(&Json::Null);
    let page: Vec<String> = list(&answer, "page").iter().filter_map(Json::as_str).map(visible).collect();
    let approver = some_text(&answer, "approver")
        .map(|by| format!("{by}: {}", some_text(&answer, "rationale").unwrap_or_default()));
    context.screen.fields(&[
        ("page", Some(if page.is_empty() { "nobody is left".to_owned() } else { page.join(", ") })),
        ("contact", some_text(&answer, "contact")),
        ("agent", some_text(&answer, "agent")),
        ("stage", some_text(&answer, "stage")),
        ("tier", some_text(&answer, "tier")),
        ("purpose", some_text(&answer, "purpose")),
        ("instance", some_text(&answer, "instance")),
        ("started by", some_text(&answer, "started_by")),
        ("on behalf of", some_text(mandate, "on_behalf_of")),
        ("ticket", some_text(mandate, "ticket")),
        ("task", some_text(mandate, "task")),
        ("kind of task", some_text(mandate, "kind")),
        ("limited to", limits(mandate)),
        ("operation", some_text(&answer, "operation")),
        ("verdict", some_text(&answer, "verdict")),
        ("approved by", approver),
        ("owner then", some_text(&answer, "owner_then")),
        ("owner now", some_text(&answer, "owner")),
        ("backup", some_text(&answer, "backup_owner")),
        ("to stop it", Some(text(&answer, "stop"))),
    ]);
    Ok(Exit::Ok)
}

/// What the run was narrowed to, and why if nobody asked for it.
fn limits(mandate: &Json) -> Option<String> {
    let reads = mandate.member("reads_only").map(|_| "operations that read".to_owned());
    let limits: Vec<String> = some_text(mandate, "scope").into_iter().chain(reads).collect();
    let by_default = some_text(mandate, "default_of_tier")
        .map(|tier| format!(" (default of tier {tier}: nobody said what the run is for)"));
    (!limits.is_empty()).then(|| format!("{}{}", limits.join(", "), by_default.unwrap_or_default()))
}
