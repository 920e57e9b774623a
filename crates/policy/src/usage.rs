//! What a call puts on the counters of limits and usages, worked out from its request alone. The counters stand in the
//! engine; what they showed comes with the request. The rule is in `docs/policies/limits.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use cedar_policy_core::ast::Value;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Unit, Zoned, ZonedRound};
use placet_domain::{
    AccessRequest, Amount, Charge, CounterKey, DenyCause, Digest, Exceeded, Json, KeyPart, Limit, Measure,
    Meter, Object, Timestamp, UsageName, Window, limits,
};
use smol_str::SmolStr;

use crate::binding;
use crate::config::UsageRule;
use crate::entities::value;
use crate::model::{Action, Model};
use crate::moment::Constructors;
use crate::rule::Class;
use crate::{Finding, PolicyConfig, Snapshot};

/// A `[usage.NAME]` of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub(crate) name: UsageName,
    pub(crate) rule: UsageRule,
    /// Some policy may read it.
    pub(crate) read: bool,
}

impl Snapshot {
    /// The counters that the policies in force read as `context.usage` of this request.
    #[must_use]
    pub fn usages(&self, request: &AccessRequest) -> Vec<(UsageName, CounterKey)> {
        let read = self.model.usages.iter().filter(|counted| counted.read);
        read.map(|Counted { name, rule, .. }| {
            let meter = Meter::Usage(name.clone());
            (
                name.clone(),
                counter(&meter, rule.window, &rule.measure, &rule.key, request, &self.model.zone).0,
            )
        })
        .collect()
    }

    /// The longest time for which a charge of a limit or a usage can count; zero if there are none.
    #[must_use]
    pub fn longest_window(&self) -> Duration {
        let usages = self.model.usages.iter().map(|counted| counted.rule.window);
        let windows = self.limits().map(|limit| limit.rate.window).chain(usages);
        windows.map(Window::longest).max().unwrap_or_default()
    }

    /// The limits in force, in order of their files.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.rules.iter().filter_map(|rule| match &rule.class {
            Class::Limit(limit) => Some(&**limit),
            _ => None,
        })
    }

    /// What a call that meets these limits puts on counters.
    ///
    /// # Errors
    /// An argument that is summed cannot be: the call is denied.
    pub(crate) fn charges(
        &self,
        action: &Action,
        request: &AccessRequest,
        met: &[&Limit],
    ) -> Result<Vec<Charge>, DenyCause> {
        let (usage, zone) = (&request.usage, &self.model.zone);
        if met.is_empty() && action.counted.is_empty() && usage.inherited.is_empty() {
            return Ok(Vec::new());
        }
        let mut charges: Vec<Charge> = Vec::with_capacity(met.len() + action.counted.len());
        for limit in met {
            let meter = Meter::Limit(limit.policy.clone());
            let amount = match measured(&limit.measure, request) {
                Ok(Some(amount)) => amount,
                Ok(None) => {
                    let why = format!("limit `{meter}` counts the {}, which is missing", limit.measure);
                    return Err(DenyCause::Arguments(why));
                }
                Err(why) => return Err(DenyCause::Arguments(format!("limit `{meter}` {why}"))),
            };
            let window = limit.rate.window;
            let (key, of) = counter(&meter, window, &limit.measure, &limit.key, request, zone);
            let until = end(window, request.now, zone).map_err(DenyCause::Error)?;
            charges.push(Charge { meter, key, of, amount, rate: Some(limit.rate), until });
        }
        for Counted { name, rule, .. } in
            action.counted.iter().filter_map(|place| self.model.usages.get(*place))
        {
            let meter = Meter::Usage(name.clone());
            let amount = measured(&rule.measure, request)
                .map_err(|why| DenyCause::Arguments(format!("`{meter}` {why}")))?
                // A usage counts whatever comes by: a call without the argument adds nothing.
                .unwrap_or(Amount::ZERO);
            let (key, of) = counter(&meter, rule.window, &rule.measure, &rule.key, request, zone);
            let until = end(rule.window, request.now, zone).map_err(DenyCause::Error)?;
            charges.push(Charge { meter, key, of, amount, rate: None, until });
        }
        // One call counts once on one counter, whoever else it counts for.
        let inherited =
            usage.inherited.iter().filter(|theirs| charges.iter().all(|own| own.key != theirs.key));
        let inherited: Vec<Charge> = inherited.cloned().collect();
        charges.extend(inherited);
        charges.retain(|charge| charge.amount > Amount::ZERO);
        if charges.len() > limits::CHARGES_OF_A_CALL {
            let why = format!("the call counts on more than {} limits", limits::CHARGES_OF_A_CALL);
            return Err(DenyCause::Error(why));
        }
        Ok(charges)
    }

    /// `context.usage`, of the values that policies may read.
    pub(crate) fn usage_value(&self, request: &AccessRequest) -> Result<Option<Value>, String> {
        let read: Vec<&Counted> = self.model.usages.iter().filter(|counted| counted.read).collect();
        if read.is_empty() {
            return Ok(None);
        }
        let mut members = Vec::with_capacity(read.len());
        for Counted { name, rule, .. } in read {
            let used = request.usage.values.get(name);
            let used = used.ok_or_else(|| format!("usage `{name}` was not looked up"))?;
            members.push((SmolStr::new(name.as_str()), typed(&self.constructors, &rule.measure, *used)?));
        }
        Ok(Some(Value::record(members, None)))
    }
}

