//! How risky a call is: a score of parts, each with a sentence; and what was observed for it. Part of the access request, so
//! that decisions replay. Who observes is the engine, who weighs are the policies; the rule is docs/policies/risk.md.

use std::{fmt, str::FromStr};

use crate::{Digest, Json, Object, PolicyId, receipt::clip};

/// A score and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Risk {
    /// 0 to 100: the sum of the parts, at most 100.
    pub score: u8,
    /// What added to it; empty where no policy in force reads the risk.
    pub parts: Vec<RiskPart>,
}

/// One part of a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskPart {
    /// What was looked at: `group`, `declared`, `first_tool`, `first_destination`, `first_shape`, `rate`, `off_hours`, or
    /// `hook:NAME`.
    pub of: String,
    /// What it adds.
    pub points: u8,
    /// Why, as a sentence without a full stop.
    pub why: String,
}

impl Risk {
    /// The highest score.
    pub const MOST: u8 = 100;

    /// A score without parts.
    #[must_use]
    pub fn of_group(points: u8) -> Self {
        Self { score: points.min(Self::MOST), parts: Vec::new() }
    }

    /// The sum of these parts.
    #[must_use]
    pub fn of_parts(parts: Vec<RiskPart>) -> Self {
        let sum: u32 = parts.iter().map(|part| u32::from(part.points)).sum();
        Self { score: u8::try_from(sum).unwrap_or(Self::MOST).min(Self::MOST), parts }
    }

    /// The parts, as receipts write them.
    #[must_use]
    pub fn parts_to_json(&self) -> Vec<Json> {
        let part = |part: &RiskPart| {
            Object::new()
                .with("of", part.of.as_str())
                .with("points", i64::from(part.points))
                .with("why", clip(&part.why))
                .into()
        };
        self.parts.iter().map(part).collect()
    }
}

/// What was observed about a call for its risk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// How the call differs from what the agent does; `None` where no policy in force reads the risk.
    pub drift: Option<Drift>,
    /// What anomaly hooks said.
    pub hooks: Vec<HookAnswer>,
}

/// How a call differs from what its agent has done so far. What nobody remembers is new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drift {
    /// The agent has not used the tool.
    pub first_tool: bool,
    /// Destinations of the call for which the agent has not used the tool.
    pub first_destinations: u16,
    /// The agent has not used the tool with arguments of these names and types.
    pub first_shape: bool,
    /// Calls of the agent in the sixty minutes before this one.
    pub recent: u32,
    /// What it makes in an hour in which it works, in the mean of the last seven days; 0 if that is not known.
    pub usual: u32,
    /// What is remembered of the call if it is allowed.
    pub footprint: Footprint,
}

/// What is remembered of an allowed call: digests, no values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Where it sends to.
    pub destinations: Vec<Habit>,
    /// The names and types of its arguments.
    pub shape: Option<Habit>,
}

/// Something that an agent has done before: half a SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Habit([u8; 16]);

impl Habit {
    /// The digest of something of a kind.
    #[must_use]
    pub fn of(kind: &str, parts: &[&str]) -> Self {
        let text = parts.iter().fold(kind.to_owned(), |text, part| format!("{text}\0{part}"));
        let digest = Digest::of(text.as_bytes());
        Self(digest.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    /// Having used an operation of a connector.
    #[must_use]
    pub fn of_operation(connector: &str, operation: &str) -> Self {
        Self::of("operation", &[connector, operation])
    }
}

impl fmt::Display for Habit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Why a text is not such a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the digest of a habit is 32 lower-case hexadecimal characters")]
pub struct ParseHabitError;

impl FromStr for Habit {
    type Err = ParseHabitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 32 || text.bytes().any(|letter| !matches!(letter, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ParseHabitError);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| ParseHabitError)
    }
}

/// What one anomaly hook said, or what its silence stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAnswer {
    /// Who: `hook:NAME`, as reasons and receipts call it.
    pub of: PolicyId,
    /// What it adds to the risk.
    pub points: u8,
    /// It refuses the call.
    pub vetoes: bool,
    /// It gave no answer that could be read in time: the rest is what the operator decided for that case.
    pub silent: bool,
    /// Why, in its words.
    pub why: String,
}

impl HookAnswer {
    fn to_json(&self) -> Json {
        Object::new()
            .with("of", self.of.as_str())
            .with("points", i64::from(self.points))
            .with_some("silent", self.silent.then_some(true))
            .with_some("vetoes", self.vetoes.then_some(true))
            .with("why", clip(&self.why))
            .into()
    }

    fn of_json(kept: &Json) -> Option<Self> {
        let is = |key: &str| kept.member(key).and_then(Json::as_bool).unwrap_or(false);
        Some(Self {
            of: kept.member("of")?.as_str()?.parse().ok()?,
            points: u8::try_from(kept.member("points")?.as_integer()?).ok()?,
            vetoes: is("vetoes"),
            silent: is("silent"),
            why: kept.member("why").and_then(Json::as_str).unwrap_or_default().to_owned(),
        })
    }
}

