//! What was known besides the call itself: labels, history and provenance of its run, counters, opinions of others. There
//! is no value of an argument in it, so all of it is kept.

use std::{sync::Arc, time::Duration};

use placet_domain::{
    AccessRequest, Charge, CounterKey, Flow, Giver, Grant, GrantState, Json, Level, Meter, Object, Observed,
    Operation, Opinion, OpinionVerdict, Source, Timestamp, Usage,
};

use super::{ReplayError, integer, member, parsed, text};

/// The grants for a time that cover the call: until when.
pub(super) fn granted(request: &AccessRequest) -> Option<Vec<Object>> {
    let (call, resource) = (&request.call, request.resource.as_ref());
    let covers = |grant: &&Arc<Grant>| {
        grant.agent == request.agent.name
            && grant.covers(request.instance.id, call.connector(), call.operation(), resource, request.now)
    };
    let kept = |grant: &Arc<Grant>| {
        Object::new().with("id", grant.id.to_string()).with("expires", grant.expires.micros())
    };
    let kept: Vec<Object> = request.granted.iter().filter(covers).map(kept).collect();
    (!kept.is_empty()).then_some(kept)
}

/// They cover this call again; what else they permitted, and why they were given, is not kept.
pub(super) fn read_granted(kept: &Json, request: &AccessRequest) -> Result<Vec<Arc<Grant>>, ReplayError> {
    let Operation::Tool(tool) = request.call.operation() else { return Ok(Vec::new()) };
    let grant = |grant: &Json| {
        let expires = Timestamp::from_micros(integer(grant, "expires")?);
        Ok(Arc::new(Grant {
            id: parsed(text(grant, "id")?)?,
            agent: request.agent.name.clone(),
            instance: Some(request.instance.id),
            connector: request.call.connector().clone(),
            tools: vec![tool.clone()],
            resource: request.resource.clone(),
            lasts: Duration::ZERO,
            justification: String::new(),
            asked_by: None,
            on_behalf_of: None,
            started_by: None,
            asked: request.now,
            expires,
            state: GrantState::Given(Giver::Policy(parsed("kept")?, request.now)),
            recorded: true,
        }))
    };
    kept.member("granted").and_then(Json::as_array).unwrap_or_default().iter().map(grant).collect()
}

/// What a run had done and read.
pub(super) fn flow(flow: &Flow) -> Object {
    let labels = flow.labels.as_ref().map(|all| all.iter().map(|one| one.as_str()).collect::<Vec<_>>());
    let history = flow.history.as_ref().map(|counts| {
        counts.iter().fold(Object::new(), |all, (name, count)| all.with(name.as_str(), *count))
    });
    let provenance = flow.provenance.as_ref().map(|provenance| {
        Source::ALL.into_iter().fold(Object::new(), |all, source| {
            all.with(source.as_str(), provenance.paths(source).collect::<Vec<_>>())
        })
    });
    Object::new()
        .with_some("labels", labels)
        .with_some("history", history)
        .with_some("provenance", provenance)
}

pub(super) fn read_flow(kept: &Json) -> Result<Flow, ReplayError> {
    Ok(Flow::of_json(member(kept, "flow")?))
}

/// What was observed for the risk.
pub(super) fn observed(observed: &Observed) -> Option<Object> {
    Some(observed.to_json()).filter(|observed| !observed.is_empty())
}

pub(super) fn read_observed(kept: &Json) -> Result<Observed, ReplayError> {
    let Some(observed) = kept.member("observed") else { return Ok(Observed::default()) };
    Observed::of_json(observed)
        .ok_or_else(|| ReplayError::Unreadable("what was observed is of another form".to_owned()))
}

/// What the counters showed that were read, and those that had no room.
pub(super) fn usage(usage: &Usage) -> Object {
    let values = usage
        .values
        .iter()
        .fold(Object::new(), |all, (name, amount)| all.with(name.as_str(), amount.to_string()));
    let full = usage.full.iter().map(|level| {
        Object::new()
            .with("key", level.key.to_string())
            .with("used", level.used.to_string())
            .with_some("room_at", level.room_at.map(Timestamp::micros))
    });
    let inherited = usage.inherited.iter().map(|charge| {
        let (limit, name) = match &charge.meter {
            Meter::Limit(policy) => (1, policy.as_str()),
            Meter::Usage(name) => (0, name.as_str()),
        };
        Object::new()
            .with("limit", limit)
            .with("name", name)
            .with("key", charge.key.to_string())
            .with("of", charge.of.as_str())
            .with("amount", charge.amount.to_string())
            .with_some("rate", charge.rate.map(|rate| rate.to_string()))
            .with("until", charge.until.micros())
    });
    Object::new()
        .with("values", values)
        .with("full", full.map(Json::from).collect::<Vec<_>>())
        .with("inherited", inherited.map(Json::from).collect::<Vec<_>>())
}

