//! What an agent is registered to do and with: what its approvers agree to and calls are held against.
//! The written form, one for files, API and store, is [`Charter::to_json`]; what it does not know it refuses.

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    ConnectorName, DataClass, EnvironmentName, Json, Object, ParseNameError, PersonName, TaskName, Timestamp,
    ToolName, limits,
};

/// What an agent is registered to do and with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Charter {
    /// Who answers when the owner cannot.
    pub backup_owner: Option<PersonName>,
    /// Connectors and tools it needs. Calls outside of them are refused; empty leaves it to policy.
    pub wants: Vec<Want>,
    /// The data it handles.
    pub data: Vec<DataClass>,
    /// The language model it runs on, as its makers call it.
    pub model: Option<String>,
    /// Where it runs.
    pub environment: Option<EnvironmentName>,
    /// When it ends. It is retired then.
    pub until: Option<Timestamp>,
    /// Where to turn when it misbehaves: a channel, an address, a number.
    pub contact: Option<String>,
    /// The kinds of task it can be started for.
    pub tasks: Vec<TaskKind>,
    /// How long a certification holds, in whole days; the deployment's period if absent.
    pub certify_every: Option<Duration>,
}

/// A connector, or one tool of it, that an agent needs. Written `crm` or `crm.get_deal`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Want {
    /// The connector.
    pub connector: ConnectorName,
    /// The tool, or an MCP method such as `resources/read`; all of the connector if absent.
    pub tool: Option<ToolName>,
}

/// A kind of task: a narrow scope under a short name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskKind {
    /// Its name.
    pub name: TaskName,
    /// What an instance started for it is limited to, in the words of scopes.
    pub scope: Vec<String>,
    /// Mandate facts that must be given at the start.
    pub facts: Vec<String>,
    /// How long an instance of it may live.
    pub longest: Option<Duration>,
}

/// Why a charter was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct CharterError {
    key: String,
    message: String,
}

impl Want {
    /// Whether an operation of a connector is part of it.
    #[must_use]
    pub fn covers(&self, connector: &ConnectorName, operation: &str) -> bool {
        self.connector == *connector && self.tool.as_ref().is_none_or(|tool| tool.as_str() == operation)
    }

    /// Whether everything the other asks for is part of this.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self.connector == other.connector && (self.tool.is_none() || self.tool == other.tool)
    }
}

impl fmt::Display for Want {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tool {
            None => self.connector.fmt(formatter),
            Some(tool) => write!(formatter, "{}.{tool}", self.connector),
        }
    }
}

impl FromStr for Want {
    type Err = ParseNameError;

    /// The first dot ends the connector's name, so a connector with a dot in its name cannot be wanted.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            None => Ok(Self { connector: text.parse()?, tool: None }),
            Some((connector, tool)) => Ok(Self { connector: connector.parse()?, tool: Some(tool.parse()?) }),
        }
    }
}

impl Charter {
    /// What makes this charter allow more than another, or make it harder to see, in words; empty if nothing does.
    /// Whoever approved the other has not approved this.
    #[must_use]
    pub fn wider_than(&self, other: &Self) -> Vec<String> {
        let mut wider = Vec::new();
        match (self.wants.is_empty(), other.wants.is_empty()) {
            (true, false) => wider.push("it wants everything that policy permits".to_owned()),
            (false, false) => {
                let new = |want: &&Want| !other.wants.iter().any(|had| had.includes(want));
                wider.extend(self.wants.iter().filter(new).map(|want| format!("it also wants `{want}`")));
            }
            (_, true) => {}
        }
        let more = self.data.iter().filter(|class| !other.data.contains(class));
        wider.extend(more.map(|class| format!("it also handles `{class}` data")));
        if self.environment != other.environment && self.environment.is_some() {
            wider.push("it runs in another environment".to_owned());
        }
        match (self.until, other.until) {
            (None, Some(_)) => wider.push("it no longer ends".to_owned()),
            (Some(now), Some(then)) if now > then => wider.push(format!("it lasts until {now}")),
            _ => {}
        }
        let period = |charter: &Self| charter.certify_every.unwrap_or(limits::CERTIFY_EVERY);
        if period(self) > period(other) {
            wider.push("it is certified less often".to_owned());
        }
        wider
    }

