//! What one run and all that it started have done and seen: they share it, because they can tell each other everything.
//! The run that nobody started names the family.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use placet_domain::{HistoryName, Json, Label, Mandate, Source, Timestamp, limits};
use placet_policy::{Counted, DirectoryPath, HistoryRule};

use super::{
    answer,
    marks::{Key, Marks},
    text,
};

/// A family's memory.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) labels: BTreeSet<Label>,
    history: BTreeMap<HistoryName, Counter>,
    pub(super) seen: Seen,
    /// When its last member has ended.
    pub(super) ends: Timestamp,
}

/// Calls of one history.
#[derive(Debug, Default)]
struct Counter {
    /// All of them.
    total: i64,
    /// When, for a history with a window: the newest.
    times: VecDeque<Timestamp>,
}

impl Family {
    pub(super) fn new(ends: Timestamp) -> Self {
        Self { labels: BTreeSet::new(), history: BTreeMap::new(), seen: Seen::default(), ends }
    }

    /// Counts a call, if this is what the history counts.
    pub(super) fn count(&mut self, name: &HistoryName, rule: &HistoryRule, what: Counted, at: Timestamp) {
        if rule.counts != what {
            return;
        }
        let counter = self.history.entry(name.clone()).or_default();
        counter.total = counter.total.saturating_add(1);
        if rule.within.is_some() {
            counter.times.push_back(at);
            if counter.times.len() > limits::HISTORY_CALLS {
                counter.times.pop_front();
            }
        }
    }

    /// How many calls a history counts at a moment.
    pub(super) fn counted(&self, name: &HistoryName, rule: &HistoryRule, now: Timestamp) -> i64 {
        let Some(counter) = self.history.get(name) else { return 0 };
        match rule.within {
            None => counter.total,
            Some(within) => {
                let recent = counter.times.iter().filter(|at| now.since(**at) < within).count();
                i64::try_from(recent).unwrap_or(i64::MAX)
            }
        }
    }
}

/// What a family has seen of the world.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The words of the mandate, in plain form; read once.
    mandate: Option<Vec<String>>,
    /// Values of directories, in plain form, by digest.
    directory: HashSet<u64>,
    trusted: Marks,
    /// What the agent itself has put into calls of trusted tools: an echo of it is not the tool's word.
    echoes: Marks,
    untrusted: Marks,
    /// Untrusted words were read that are not in memory: nothing can be told to be free of them.
    pub(super) blind: bool,
}

impl Seen {
    /// How many places are remembered.
    pub(super) fn len(&self) -> usize {
        self.trusted.len() + self.echoes.len() + self.untrusted.len() + self.directory.len()
    }

    /// Remembers an answer. One that cannot be read makes blind if it is not trusted; a trusted one is forgotten.
    pub(super) fn take(
        &mut self,
        key: Key,
        answer: Option<&Json>,
        trusted: bool,
        directory: &[DirectoryPath],
    ) {
        match answer {
            None => self.blind |= !trusted,
            Some(answer) if trusted => {
                let marks = &mut self.trusted;
                answer::texts(answer, &mut |text| marks.put_plain(key, &text::plain(text)));
            }
            Some(answer) => {
                let marks = &mut self.untrusted;
                answer::texts(answer, &mut |text| marks.put_loose(key, &text::plain(text)));
            }
        }
        if directory.is_empty() {
            return;
        }
        let Some(content) = answer.and_then(answer::content) else { return };
        for value in directory.iter().flat_map(|path| path.texts(&content)) {
            self.directory.extend(digests(key, &text::plain(value)));
        }
    }

    /// Remembers what the agent has put into a call of a trusted tool.
    pub(super) fn echo(&mut self, key: Key, value: &str) {
        self.echoes.put_loose(key, &text::plain(value));
    }

    /// Forgets all words and is blind from here on.
    pub(super) fn go_blind(&mut self) {
        *self = Self {
            mandate: self.mandate.take(),
            directory: std::mem::take(&mut self.directory),
            blind: true,
            ..Self::default()
        };
    }

    /// Reads the mandate, once.
    pub(super) fn read_mandate(&mut self, mandate: impl FnOnce() -> Option<Mandate>) {
        self.mandate.get_or_insert_with(|| mandate().map(|mandate| words(&mandate)).unwrap_or_default());
    }