impl Observed {
    /// The receipt's `observed`; empty if nothing was looked at.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let mut told = self.drift.as_ref().map(Drift::to_json).unwrap_or_default();
        if !self.hooks.is_empty() {
            told.set("hooks", self.hooks.iter().map(HookAnswer::to_json).collect::<Vec<_>>());
        }
        told
    }

    /// Reads back what [`Self::to_json`] wrote; `None` if a part of it cannot be read.
    #[must_use]
    pub fn of_json(kept: &Json) -> Option<Self> {
        let hooks = kept.member("hooks").and_then(Json::as_array).unwrap_or_default();
        let hooks = hooks.iter().map(HookAnswer::of_json).collect::<Option<_>>()?;
        let drift = match kept.member("recent") {
            None => None,
            Some(recent) => Some(Drift::of_json(kept, recent)?),
        };
        Some(Self { drift, hooks })
    }
}

impl Drift {
    fn to_json(&self) -> Object {
        let mut first = Vec::new();
        if self.first_destinations > 0 {
            first.push("destination");
        }
        if self.first_shape {
            first.push("shape");
        }
        if self.first_tool {
            first.push("tool");
        }
        let texts = |habits: &[Habit]| habits.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut told = Object::new();
        if !first.is_empty() {
            told.set("first", first);
        }
        if self.first_destinations > 0 {
            told.set("first_destinations", i64::from(self.first_destinations));
        }
        if !self.footprint.destinations.is_empty() {
            told.set("destinations", texts(&self.footprint.destinations));
        }
        told.with_some("shape", self.footprint.shape.map(|shape| shape.to_string()))
            .with("recent", i64::from(self.recent))
            .with("usual", i64::from(self.usual))
    }

    fn of_json(kept: &Json, recent: &Json) -> Option<Self> {
        let listed = |key: &str| {
            let listed = kept.member(key).and_then(Json::as_array).unwrap_or_default();
            listed.iter().filter_map(Json::as_str)
        };
        let is_first = |what: &str| listed("first").any(|first| first == what);
        let number = |json: &Json| u32::try_from(json.as_integer()?).ok();
        Some(Self {
            first_tool: is_first("tool"),
            first_destinations: match kept.member("first_destinations") {
                Some(count) => u16::try_from(count.as_integer()?).ok()?,
                None => 0,
            },
            first_shape: is_first("shape"),
            recent: number(recent)?,
            usual: kept.member("usual").and_then(number)?,
            footprint: Footprint::of_json(kept),
        })
    }
}

impl Footprint {
    /// Reads back what a receipt's `observed` says of it; what is not there was not kept.
    #[must_use]
    pub fn of_json(kept: &Json) -> Self {
        let destinations = kept.member("destinations").and_then(Json::as_array).unwrap_or_default();
        Self {
            destinations: destinations.iter().filter_map(|one| one.as_str()?.parse().ok()).collect(),
            shape: kept.member("shape").and_then(Json::as_str).and_then(|text| text.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed() -> Observed {
        Observed {
            drift: Some(Drift {
                first_tool: true,
                first_destinations: 2,
                first_shape: false,
                recent: 90,
                usual: 12,
                footprint: Footprint {
                    destinations: vec![Habit::of("destination", &["a.example"])],
                    shape: Some(Habit::of("shape", &["to:text"])),
                },
            }),
            hooks: vec![HookAnswer {
                of: "hook:fraud".parse().unwrap(),
                points: 30,
                vetoes: true,
                silent: true,
                why: "it takes longer than 250 ms".to_owned(),
            }],
        }
    }

    #[test]
    fn what_was_observed_is_read_back_as_it_was_written() {
        let observed = observed();
        assert_eq!(Observed::of_json(&observed.to_json().into()), Some(observed));
        assert!(Observed::default().to_json().is_empty());
        assert_eq!(Observed::of_json(&Json::Null), Some(Observed::default()));
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        for text in [r#"{"recent":-1,"usual":0}"#, r#"{"recent":1}"#, r#"{"hooks":[{"of":"hook:a"}]}"#] {
            assert_eq!(Observed::of_json(&Json::parse(text.as_bytes()).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn a_score_ends_at_a_hundred() {
        let part = |points| RiskPart { of: "rate".to_owned(), points, why: String::new() };
        assert_eq!(Risk::of_parts(vec![part(40), part(15)]).score, 55);
        assert_eq!(Risk::of_parts(vec![part(90); 4]).score, 100);
    }

    #[test]
    fn parts_that_run_together_are_told_apart() {
        assert_ne!(Habit::of_operation("a", "bc"), Habit::of_operation("ab", "c"));
        let habit = Habit::of_operation("crm", "update");
        assert_eq!(habit.to_string().parse(), Ok(habit));
        assert!("00".parse::<Habit>().is_err());
    }
}
