//! `placet policy pin`: a past decision as a test, so that it stays as it was, or is seen to change.

use std::path::PathBuf;

use clap::Args;
use placet_domain::Object;

use super::{
    cases::Written,
    material::{Material, Origin},
    recall::{Given, Payload, Recalled},
    test, written,
};
use crate::{
    archive::Log,
    command::receipt::Wanted,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Example: placet policy pin rcp_… --args '{\"deal_id\":\"789\"}' --facts '{\"owner\":\"dana\"}' \
                        --write policies/tests/deal-789.toml"
)]
pub(crate) struct Pin {
    /// `rcp_…` or `cal_…`
    #[arg(value_name = "RECEIPT|CALL")]
    id: Wanted,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    origin: Origin,
    /// Write the test to a new file instead of printing it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

pub(crate) async fn run(pin: &Pin, context: &Context) -> Result<Exit, Failure> {
    let recalled = Recalled::find(pin.id.as_str(), &pin.log, context)?;
    let workbench = Material::read(&pin.origin, context).await?.workbench()?;
    let (case, payload) = recalled.case(&pin.given, &workbench, &pin.log, context)?;
    let proof = match payload {
        Payload::Proved => "the receipt's commitment opens to these arguments",
        Payload::Closed => "the receipt's commitment cannot be opened: the arguments are the caller's word",
    };
    let told = format!(
        "Pinned from {}; {proof}.\nGroups are those of the registration; facts are the caller's word.",
        pin.id.as_str()
    );
    let text = written::to_toml(&case, &told);
    match &pin.write {
        Some(path) => {
            use std::io::Write as _;
            std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(
                Failure::of(format!("{} cannot be written; nothing is overwritten", path.display())),
            )?;
        }
        None if context.screen.is_json() => {}
        None => out(text.trim_end()),
    }
    // Today's policies may already say something else: that is worth knowing before the test is committed.
    let line = Written { file: String::new(), line: 1, case, told: String::new() };
    let wrong = test::ran(&workbench, line).wrong;
    if context.screen.is_json() {
        let answer = Object::new()
            .with("schema", "placet/v1/policy-pin")
            .with("test", text)
            .with("proved", payload == Payload::Proved)
            .with("changed", wrong.iter().map(String::as_str).collect::<Vec<_>>());
        context.screen.json(&answer.into());
    } else if !wrong.is_empty() {
        note("today's policies decide otherwise:");
        wrong.iter().for_each(|why| note(&format!("  {why}")));
    }
    Ok(if wrong.is_empty() { Exit::Ok } else { Exit::Findings })
}
