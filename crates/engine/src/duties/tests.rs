use bytes::Bytes;
use placet_domain::PolicyId;
use placet_domain::{Duty, FieldPath, Json, Obligation};

use super::*;

fn redact(fields: &str) -> Obligation {
    Obligation { policy: policy("mask"), duty: Duty::Redact(FieldPath::list(fields).unwrap()) }
}

fn cap(rows: usize, path: &str) -> Obligation {
    Obligation { policy: policy("cap"), duty: Duty::CapRows { rows, path: path.parse().unwrap() } }
}

fn policy(name: &str) -> PolicyId {
    name.parse().unwrap()
}

fn carried(obligations: Vec<Obligation>, result: &str) -> Carried {
    Duties(obligations).carry_out(&Answered::Result(Bytes::copy_from_slice(result.as_bytes()))).unwrap()
}

/// The result as it passes, and the counts.
#[track_caller]
fn passes(obligations: Vec<Obligation>, result: &str) -> (Json, Vec<u64>) {
    let Carried { answer, discharges } = carried(obligations, result);
    let Ok(Answered::Result(raw)) = answer else { panic!("{answer:?}") };
    (Json::parse(&raw).unwrap(), discharges.iter().map(|discharge| discharge.count).collect())
}

#[track_caller]
fn withheld(obligations: Vec<Obligation>, result: &str) -> String {
    match carried(obligations, result) {
        Carried { answer: Err(withheld), discharges } if discharges.is_empty() => withheld.why,
        carried => panic!("{carried:?}"),
    }
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

const SSN: &str = "$.structuredContent.customers[*].ssn";

#[test]
fn values_go_from_the_structured_content_and_from_the_texts_that_say_the_same() {
    let result = r#"{
        "structuredContent": {"customers": [{"name": "Ada", "ssn": "123-45-6789"}, {"name": "Bo", "ssn": "987-65-4321"}]},
        "content": [
            {"type": "text", "text": "{\"customers\":[{\"name\":\"Ada\",\"ssn\":\"123-45-6789\"},{\"ssn\":\"987-65-4321\"}]}"},
            {"type": "text", "text": "Ada has 123-45-6789, Bo 987-65-4321."}
        ],
        "_meta": {"note": "of 123-45-6789"}
    }"#;
    let (edited, counts) = passes(vec![redact(SSN)], result);
    let expected = r#"{
        "structuredContent": {"customers": [{"name": "Ada", "ssn": "[redacted]"}, {"name": "Bo", "ssn": "[redacted]"}]},
        "content": [
            {"type": "text", "text": "{\"customers\":[{\"name\":\"Ada\",\"ssn\":\"[redacted]\"},{\"ssn\":\"[redacted]\"}]}"},
            {"type": "text", "text": "Ada has [redacted], Bo [redacted]."}
        ],
        "_meta": {"note": "of [redacted]"}
    }"#;
    assert_eq!((edited, counts), (json(expected), vec![2]));
}