impl Model {
    /// Reads the usages and marks the actions that they count.
    pub(crate) fn count_usages(&mut self, config: &PolicyConfig, findings: &mut Vec<Finding>) {
        for (name, rule) in &config.usages {
            let place = self.usages.len();
            for wanted in &rule.of {
                let mut found = false;
                for actions in self.connectors.values_mut() {
                    for action in actions.tools.values_mut().chain(actions.methods.values_mut()) {
                        if action.name == *wanted || action.groups.contains(wanted) {
                            found = true;
                            if !action.counted.contains(&place) {
                                action.counted.push(place);
                            }
                        }
                    }
                }
                if !found {
                    findings.push(Finding::of_config(
                        format!("`usage.{name}` counts `{wanted}`, which is no action here"),
                        "name a tool as `connector.tool`, a connector, or a group such as `write`",
                    ));
                }
            }
            self.usages.push(Counted { name: name.clone(), rule: rule.clone(), read: false });
        }
    }
}

/// The first limit without room, as the request says what the counters showed.
pub(crate) fn exceeded(charges: &[Charge], request: &AccessRequest) -> Option<Exceeded> {
    charges.iter().find_map(|charge| {
        let rate = charge.rate?;
        let level = request.usage.full.iter().find(|level| level.key == charge.key)?;
        let fits = level.used.plus(charge.amount).is_some_and(|sum| sum <= rate.most);
        (!fits).then(|| Exceeded {
            meter: charge.meter.clone(),
            rate,
            of: charge.of.clone(),
            used: level.used,
            amount: charge.amount,
            room_at: level.room_at,
        })
    })
}

/// Cedar's type of a usage.
pub(crate) fn type_of(measure: &Measure) -> &'static str {
    match measure {
        Measure::Calls => "Long",
        Measure::Sum(_) => "decimal",
    }
}

fn typed(constructors: &Constructors, measure: &Measure, used: Amount) -> Result<Value, String> {
    match measure {
        Measure::Calls => Ok(value(used.units())),
        Measure::Sum(_) => constructors.decimal(&used.decimal()),
    }
}

/// What the call measures; `None` without the argument.
fn measured(measure: &Measure, request: &AccessRequest) -> Result<Option<Amount>, String> {
    let Measure::Sum(path) = measure else { return Ok(Some(Amount::ONE)) };
    let Some(arguments) = binding::arguments(&request.call) else { return Ok(None) };
    let mut names = path.split('.');
    let first = names.next().and_then(|name| arguments.member(name));
    match names.fold(first, |found, name| found?.member(name)) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(number)) => match Amount::of_number(*number) {
            Some(amount) => Ok(Some(amount)),
            None => Err(format!(
                "counts the {measure}, which is negative, too large, or has more than four digits after the point"
            )),
        },
        Some(other) => Err(format!("counts the {measure}, which is {} and no number", other.kind())),
    }
}

