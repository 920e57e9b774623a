//! What is no fault in a policy set and still seldom meant. The loader accepts it; `placet policy lint` tells it.

use placet_domain::Timestamp;

use crate::rule::{Class, Rule};
use crate::workbench::RuleText;
use crate::{Finding, Workbench};

impl Workbench {
    /// Advice about each policy, at a moment.
    #[must_use]
    pub fn advice(&self, now: Timestamp) -> Vec<Finding> {
        self.rules().flat_map(|(_, rule, text)| of_rule(rule, text, now)).collect()
    }
}

fn of_rule(rule: &Rule, text: &RuleText, now: Timestamp) -> Vec<Finding> {
    let mut advice = Vec::new();
    let mut say = |message: &str, help: &str| {
        advice.push(Finding {
            file: text.file.clone(),
            line: Some(text.line),
            column: Some(1),
            policy: Some(rule.id.to_string()),
            message: message.to_owned(),
            help: Some(help.to_owned()),
        });
    };
    match &rule.class {
        Class::Grant { .. } if !rule.is_in_force(now) => {
            say("its `@expires` has passed: it grants nothing", "take it away");
        }
        Class::Grant { .. } if text.actions.is_none() => {
            say(
                "it grants every action, those of tools to come included",
                "name actions or groups, for example `action in Action::\"read\"`",
            );
        }
        Class::Grant { .. } => {}
        Class::Veto | Class::Gate(_) | Class::Duty(_) | Class::Limit(_) if rule.reason.is_none() => {
            say("it has no `@reason`: whoever is refused learns only its id", "say why in a sentence");
        }
        Class::Veto | Class::Gate(_) | Class::Duty(_) | Class::Limit(_) => {}
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyConfig, PolicySource};

    #[test]
    fn what_is_seldom_meant_is_told() {
        let text = r#"@id("all") permit (principal, action, resource);
            @id("late") @expires("2020-01-01T00:00:00Z") permit (principal is Agent, action in Action::"read", resource);
            @id("mute") forbid (principal is Agent, action in Action::"write", resource);
            @id("fine") @reason("no") forbid (principal is Agent, action in Action::"delete", resource);"#;
        let tools = r#"{"annotations":{"destructiveHint":true}}"#;
        let crm = crate::ConnectorModel {
            name: "crm".parse().unwrap(),
            tools: vec![placet_domain::ToolDefinition {
                name: "drop".parse().unwrap(),
                definition: placet_domain::Json::parse(tools.as_bytes()).unwrap(),
            }],
            groups: std::collections::BTreeMap::new(),
            bindings: Vec::new(),
        };
        let config = PolicyConfig { connectors: vec![crm], ..PolicyConfig::default() };
        let sources = [PolicySource { name: "a.cedar".to_owned(), text: text.to_owned() }];
        let workbench = Workbench::load(&sources, &config).unwrap_or_else(|errors| panic!("{errors}"));
        let advice = workbench.advice(Timestamp::from_micros(1_795_300_000_000_000));
        let told: Vec<(&str, usize)> = advice
            .iter()
            .map(|finding| (finding.policy.as_deref().unwrap(), finding.line.unwrap()))
            .collect();
        assert_eq!(told, [("all", 1), ("late", 2), ("mute", 3)]);
    }
}