    /// The written form. Absent members are left out.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let mut body = Object::new()
            .with_some("backup_owner", self.backup_owner.as_ref().map(|person| person.as_str()))
            .with_some("model", self.model.as_deref())
            .with_some("environment", self.environment.as_ref().map(|name| name.as_str()))
            .with_some("until", self.until.map(|until| until.to_string()))
            .with_some("contact", self.contact.as_deref())
            .with_some("certify_days", self.certify_every.map(days));
        if !self.wants.is_empty() {
            body.set("wants", self.wants.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        if !self.data.is_empty() {
            body.set("data", self.data.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        if !self.tasks.is_empty() {
            body.set("tasks", self.tasks.iter().map(TaskKind::to_json).collect::<Vec<_>>());
        }
        body
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// A member that is unknown, of another type, too long or senseless.
    pub fn from_json(body: &Object) -> Result<Self, CharterError> {
        let size = Json::Object(body.clone()).canonical().len();
        if size > limits::CHARTER_BYTES {
            let message = format!("it has {size} bytes, and at most {} fit", limits::CHARTER_BYTES);
            return Err(wrong("charter", message));
        }
        let mut reader = Reader(body.clone());
        let charter = Self {
            backup_owner: reader.noun("backup_owner")?,
            wants: reader.nouns("wants", limits::WANTS)?,
            data: reader.nouns("data", limits::WANTS)?,
            model: reader.text("model")?,
            environment: reader.noun("environment")?,
            until: reader.noun("until")?,
            contact: reader.text("contact")?,
            tasks: reader.tasks()?,
            certify_every: reader.period()?,
        };
        reader.end(KNOWN)?;
        Ok(charter)
    }
}

impl TaskKind {
    fn to_json(&self) -> Object {
        let longest = self.longest.map(|longest| i64::try_from(longest.as_secs()).unwrap_or(i64::MAX));
        Object::new()
            .with("name", self.name.as_str())
            .with("scope", self.scope.clone())
            .with("facts", self.facts.clone())
            .with_some("longest_seconds", longest)
    }

    fn from_json(body: &Json) -> Result<Self, CharterError> {
        let Json::Object(body) = body else { return Err(wrong("tasks", "each is an object with a `name`")) };
        let mut reader = Reader(body.clone());
        let longest = match reader.0.remove("longest_seconds") {
            None => None,
            Some(value) => match value.as_integer().and_then(|seconds| u64::try_from(seconds).ok()) {
                Some(seconds) if seconds > 0 => Some(Duration::from_secs(seconds)),
                _ => return Err(wrong("longest_seconds", "write a whole number of seconds")),
            },
        };
        let task = Self {
            name: reader.noun("name")?.ok_or_else(|| wrong("tasks", "a task kind has no `name`"))?,
            scope: reader.nouns("scope", limits::WANTS)?,
            facts: reader.nouns("facts", limits::WANTS)?,
            longest,
        };
        reader.end("`name`, `scope`, `facts`, `longest_seconds`")?;
        Ok(task)
    }
}

/// Members that have not been read yet.
struct Reader(Object);

impl Reader {
    fn text(&mut self, key: &str) -> Result<Option<String>, CharterError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Json::String(text)) if text.trim().is_empty() => Err(wrong(key, "it is empty")),
            Some(Json::String(text)) if text.chars().count() > limits::TEXT_CHARS => {
                Err(wrong(key, format!("it has more than {} characters", limits::TEXT_CHARS)))
            }
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(key, format!("it is {}, not a string", other.kind()))),
        }
    }

