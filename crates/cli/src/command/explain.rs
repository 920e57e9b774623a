//! `placet explain`: the catalogue of refusals, offline.

use clap::Args;
use placet_domain::{Code, Object};

use crate::{context::Context, exit::Exit, failure::Failure, print::out};

#[derive(Debug, Args)]
#[command(after_help = "Example: placet explain PL-1301")]
pub(crate) struct Explain {
    /// The code; without one, all are listed
    code: Option<Code>,
}

pub(crate) async fn run(explain: Explain, context: &Context) -> Result<Exit, Failure> {
    let screen = context.screen;
    let codes: Vec<Code> = explain.code.map_or_else(|| Code::ALL.to_vec(), |code| vec![code]);
    if screen.is_json() {
        let codes: Vec<Object> = codes.into_iter().map(described).collect();
        screen.json(&Object::new().with("schema", "placet/v1/codes").with("codes", codes).into());
    } else if let Some(code) = explain.code {
        out(&explained(code));
    } else {
        let rows: Vec<Vec<String>> =
            codes.iter().map(|code| vec![code.to_string(), code.what().to_owned()]).collect();
        screen.table(&["code", "what happened"], &rows);
    }
    Ok(Exit::Ok)
}

fn described(code: Code) -> Object {
    Object::new()
        .with("code", code.to_string())
        .with("what", code.what())
        .with("next", code.next())
        .with("at_fault", family(code))
}

fn explained(code: Code) -> String {
    format!("{code} {}\n\nconcerns  {}\nnext      {}", code.what(), family(code), code.next())
}

/// The catalogue numbers its families in hundreds.
fn family(code: Code) -> &'static str {
    match code.number() / 100 {
        10 => "who you are",
        11 => "what you sent",
        12 => "what policy said",
        13 => "what people said",
        14 => "what Placet could not do",
        _ => "what the tool did",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_explained_with_what_and_next() {
        assert_eq!(
            explained(Code::ApprovalRequired),
            "PL-1301 approval required\n\nconcerns  what people said\nnext      wait, then send the identical call \
             again; changed arguments need a new approval"
        );
    }

    #[test]
    fn every_code_has_a_family_and_a_next_step() {
        for code in Code::ALL {
            let described = described(*code);
            assert!(
                described.members().all(|(_, text)| text.as_str().is_some_and(|text| !text.is_empty())),
                "{code}"
            );
        }
    }
}
