//! What people and programs read. A terminal gets tables, a pipe plain lines, `--json` a stable schema.
//! Texts that agents and tools wrote are shown with every invisible character made visible.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use placet_domain::{Json, Object};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    json: bool,
    terminal: bool,
    color: bool,
}

/// What a word means, for those who see colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Attention,
    Bad,
}

impl Screen {
    /// The screen of this process: `NO_COLOR` and `TERM=dumb` are honoured.
    pub(crate) fn of_process(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { json, terminal, color: terminal && !set("NO_COLOR") && !dumb }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a value under its schema.
    pub(crate) fn json(self, value: &Json) {
        out(&pretty(value));
    }

    /// Prints rows: as a table with a head for people, as lines of tab-separated cells otherwise.
    /// The cells have been made visible.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) {
        out(self.rows(head, rows).trim_end());
    }

    fn rows(self, head: &[&str], rows: &[Vec<String>]) -> String {
        if !self.terminal {
            return rows.iter().map(|row| row.join("\t") + "\n").collect();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head.iter().map(|name| name.to_uppercase()));
        table.add_rows(rows.iter().map(|row| row.iter().map(|cell| shortened(cell))));
        table.trim_fmt()
    }

    /// A word in its colour.
    pub(crate) fn tone(self, word: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Attention => "33",
            Tone::Bad => "31",
        };
        if self.color { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }

    /// Prints named values, one a line; absent ones are left out.
    pub(crate) fn fields(self, fields: &[(&str, Option<String>)]) {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
        for (name, value) in fields {
            if let Some(value) = value {
                let value = value.replace('\n', &format!("\n{}", " ".repeat(width)));
                out(&format!("{name:width$}{value}"));
            }
        }
    }
}

/// Prints a line. A reader that has gone away is no reason to complain.
pub(crate) fn out(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Prints a line for people beside the result.
pub(crate) fn note(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// A member's text, made visible; empty if there is none.
pub(crate) fn text(value: &Json, key: &str) -> String {
    some_text(value, key).unwrap_or_default()
}

/// A member's text, made visible.
pub(crate) fn some_text(value: &Json, key: &str) -> Option<String> {
    match value.member(key)? {
        Json::Null => None,
        Json::String(text) => Some(visible(text)),
        other => Some(visible(&other.canonical())),
    }
}

/// The elements of a member.
pub(crate) fn list<'a>(value: &'a Json, key: &str) -> &'a [Json] {
    value.member(key).and_then(Json::as_array).unwrap_or_default()
}

/// The text with every character that shows nothing, moves the cursor or turns the direction spelled out.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if is_invisible(character) => shown.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            _ => shown.push(character),
        }
    }
    shown
}

/// The value as indented JSON, members sorted as they are sent, invisible characters as JSON escapes.
pub(crate) fn pretty(value: &Json) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn write(value: &Json, depth: usize, text: &mut String) {
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    match value {
        Json::Array(elements) if !elements.is_empty() => {
            for (place, element) in elements.iter().enumerate() {
                text.push_str(if place == 0 { "[" } else { "," });
                text.push_str(&line(depth + 1));
                write(element, depth + 1, text);
            }
            text.push_str(&line(depth));
            text.push(']');
        }
        Json::Object(object) if !object.is_empty() => {
            for (place, (key, value)) in sorted(object).into_iter().enumerate() {
                text.push_str(if place == 0 { "{" } else { "," });
                text.push_str(&line(depth + 1));
                text.push_str(&scalar(&Json::from(key)));
                text.push_str(": ");
                write(value, depth + 1, text);
            }
            text.push_str(&line(depth));
            text.push('}');
        }
        scalar_value => text.push_str(&scalar(scalar_value)),
    }
}

fn sorted(object: &Object) -> Vec<(&str, &Json)> {
    let mut members: Vec<(&str, &Json)> = object.members().collect();
    members.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    members
}

/// A scalar in canonical form, but for the escapes; an escaped character means the same in JSON.
fn scalar(value: &Json) -> String {
    let mut text = String::new();
    for character in value.canonical().chars() {
        if is_invisible(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// Controls, format and bidirectional characters, zero-width and filler characters, variation selectors, tags,
/// and what no font shows (Unicode 16: categories Cc, Cf, Zl, Zp, Co, and Default_Ignorable_Code_Point).
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2
            | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
            | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff)
        // Spaces that are not the space: they pass for it.
        || (character.is_whitespace() && character != ' ')
}

/// A cell of a table is one short line; the whole value is in `show` and `--json`.
fn shortened(cell: &str) -> String {
    const CHARACTERS: usize = 60;
    match cell.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", cell.get(..end).unwrap_or_default()),
        None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_hides_is_shown() {
        for (text, shown) in [
            ("pay \u{202e}0001$", "pay \\u{202e}0001$"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{1b}[2J\r\nline", "\\u{1b}[2J\\r\\nline"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("no\u{a0}break", "no\\u{a0}break"),
            ("Zürich 東京 👍", "Zürich 東京 👍"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn pretty_json_says_what_is_sent_and_reads_back_equal() {
        let value =
            Json::parse(br#"{"b":[1,{"x":"\u202e\u0000"}],"a":"\udb40\udc41 \"q\"","e":{},"n":1.50}"#);
        // U+0000 is refused by the parser; everything else comes back.
        assert!(value.is_err());
        let value =
            Json::parse(br#"{"b":[1,{"x":"\u202e\u001b"}],"a":"\udb40\udc41 \"q\"","e":{},"n":1.50}"#)
                .unwrap();
        let shown = pretty(&value);
        assert_eq!(
            shown,
            "{\n  \"a\": \"\\udb40\\udc41 \\\"q\\\"\",\n  \"b\": [\n    1,\n    {\n      \"x\": \"\\u202e\\u001b\"\n    }\n  ],\n  \"e\": {},\n  \"n\": 1.5\n}"
        );
        assert_eq!(Json::parse(shown.as_bytes()).unwrap(), value);
    }

    #[test]
    fn a_pipe_gets_tabs_and_no_head_and_a_terminal_a_table() {
        let rows = vec![vec!["a".to_owned(), "b c".to_owned()]];
        let screen = Screen { json: false, terminal: false, color: false };
        assert_eq!(screen.rows(&["one", "two"], &rows), "a\tb c\n");
        let table = Screen { terminal: true, ..screen }.rows(&["one", "two"], &rows);
        assert!(table.contains("ONE") && table.contains("b c"), "{table}");
        assert_eq!(screen.tone("ok", Tone::Good), "ok");
    }
}