    fn noun<T: FromStr<Err: fmt::Display>>(&mut self, key: &str) -> Result<Option<T>, CharterError> {
        self.text(key)?.map(|text| text.parse().map_err(|error: T::Err| wrong(key, error))).transpose()
    }

    fn nouns<T: FromStr<Err: fmt::Display>>(
        &mut self,
        key: &str,
        most: usize,
    ) -> Result<Vec<T>, CharterError> {
        let elements = match self.0.remove(key) {
            None => return Ok(Vec::new()),
            Some(Json::Array(elements)) if elements.len() > most => {
                return Err(wrong(key, format!("it has more than {most} elements")));
            }
            Some(Json::Array(elements)) => elements,
            Some(other) => return Err(wrong(key, format!("it is {}, not a list", other.kind()))),
        };
        let read = |element: Json| {
            let text = element
                .as_str()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| wrong(key, format!("it holds {}, not a text", element.kind())))?;
            text.parse().map_err(|error: T::Err| wrong(key, error))
        };
        elements.into_iter().map(read).collect()
    }

    fn tasks(&mut self) -> Result<Vec<TaskKind>, CharterError> {
        let tasks: Vec<TaskKind> = match self.0.remove("tasks") {
            None => return Ok(Vec::new()),
            Some(Json::Array(tasks)) if tasks.len() <= limits::TASK_KINDS => {
                tasks.iter().map(TaskKind::from_json).collect::<Result<_, _>>()?
            }
            Some(_) => {
                return Err(wrong("tasks", format!("it is a list of at most {}", limits::TASK_KINDS)));
            }
        };
        for (place, task) in tasks.iter().enumerate() {
            if tasks.iter().skip(place + 1).any(|other| other.name == task.name) {
                return Err(wrong("tasks", format!("`{}` is there twice", task.name)));
            }
        }
        Ok(tasks)
    }

    fn period(&mut self) -> Result<Option<Duration>, CharterError> {
        let most = days(limits::CERTIFY_EVERY_MOST);
        match self.0.remove("certify_days") {
            None => Ok(None),
            Some(value) => match value.as_integer() {
                Some(number) if (1..=most).contains(&number) => {
                    Ok(Some(Duration::from_secs(number.unsigned_abs() * DAY)))
                }
                _ => Err(wrong("certify_days", format!("write a number of days from 1 to {most}"))),
            },
        }
    }

    fn end(self, known: &str) -> Result<(), CharterError> {
        match self.0.members().next() {
            None => Ok(()),
            Some((key, _)) => Err(wrong(key, format!("it is not known here; known are {known}"))),
        }
    }
}

fn wrong(key: &str, message: impl fmt::Display) -> CharterError {
    CharterError { key: key.to_owned(), message: message.to_string() }
}

fn days(period: Duration) -> i64 {
    i64::try_from(period.as_secs() / DAY).unwrap_or(i64::MAX)
}

const DAY: u64 = 24 * 60 * 60;
const KNOWN: &str =
    "`backup_owner`, `wants`, `data`, `model`, `environment`, `until`, `contact`, `tasks`, `certify_days`";

#[cfg(test)]
mod tests {
    use super::*;

    fn charter(text: &str) -> Result<Charter, CharterError> {
        Charter::from_json(Json::parse(text.as_bytes()).unwrap().as_object().unwrap())
    }

