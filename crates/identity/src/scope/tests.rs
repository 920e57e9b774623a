use proptest::prelude::*;

use super::*;

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn deal(id: &str) -> Resource {
    Resource { kind: "Deal".into(), id: id.into() }
}

fn permits(scope: &Scope, call: &str, resource: Option<&Resource>) -> bool {
    let (connector, tool) = call.split_once('.').unwrap();
    scope.permits(&connector.parse().unwrap(), &Operation::Tool(tool.parse().unwrap()), resource)
}

#[test]
fn each_token_permits_what_it_says_and_nothing_else() {
    let (one, other) = (deal("D-1"), deal("EU-7"));
    for (text, call, resource, expected) in [
        ("*", "crm.get_deal", None, true),
        ("crm", "crm.get_deal", Some(&one), true),
        ("crm", "mail.send", None, false),
        ("crm.get_deal", "crm.get_deal", None, true),
        ("crm.get_deal", "crm.get_deals", None, false),
        ("crm.get_deal:Deal/D-1", "crm.get_deal", Some(&one), true),
        ("crm.get_deal:Deal/D-1", "crm.get_deal", Some(&other), false),
        ("crm.get_deal:Deal/D-1", "crm.get_deal", None, false),
        ("crm.get_deal:Deal/EU-*", "crm.get_deal", Some(&other), true),
        ("crm.get_deal:Deal/EU-*", "crm.get_deal", Some(&one), false),
        ("crm.get_deal:Case/*", "crm.get_deal", Some(&one), false),
        ("crm.*:Deal/D-1", "crm.update_deal", Some(&one), true),
        ("crm.*:Deal/D-1", "crm.update_deal", Some(&other), false),
        ("crm.get_deal mail", "mail.send", None, true),
    ] {
        assert_eq!(permits(&scope(text), call, resource), expected, "{text} for {call} on {resource:?}");
    }
    assert!(!permits(&Scope::nothing(), "crm.get_deal", None));
}

#[test]
fn methods_are_permitted_by_their_names() {
    let crm = "crm".parse().unwrap();
    assert!(scope("crm.resources/read").permits(&crm, &Operation::ReadResource, None));
    assert!(!scope("crm.get_deal").permits(&crm, &Operation::ReadResource, None));
    let tool = Operation::Tool("get_deal".parse().unwrap());
    assert!(scope("crm.get_deal:Deal/D-1").may_permit(&crm, &tool));
    assert!(!scope("crm.get_deal:Deal/D-1").may_permit(&crm, &Operation::Listen));
}

#[test]
fn names_with_dots_colons_and_stars_are_written_unambiguously() {
    let entry = "my%2Ecrm.get%3Adeal.v2:Ns::Deal/a%2Ab%20c/d";
    assert_eq!(scope(entry).to_string(), entry);
    let resource = Resource { kind: "Ns::Deal".into(), id: "a*b c/d".into() };
    let tool = Operation::Tool("get:deal.v2".parse().unwrap());
    assert!(scope(entry).permits(&"my.crm".parse().unwrap(), &tool, Some(&resource)));
    // The first dot ends the connector.
    assert!(!scope("my.crm").permits(&"my.crm".parse().unwrap(), &tool, None));
}

#[test]
fn texts_that_are_not_scopes_are_refused_with_the_token() {
    for text in [
        " ",
        "crm ",
        " crm",
        "crm  mail",
        ".get",
        "crm.",
        "-crm",
        "crm.get:Deal",
        "crm.get:/x",
        "crm.get:Deal/",
        "cr*",
        "*.get",
        "crm.get*",
        "crm.get:De*l/x",
        "crm.get:Deal/a*b",
        "crm.a\"b",
        "crm.a\\b",
        "crm.é",
        "crm.%2",
        "crm.%zz",
        "crm.%2a",
        "mcp:tools",
        "crm\tmail",
        "**",
    ] {
        let error = text.parse::<Scope>().map(|scope| scope.to_string());
        assert!(matches!(error, Err(ParseScopeError::Token { .. })), "{text:?}: {error:?}");
    }
    assert_eq!("".parse::<Scope>(), Err(ParseScopeError::Empty));
    assert_eq!(vec!["crm"; 65].join(" ").parse::<Scope>(), Err(ParseScopeError::Size));
    assert_eq!("c".repeat(4_097).parse::<Scope>(), Err(ParseScopeError::Size));
}