    /// Where a value comes from, given in all its spellings. `None` if it says nothing.
    pub(super) fn source(&self, spellings: &[String], asking: &mut Asking<'_>) -> Option<Source> {
        let plain: Vec<String> = spellings.iter().map(|spelling| text::plain(spelling)).collect();
        let plain: Vec<&str> = plain.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
        let whole = self.strongest(plain.iter().copied(), asking)?;
        let [value] = plain.as_slice() else { return Some(whole) };
        if whole != Source::Unknown {
            return Some(whole);
        }
        // Put together by the agent: of what?
        let listed = addresses(value);
        if listed.len() > 1 {
            return listed.into_iter().map(|one| self.of_plain(one, asking)).max();
        }
        let tainted = pieces(value).any(|piece| self.of_plain(piece, asking) == Source::Untrusted);
        Some(if tainted { Source::Untrusted } else { Source::Unknown })
    }

    /// Of several spellings of one value.
    fn strongest<'v>(
        &self,
        values: impl Iterator<Item = &'v str>,
        asking: &mut Asking<'_>,
    ) -> Option<Source> {
        let sources: Vec<Source> = values.map(|value| self.of_plain(value, asking)).collect();
        let untrusted = sources.contains(&Source::Untrusted);
        sources
            .into_iter()
            .min()
            .map(|one| if one == Source::Unknown && untrusted { Source::Untrusted } else { one })
    }

    fn of_plain(&self, plain: &str, asking: &mut Asking<'_>) -> Source {
        if !asking.may_ask() {
            return Source::Untrusted;
        }
        let key = asking.key;
        let value = text::bare(plain);
        let joined = text::joined(value);
        let in_text = |said: &String| {
            text::stands_in(value, said)
                || joined.as_deref().is_some_and(|value| text::stands_grouped_in(value, said))
        };
        if self.mandate.as_ref().is_some_and(|texts| texts.iter().any(in_text)) {
            return Source::Mandate;
        }
        if digests(key, value).iter().any(|digest| self.directory.contains(digest) || asking.knows(*digest)) {
            return Source::Directory;
        }
        if self.trusted.has_plain(key, value) && !self.echoes.has_loose(key, value) {
            return Source::Trusted;
        }
        match self.blind || self.untrusted.has_loose(key, value) {
            true => Source::Untrusted,
            false => Source::Unknown,
        }
    }
}

/// One call's questions about its values. Looking up takes time, so their number is bounded.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    pub(super) key: Key,
    pub(super) everybody: &'a HashSet<u64>,
    pub(super) person: Option<&'a HashSet<u64>>,
    pub(super) left: usize,
}

impl Asking<'_> {
    fn may_ask(&mut self) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }

    fn knows(&self, digest: u64) -> bool {
        self.everybody.contains(&digest) || self.person.is_some_and(|known| known.contains(&digest))
    }
}

/// The digests under which a plain value is known: as it is, and without the groups of a number.
pub(super) fn digests(key: Key, plain: &str) -> Vec<u64> {
    let value = text::bare(plain);
    let joined = text::joined(value);
    [Some(value), joined.as_deref()]
        .into_iter()
        .flatten()
        .filter(|one| !one.is_empty())
        .map(|one| key.digest(one))
        .collect()
}

/// The parts of a text that can do something by themselves: addresses, links, names of hosts, accounts.
fn pieces(plain: &str) -> impl Iterator<Item = &str> {
    plain
        .split(|one: char| one.is_whitespace() || "\"'`“”‘’«»()[]{}<>,;|".contains(one))
        .map(text::bare)
        .filter(|one| {
            let digits = one.chars().filter(char::is_ascii_digit).count();
            let letters = one.chars().filter(|one| one.is_alphanumeric()).count();
            one.contains('@') || one.contains("://") || is_host(one) || (letters >= 6 && digits >= 2)
        })
}

fn is_host(piece: &str) -> bool {
    let mut labels = piece.split(['/', '?', ':']).next().unwrap_or_default().rsplit('.');
    let top = labels.next().unwrap_or_default();
    top.len() >= 2
        && top.chars().all(char::is_alphabetic)
        && labels.next().is_some_and(|label| !label.is_empty())
}

/// The addresses of a list in one text; fewer than two if it is no list.
fn addresses(plain: &str) -> Vec<&str> {
    let listed: Vec<&str> = plain.split([',', ';']).map(text::bare).filter(|one| !one.is_empty()).collect();
    if listed.iter().all(|one| one.contains('@')) { listed } else { Vec::new() }
}

/// Everything that a mandate says, in plain form.
fn words(mandate: &Mandate) -> Vec<String> {
    let mut texts = Vec::new();
    let person = mandate.on_behalf_of.as_ref().map(|person| person.as_str());
    for said in [mandate.task.as_deref(), mandate.ticket.as_deref(), mandate.purpose.as_deref(), person] {
        texts.extend(said.map(text::plain));
    }
    for (_, fact) in mandate.facts.members() {
        answer::texts(fact, &mut |said| texts.push(text::plain(said)));
    }
    texts
}

#[cfg(test)]
mod tests;
