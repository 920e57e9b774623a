//! Lists (RFC 7644 section 3.4.2), which attributes are shown (section 3.9), and conditions (section 3.14).

use std::collections::BTreeSet;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use placet_domain::{Json, Object};

use super::{
    answer::{ScimAnswer, ScimError, tag},
    attribute::Kind,
    filter::Filter,
    path::local,
};

/// Resources in one answer: as many as are asked for, and no more.
pub(super) const MOST: usize = 200;

/// What is asked of a list, or of one resource.
#[derive(Debug, Default)]
pub(super) struct Query {
    filter: Option<String>,
    start: usize,
    count: usize,
    only: Option<String>,
    without: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ScimError;

    /// What is not known is passed over, as providers send sort orders and more.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ScimError> {
        let mut query = Self { start: 1, count: MOST, ..Self::default() };
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "filter" => query.filter = Some(value.into_owned()),
                "startIndex" => query.start = number(&name, &value)?.max(1),
                "count" => query.count = number(&name, &value)?.min(MOST),
                "attributes" => query.only = Some(value.into_owned()),
                "excludedAttributes" => query.without = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(query)
    }
}

/// Less than nothing is nothing (RFC 7644 section 3.4.2.4).
fn number(name: &str, value: &str) -> Result<usize, ScimError> {
    let number: i64 =
        value.parse().map_err(|_| ScimError::value(format!("`{name}` is a whole number, not `{value}`")))?;
    Ok(usize::try_from(number).unwrap_or(0))
}

impl Query {
    /// A query that stands in a body (RFC 7644 section 3.4.3), so that names of people are in no address.
    pub(super) fn asked(body: &Object) -> Result<Self, ScimError> {
        let mut query = Self { start: 1, count: MOST, ..Self::default() };
        let names = |value: &Json| {
            let names = value.as_array().map(|all| all.iter().filter_map(Json::as_str).collect::<Vec<_>>());
            names.map(|names| names.join(","))
        };
        let counted = |name: &str, value: &Json| match value.as_integer() {
            Some(number) => Ok(usize::try_from(number).unwrap_or(0)),
            None => Err(ScimError::value(format!("`{name}` is a whole number, not {}", value.kind()))),
        };
        for (name, value) in body.members() {
            match name {
                "filter" => query.filter = value.as_str().map(str::to_owned),
                "startIndex" => query.start = counted(name, value)?.max(1),
                "count" => query.count = counted(name, value)?.min(MOST),
                "attributes" => query.only = names(value),
                "excludedAttributes" => query.without = names(value),
                _ => {}
            }
        }
        Ok(query)
    }

    /// The filter, if one is asked for.
    pub(super) fn filter(&self, kind: &Kind) -> Result<Option<Filter>, ScimError> {
        self.filter.as_deref().map(|text| Filter::parse(kind, text)).transpose()
    }

    /// The page of what fits. `shown` makes the resource that is sent of what is looked at, and says its kind.
    pub(super) fn page<T>(&self, fitting: &[T], shown: impl Fn(&T) -> (&'static Kind, Object)) -> ScimAnswer {
        let page = fitting.iter().skip(self.start - 1).take(self.count).map(shown);
        let resources = page.map(|(kind, resource)| self.shown(kind, resource)).collect();
        list(fitting.len(), self.start, resources)
    }

    /// A resource with the attributes that are asked for. Its schema and its id are always there.
    pub(super) fn shown(&self, kind: &Kind, mut resource: Object) -> Object {
        let named = |list: &str| -> BTreeSet<String> {
            let names = list.split(',').filter_map(|name| local(kind, name.trim()));
            names.map(|name| name.split('.').next().unwrap_or(name).to_ascii_lowercase()).collect()
        };
        let all: Vec<String> = resource.members().map(|(name, _)| name.to_owned()).collect();
        let hidden = |name: &String| {
            let folded = name.to_ascii_lowercase();
            !matches!(name.as_str(), "schemas" | "id")
                && match (&self.only, &self.without) {
                    (Some(only), _) => !named(only).contains(&folded),
                    (None, Some(without)) => named(without).contains(&folded),
                    (None, None) => false,
                }
        };
        for name in all.into_iter().filter(hidden) {
            resource.remove(&name);
        }
        resource
    }
}

/// A list of resources.
pub(super) fn list(total: usize, start: usize, resources: Vec<Object>) -> ScimAnswer {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    ScimAnswer::of(
        Object::new()
            .with("schemas", vec!["urn:ietf:params:scim:api:messages:2.0:ListResponse"])
            .with("totalResults", number(total))
            .with("startIndex", number(start))
            .with("itemsPerPage", number(resources.len()))
            .with("Resources", resources),
    )
}

/// Whether the caller's `If-Match`, if there is one, names this version.
pub(super) fn unless_stale(headers: &HeaderMap, version: i64) -> Result<(), ScimError> {
    match condition(headers, header::IF_MATCH.as_str()) {
        Some(wanted) if !names(wanted, version) => Err(ScimError::new(
            StatusCode::PRECONDITION_FAILED,
            format!("it was changed meanwhile; it has version {} now", tag(version)),
        )),
        _ => Ok(()),
    }
}

/// Whether the caller has this version already.
pub(super) fn is_known(headers: &HeaderMap, version: i64) -> bool {
    condition(headers, header::IF_NONE_MATCH.as_str()).is_some_and(|wanted| names(wanted, version))
}

fn condition<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

fn names(wanted: &str, version: i64) -> bool {
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    wanted.split(',').any(|one| one.trim() == "*" || plain(one) == plain(&tag(version)))
}
