//! JUnit XML, as CI servers read it: one suite a file, one case a test.

use std::{fmt::Write as _, path::Path};

use crate::failure::Failure;

/// One test and what was wrong; nothing if it passed.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The file, as a suite.
    pub(crate) suite: String,
    /// The test.
    pub(crate) name: String,
    /// What was wrong, a line each.
    pub(crate) wrong: Vec<String>,
}

/// Writes a report.
pub(crate) fn write(path: &Path, outcomes: &[Outcome]) -> Result<(), Failure> {
    std::fs::write(path, report(outcomes))
        .map_err(Failure::of(format!("{} cannot be written", path.display())))
}

fn report(outcomes: &[Outcome]) -> String {
    let failed = |outcomes: &[&Outcome]| outcomes.iter().filter(|one| !one.wrong.is_empty()).count();
    let all: Vec<&Outcome> = outcomes.iter().collect();
    let mut suites: Vec<&str> = outcomes.iter().map(|one| one.suite.as_str()).collect();
    suites.dedup();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a text cannot fail.
    let _ = writeln!(text, "<testsuites tests=\"{}\" failures=\"{}\">", all.len(), failed(&all));
    for suite in suites {
        let cases: Vec<&Outcome> = outcomes.iter().filter(|one| one.suite == suite).collect();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">",
            escaped(suite),
            cases.len(),
            failed(&cases)
        );
        for case in cases {
            let head =
                format!("    <testcase classname=\"{}\" name=\"{}\"", escaped(suite), escaped(&case.name));
            match case.wrong.split_first() {
                None => drop(writeln!(text, "{head}/>")),
                Some((first, _)) => drop(writeln!(
                    text,
                    "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(first),
                    escaped(&case.wrong.join("\n"))
                )),
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Text and attribute values alike. XML 1.0 has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' => safe.push(character),
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                safe.push('\u{fffd}');
            }
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_has_its_reason_and_nothing_breaks_out_of_it() {
        let outcome = |name: &str, wrong: &[&str]| Outcome {
            suite: "a.toml".to_owned(),
            name: name.to_owned(),
            wrong: wrong.iter().map(ToString::to_string).collect(),
        };
        let text = report(&[outcome("fine", &[]), outcome("\"<x>\"\u{1}", &["expected `a` & got `b`"])]);
        assert!(text.contains("<testsuites tests=\"2\" failures=\"1\">"), "{text}");
        assert!(text.contains("name=\"fine\"/>"), "{text}");
        assert!(text.contains("name=\"&quot;&lt;x&gt;&quot;\u{fffd}\">"), "{text}");
        assert!(text.contains("expected `a` &amp; got `b`</failure>"), "{text}");
    }
}
