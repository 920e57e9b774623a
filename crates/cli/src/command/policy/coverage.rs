//! `placet policy coverage`: what the tests have tried of the policies.

use clap::Args;
use placet_domain::Object;
use placet_policy::{Coverage as Tried, PolicyCoverage};

use super::test::Chosen;
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Coverage {
    #[command(flatten)]
    chosen: Chosen,
    /// End with 9 if less than this is covered, percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min: Option<u8>,
}

pub(crate) async fn run(coverage: &Coverage, context: &Context) -> Result<Exit, Failure> {
    let (workbench, ran) = coverage.chosen.run(context).await?;
    let mut tried = Tried::of(&workbench);
    ran.iter().filter_map(|one| one.explanation.as_ref()).for_each(|told| tried.add(told));
    let failed = ran.iter().filter(|one| !one.wrong.is_empty()).count();
    let (seen, all) = tried.tried();
    if context.screen.is_json() {
        let policies: Vec<Object> = tried.policies.iter().map(to_json).collect();
        let answer = Object::new()
            .with("schema", "placet/v1/policy-coverage")
            .with("percent", number(tried.percent()))
            .with("tried", number(seen))
            .with("of", number(all))
            .with("failed_tests", number(failed))
            .with("policies", policies);
        context.screen.json(&answer.into());
    } else {
        let rows: Vec<Vec<String>> = tried.policies.iter().map(row).collect();
        context.screen.table(&["policy", "class", "covered", "held", "of"], &rows);
        for policy in &tried.policies {
            for (line, what) in policy.missing() {
                out(&format!("{}:{line}: `{}`: {}", policy.place.file, policy.place.policy, visible(&what)));
            }
        }
        out(&format!("{}% covered ({seen} of {all}), {} tests", tried.percent(), ran.len()));
    }
    if failed > 0 {
        note(&format!("{failed} of the tests fail; see `placet policy test`"));
        return Ok(Exit::Findings);
    }
    let enough = coverage.min.is_none_or(|least| tried.percent() >= usize::from(least));
    Ok(if enough { Exit::Ok } else { Exit::Findings })
}

fn row(policy: &PolicyCoverage) -> Vec<String> {
    let (seen, all) = policy.tried();
    vec![
        policy.place.policy.to_string(),
        policy.place.class.as_str().to_owned(),
        format!("{seen}/{all}"),
        policy.held.to_string(),
        policy.judged.to_string(),
    ]
}

fn to_json(policy: &PolicyCoverage) -> Object {
    let (seen, all) = policy.tried();
    let conditions: Vec<Object> = policy
        .conditions
        .iter()
        .map(|one| {
            Object::new()
                .with("text", one.text.as_str())
                .with("line", number(one.line))
                .with("true", number(one.seen_true))
                .with("false", number(one.seen_false))
        })
        .collect();
    Object::new()
        .with("policy", policy.place.policy.as_str())
        .with("class", policy.place.class.as_str())
        .with("file", policy.place.file.as_str())
        .with("line", number(policy.place.line))
        .with("tried", number(seen))
        .with("of", number(all))
        .with("judged", number(policy.judged))
        .with("held", number(policy.held))
        .with("conditions", conditions)
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
