//! Filters (RFC 7644 section 3.4.2.2): comparisons, `and`, `or`, `not`, parentheses; no filter inside a path.

use placet_domain::{Json, Object};

use super::{
    answer::ScimError,
    attribute::{Attribute, Kind, Shape},
    path::{is_name, local},
};

/// Longest filter, bytes, and how deep it may nest.
const LONGEST: usize = 2_048;
const DEEPEST: usize = 16;

/// A parsed filter. What it names and is not kept here has no value.
#[derive(Debug)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Comparison),
}

#[derive(Debug)]
pub(super) struct Comparison {
    /// None: an attribute that is not kept.
    target: Option<(&'static Attribute, Option<&'static Attribute>)>,
    operator: Operator,
    value: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Contains,
    EndsWith,
    Equal,
    NotEqual,
    Present,
    StartsWith,
}

impl Filter {
    /// A filter over resources.
    pub(super) fn parse(kind: &Kind, text: &str) -> Result<Self, ScimError> {
        let look_up = |name: &str| {
            let name = local(kind, name)?;
            let (name, part) = name.split_once('.').map_or((name, None), |(name, part)| (name, Some(part)));
            let attribute = kind.attribute(name)?;
            match part {
                None => Some((attribute, None)),
                Some(part) => Some((attribute, Some(attribute.part(part)?))),
            }
        };
        Reader::new(text, &look_up)?.whole()
    }

    /// A filter over the values of an attribute with several.
    pub(super) fn parse_parts(attribute: &Attribute, text: &str) -> Result<Self, ScimError> {
        Reader::new(text, &|name| Some((attribute.part(name)?, None)))?.whole()
    }

    /// Whether a resource, or a value, fits.
    pub(super) fn fits(&self, object: &Object) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.fits(object)),
            Self::Or(all) => all.iter().any(|one| one.fits(object)),
            Self::Not(one) => !one.fits(object),
            Self::Compare(comparison) => comparison.fits(object),
        }
    }

    /// Whether it asks for an attribute.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(|one| one.names(name)),
            Self::Not(one) => one.names(name),
            Self::Compare(comparison) => {
                comparison.target.is_some_and(|(attribute, _)| attribute.name == name)
            }
        }
    }

    /// The values that must be there for it to fit, if it says nothing else: what an `add` makes when none fits.
    pub(super) fn demands(&self) -> Option<Object> {
        match self {
            Self::Compare(Comparison {
                target: Some((attribute, None)),
                operator: Operator::Equal,
                value,
            }) => Some(Object::new().with(attribute.name, value.clone())),
            Self::And(all) => all.iter().try_fold(Object::new(), |mut object, one| {
                for (name, value) in one.demands()?.members() {
                    object.set(name, value.clone());
                }
                Some(object)
            }),
            Self::Or(_) | Self::Not(_) | Self::Compare(_) => None,
        }
    }
}

impl Comparison {
    fn fits(&self, object: &Object) -> bool {
        let Some((attribute, part)) = self.target else { return self.operator == Operator::NotEqual };
        let value = object.member(attribute.name);
        let values: Vec<&Json> = match value {
            None => Vec::new(),
            Some(Json::Array(all)) => all.iter().collect(),
            Some(one) => vec![one],
        };
        // Without a part a complex value is compared by its `value` (RFC 7644 section 3.4.2.2).
        let leaf = part.or_else(|| attribute.part("value")).unwrap_or(attribute);
        let mut leaves = values.into_iter().filter_map(|value| match value {
            Json::Object(object) => object.member(leaf.name),
            plain => Some(plain),
        });
        match self.operator {
            Operator::Present => leaves.next().is_some(),
            Operator::NotEqual => !leaves.any(|value| equal(leaf, value, &self.value)),
            Operator::Equal => leaves.any(|value| equal(leaf, value, &self.value)),
            Operator::Contains => self.texts(leaf, leaves, |text, wanted| text.contains(wanted)),
            Operator::StartsWith => self.texts(leaf, leaves, |text, wanted| text.starts_with(wanted)),
            Operator::EndsWith => self.texts(leaf, leaves, |text, wanted| text.ends_with(wanted)),
        }
    }

    fn texts<'a>(
        &self,
        leaf: &Attribute,
        mut leaves: impl Iterator<Item = &'a Json>,
        fits: fn(&str, &str) -> bool,
    ) -> bool {
        let Some(wanted) = self.value.as_str().map(|text| comparable(leaf, text)) else { return false };
        leaves.any(|value| value.as_str().is_some_and(|text| fits(&comparable(leaf, text), &wanted)))
    }
}

fn equal(leaf: &Attribute, value: &Json, wanted: &Json) -> bool {
    match (value, wanted) {
        (Json::String(value), Json::String(wanted)) => comparable(leaf, value) == comparable(leaf, wanted),
        // Some providers write truth values as texts.
        (Json::Bool(value), Json::String(wanted)) => wanted.eq_ignore_ascii_case(&value.to_string()),
        (value, wanted) => value == wanted,
    }
}

fn comparable(leaf: &Attribute, text: &str) -> String {
    match leaf.exact || matches!(leaf.shape, Shape::Reference(_)) {
        true => text.to_owned(),
        false => text.to_lowercase(),
    }
}

/// Which attribute a name means.
type LookUp<'a> = &'a dyn Fn(&str) -> Option<(&'static Attribute, Option<&'static Attribute>)>;

