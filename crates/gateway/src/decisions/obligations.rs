//! Obligations as an enforcement point is told of them: the AuthZEN Obligations Extension. Whether it is told of any is
//! the engine's matter; here is who says that they carry them out, and the words.

use placet_domain::{Duty, FieldPath, Json, Object, Obligation};

/// The one type that is issued: none of the registered ones edits an answer.
pub(super) const TYPE: &str = "custom";
/// Whose kind of `custom` it is, and its version: a change of what an action means is another one.
const VENDOR: &str = "dev.placet";
const VERSION: i64 = 1;

/// Whether a question says that whoever asks lets nothing through before all obligations are carried out, ours among
/// them.
pub(super) fn adopted(context: &Object) -> bool {
    let lists = |member: &str, word: &str| {
        let listed = context.member(member).and_then(Json::as_array).unwrap_or_default();
        listed.iter().any(|one| one.as_str() == Some(word))
    };
    lists("supported_mandatory_extensions", "obligations") && lists("supported_obligations", TYPE)
}

/// Obligations as they are sent; none if there are none. `place` tells those of several results apart.
pub(super) fn told(obligations: &[Obligation], place: Option<usize>) -> Option<Vec<Object>> {
    let all: Vec<Object> = obligations.iter().filter_map(|one| object(one, place)).collect();
    (!all.is_empty()).then_some(all)
}

/// What the metadata say of ours.
pub(super) fn described() -> Object {
    Object::new().with("vendor", VENDOR).with("version", VERSION).with("actions", vec!["cap_rows", "redact"])
}

fn object(obligation: &Obligation, place: Option<usize>) -> Option<Object> {
    let properties = Object::new()
        .with("vendor", VENDOR)
        .with("version", VERSION)
        .with("action", obligation.duty.kind())
        .with("policy", obligation.policy.as_str());
    let properties = match &obligation.duty {
        Duty::Redact(fields) => {
            properties.with("fields", fields.iter().map(FieldPath::to_string).collect::<Vec<_>>())
        }
        Duty::CapRows { rows, path } => {
            properties.with("path", path.to_string()).with("rows", i64::try_from(*rows).unwrap_or(i64::MAX))
        }
        // Of the question, and met: otherwise the answer is no.
        Duty::RequireFields(_) => return None,
    };
    let id = match place {
        None => obligation.policy.to_string(),
        Some(place) => format!("{}/{place}", obligation.policy),
    };
    Some(Object::new().with("id", id).with("type", TYPE).with("properties", properties))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopts(text: &str) -> bool {
        adopted(Json::parse(text.as_bytes()).unwrap().as_object().unwrap())
    }

    #[test]
    fn only_who_commits_and_knows_our_type_has_adopted() {
        assert!(adopts(
            r#"{"supported_mandatory_extensions":["x","obligations"],"supported_obligations":["custom","step-up"]}"#
        ));
        for not in [
            "{}",
            r#"{"supported_obligations":["custom"]}"#,
            r#"{"supported_mandatory_extensions":["obligations"]}"#,
            r#"{"supported_mandatory_extensions":["obligations"],"supported_obligations":["redact"]}"#,
            r#"{"supported_mandatory_extensions":["Obligations"],"supported_obligations":["custom"]}"#,
            r#"{"supported_mandatory_extensions":"obligations","supported_obligations":"custom"}"#,
        ] {
            assert!(!adopts(not), "{not}");
        }
    }

    #[test]
    fn an_obligation_names_its_policy_and_what_is_to_be_done() {
        let paths = |text| FieldPath::list(text).unwrap();
        let of = |policy: &str, duty| Obligation { policy: policy.parse().unwrap(), duty };
        let all = [
            of(
                "no-numbers",
                Duty::Redact(paths("$.structuredContent.rows[*].ssn, $.structuredContent['a b']")),
            ),
            of("few", Duty::CapRows { rows: 5, path: paths("$.structuredContent.rows").remove(0) }),
            of("with-ticket", Duty::RequireFields(paths("ticket"))),
        ];
        let written: Vec<String> =
            told(&all, None).unwrap().into_iter().map(|one| Json::Object(one).canonical()).collect();
        assert_eq!(
            written,
            [
                r#"{"id":"no-numbers","properties":{"action":"redact","fields":["$.structuredContent.rows[*].ssn","$.structuredContent['a b']"],"policy":"no-numbers","vendor":"dev.placet","version":1},"type":"custom"}"#,
                r#"{"id":"few","properties":{"action":"cap_rows","path":"$.structuredContent.rows","policy":"few","rows":5,"vendor":"dev.placet","version":1},"type":"custom"}"#,
            ]
        );
        assert_eq!(told(&all[2..], None), None);
        assert_eq!(told(&all[1..], Some(3)).unwrap()[0].member("id").and_then(Json::as_str), Some("few/3"));
    }
}
