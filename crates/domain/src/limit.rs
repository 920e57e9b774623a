//! Limits: how much may happen in a window of time, and the charges that calls make to counters.
//! The counters themselves are the engine's (`crates/engine/src/limits/`); what limits mean is `docs/policies/limits.md`.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use crate::{Digest, Number, Object, PolicyId, Timestamp, UsageName, limits};

/// How much: a number of calls or a sum of an argument, in exact ten-thousandths. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One call.
    pub const ONE: Self = Self(SCALE);

    /// The amount of a JSON number; `None` for one that is negative, too large, or has more than four digits after the
    /// point.
    #[must_use]
    pub fn of_number(number: Number) -> Option<Self> {
        match number {
            Number::Integer(whole) => Self::of_units(whole),
            // The shortest text that reads back as the same number: what the sender wrote.
            Number::Fraction(fraction) => fraction.to_string().parse().ok(),
        }
    }

    /// So many whole units; `None` if negative or too large.
    #[must_use]
    pub fn of_units(units: i64) -> Option<Self> {
        units.checked_mul(SCALE).filter(|scaled| (0..=limits::JSON_INTEGER).contains(scaled)).map(Self)
    }

    /// The sum; `None` if it is too large to be counted.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|sum| *sum <= limits::JSON_INTEGER).map(Self)
    }

    /// What is left; nothing if `other` is larger.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// The whole units in it.
    #[must_use]
    pub fn units(self) -> i64 {
        self.0 / SCALE
    }

    /// As a Cedar `decimal` is written: always with digits after the point.
    #[must_use]
    pub fn decimal(self) -> String {
        format!("{}.{:04}", self.0 / SCALE, self.0 % SCALE)
    }
}

/// The shortest form: `5`, `0.25`.
impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % SCALE {
            0 => write!(formatter, "{}", self.0 / SCALE),
            _ => formatter.write_str(self.decimal().trim_end_matches('0')),
        }
    }
}

impl FromStr for Amount {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || ParseLimitError(format!("`{text}` is not an amount: write for example `20` or `99.95`"));
        let (whole, after) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|one| one.is_ascii_digit());
        if !digits(whole) || !digits(after) || after.len() > 4 {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let after: i64 = format!("{after:0<4}").parse().map_err(|_| wrong())?;
        let scaled = whole.checked_mul(SCALE).and_then(|scaled| scaled.checked_add(after));
        scaled.filter(|scaled| *scaled <= limits::JSON_INTEGER).map(Self).ok_or_else(wrong)
    }
}

/// Why a text says nothing about a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseLimitError(String);

/// Over which time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// A calendar day in the policies' time zone.
    Day,
    /// A calendar hour in the policies' time zone.
    Hour,
    /// A calendar month in the policies' time zone.
    Month,
    /// The time just before the call, of this length.
    Sliding(Duration),
    /// A calendar week in the policies' time zone, from Monday.
    Week,
}

impl Window {
    /// The longest time for which a charge can count.
    #[must_use]
    pub fn longest(self) -> Duration {
        const DAY: u64 = 24 * 60 * 60;
        match self {
            // Clocks are put back by an hour at most.
            Self::Hour => Duration::from_secs(2 * 60 * 60),
            Self::Day => Duration::from_secs(DAY + 60 * 60),
            Self::Week => Duration::from_secs(7 * DAY + 60 * 60),
            Self::Month => Duration::from_secs(31 * DAY + 60 * 60),
            Self::Sliding(length) => length,
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day => formatter.write_str("day"),
            Self::Hour => formatter.write_str("hour"),
            Self::Month => formatter.write_str("month"),
            Self::Week => formatter.write_str("week"),
            Self::Sliding(length) => {
                let seconds = length.as_secs();
                let unit = UNITS.iter().find(|(_, unit)| seconds.is_multiple_of(*unit));
                let (name, unit) = unit.copied().unwrap_or(("s", 1));
                write!(formatter, "{}{name}", seconds / unit)
            }
        }
    }
}

impl FromStr for Window {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let calendar = [Self::Day, Self::Hour, Self::Month, Self::Week];
        if let Some(window) = calendar.into_iter().find(|window| window.to_string() == text) {
            return Ok(window);
        }
        let length = UNITS.iter().find_map(|(name, unit)| {
            let count: u64 = text.strip_suffix(name)?.parse().ok()?;
            count.checked_mul(*unit).map(Duration::from_secs)
        });
        length.filter(|length| !length.is_zero() && *length <= limits::WINDOW).map(Self::Sliding).ok_or_else(
            || {
                ParseLimitError(format!(
                    "`{text}` is not a window: write a length such as `30s`, `15m`, `1h` or `7d`, at most 366 days, or \
                     `hour`, `day`, `week` or `month`"
                ))
            },
        )
    }
}

