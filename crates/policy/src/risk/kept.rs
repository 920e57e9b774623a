//! What a revision says of weights, written and read back.

use std::time::Duration;

use placet_domain::{Json, Object};

use super::{DeclaredRisk, OffHours, RateRisk, RiskConfig};

impl RiskConfig {
    /// What a revision names.
    pub(crate) fn canonical(&self) -> Object {
        let declared: Vec<Json> = self
            .declared
            .iter()
            .map(|rule| {
                Object::new()
                    .with("actions", rule.actions.clone())
                    .with("because", rule.because.as_str())
                    .with("points", i64::from(rule.points))
                    .into()
            })
            .collect();
        let groups = self
            .groups
            .iter()
            .fold(Object::new(), |all, (group, points)| all.with(group, i64::from(*points)));
        let rate = self.rate.as_ref().map(|rate| {
            Object::new()
                .with("at_least", i64::from(rate.at_least))
                .with("points", i64::from(rate.points))
                .with("times", i64::from(rate.times))
        });
        let off_hours = self.off_hours.as_ref().map(|off| {
            let days: Vec<Json> = off.days.iter().map(|day| i64::from(*day).into()).collect();
            Object::new()
                .with("days", days)
                .with("from", i64::from(off.from))
                .with("points", i64::from(off.points))
                .with("until", i64::from(off.until))
        });
        Object::new()
            .with("declared", declared)
            .with("first_destination", i64::from(self.first_destination))
            .with("first_shape", i64::from(self.first_shape))
            .with("first_tool", i64::from(self.first_tool))
            .with("groups", groups)
            .with("memory_s", i64::try_from(self.memory.as_secs()).unwrap_or(i64::MAX))
            .with_some("off_hours", off_hours)
            .with_some("rate", rate)
    }

    /// Reads the `risk` of a manifest. Whether it was read rightly shows when the manifest is made anew.
    pub(crate) fn of_manifest(risk: &Json) -> Result<Self, String> {
        let mut config = Self {
            first_destination: number(risk, "first_destination")?,
            first_shape: number(risk, "first_shape")?,
            first_tool: number(risk, "first_tool")?,
            memory: Duration::from_secs(number(risk, "memory_s")?),
            ..Self::default()
        };
        let groups = risk.member("groups").and_then(Json::as_object).ok_or("it has no `groups`")?;
        for (group, points) in groups.members() {
            config.groups.insert(group.to_owned(), of(points).ok_or("a group has no points")?);
        }
        for rule in risk.member("declared").and_then(Json::as_array).unwrap_or_default() {
            let actions = rule.member("actions").and_then(Json::as_array).unwrap_or_default();
            config.declared.push(DeclaredRisk {
                actions: actions.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
                because: rule.member("because").and_then(Json::as_str).unwrap_or_default().to_owned(),
                points: number(rule, "points")?,
            });
        }
        if let Some(rate) = risk.member("rate") {
            config.rate = Some(RateRisk {
                at_least: number(rate, "at_least")?,
                points: number(rate, "points")?,
                times: number(rate, "times")?,
            });
        }
        if let Some(off) = risk.member("off_hours") {
            let days = off.member("days").and_then(Json::as_array).unwrap_or_default();
            config.off_hours = Some(OffHours {
                days: days.iter().filter_map(of).collect(),
                from: number(off, "from")?,
                points: number(off, "points")?,
                until: number(off, "until")?,
            });
        }
        Ok(config)
    }
}

fn of<T: TryFrom<i64>>(json: &Json) -> Option<T> {
    T::try_from(json.as_integer()?).ok()
}

fn number<T: TryFrom<i64>>(json: &Json, key: &str) -> Result<T, String> {
    json.member(key).and_then(of).ok_or_else(|| format!("it has no number `{key}`"))
}
