//! A test as text, ready for `policies/tests`: what `pin`, `prove` and `diff` hand out.

use std::fmt::Write as _;

use placet_domain::{Flow, Json, Object, Operation, Source};
use placet_policy::Case;

/// The test as a file of its own, with everything it needs.
pub(crate) fn to_toml(case: &Case, comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# {line}");
    }
    let who = &case.who;
    let _ = writeln!(text, "now = {}\n\n[who.{NAME}]", quoted(&case.now.to_string()));
    let _ = writeln!(text, "agent = {}", quoted(who.agent.as_str()));
    let _ = writeln!(text, "owner = {}", quoted(who.owner.as_str()));
    let _ = writeln!(text, "purpose = {}", quoted(&who.purpose));
    let _ = writeln!(text, "tier = {}", who.tier);
    let _ = writeln!(text, "groups = {}", array(who.groups.iter().map(|group| group.as_str())));
    if let Some(user) = &who.user {
        let _ = writeln!(text, "on_behalf_of = {}", quoted(user.name.as_str()));
        let _ = writeln!(text, "user_groups = {}", array(user.groups.iter().map(|group| group.as_str())));
    }
    mandate(case, &mut text);
    for (kind, all) in &case.resources {
        for (id, facts) in all {
            let facts = quoted(&Json::Object(facts.clone()).canonical());
            let _ = writeln!(text, "\n[resource.{}]\n{} = {facts}", quoted(kind), quoted(id));
        }
    }
    let _ = writeln!(text, "\n[[test]]\nname = {}\nwho = {}", quoted(&case.name), quoted(NAME));
    let call = format!("{}.{}", case.connector, case.operation.name());
    let _ = writeln!(text, "call = {}", quoted(&call));
    let _ = writeln!(text, "args = {}", quoted(&Json::Object(arguments(case)).canonical()));
    flow(case, &mut text);
    if !case.usage.is_empty() {
        let members: Vec<String> =
            case.usage.iter().map(|(name, amount)| format!("{} = {amount}", quoted(name.as_str()))).collect();
        let _ = writeln!(text, "usage = {{ {} }}", members.join(", "));
    }
    if !case.lifted.is_empty() {
        let _ = writeln!(text, "lifted = {}", array(case.lifted.iter().map(|gate| gate.as_str())));
    }
    let verdicts: Vec<&str> = case.expects.verdicts.iter().map(|verdict| verdict.as_str()).collect();
    let _ = match verdicts.as_slice() {
        [one] => writeln!(text, "verdict = {}", quoted(one)),
        all => writeln!(text, "verdict = {}", array(all.iter().copied())),
    };
    if let Some(because) = &case.expects.because {
        let _ = writeln!(text, "because = {}", array(because.iter().map(String::as_str)));
    }
    if let Some(error) = &case.expects.error {
        let _ = writeln!(text, "error = {}", quoted(error));
    }
    if let Some(obligations) = &case.expects.obligations {
        let _ = writeln!(text, "obligations = {}", array(obligations.iter().map(String::as_str)));
    }
    text
}

fn mandate(case: &Case, text: &mut String) {
    let mandate = &case.who.mandate;
    let mut members = Vec::new();
    let mut put = |key: &str, value: Option<&str>| {
        members.extend(value.map(|value| format!("{key} = {}", quoted(value))));
    };
    put("task", mandate.task.as_deref());
    put("ticket", mandate.ticket.as_deref());
    put("kind", mandate.kind.as_ref().map(|kind| kind.as_str()));
    put("purpose", mandate.purpose.as_deref());
    if !mandate.facts.is_empty() {
        put("facts", Some(&Json::Object(mandate.facts.clone()).canonical()));
    }
    if !mandate.scope.is_empty() {
        members.push(format!("scope = {}", array(mandate.scope.iter().map(String::as_str))));
    }
    if !members.is_empty() {
        let _ = writeln!(text, "mandate = {{ {} }}", members.join(", "));
    }
}

fn flow(case: &Case, text: &mut String) {
    let Flow { labels, history, provenance, effect: _ } = &case.flow;
    if let Some(labels) = labels.as_ref().filter(|labels| !labels.is_empty()) {
        let _ = writeln!(text, "labels = {}", array(labels.iter().map(|label| label.as_str())));
    }
    if let Some(history) = history.as_ref().filter(|history| !history.is_empty()) {
        let members: Vec<String> =
            history.iter().map(|(name, count)| format!("{} = {count}", quoted(name.as_str()))).collect();
        let _ = writeln!(text, "history = {{ {} }}", members.join(", "));
    }
    if let Some(provenance) = provenance.as_ref().filter(|provenance| !provenance.is_empty()) {
        let members: Vec<String> = Source::ALL
            .into_iter()
            .filter(|source| provenance.paths(*source).next().is_some())
            .map(|source| format!("{} = {}", source.as_str(), array(provenance.paths(source))))
            .collect();
        let _ = writeln!(text, "provenance = {{ {} }}", members.join(", "));
    }
}

fn arguments(case: &Case) -> Object {
    match &case.operation {
        Operation::Tool(_) => {
            case.params.member("arguments").and_then(Json::as_object).cloned().unwrap_or_default()
        }
        _ => case.params.clone(),
    }
}

fn array<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// A TOML string: literal where it can be, so that JSON in it stays readable.
fn quoted(text: &str) -> String {
    let plain = |character: char| character != '\'' && !character.is_control();
    if text.contains('"') && text.chars().all(plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            _ if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

/// What the caller is called in the file.
const NAME: &str = "caller";

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"
            [who.a]
            agent = "deal-agent"
            tier = 2
            groups = ["crm-agents"]
            on_behalf_of = "dana"
            user_groups = ["sales-reps"]
            mandate = { ticket = "it's \"x\" \u0001", scope = ["a"] }
            [resource.Deal."7 8"]
            owner = "dana"
            [[test]]
            name = "a 'quoted' name"
            who = "a"
            call = "crm.update_deal"
            args = { deal_id = "7 8", amount = 5, rate = 0.25 }
            labels = ["secret"]
            history = { looked = 2 }
            provenance = { mandate = ["deal_id"], untrusted = ["notes"] }
            usage = { deals = 5, spent = 1.5 }
            lifted = ["k1"]
            verdict = "deny"
            because = ["v"]
            error = "part"
            obligations = []
        "#;
        let first = cases::parse("a.toml", text).unwrap();
        let written = to_toml(&first[0].case, "why\nit is here");
        let again = cases::parse("b.toml", &written).unwrap_or_else(|why| panic!("{why}\n{written}"));
        assert_eq!(first[0].case, again[0].case, "{written}");
    }
}