pub(super) fn read_usage(kept: &Json) -> Result<Usage, ReplayError> {
    let usage = member(kept, "usage")?;
    let values = member(usage, "values")?.as_object().cloned().unwrap_or_default();
    let value =
        |(name, amount): (&str, &Json)| Ok((parsed(name)?, parsed(amount.as_str().unwrap_or_default())?));
    let values = values.members().map(value).collect::<Result<_, ReplayError>>()?;
    let level = |level: &Json| {
        Ok(Level {
            key: CounterKey(parsed(text(level, "key")?)?),
            used: parsed(text(level, "used")?)?,
            room_at: level.member("room_at").and_then(Json::as_integer).map(Timestamp::from_micros),
        })
    };
    let full = member(usage, "full")?.as_array().unwrap_or_default();
    let full = full.iter().map(level).collect::<Result<_, ReplayError>>()?;
    let charge = |charge: &Json| {
        let name = text(charge, "name")?;
        let is_limit = integer(charge, "limit")? == 1;
        Ok(Charge {
            meter: if is_limit { Meter::Limit(parsed(name)?) } else { Meter::Usage(parsed(name)?) },
            key: CounterKey(parsed(text(charge, "key")?)?),
            of: text(charge, "of")?.to_owned(),
            amount: parsed(text(charge, "amount")?)?,
            rate: charge.member("rate").and_then(Json::as_str).map(parsed).transpose()?,
            until: Timestamp::from_micros(integer(charge, "until")?),
        })
    };
    let inherited = member(usage, "inherited")?.as_array().unwrap_or_default();
    let inherited = inherited.iter().map(charge).collect::<Result<_, ReplayError>>()?;
    Ok(Usage { values, full, inherited })
}

/// What decision points of others said.
pub(super) fn opinions(opinions: &[Opinion]) -> Vec<Json> {
    let opinion = |opinion: &Opinion| {
        let (agrees, silent) = match &opinion.verdict {
            OpinionVerdict::Agrees => (1, None),
            OpinionVerdict::Objects => (0, None),
            OpinionVerdict::Silent(why) => (0, Some(why.as_str())),
        };
        Object::new()
            .with("of", opinion.of.as_str())
            .with("agrees", agrees)
            .with_some("silent", silent)
            .into()
    };
    opinions.iter().map(opinion).collect()
}

pub(super) fn read_opinions(kept: &Json) -> Result<Vec<Opinion>, ReplayError> {
    let opinion = |opinion: &Json| {
        let verdict = match (integer(opinion, "agrees")?, opinion.member("silent").and_then(Json::as_str)) {
            (_, Some(why)) => OpinionVerdict::Silent(why.to_owned()),
            (1, None) => OpinionVerdict::Agrees,
            (_, None) => OpinionVerdict::Objects,
        };
        Ok(Opinion { of: parsed(text(opinion, "of")?)?, verdict })
    };
    member(kept, "opinions")?.as_array().unwrap_or_default().iter().map(opinion).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use placet_domain::{Amount, Digest, FlowEffect, Provenance};

    use super::*;

    #[test]
    fn what_was_known_is_read_back_as_it_was() {
        let mut provenance = Provenance::default();
        provenance.put("to", Source::Untrusted);
        provenance.put("amount", Source::Mandate);
        let known = Flow {
            labels: Some(BTreeSet::from(["secret".parse().unwrap()])),
            history: Some(BTreeMap::from([("sent".parse().unwrap(), 3)])),
            provenance: Some(provenance),
            effect: FlowEffect::default(),
        };
        let counters = Usage {
            values: BTreeMap::from([("moved".parse().unwrap(), "99.95".parse().unwrap())]),
            full: vec![
                Level { key: CounterKey(Digest::of(b"one")), used: Amount::ONE, room_at: None },
                Level {
                    key: CounterKey(Digest::of(b"two")),
                    used: Amount::ZERO,
                    room_at: Some(Timestamp::from_micros(7)),
                },
            ],
            inherited: [Meter::Limit("changes".parse().unwrap()), Meter::Usage("moved".parse().unwrap())]
                .map(|meter| Charge {
                    rate: matches!(meter, Meter::Limit(_)).then(|| "20/1h".parse().unwrap()),
                    meter,
                    key: CounterKey(Digest::of(b"three")),
                    of: "agent=deal-bot".to_owned(),
                    amount: Amount::ONE,
                    until: Timestamp::from_micros(9),
                })
                .to_vec(),
        };
        let of = |name: &str, verdict| Opinion { of: name.parse().unwrap(), verdict };
        let said = vec![
            of("external:a", OpinionVerdict::Agrees),
            of("external:b", OpinionVerdict::Objects),
            of("external:c", OpinionVerdict::Silent("too late".to_owned())),
        ];
        for (known, counters, said) in
            [(known, counters, said), (Flow::default(), Usage::default(), Vec::new())]
        {
            let kept: Json = Object::new()
                .with("flow", flow(&known))
                .with("usage", usage(&counters))
                .with("opinions", opinions(&said))
                .into();
            let kept = Json::parse(kept.canonical().as_bytes()).unwrap();
            assert_eq!(read_flow(&kept).unwrap(), known);
            assert_eq!(read_usage(&kept).unwrap(), counters);
            assert_eq!(read_opinions(&kept).unwrap(), said);
        }
    }
}
