//! The Cedar schema as text: what policies are validated against and what people read.
//! Names follow cedar-policy-mcp-schema-generator: one action per tool, typed `context.input`.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::AttributeType;
use crate::model::{APPROVE, Action, GRANT, GROUPS, Model};
use crate::shape::{Record, Shape};
use crate::usage;

/// The entities that do not depend on the configuration.
const FIXED: &str = "\
entity Group;
entity User in [Group];
entity Agent in [Group] {
  owner: User,
  purpose: String,
  tier: Long,
};
entity Connector;
entity Tool in [Connector] {
  connector: String,
  name: String,
};
entity GrantReview;
entity GrantRequest {
  agent: String,
  agent_groups: Set<Group>,
  connector: String,
  groups: Set<String>,
  minutes: Long,
  of_run: Bool,
  on_behalf_of?: User,
  owner: User,
  read_only: Bool,
  resource_kind?: String,
  risk: Long,
  started_by?: User,
  tier: Long,
  tools: Set<String>,
};
entity ApprovalRequest {
  agent: String,
  approvers: Set<Group>,
  connector: String,
  gate: String,
  on_behalf_of?: User,
  operation: String,
  owner: User,
};
";
/// `context.time`, in the time zone of the configuration.
const TIME: &str = "{ now: datetime, weekday: Long, minute_of_day: Long, date: String }";

impl Model {
    /// The schema in Cedar's own syntax.
    pub(crate) fn schema(&self) -> String {
        let mut text = String::from(FIXED);
        for (name, kind) in &self.kinds {
            let optional = if kind.resolved { "" } else { "?" };
            let attributes = kind
                .attributes
                .iter()
                .map(|(name, kind)| format!("{}{optional}: {}", quoted(name), kind.as_str()));
            line(&mut text, &format!("entity {name} {};", braced(attributes)));
        }
        text.push('\n');
        for (group, _) in GROUPS {
            line(&mut text, &format!("action {};", quoted(group)));
        }
        let connectors: BTreeSet<_> = self.connectors.keys().collect();
        for connector in connectors {
            line(&mut text, &format!("action {};", quoted(connector.as_str())));
        }
        let approve = format!(
            "action {} appliesTo {{\n  principal: [User],\n  resource: [ApprovalRequest],\n  context: {{ time: {TIME} }},\n}};",
            quoted(APPROVE)
        );
        line(&mut text, &approve);
        let grant = format!(
            "action {} appliesTo {{\n  principal: [GrantReview, User],\n  resource: [GrantRequest],\n  context: {{ time: {TIME} }},\n}};",
            quoted(GRANT)
        );
        line(&mut text, &grant);
        let mandate = self.mandate();
        let mut actions: Vec<&Action> = self.actions().collect();
        actions.sort_by(|left, right| left.name.cmp(&right.name));
        for action in actions {
            self.action_text(&mut text, action, &mandate);
        }
        text
    }

    fn mandate(&self) -> String {
        let facts = self.facts.iter().map(|(name, kind)| format!("{}?: {}", quoted(name), kind.as_str()));
        format!(
            "{{ task?: String, ticket?: String, kind?: String, purpose?: String, scope: Set<String>, facts: {} }}",
            braced(facts)
        )
    }

    fn action_text(&self, text: &mut String, action: &Action, mandate: &str) {
        let groups = action.groups.iter().map(|group| quoted(group)).collect::<Vec<_>>().join(", ");
        let resource = match &action.bound {
            Some(bound) if bound.always => bound.kind.clone(),
            Some(bound) => format!("{}, Tool", bound.kind),
            None => "Tool".to_owned(),
        };
        let domains = if action.addresses.is_empty() { "" } else { "\n    to_domains: Set<String>," };
        let usages = self.usages.iter().map(|counted| {
            format!("{}: {}", quoted(counted.name.as_str()), usage::type_of(&counted.rule.measure))
        });
        let usage = match self.usages.is_empty() {
            true => String::new(),
            false => format!("\n    usage: {},", braced(usages)),
        };
        let flow = self.flow.schema();
        let input = record(&action.input, 2);
        line(
            text,
            &format!(
                "action {} in [{groups}] appliesTo {{\n  principal: [Agent, User],\n  resource: [{resource}],\n  \
                 context: {{\n    input: {input},\n    input_unknown: Set<String>,\n    instance: String,\n    \
                 mandate: {mandate},\n    risk: Long,\n    time: {TIME},{domains}{usage}{flow}\n    user?: User,\n  }},\n}};",
                quoted(&action.name)
            ),
        );
    }
}

fn record(shape: &Record, depth: usize) -> String {
    let indent = "  ".repeat(depth + 1);
    let mut text = String::from("{");
    for field in &shape.fields {
        let kind = match &field.shape {
            Shape::Bool => AttributeType::Bool.as_str().to_owned(),
            Shape::Integer => AttributeType::Long.as_str().to_owned(),
            Shape::Number => AttributeType::Decimal.as_str().to_owned(),
            Shape::Opaque => continue,
            Shape::Record(inner) => record(inner, depth + 1),
            Shape::SetOfInteger => "Set<Long>".to_owned(),
            Shape::SetOfText => AttributeType::SetOfString.as_str().to_owned(),
            Shape::Text => AttributeType::String.as_str().to_owned(),
        };
        let optional = if field.always() { "" } else { "?" };
        // Writing to a text cannot fail.
        let _ = write!(text, "\n{indent}{}{optional}: {kind},", quoted(&field.name));
    }
    if text.len() > 1 {
        let _ = write!(text, "\n{}", "  ".repeat(depth));
    }
    text.push('}');
    text
}

fn braced(members: impl Iterator<Item = String>) -> String {
    let members: Vec<String> = members.collect();
    if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
}

/// A name from outside as a Cedar string: Cedar reads Rust's escapes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