#[test]
fn a_result_that_is_json_only_in_its_text_is_edited_there() {
    let result =
        r#"{"content":[{"type":"text","text":"{\"customers\":[{\"ssn\":\"123-45-6789\",\"age\":40}]}"}]}"#;
    let (edited, counts) = passes(
        vec![redact("$.structuredContent.customers[*].ssn, $.structuredContent.customers[*].age")],
        result,
    );
    assert_eq!(counts, [2]);
    let text =
        edited.member("content").unwrap().as_array().unwrap()[0].member("text").unwrap().as_str().unwrap();
    assert_eq!(text, r#"{"customers":[{"age":null,"ssn":"[redacted]"}]}"#);
}

#[test]
fn a_result_without_the_value_passes_byte_for_byte() {
    for result in [
        r#"{ "content":[], "structuredContent": {"customers": []} }"#,
        r#"{"structuredContent":{"customers":null},"content":[{"type":"text","text":"no customers"}]}"#,
        r#"{"structuredContent":{"customers":[{"name":"Ada"}]}}"#,
    ] {
        let carried = carried(vec![redact(SSN), cap(3, "$.structuredContent.customers")], result);
        let Ok(Answered::Result(raw)) = carried.answer else { panic!() };
        assert_eq!(raw, result.as_bytes());
        assert_eq!(carried.discharges.iter().map(|done| done.count).collect::<Vec<_>>(), [0, 0]);
    }
}

#[test]
fn what_cannot_be_looked_through_is_withheld() {
    let structured = r#""structuredContent":{"customers":[{"ssn":"123-45-6789"}]}"#;
    for (result, why) in [
        ("{".to_owned(), "exactly one way"),
        (r#"{"structuredContent":{"a":1,"a":2}}"#.to_owned(), "exactly one way"),
        (r#"{"content":[{"type":"text","text":"the number is 123-45-6789"}]}"#.to_owned(), "not JSON"),
        (r#"{"content":[],"isError":true}"#.to_owned(), "not JSON"),
        (r#"{"structuredContent":[1]}"#.to_owned(), "not an object"),
        (r#"{"structuredContent":{"customers":"Ada 123-45-6789"}}"#.to_owned(), "kind string"),
        (r#"{"structuredContent":{"customers":{"ssn":"1"}}}"#.to_owned(), "kind object"),
        (r#"{"task":{"taskId":"1"},"structuredContent":{}}"#.to_owned(), "not complete"),
        (r#"{"resultType":"input_required","structuredContent":{}}"#.to_owned(), "not complete"),
        (
            format!(r#"{{{structured},"content":[{{"type":"image","data":"aGk="}}]}}"#),
            "cannot be looked through",
        ),
        (
            format!(r#"{{{structured},"content":[{{"type":"resource","resource":{{"blob":"aGk="}}}}]}}"#),
            "cannot be",
        ),
        (format!(r#"{{{structured},"content":"123-45-6789"}}"#), "not a list"),
        (format!(r#"{{{structured},"content":[{{"type":"text"}}]}}"#), "has no text"),
    ] {
        let told = withheld(vec![redact(SSN)], &result);
        assert!(told.contains(why), "{result}: {told}");
    }
    let error = Answered::Error(Bytes::from_static(br#"{"code":-32000,"message":"ssn 123-45-6789 is bad"}"#));
    assert!(Duties(vec![redact(SSN)]).carry_out(&error).unwrap().answer.is_err());
}

#[test]
fn texts_go_whole_where_what_was_taken_cannot_be_told_apart() {
    let result = r#"{"structuredContent":{"customers":[{"ssn":7}]},"content":[{"type":"text","text":"it is seven, 7"},
        {"type":"text","text":"{\"customers\":[{\"ssn\":7}]}"}],"_meta":{"x":7}}"#;
    let (edited, counts) = passes(vec![redact(SSN)], result);
    let canonical = edited.canonical();
    assert!(!canonical.contains('7') && canonical.contains("withheld") && counts == [1], "{canonical}");
}

#[test]
fn rows_are_cut_and_texts_that_may_tell_of_them_go() {
    let result = r#"{"structuredContent":{"rows":[{"id":"r-1001"},{"id":"r-1002"},{"id":"r-1003"}],"total":3},
        "content":[{"type":"text","text":"r-1001, r-1002, r-1003"},
                   {"type":"text","text":"{\"rows\":[{\"id\":\"r-1001\"},{\"id\":\"r-1002\"},{\"id\":\"r-1003\"}]}"}]}"#;
    let (edited, counts) = passes(vec![cap(2, "$.structuredContent.rows")], result);
    let canonical = edited.canonical();
    assert!(canonical.contains("r-1002") && !canonical.contains("r-1003"), "{canonical}");
    assert_eq!(counts, [1]);
    assert!(withheld(vec![cap(2, "$.structuredContent.rows[*].id")], result).contains("cannot be counted"));
}

#[test]
fn several_obligations_are_carried_out_together_and_counted_each() {
    let result =
        r#"{"structuredContent":{"customers":[{"ssn":"123-45-6789"},{"ssn":"987-65-4321"}]},"content":[]}"#;
    let (edited, counts) = passes(vec![redact(SSN), cap(1, "$.structuredContent.customers")], result);
    assert_eq!(counts, [2, 1]);
    assert_eq!(edited, json(r#"{"structuredContent":{"customers":[{"ssn":"[redacted]"}]},"content":[]}"#));
}

#[test]
fn objects_that_are_taken_are_looked_for_by_their_values_in_any_letters() {
    let result = r#"{"structuredContent":{"customers":[{"ssn":{"of":"Ada Lovelace","parts":["6789","1234"]}}]},
        "content":[{"type":"text","text":"ADA LOVELACE 1234"},{"type":"resource_link","uri":"x://ada lovelace/"}]}"#;
    let (edited, _) = passes(vec![redact(SSN)], result);
    let small = edited.canonical().to_lowercase();
    assert!(!small.contains("lovelace") && !small.contains("1234"), "{small}");
}

#[test]
fn nothing_is_done_where_nothing_is_asked_for() {
    assert!(Duties::default().carry_out(&Answered::Result(Bytes::from_static(b"{"))).is_none());
}
