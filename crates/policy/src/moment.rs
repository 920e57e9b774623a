//! `context.time`: the moment of the call as policies read it, in the time zone of the configuration.
//! Cedar has neither weekdays nor daylight saving, so the gateway works them out.

use cedar_policy_core::ast::{Name, PartialValue, Value};
use cedar_policy_core::extensions::Extensions;
use jiff::tz::TimeZone;
use placet_domain::Timestamp;
use smol_str::SmolStr;

use crate::Snapshot;
use crate::entities::{text, value};
use crate::mentions::Mentions;

/// Constructors of Cedar's extension types, looked up once.
#[derive(Debug, Clone)]
pub(crate) struct Constructors {
    datetime: Name,
    decimal: Name,
}

impl Constructors {
    #[expect(clippy::expect_used, reason = "the names are constants and identifiers")]
    pub(crate) fn new() -> Self {
        let of = |name| Name::parse_unqualified_name(name).expect("an identifier");
        Self { datetime: of("datetime"), decimal: of("decimal") }
    }

    /// A `decimal` from its text.
    pub(crate) fn decimal(&self, digits: &str) -> Result<Value, String> {
        call(&self.decimal, digits)
    }

    fn datetime(&self, moment: &str) -> Result<Value, String> {
        call(&self.datetime, moment)
    }
}

fn call(name: &Name, argument: &str) -> Result<Value, String> {
    let function = Extensions::all_available().func(name).map_err(|error| error.to_string())?;
    match function.call(&[text(argument)]) {
        Ok(PartialValue::Value(value)) => Ok(value),
        Ok(PartialValue::Residual(_)) => Err(format!("`{argument}` has no value")),
        Err(error) => Err(error.to_string()),
    }
}

/// The members that policies may read.
pub(crate) fn time(
    constructors: &Constructors,
    zone: &TimeZone,
    mentions: &Mentions,
    now: Timestamp,
) -> Result<Value, String> {
    let moment = jiff::Timestamp::from_microsecond(now.micros())
        .map_err(|error| format!("the time of the call cannot be told: {error}"))?;
    let mut members: Vec<(SmolStr, Value)> = Vec::with_capacity(4);
    if mentions.reads("now") {
        let told = format!("{}", moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"));
        members.push((SmolStr::new_static("now"), constructors.datetime(&told)?));
    }
    if ["weekday", "minute_of_day", "date"].into_iter().any(|name| mentions.reads(name)) {
        let local = zone.to_datetime(moment);
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        members.push((SmolStr::new_static("date"), text(&local.date().to_string())));
        members.push((SmolStr::new_static("minute_of_day"), value(minute)));
        let weekday = i64::from(local.weekday().to_monday_one_offset());
        members.push((SmolStr::new_static("weekday"), value(weekday)));
    }
    Ok(Value::record(members, None))
}

impl Snapshot {
    /// A moment within a week of another at which policies read this weekday (1 is Monday) and minute of the day.
    #[must_use]
    pub fn moment_like(&self, near: Timestamp, weekday: i64, minute: i64) -> Option<Timestamp> {
        let zone = &self.model.zone;
        let start = zone.to_datetime(jiff::Timestamp::from_microsecond(near.micros()).ok()?).date();
        let time = jiff::civil::Time::midnight() + jiff::SignedDuration::from_mins(minute);
        (0..7).find_map(|days| {
            let day = start.checked_add(jiff::Span::new().days(days)).ok()?;
            let fits = i64::from(day.weekday().to_monday_one_offset()) == weekday;
            let moment = fits.then(|| zone.to_timestamp(day.to_datetime(time)).ok()).flatten()?;
            Some(Timestamp::from_micros(moment.as_microsecond()))
        })
    }
}
