//! The life of an agent as a document in a column. What cannot be read back whole is an error: a stage that was
//! misread would give or take rights.

use std::{error::Error, str::FromStr};

use placet_domain::{
    ApproverAnswer, Charter, Json, Life, Object, PersonName, Proposal, Stage, Terms, Timestamp,
};

use super::{
    document,
    row::{UnreadableRow, noun, object},
};

/// The text of a life.
pub(super) fn text(life: &Life) -> String {
    let ends = match life.stage {
        Stage::Countdown { ends, .. } => Some(ends.micros()),
        _ => None,
    };
    let document = Object::new()
        .with("stage", life.stage.as_str())
        .with_some("cause", life.stage.cause().map(|cause| cause.as_str()))
        .with_some("ends_us", ends)
        .with("since_us", life.since.micros())
        .with_some("by", life.by.as_ref().map(PersonName::as_str))
        .with("certified_us", life.certified.micros())
        .with_some("reminded", life.reminded.map(i64::from))
        .with("recorded", life.recorded)
        .with_some("proposal", life.proposal.as_ref().map(proposal));
    document::object_text(&document)
}

/// The life of a text that [`text`] wrote.
pub(super) fn read(text: &str) -> Result<Life, UnreadableRow> {
    let document = Document(object(COLUMN, text)?);
    let stage = document.text("stage")?;
    let cause = document.optional("cause")?;
    let ends = document.moment("ends_us")?;
    Ok(Life {
        stage: Stage::read(&stage, cause, ends).map_err(|cause| UnreadableRow::new(COLUMN, cause))?,
        since: document.moment("since_us")?.ok_or_else(|| absent("since_us"))?,
        by: document.optional("by")?,
        certified: document.moment("certified_us")?.ok_or_else(|| absent("certified_us"))?,
        reminded: document.integer("reminded")?.map(days).transpose()?,
        recorded: document.0.member("recorded").and_then(Json::as_bool).ok_or_else(|| absent("recorded"))?,
        proposal: document.0.member("proposal").map(read_proposal).transpose()?,
    })
}

fn proposal(proposal: &Proposal) -> Object {
    let chain: Vec<&str> = proposal.chain.iter().map(|group| group.as_str()).collect();
    let answers: Vec<Object> = proposal.answers.iter().map(answer).collect();
    Object::new()
        .with("by", proposal.by.as_str())
        .with("asked_us", proposal.asked.micros())
        .with("chain", chain)
        .with("answers", answers)
        .with_some("terms", proposal.terms.as_ref().map(terms))
}

fn answer(answer: &ApproverAnswer) -> Object {
    Object::new()
        .with("group", answer.group.as_str())
        .with("by", answer.by.as_str())
        .with("at_us", answer.at.micros())
        .with("rationale", answer.rationale.as_str())
}

fn terms(terms: &Terms) -> Object {
    let groups: Vec<&str> = terms.groups.iter().map(|group| group.as_str()).collect();
    Object::new()
        .with("purpose", terms.purpose.as_str())
        .with("tier", terms.tier.to_string())
        .with("groups", groups)
        .with("charter", terms.charter.to_json())
}

fn read_proposal(value: &Json) -> Result<Proposal, UnreadableRow> {
    let document = Document::of(value)?;
    let answers = document.0.member("answers").and_then(Json::as_array).ok_or_else(|| absent("answers"))?;
    Ok(Proposal {
        by: noun(COLUMN, &document.text("by")?)?,
        asked: document.moment("asked_us")?.ok_or_else(|| absent("asked_us"))?,
        chain: document.nouns("chain")?,
        answers: answers.iter().map(read_answer).collect::<Result<_, _>>()?,
        terms: document.0.member("terms").map(read_terms).transpose()?,
    })
}

fn read_answer(value: &Json) -> Result<ApproverAnswer, UnreadableRow> {
    let document = Document::of(value)?;
    Ok(ApproverAnswer {
        group: noun(COLUMN, &document.text("group")?)?,
        by: noun(COLUMN, &document.text("by")?)?,
        at: document.moment("at_us")?.ok_or_else(|| absent("at_us"))?,
        rationale: document.text("rationale")?,
    })
}