#[test]
fn narrowing_keeps_what_both_permit() {
    for (one, two, both) in [
        ("crm", "crm.get_deal", "crm.get_deal"),
        ("*", "crm mail", "crm mail"),
        ("crm.get:Deal/EU-*", "crm.get:Deal/*", "crm.get:Deal/EU-*"),
        ("crm.get:Deal/EU-*", "crm.get:Deal/EU-1", "crm.get:Deal/EU-1"),
        ("crm.get", "crm.*:Deal/D-1", "crm.get:Deal/D-1"),
        ("crm.get mail", "crm.put", ""),
        ("crm.get:Deal/D-1", "crm.get:Deal/D-2", ""),
        ("crm.get:Deal/*", "crm.get:Case/*", ""),
    ] {
        assert_eq!(scope(one).narrow(&scope(two)).to_string(), both, "{one} and {two}");
    }
    assert_eq!(scope("crm crm.get").to_string(), "crm");
}

fn entries() -> impl Strategy<Value = Scope> {
    let connector = prop::sample::select(vec!["crm", "mail"]);
    let operation = prop::sample::select(vec!["", ".*", ".get", ".put"]);
    let resource = prop::sample::select(vec!["", ":Deal/*", ":Deal/E*", ":Deal/EU", ":Case/EU", ":Deal/D"]);
    let token =
        (connector, operation, resource).prop_map(|(connector, operation, resource)| match operation {
            "" => connector.to_owned(),
            operation => format!("{connector}{operation}{resource}"),
        });
    prop::collection::vec(token, 1..5).prop_map(|tokens| tokens.join(" ").parse().unwrap())
}

fn calls() -> impl Strategy<Value = (String, Option<Resource>)> {
    let call = prop::sample::select(vec!["crm.get", "crm.put", "mail.get", "mail.put"]);
    let kind = prop::sample::select(vec!["Deal", "Case"]);
    let id = prop::sample::select(vec!["EU", "E", "EX", "D", ""]);
    (call, prop::option::of((kind, id))).prop_map(|(call, resource)| {
        (call.to_owned(), resource.map(|(kind, id)| Resource { kind: kind.into(), id: id.into() }))
    })
}

proptest! {
    #[test]
    fn the_narrowed_scope_is_within_both(one in entries(), two in entries()) {
        let both = one.narrow(&two);
        prop_assert!(both.is_within(&one) && both.is_within(&two));
        prop_assert_eq!(&both, &two.narrow(&one));
        prop_assert_eq!(one.narrow(&one), one);
    }

    #[test]
    fn the_narrowed_scope_permits_exactly_what_both_permit(
        one in entries(), two in entries(), (call, resource) in calls()
    ) {
        let both = permits(&one, &call, resource.as_ref()) && permits(&two, &call, resource.as_ref());
        prop_assert_eq!(permits(&one.narrow(&two), &call, resource.as_ref()), both);
    }

    #[test]
    fn within_is_transitive_and_means_permits_no_more(
        one in entries(), two in entries(), three in entries(), (call, resource) in calls()
    ) {
        if one.is_within(&two) {
            prop_assert!(!permits(&one, &call, resource.as_ref()) || permits(&two, &call, resource.as_ref()));
            if two.is_within(&three) {
                prop_assert!(one.is_within(&three));
            }
        }
        prop_assert!(one.is_within(&one) && one.is_within(&Scope::everything()));
        prop_assert!(Scope::nothing().is_within(&one));
    }

    #[test]
    fn a_scope_reads_back_as_it_was_written(one in entries()) {
        prop_assert_eq!(one.to_string().parse(), Ok(one));
    }
}