/// How much in which window: `20/1h`, `5000/day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// So much, and not more.
    pub most: Amount,
    /// In this time.
    pub window: Window,
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.most, self.window)
    }
}

impl FromStr for Rate {
    type Err = ParseLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.trim().split_once('/');
        let (most, window) = parts.ok_or_else(|| {
            ParseLimitError(format!("`{text}` is not a limit: write for example `20/1h` or `5000/day`"))
        })?;
        Ok(Self { most: most.trim().parse()?, window: window.trim().parse()? })
    }
}

/// What tells counters of one limit apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPart {
    /// The agent.
    Agent,
    /// The run.
    Instance,
    /// What the call acts on.
    Resource,
    /// The tool, or the method, of its connector.
    Tool,
    /// The person acted for.
    User,
}

impl KeyPart {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Instance, Self::Resource, Self::Tool, Self::User];

    /// The word of `@key`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Instance => "instance",
            Self::Resource => "resource",
            Self::Tool => "tool",
            Self::User => "user",
        }
    }

    /// The parts that a text separated by commas names, each once; none for an empty text.
    ///
    /// # Errors
    /// A word that is no part, or one twice.
    pub fn list(text: &str) -> Result<Vec<Self>, ParseLimitError> {
        let mut parts = Vec::new();
        for word in text.split(',').map(str::trim) {
            let part = Self::ALL.into_iter().find(|part| part.as_str() == word).ok_or_else(|| {
                let known = "`agent`, `instance`, `user`, `tool`, `resource`";
                ParseLimitError(format!(
                    "`{word}` is no key of a limit: use any of {known}, separated by commas"
                ))
            })?;
            if parts.contains(&part) {
                return Err(ParseLimitError(format!("`{word}` stands twice in a key")));
            }
            parts.push(part);
        }
        parts.sort_unstable();
        Ok(parts)
    }
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Each call is one.
    Calls,
    /// Each call is the number in this argument; `a.b` is member `b` of argument `a`.
    Sum(String),
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls => formatter.write_str("calls"),
            Self::Sum(argument) => write!(formatter, "sum of {argument}"),
        }
    }
}

/// A gate that holds once a counter has no room: `@unless("rate_limit")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The policy.
    pub policy: PolicyId,
    /// How much in which window.
    pub rate: Rate,
    /// What has a counter of its own; empty if all calls share one.
    pub key: Vec<KeyPart>,
    /// What is counted.
    pub measure: Measure,
    /// Its `@reason`.
    pub reason: Option<String>,
}

/// One counter: the digest of what is counted, over which window, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CounterKey(pub Digest);

impl fmt::Display for CounterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Whose counter it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meter {
    /// A limit's.
    Limit(PolicyId),
    /// Of a `[usage.NAME]` of the configuration.
    Usage(UsageName),
}

impl fmt::Display for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(policy) => policy.fmt(formatter),
            Self::Usage(name) => write!(formatter, "usage.{name}"),
        }
    }
}

/// What one call puts on one counter if it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Whose counter.
    pub meter: Meter,
    /// Which counter.
    pub key: CounterKey,
    /// For whom it counts, for people: `agent=deal-bot tool=crm.update_deal`.
    pub of: String,
    /// How much.
    pub amount: Amount,
    /// How much the counter may show; `None` if it only counts.
    pub rate: Option<Rate>,
    /// When the charge counts no more.
    pub until: Timestamp,
}

impl Charge {
    /// What stays of it in receipts.
    #[must_use]
    pub fn to_json(&self) -> Object {
        Object::new()
            .with("amount", self.amount.to_string())
            .with("counter", self.key.to_string())
            .with("limit", self.meter.to_string())
            .with("of", crate::receipt::clip(&self.of))
            .with("until_us", self.until.micros())
    }
}

/// What a counter without room showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The counter.
    pub key: CounterKey,
    /// What it showed.
    pub used: Amount,
    /// When this call would have found room, if no other came; `None` if never.
    pub room_at: Option<Timestamp>,
}