fn read_terms(value: &Json) -> Result<Terms, UnreadableRow> {
    let document = Document::of(value)?;
    let charter = document.0.member("charter").and_then(Json::as_object).ok_or_else(|| absent("charter"))?;
    Ok(Terms {
        purpose: document.text("purpose")?,
        tier: noun(COLUMN, &document.text("tier")?)?,
        groups: document.nouns("groups")?,
        charter: Charter::from_json(charter).map_err(|cause| UnreadableRow::new(COLUMN, cause))?,
    })
}

struct Document(Object);

impl Document {
    fn of(value: &Json) -> Result<Self, UnreadableRow> {
        let object = value.as_object().ok_or_else(|| UnreadableRow::new(COLUMN, "it is not an object"))?;
        Ok(Self(object.clone()))
    }

    fn text(&self, key: &'static str) -> Result<String, UnreadableRow> {
        self.0.member(key).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| absent(key))
    }

    fn optional<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, UnreadableRow> {
        match self.0.member(key) {
            None => Ok(None),
            Some(_) => noun(COLUMN, &self.text(key)?).map(Some),
        }
    }

    fn integer(&self, key: &'static str) -> Result<Option<i64>, UnreadableRow> {
        match self.0.member(key) {
            None => Ok(None),
            Some(value) => value.as_integer().map(Some).ok_or_else(|| absent(key)),
        }
    }

    fn moment(&self, key: &'static str) -> Result<Option<Timestamp>, UnreadableRow> {
        Ok(self.integer(key)?.map(Timestamp::from_micros))
    }

    fn nouns<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        key: &'static str,
    ) -> Result<Vec<T>, UnreadableRow> {
        let elements = self.0.member(key).and_then(Json::as_array).ok_or_else(|| absent(key))?;
        elements.iter().map(|element| noun(COLUMN, element.as_str().unwrap_or_default())).collect()
    }
}

fn days(days: i64) -> Result<u32, UnreadableRow> {
    u32::try_from(days).map_err(|cause| UnreadableRow::new(COLUMN, cause))
}

fn absent(key: &'static str) -> UnreadableRow {
    UnreadableRow::new(COLUMN, format!("`{key}` is missing or of another type"))
}

const COLUMN: &str = "life";

#[cfg(test)]
mod tests {
    use placet_domain::Cause;

    use super::*;

    #[test]
    fn a_life_reads_back_whole_or_not_at_all() {
        let at = Timestamp::from_micros(1_795_300_000_000_001);
        let proposal = Proposal {
            by: "ana".parse().unwrap(),
            asked: at,
            chain: vec!["security".parse().unwrap(), "lead".parse().unwrap()],
            answers: vec![ApproverAnswer {
                group: "lead".parse().unwrap(),
                by: "lea".parse().unwrap(),
                at,
                rationale: "seen \"it\"".to_owned(),
            }],
            terms: Some(Terms {
                purpose: "more".to_owned(),
                tier: placet_domain::Tier::Three,
                groups: vec!["crm".parse().unwrap()],
                charter: Charter { until: Some(Timestamp::from_micros(0)), ..Charter::default() },
            }),
        };
        let life = Life {
            stage: Stage::Countdown { cause: Cause::OwnerGone, ends: at },
            since: at,
            by: Some("ana".parse().unwrap()),
            certified: at,
            reminded: Some(14),
            recorded: false,
            proposal: Some(proposal),
        };
        assert_eq!(read(&text(&life)).unwrap(), life);
        for stage in [Stage::Proposed, Stage::Active, Stage::Restricted(Cause::CertificationMissed)] {
            let life = Life::begun(stage, at);
            assert_eq!(read(&text(&life)).unwrap(), life);
        }
        for broken in ["{}", r#"{"stage":"active"}"#, "null"] {
            assert!(read(broken).is_err(), "{broken}");
        }
        let active = text(&Life::begun(Stage::Active, at));
        for (from, to) in
            [("active", "alive"), ("\"recorded\":true", "\"recorded\":1"), ("since_us", "since")]
        {
            assert!(active.contains(from) && read(&active.replace(from, to)).is_err(), "{from}");
        }
    }
}
