use std::collections::BTreeMap;

use placet_domain::{Json, ToolDefinition};

use super::*;
use crate::{AttributeType, ConnectorModel, FactType, ResourceBinding};

fn tool(name: &str, annotations: &str, schema: &str) -> ToolDefinition {
    let text = format!(r#"{{"name":"{name}","annotations":{annotations},"inputSchema":{schema}}}"#);
    ToolDefinition { name: name.parse().unwrap(), definition: Json::parse(text.as_bytes()).unwrap() }
}

fn config() -> PolicyConfig {
    let update = tool(
        "update",
        "{}",
        r#"{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"amount":{"type":"integer"}}}"#,
    );
    let crm = ConnectorModel {
        name: "crm".parse().unwrap(),
        tools: vec![update, tool("read", r#"{"readOnlyHint":true}"#, r#"{"type":"object"}"#)],
        groups: BTreeMap::new(),
        bindings: vec![ResourceBinding {
            kind: "Deal".to_owned(),
            tools: vec!["update".parse().unwrap()],
            argument: "id".to_owned(),
            resolver: None,
            attributes: BTreeMap::from([("owner".to_owned(), AttributeType::User)]),
        }],
    };
    PolicyConfig {
        connectors: vec![crm],
        facts: BTreeMap::from([("customers".to_owned(), FactType::SetOfString)]),
        ..PolicyConfig::default()
    }
}

fn loaded(text: &str) -> Result<Snapshot, LoadErrors> {
    Snapshot::load(&[PolicySource { name: "a.cedar".to_owned(), text: text.to_owned() }], &config())
}

#[test]
fn sound_policies_of_every_class_are_accepted() {
    let snapshot = loaded(
        r#"@id("g") @granted_by("mia") @expires("2026-12-01T00:00:00Z") permit (principal, action == Action::"crm.update", resource);
        @id("v") @reason("r") @remedy("m") @owner("mia") forbid (principal is Agent, action in Action::"write", resource) when { principal.tier <= 1 };
        @id("a") @unless("approval") @approvers("x, y") @timeout("4h 30m") forbid (principal, action in Action::"crm", resource);
        @id("d") @unless("redact") @fields("$.structuredContent.ssn") forbid (principal, action == Action::"crm.read", resource);
        @id("l") @unless("rate_limit") @limit("30/1m") @key("agent") forbid (principal, action == Action::"crm.read", resource);
        @id("f") forbid (principal, action == Action::"crm.read", resource) unless { context.mandate.facts has customers && context.mandate.facts.customers.contains("1") };"#,
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((snapshot.policy_count(), snapshot.warnings()), (6, [].as_slice()));
}

#[test]
fn what_cedar_would_ignore_is_refused_with_its_place() {
    let scope = r#"(principal, action == Action::"crm.update", resource)"#;
    let limit = |rest: &str| format!("@id(\"a\") @unless(\"rate_limit\") {rest} forbid {scope};");
    for (text, expected) in [
        (format!("permit {scope};"), "no `@id`"),
        (format!("@id(\"a b\") permit {scope};"), "is not a policy id"),
        (
            format!("@id(\"a\") permit {scope};\n@id(\"a\") permit {scope};"),
            "another policy has this `@id`: a.cedar:1",
        ),
        (format!("@id(\"a\") @unles(\"approval\") forbid {scope};"), "unknown annotation `@unles`"),
        (format!("@id(\"a\") @mood(\"shadow\") forbid {scope};"), "unknown annotation `@mood`"),
        (format!("@id(\"a\") @mode(\"off\") forbid {scope};"), "unknown mode `off`"),
        (limit("@limit(\"20\")"), "is not a limit"),
        (limit("@limit(\"20/1y\")"), "is not a window"),
        (limit("@limit(\"-1/1h\")"), "is not an amount"),
        (limit("@limit(\"20/1h\") @key(\"principal\")"), "is no key of a limit"),
        (limit("@limit(\"20/1h\") @sum(\"\")"), "names no argument"),
        (limit("@limit(\"20/1h\") @fields(\"x\")"), "`@fields` has no effect here"),
        (limit(""), "without `@limit`"),
        (format!("@id(\"a\") @unless(\"aproval\") forbid {scope};"), "unknown kind `aproval`"),
        (
            format!("@id(\"a\") @unless(\"approval\") @approvers(\"x\") permit {scope};"),
            "`@unless` on a permit",
        ),
        (format!("@id(\"a\") @unless(\"approval\") forbid {scope};"), "without `@approvers`"),
        (
            format!("@id(\"a\") @unless(\"approval\") @approvers(\"x,,y\") forbid {scope};"),
            "is not a name of a group",
        ),
        (
            format!("@id(\"a\") @unless(\"approval\") @approvers(\"x\") @timeout(\"soon\") forbid {scope};"),
            "is not a duration",
        ),
        (
            format!("@id(\"a\") @unless(\"approval\") @approvers(\"x\") @timeout(\"-4h\") forbid {scope};"),
            "is not a duration",
        ),
        (format!("@id(\"a\") @timeout(\"4h\") forbid {scope};"), "`@timeout` has no effect here"),
        (format!("@id(\"a\") @expires(\"tomorrow\") permit {scope};"), "is not a moment"),
        (
            format!("@id(\"a\") @expires(\"2026-12-01T00:00:00Z\") forbid {scope};"),
            "`@expires` has no effect here",
        ),
        (format!("@id(\"a\") permit {scope}"), "unexpected end of input"),
        (
            "@id(\"a\") permit (principal == ?principal, action, resource);".to_owned(),
            "templates are not used",
        ),
        (
            "@id(\"a\") permit (principal, action == Action::\"crm.drop\", resource);".to_owned(),
            "Action::\"crm.drop\"",
        ),
        (format!("@id(\"a\") permit {scope} when {{ context.input.amount > 1 }};"), "optional attribute"),
        (format!("@id(\"a\") permit {scope} when {{ context.input.colour == \"red\" }};"), "colour"),
        (format!("@id(\"a\") permit {scope} when {{ context.input.id > 1 }};"), "expected Long"),
        (format!("@id(\"a\") forbid {scope} when {{ context.input has colour }};"), "policy is impossible"),
        (
            "@id(\"a\") forbid (principal, action in Action::\"export\", resource);".to_owned(),
            "unable to find an applicable action",
        ),
        (format!("@id(\"a\") forbid {scope} when {{ context.input.id == \"\u{202e}x\" }};"), "BIDI"),
    ] {
        let errors = loaded(&text).expect_err(&text);
        let found = errors.findings.iter().find(|finding| finding.message.contains(expected));
        let found = found.unwrap_or_else(|| panic!("{text}\n{errors}"));
        assert_eq!((found.file.as_str(), found.line.is_some()), ("a.cedar", true), "{errors}");
    }
}

#[test]
fn obligations_that_cannot_be_read_are_refused() {
    let duty = |rest: &str| {
        format!("@id(\"a\") {rest} forbid (principal, action == Action::\"crm.update\", resource);")
    };
    for (text, expected) in [
        (duty("@unless(\"redact\")"), "without `@fields`"),
        (duty("@unless(\"redact\") @fields(\"ssn\")"), "does not lead into the result's structured content"),
        (duty("@unless(\"redact\") @fields(\"$.structuredContent\")"), "does not lead into"),
        (duty("@unless(\"redact\") @fields(\"$.structuredContent.a..b\")"), "a path reads like"),
        (
            duty("@unless(\"redact\") @fields(\"$.structuredContent.a\") @rows(\"1\")"),
            "`@rows` has no effect",
        ),
        (
            duty("@unless(\"redact\") @fields(\"$.structuredContent.a\") @timeout(\"1h\")"),
            "`@timeout` has no effect",
        ),
        (duty("@unless(\"cap_rows\") @rows(\"5\")"), "without `@path`"),
        (duty("@unless(\"cap_rows\") @path(\"$.structuredContent.a\")"), "without `@rows`"),
        (
            duty("@unless(\"cap_rows\") @rows(\"many\") @path(\"$.structuredContent.a\")"),
            "is not a number of rows",
        ),
        (duty("@unless(\"require_fields\")"), "without `@fields`"),
        (duty("@unless(\"require_fields\") @fields(\"a,\")"), "a path reads like"),
        (duty("@fields(\"a\")"), "`@fields` has no effect here"),
    ] {
        let told = loaded(&text).unwrap_err().to_string();
        assert!(told.contains(expected), "{text}\n{told}");
    }
}

#[test]
fn every_finding_is_told_with_line_and_column() {
    let errors = loaded("permit (principal, action, resource);\n\n  @id(\"b\") @color(\"x\") permit (principal, action, resource);").unwrap_err();
    let places: Vec<_> = errors.findings.iter().map(|finding| (finding.line, finding.column)).collect();
    assert_eq!(places, [(Some(1), Some(1)), (Some(3), Some(3))]);
    assert!(
        errors.to_string().contains("a.cedar:3:3: policy `b`: unknown annotation `@color`; use"),
        "{errors}"
    );
}

#[test]
fn a_wrong_configuration_is_refused() {
    let crm = |change: &dyn Fn(&mut ConnectorModel)| {
        let mut config = config();
        config.connectors.iter_mut().for_each(change);
        config
    };
    let twice = PolicyConfig { connectors: [config().connectors, config().connectors].concat(), ..config() };
    for (config, expected) in [
        (PolicyConfig { time_zone: "Mars/Olympus".to_owned(), ..config() }, "is not a time zone"),
        (twice, "taken twice"),
        (crm(&|crm| crm.name = "write".parse().unwrap()), "taken twice"),
        (crm(&|crm| crm.bindings[0].kind = "Agent".to_owned()), "cannot be the name of a resource kind"),
        (crm(&|crm| crm.bindings[0].kind = "De\"al".to_owned()), "cannot be the name of a resource kind"),
        (crm(&|crm| crm.bindings[0].argument = "deal".to_owned()), "has no argument `deal`"),
        (crm(&|crm| crm.bindings[0].tools = vec!["drop".parse().unwrap()]), "no such accepted tool"),
        (crm(&|crm| crm.bindings.push(crm.bindings[0].clone())), "binds more than one resource"),
        (
            crm(&|crm| {
                crm.groups.insert("read".parse().unwrap(), vec!["reed".to_owned()]);
            }),
            "is not an action group",
        ),
    ] {
        let errors = Snapshot::load(&[], &config).expect_err(expected);
        assert!(errors.to_string().contains(expected), "{errors}");
    }
}

#[test]
fn names_from_tools_cannot_break_out_of_the_schema() {
    let mut config = config();
    let schema = r#"{"type":"object","properties":{"x\" : Long }; entity Evil; //":{"type":"string"},"a\\":{"type":"integer"},
        "\u202e\n":{"type":"boolean"},"principal":{"type":"string"},"__cedar":{"type":"string"},"":{"type":"string"}}}"#;
    config.connectors[0].tools.push(tool("we\\\"ird", "{}", schema));
    let snapshot = Snapshot::load(&[], &config).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(!snapshot.schema_text().contains("\nentity Evil"), "{}", snapshot.schema_text());
}

#[test]
fn hostile_texts_are_refused_without_a_crash() {
    let policy = |condition: &str| {
        format!(
            "@id(\"a\") forbid (principal, action == Action::\"crm.update\", resource) when {{ {condition} }};"
        )
    };
    for text in [
        "(".repeat(100_000),
        "[{(".repeat(50_000),
        "@".repeat(10_000),
        "!".repeat(10_000),
        "\u{0}\u{feff}\u{202e}".to_owned(),
        "permit".repeat(10_000),
        "\"".to_owned(),
        policy(&format!("{}true", "!".repeat(1_000))),
        policy(&format!("context{}", ".a".repeat(5_000))),
        policy(&"if ".repeat(5_000)),
        policy(&format!("principal == resource{}", " && principal == resource".repeat(3_000))),
        policy(&format!("{}true", "if true then true else ".repeat(5_000))),
        policy(&format!("principal == resource{}", " && principal == resource".repeat(50_000))),
        policy(&format!("0{} > 1", " + 1".repeat(3_000))),
    ] {
        assert!(loaded(&text).is_err(), "{}", text.chars().skip(70).take(60).collect::<String>());
    }
}

#[test]
fn the_deepest_accepted_condition_is_validated_to_its_last_level() {
    let policy = |tail: &str, terms: usize| {
        let terms = " && context.input.id == \"a\"".repeat(terms);
        format!(
            "@id(\"a\") forbid (principal, action == Action::\"crm.update\", resource) when {{ {tail}{terms} }};"
        )
    };
    let sound = loaded(&policy("context.input.id == \"a\"", 124));
    assert!(sound.is_ok(), "{sound:?}");
    let errors = loaded(&policy("context.input.colour == \"a\"", 124)).unwrap_err();
    assert!(errors.to_string().contains("colour"), "{errors}");
    let errors = loaded(&policy("true", 128)).unwrap_err();
    assert!(errors.to_string().contains("deeper than 128 levels"), "{errors}");
}

#[test]
fn the_revision_names_the_content_and_not_its_order() {
    let source = |name: &str, text: &str| PolicySource { name: name.to_owned(), text: text.to_owned() };
    let (a, b) = (source("a", "// 1"), source("b", "// 2"));
    let config = config();
    let revision = |sources: &[PolicySource]| Snapshot::load(sources, &config).unwrap().revision();
    assert_eq!(revision(&[a.clone(), b.clone()]), revision(&[b.clone(), a.clone()]));
    assert_ne!(revision(&[a.clone(), b]), revision(&[a.clone(), source("b", "// 3")]));
    let strict = PolicyConfig { require_user_grants: true, ..config.clone() };
    assert_ne!(revision(std::slice::from_ref(&a)), Snapshot::load(&[a], &strict).unwrap().revision());
    assert_eq!(Snapshot::empty(&config).revision(), revision(&[]));
}