/// The counter of a request, and for whom it counts, in words.
fn counter(
    meter: &Meter,
    window: Window,
    measure: &Measure,
    parts: &[KeyPart],
    request: &AccessRequest,
    zone: &TimeZone,
) -> (CounterKey, String) {
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    for part in parts {
        let value = match part {
            KeyPart::Agent => Some(request.agent.name.to_string()),
            KeyPart::Instance => Some(request.instance.id.to_string()),
            KeyPart::Resource => request.resource.as_ref().map(ToString::to_string),
            KeyPart::Tool => {
                Some(format!("{}.{}", request.call.connector(), request.call.operation().name()))
            }
            KeyPart::User => request.instance.mandate.on_behalf_of.as_ref().map(ToString::to_string),
        };
        // Nobody acted for, or nothing acted on: such calls share a counter. No name is a `-`.
        values.insert(part.as_str(), value.unwrap_or_else(|| "-".to_owned()));
    }
    let key = values.iter().fold(Object::new(), |all, (part, value)| all.with(part, value.as_str()));
    // Calendars differ by zone; the time just before a call does not.
    let zone = (!matches!(window, Window::Sliding(_))).then(|| zone.iana_name().unwrap_or("UTC"));
    let counter = Object::new()
        .with("_type", "placet.dev/counter/v1")
        .with("key", key)
        .with("limit", meter.to_string())
        .with("measure", measure.to_string())
        .with("window", window.to_string())
        .with_some("zone", zone);
    let of: Vec<String> = values.iter().map(|(part, value)| format!("{part}={value}")).collect();
    (CounterKey(Digest::of(Json::Object(counter).canonical().as_bytes())), of.join(" "))
}

/// When a charge that is made now counts no more.
fn end(window: Window, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let calendar = || {
        let moment = jiff::Timestamp::from_microsecond(now.micros())?.to_zoned(zone.clone());
        match window {
            Window::Hour => {
                let begun =
                    moment.round(ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc))?;
                begun.checked_add(1.hour())
            }
            Window::Week => {
                let days = i64::from(moment.weekday().to_monday_zero_offset());
                midnight_after(&moment, 7 - days)
            }
            Window::Month => {
                let first = moment.date().first_of_month().checked_add(1.month())?;
                first.to_zoned(zone.clone())?.start_of_day()
            }
            Window::Day | Window::Sliding(_) => midnight_after(&moment, 1),
        }
    };
    if let Window::Sliding(length) = window {
        return Ok(now.after(length));
    }
    let end =
        calendar().map_err(|error: jiff::Error| format!("the window of a limit cannot be told: {error}"))?;
    match Timestamp::from_micros(end.timestamp().as_microsecond()) {
        end if end > now => Ok(end),
        _ => Err("the window of a limit has ended before it began".to_owned()),
    }
}

fn midnight_after(moment: &Zoned, days: i64) -> Result<Zoned, jiff::Error> {
    moment.date().checked_add(days.days())?.to_zoned(moment.time_zone().clone())?.start_of_day()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(window: &str, now: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        end(window.parse().unwrap(), now.parse().unwrap(), &zone).unwrap().to_string()
    }

    #[test]
    fn calendar_windows_end_where_the_calendar_of_the_zone_says() {
        // A Saturday evening; in Berlin it is 23:26.
        let now = "2026-11-21T22:26:40Z";
        for (window, zone, expected) in [
            ("hour", "UTC", "2026-11-21T23:00:00Z"),
            ("day", "UTC", "2026-11-22T00:00:00Z"),
            ("day", "Europe/Berlin", "2026-11-21T23:00:00Z"),
            ("week", "Europe/Berlin", "2026-11-22T23:00:00Z"),
            ("month", "Europe/Berlin", "2026-11-30T23:00:00Z"),
            ("day", "Pacific/Auckland", "2026-11-22T11:00:00Z"),
            ("hour", "Asia/Kolkata", "2026-11-21T22:30:00Z"),
            ("90m", "Europe/Berlin", "2026-11-21T23:56:40Z"),
        ] {
            assert_eq!(ends(window, now, zone), expected, "{window} {zone}");
        }
    }

    #[test]
    fn days_of_a_clock_change_are_shorter_and_longer() {
        assert_eq!(ends("day", "2026-03-29T10:00:00Z", "Europe/Berlin"), "2026-03-29T22:00:00Z");
        assert_eq!(ends("day", "2026-10-25T10:00:00Z", "Europe/Berlin"), "2026-10-25T23:00:00Z");
        // The hour that comes twice is two hours of counting.
        assert_eq!(ends("hour", "2026-10-25T00:30:00Z", "Europe/Berlin"), "2026-10-25T01:00:00Z");
        assert_eq!(ends("hour", "2026-10-25T01:30:00Z", "Europe/Berlin"), "2026-10-25T02:00:00Z");
        assert_eq!(ends("month", "2026-12-31T23:30:00Z", "UTC"), "2027-01-01T00:00:00Z");
    }
}
