//! `[risk]` of `placet.toml`: what weighs how much in `context.risk`. What the keys mean is in docs/policies/risk.md.

use std::{collections::BTreeMap, time::Duration};

use placet_domain::Risk;
use placet_policy::{DeclaredRisk, OffHours, RateRisk, RiskConfig};
use serde::Deserialize;

use super::file::{Wrong, wrong};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default)]
    groups: BTreeMap<String, u8>,
    #[serde(default)]
    declared: Vec<DeclaredEntry>,
    #[serde(default)]
    first_tool: u8,
    #[serde(default)]
    first_destination: u8,
    #[serde(default)]
    first_shape: u8,
    rate: Option<RateEntry>,
    off_hours: Option<OffHoursEntry>,
    memory_days: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredEntry {
    actions: Vec<String>,
    points: u8,
    because: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateEntry {
    points: u8,
    times: Option<u32>,
    at_least: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OffHoursEntry {
    points: u8,
    days: Option<Vec<String>>,
    from: String,
    until: String,
}

/// How many times the usual is out of the ordinary, if the file does not say.
const TIMES: u32 = 3;
/// Calls in an hour that are nothing to talk about, if the file does not say.
const AT_LEAST: u32 = 30;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// How many of them are working days, if the file does not say.
const WORKING_DAYS: u8 = 5;

pub(super) fn resolve(entry: Entry) -> Result<RiskConfig, Wrong> {
    let given = [
        ("first_tool", entry.first_tool),
        ("first_destination", entry.first_destination),
        ("first_shape", entry.first_shape),
        ("rate.points", entry.rate.as_ref().map_or(0, |rate| rate.points)),
        ("off_hours.points", entry.off_hours.as_ref().map_or(0, |off| off.points)),
    ];
    let declared = entry.declared.iter().map(|one| ("declared.points", one.points));
    let groups = entry.groups.values().map(|points| ("groups", *points));
    if let Some((key, _)) = given.into_iter().chain(declared).chain(groups).find(|(_, it)| *it > Risk::MOST) {
        return Err(wrong(format!("risk.{key}"), "points are 0 to 100"));
    }
    let memory = match entry.memory_days {
        None => placet_domain::limits::HABITS_LIFE,
        Some(days @ 1..=90) => Duration::from_secs(days * 86_400),
        Some(_) => return Err(wrong("risk.memory_days", "habits are remembered for 1 to 90 days")),
    };
    let declared = entry.declared.into_iter().map(|one| DeclaredRisk {
        actions: one.actions,
        points: one.points,
        because: one.because,
    });
    Ok(RiskConfig {
        groups: entry.groups,
        declared: declared.collect(),
        first_tool: entry.first_tool,
        first_destination: entry.first_destination,
        first_shape: entry.first_shape,
        rate: entry.rate.map(|rate| RateRisk {
            points: rate.points,
            times: rate.times.unwrap_or(TIMES),
            at_least: rate.at_least.unwrap_or(AT_LEAST),
        }),
        off_hours: entry.off_hours.map(off_hours).transpose()?,
        memory,
    })
}

fn off_hours(entry: OffHoursEntry) -> Result<OffHours, Wrong> {
    let number = |name: &String| {
        let place = DAYS.iter().position(|day| day == name);
        place.and_then(|place| u8::try_from(place + 1).ok()).ok_or_else(|| {
            wrong("risk.off_hours.days", format!("`{name}` is not a day; write `mon` to `sun`"))
        })
    };
    let days = match &entry.days {
        Some(names) => names.iter().map(number).collect::<Result<_, _>>()?,
        None => (1..=WORKING_DAYS).collect(),
    };
    let (from, until) = (minute("from", &entry.from)?, minute("until", &entry.until)?);
    if from >= until {
        return Err(wrong("risk.off_hours.until", "work ends after it begins, on the same day"));
    }
    Ok(OffHours { points: entry.points, days, from, until })
}

/// `08:00` to `24:00`.
fn minute(key: &str, text: &str) -> Result<u16, Wrong> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let read = |(hour, minute): (&str, &str)| {
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour <= 24 && minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
    };
    parts.and_then(read).ok_or_else(|| {
        wrong(format!("risk.off_hours.{key}"), format!("`{text}` is not a time of the day; write `08:00`"))
    })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, parse};

    fn read(text: &str) -> Result<Config, String> {
        parse(std::path::Path::new("/etc/placet/placet.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_weighs_how_much_is_read() {
        let text = "[risk]\nfirst_tool = 20\nmemory_days = 7\n[risk.groups]\nread = 5\n[risk.rate]\npoints = 25\n\
                    [risk.off_hours]\npoints = 15\nfrom = \"08:00\"\nuntil = \"18:30\"\n\
                    [[risk.declared]]\nactions = [\"crm\"]\npoints = 10\nbecause = \"it is the CRM\"\n";
        let risk = read(text).unwrap().policy.risk.unwrap();
        assert_eq!((risk.first_tool, risk.first_shape, risk.memory.as_secs()), (20, 0, 7 * 86_400));
        assert_eq!((risk.rate.as_ref().unwrap().times, risk.rate.unwrap().at_least), (3, 30));
        let off = risk.off_hours.unwrap();
        assert_eq!((off.days.len(), off.from, off.until), (5, 480, 1_110));
        assert_eq!(risk.declared.len(), 1);
        assert!(read("").unwrap().policy.risk.is_none());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let off = |rest: &str| format!("[risk.off_hours]\npoints = 1\n{rest}");
        for (text, key) in [
            ("[risk]\nfirst_tool = 101".to_owned(), "risk.first_tool"),
            ("[risk]\nmemory_days = 91".to_owned(), "risk.memory_days"),
            ("[risk]\nfirst_time = 1".to_owned(), "first_time"),
            ("[risk.groups]\nread = 200".to_owned(), "risk.groups"),
            (off("from = \"8:00\"\nuntil = \"18:00\""), "risk.off_hours.from"),
            (off("from = \"08:00\"\nuntil = \"24:01\""), "risk.off_hours.until"),
            (off("from = \"18:00\"\nuntil = \"08:00\""), "risk.off_hours.until"),
            (off("from = \"08:00\"\nuntil = \"18:00\"\ndays = [\"Monday\"]"), "risk.off_hours.days"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
