//! Paths of RFC 7644 section 3.5.2, figure 7: `attribute`, `attribute.part`, `attribute[filter]`, `attribute[filter].part`,
//! each perhaps behind the schema's address and a colon.

use super::{
    answer::ScimError,
    attribute::{Attribute, Kind},
    filter::Filter,
};

/// Where something is.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) attribute: &'static Attribute,
    pub(super) filter: Option<Filter>,
    pub(super) part: Option<&'static Attribute>,
}

impl Path {
    /// Reads a path. None: it names what is not kept here.
    pub(super) fn parse(kind: &Kind, text: &str) -> Result<Option<Self>, ScimError> {
        let Some(text) = local(kind, text) else { return Ok(None) };
        let wrong = || ScimError::typed("invalidPath", format!("`{}` is no path", text.escape_debug()));
        let (name, filter, part) = match text.split_once('[') {
            Some((name, rest)) => {
                let (filter, part) = rest.rsplit_once(']').ok_or_else(wrong)?;
                let part = match part {
                    "" => None,
                    part => Some(part.strip_prefix('.').ok_or_else(wrong)?),
                };
                (name, Some(filter), part)
            }
            None => match text.split_once('.') {
                Some((name, part)) => (name, None, Some(part)),
                None => (text, None, None),
            },
        };
        if name.is_empty()
            || !name.bytes().all(is_name)
            || part.is_some_and(|part| !part.bytes().all(is_name))
        {
            return Err(wrong());
        }
        let Some(attribute) = kind.attribute(name) else { return Ok(None) };
        let part = match part {
            None => None,
            Some(part) => match attribute.part(part) {
                Some(part) => Some(part),
                None => return Ok(None),
            },
        };
        let filter = match filter {
            None => None,
            Some(_) if !attribute.many => return Err(wrong()),
            Some(filter) => Some(Filter::parse_parts(attribute, filter)?),
        };
        Ok(Some(Self { attribute, filter, part }))
    }
}

/// The path without the schema's address; none if it is another schema's.
pub(super) fn local<'a>(kind: &Kind, text: &'a str) -> Option<&'a str> {
    if !text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:")) {
        return Some(text);
    }
    let (schema, rest) = text.split_at_checked(kind.schema.len())?;
    schema.eq_ignore_ascii_case(kind.schema).then(|| rest.strip_prefix(':')).flatten()
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$')
}