    #[test]
    fn a_charter_reads_back_as_it_was_written() {
        let whole = charter(
            r##"{"backup_owner":"bo","wants":["crm.get_deal","mail"],"data":["customer"],"model":"example-1",
                "environment":"production","until":"2027-01-31","contact":"#crm-agents","certify_days":30,
                "tasks":[{"name":"q4-feedback","scope":["crm.get_deal"],"facts":["quarter"],"longest_seconds":3600}]}"##,
        )
        .unwrap();
        assert_eq!(Charter::from_json(&whole.to_json()), Ok(whole));
        assert_eq!(charter("{}"), Ok(Charter::default()));
        assert!(Charter::default().to_json().is_empty());
    }

    #[test]
    fn what_a_charter_does_not_know_is_refused_by_name() {
        for (text, told) in [
            (r#"{"want":["crm"]}"#, "`want`: it is not known here"),
            (r#"{"wants":"crm"}"#, "`wants`: it is string, not a list"),
            (r#"{"wants":["a b"]}"#, "not a name of a connector"),
            (r#"{"wants":["crm."]}"#, "not a name of a tool"),
            (r#"{"until":"soon"}"#, "not a moment"),
            (r#"{"contact":" "}"#, "it is empty"),
            (r#"{"certify_days":0}"#, "from 1 to 366"),
            (r#"{"certify_days":1000}"#, "from 1 to 366"),
            (r#"{"tasks":[{"scope":[]}]}"#, "no `name`"),
            (r#"{"tasks":[{"name":"a"},{"name":"a"}]}"#, "`a` is there twice"),
            (r#"{"tasks":[{"name":"a","longest":1}]}"#, "`longest`: it is not known"),
            (r#"{"tasks":[{"name":"a","longest_seconds":0}]}"#, "whole number of seconds"),
        ] {
            let error = charter(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn a_charter_fits_into_a_receipt() {
        let wants = |count: usize| {
            Object::new().with("wants", vec!["crm.a_tool_with_a_long_name_of_forty_letters"; count])
        };
        assert!(Charter::from_json(&wants(150)).is_ok());
        assert!(Charter::from_json(&wants(200)).unwrap_err().to_string().contains("at most 8192 fit"));
        let many = Object::new().with("wants", vec!["a"; limits::WANTS + 1]);
        assert!(Charter::from_json(&many).unwrap_err().to_string().contains("more than 256"));
    }

    #[test]
    fn a_want_covers_its_tool_and_nothing_beside_it() {
        let (tool, whole): (Want, Want) = ("crm.get_deal".parse().unwrap(), "crm".parse().unwrap());
        let (crm, erp) = ("crm".parse().unwrap(), "erp".parse().unwrap());
        assert!(tool.covers(&crm, "get_deal") && whole.covers(&crm, "resources/read"));
        assert!(
            !tool.covers(&crm, "get_deals") && !tool.covers(&erp, "get_deal") && !whole.covers(&erp, "x")
        );
        assert!(whole.includes(&tool) && !tool.includes(&whole) && tool.includes(&tool));
        assert_eq!(tool.to_string(), "crm.get_deal");
    }

    #[test]
    fn only_what_allows_more_is_wider() {
        let some = charter(r#"{"wants":["crm"],"data":["internal"],"until":"2027-01-31"}"#).unwrap();
        for (other, how) in [
            (r#"{"wants":["crm.get_deal"],"data":["internal"],"until":"2027-01-31"}"#, ""),
            (r#"{"wants":["crm"],"until":"2026-12-31","contact":"x","model":"m"}"#, ""),
            (r#"{"until":"2027-01-31"}"#, "everything"),
            (r#"{"wants":["crm","mail.send"],"until":"2027-01-31"}"#, "also wants `mail.send`"),
            (r#"{"wants":["crm"],"data":["customer"],"until":"2027-01-31"}"#, "`customer` data"),
            (r#"{"wants":["crm"]}"#, "no longer ends"),
            (r#"{"wants":["crm"],"until":"2028-01-01"}"#, "lasts until"),
            (r#"{"wants":["crm"],"until":"2027-01-31","environment":"production"}"#, "another environment"),
            (r#"{"wants":["crm"],"until":"2027-01-31","certify_days":200}"#, "less often"),
        ] {
            let wider = charter(other).unwrap().wider_than(&some).join("; ");
            assert!(if how.is_empty() { wider.is_empty() } else { wider.contains(how) }, "{other}: {wider}");
        }
    }
}