/// What the counters showed when a call was judged: part of its request, so that the decision replays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// `context.usage`: what was used before this call.
    pub values: BTreeMap<UsageName, Amount>,
    /// Counters that had no room for the call.
    pub full: Vec<Level>,
    /// What the call puts on counters of the agents for which its run acts.
    pub inherited: Vec<Charge>,
}

/// Why a limit refuses a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit.
    pub meter: Meter,
    /// How much in which window.
    pub rate: Rate,
    /// For whom is counted.
    pub of: String,
    /// What the counter showed.
    pub used: Amount,
    /// What the call would have added.
    pub amount: Amount,
    /// When it will fit, if no other call comes; `None` if never.
    pub room_at: Option<Timestamp>,
}

impl Exceeded {
    /// What stays of it in the receipt.
    #[must_use]
    pub fn to_json(&self) -> Object {
        Object::new()
            .with("amount", self.amount.to_string())
            .with("limit", self.meter.to_string())
            .with("most", self.rate.to_string())
            .with("of", crate::receipt::clip(&self.of))
            .with_some("room_us", self.room_at.map(Timestamp::micros))
            .with("used", self.used.to_string())
    }
}

/// Which limit, how much is left of it, and when there is more.
impl fmt::Display for Exceeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { meter, rate, of, used, amount, room_at } = self;
        let left = rate.most.less(*used);
        write!(formatter, "limit `{meter}` is {rate}")?;
        if !of.is_empty() {
            write!(formatter, " for {of}")?;
        }
        write!(formatter, "; {used} used, {left} left, this call needs {amount}")?;
        match room_at {
            Some(at) => write!(formatter, "; there is room at {at}"),
            None => write!(formatter, ", more than the limit ever allows"),
        }
    }
}

/// Ten-thousandths in one.
const SCALE: i64 = 10_000;
/// Units of sliding windows, the largest first, in seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_none() {
        for (number, expected) in [
            (Number::Integer(20), Some("20")),
            (Number::Integer(0), Some("0")),
            (Number::Integer(-1), None),
            (Number::Integer(limits::JSON_INTEGER), None),
            (Number::Fraction(0.25), Some("0.25")),
            (Number::Fraction(99.95), Some("99.95")),
            (Number::Fraction(0.1234), Some("0.1234")),
            (Number::Fraction(0.12345), None),
            (Number::Fraction(-0.5), None),
            (Number::Fraction(1e300), None),
        ] {
            assert_eq!(
                Amount::of_number(number).map(|amount| amount.to_string()).as_deref(),
                expected,
                "{number:?}"
            );
        }
        let tenth: Amount = "0.1".parse().unwrap();
        assert_eq!(tenth.plus("0.2".parse().unwrap()).unwrap().to_string(), "0.3");
        assert_eq!(tenth.decimal(), "0.1000");
        assert_eq!(tenth.less(Amount::ONE), Amount::ZERO);
        assert!("900719925474.0991".parse::<Amount>().unwrap().plus(tenth).is_none());
    }

    #[test]
    fn rates_read_back_as_they_were_written() {
        for text in ["20/1h", "5000/day", "0.5/month", "3/30s", "10/7d", "1/week", "100/hour", "7/90m"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        assert_eq!("3/60m".parse::<Rate>().unwrap().to_string(), "3/1h");
        for text in
            ["20", "20/", "/1h", "-1/1h", "20/0h", "20/367d", "20/year", "x/1h", "1.00001/1h", "2/1h30m"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_name_each_part_once() {
        assert_eq!(KeyPart::list("tool, agent").unwrap(), [KeyPart::Agent, KeyPart::Tool]);
        for text in ["", "agent,agent", "agent,,tool", "principal"] {
            assert!(KeyPart::list(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reached_limit_says_what_is_left_and_when_there_is_more() {
        let mut exceeded = Exceeded {
            meter: Meter::Limit("changes".parse().unwrap()),
            rate: "20/1h".parse().unwrap(),
            of: "agent=deal-bot".to_owned(),
            used: "20".parse().unwrap(),
            amount: Amount::ONE,
            room_at: Some(Timestamp::from_micros(1_795_300_000_000_000)),
        };
        assert_eq!(
            exceeded.to_string(),
            "limit `changes` is 20/1h for agent=deal-bot; 20 used, 0 left, this call needs 1; there is room at \
             2026-11-21T22:26:40Z"
        );
        exceeded.room_at = None;
        assert!(exceeded.to_string().ends_with("more than the limit ever allows"));
    }
}
