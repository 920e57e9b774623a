//! Strict JSON: what is read once is written in one form, and that form reads as the same value.

use placet_domain::Json;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(value) = Json::parse(bytes) else { return };
    assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_ok(), "we read what nobody else reads");
    let canonical = value.canonical();
    let again = Json::parse(canonical.as_bytes())
        .unwrap_or_else(|error| panic!("the canonical form is refused: {error}: {canonical}"));
    assert_eq!(again, value);
    assert_eq!(again.canonical(), canonical, "the canonical form has a canonical form");
}