struct Reader<'a> {
    rest: &'a str,
    look_up: LookUp<'a>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, look_up: LookUp<'a>) -> Result<Self, ScimError> {
        match text.len() > LONGEST {
            true => Err(invalid(format!("a filter has at most {LONGEST} bytes"))),
            false => Ok(Self { rest: text, look_up }),
        }
    }

    fn whole(mut self) -> Result<Filter, ScimError> {
        let filter = self.either(0)?;
        match self.rest.trim_start() {
            "" => Ok(filter),
            rest => Err(invalid(format!("`{}` is left over", rest.escape_debug()))),
        }
    }

    fn either(&mut self, depth: usize) -> Result<Filter, ScimError> {
        let mut all = vec![self.both(depth)?];
        while self.takes_word("or") {
            all.push(self.both(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::Or(all) })
    }

    fn both(&mut self, depth: usize) -> Result<Filter, ScimError> {
        let mut all = vec![self.one(depth)?];
        while self.takes_word("and") {
            all.push(self.one(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, ScimError> {
        if depth >= DEEPEST {
            return Err(invalid(format!("a filter nests at most {DEEPEST} deep")));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let inner = self.either(depth + 1)?;
            self.rest = self.rest.trim_start();
            self.rest = self.rest.strip_prefix(')').ok_or_else(|| invalid("`)` is missing"))?;
            return Ok(inner);
        }
        let name = self.word(|byte| is_name(byte) || matches!(byte, b'.' | b':'));
        if name.is_empty() {
            return Err(invalid("an attribute is missing"));
        }
        let target = (self.look_up)(name);
        let operator = match self.word(|byte| byte.is_ascii_alphabetic()).to_ascii_lowercase().as_str() {
            "co" => Operator::Contains,
            "ew" => Operator::EndsWith,
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "pr" => Operator::Present,
            "sw" => Operator::StartsWith,
            other => return Err(invalid(format!("`{other}` is not eq, ne, co, sw, ew or pr"))),
        };
        let value = if operator == Operator::Present { Json::Null } else { self.value()? };
        Ok(Filter::Compare(Comparison { target, operator, value }))
    }

    /// A JSON string, or a word such as `true`.
    fn value(&mut self) -> Result<Json, ScimError> {
        self.rest = self.rest.trim_start();
        let mut escaped = false;
        let end = match self.rest.strip_prefix('"') {
            Some(rest) => rest
                .char_indices()
                .find(|(_, one)| {
                    let ends = *one == '"' && !escaped;
                    escaped = *one == '\\' && !escaped;
                    ends
                })
                .map(|(place, _)| place + 2)
                .ok_or_else(|| invalid("a text does not end"))?,
            None => self.rest.find([' ', ')']).unwrap_or(self.rest.len()),
        };
        let (text, rest) = self.rest.split_at_checked(end).ok_or_else(|| invalid("a value is missing"))?;
        self.rest = rest;
        Json::parse(text.as_bytes()).map_err(|_| {
            invalid(format!("`{}` is no value; texts stand in quotation marks", text.escape_debug()))
        })
    }

    fn word(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let text = self.rest.trim_start();
        let end = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        word
    }

    /// Takes a word if it is the next one.
    fn takes_word(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let takes = self.word(|byte| byte.is_ascii_alphabetic()).eq_ignore_ascii_case(wanted)
            && self.rest.starts_with([' ', '(']);
        if !takes {
            self.rest = before;
        }
        takes
    }
}

fn invalid(why: impl AsRef<str>) -> ScimError {
    ScimError::typed("invalidFilter", format!("the filter cannot be read: {}", why.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::{super::attribute::USER, *};

    fn fits(filter: &str) -> Result<bool, ScimError> {
        let text =
            br#"{"userName":"Bob@Corp.example","externalId":"X-1","active":true,"name":{"givenName":"Bo"},
            "emails":[{"value":"bob@corp.example","type":"work","primary":true}]}"#;
        let user = Json::parse(text).unwrap();
        Filter::parse(&USER, filter).map(|filter| filter.fits(user.as_object().unwrap()))
    }

    #[test]
    fn people_are_found_the_way_identity_providers_ask() {
        for filter in [
            r#"userName eq "bob@corp.EXAMPLE""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName EQ "bob@corp.example""#,
            r#"externalId eq "X-1" and active eq true"#,
            r#"active eq "True""#,
            r#"emails eq "bob@corp.example" or userName eq "other""#,
            r#"emails.type eq "work" and not (name.givenName co "x")"#,
            r#"name.givenName sw "b" and userName ew "example""#,
            r#"(title pr or emails pr) and nickName ne "x""#,
        ] {
            assert_eq!(fits(filter), Ok(true), "{filter}");
        }
        for filter in [
            r#"externalId eq "x-1""#,
            r#"active eq false"#,
            r#"title pr"#,
            r#"userName eq "bob""#,
            r#"userName eq "x" or active eq true and userName eq "y""#,
        ] {
            assert_eq!(fits(filter), Ok(false), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_said_to_be_none() {
        let deep = format!("{}active pr{}", "(".repeat(40), ")".repeat(40));
        for filter in [
            "",
            "userName",
            "userName eq",
            "userName eq bob",
            r#"userName eq "b"#,
            "a gt 1",
            "(active pr",
            &deep,
            r#"active pr x"#,
        ] {
            assert_eq!(fits(filter).unwrap_err().scim_type(), Some("invalidFilter"), "{filter}");
        }
    }
}
