//! One way to lay a policy file out: Cedar's formatter, which proves that it changed nothing but the layout.

use cedar_policy_formatter::{Config, policies_str_to_pretty};

use crate::guard;

/// Characters of a line: the formatter's own default.
const WIDTH: usize = 80;

/// The text laid out.
///
/// # Errors
/// The text is not Cedar; in words, with the place where the parser tells one.
pub fn formatted(text: &str) -> Result<String, String> {
    guard::within_limits(text).map_err(|(_, message)| message)?;
    let laid_out =
        policies_str_to_pretty(text, &Config { line_width: WIDTH, indent_width: 2 }).map_err(|error| {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            causes.join(": ")
        })?;
    // A file of comments alone would begin with an empty line.
    let laid_out = laid_out.trim_start_matches('\n').to_owned();
    let spaced = with_paragraphs(text, &laid_out);
    Ok(if means_the_same(&spaced, &laid_out) { spaced } else { laid_out })
}

/// The formatter takes every empty line out of the comments. One after a comment ends a paragraph: it is put back.
fn with_paragraphs(written: &str, laid_out: &str) -> String {
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    let mut ends = Vec::new();
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        if is_comment(&line) {
            let is_last = lines.peek().is_none();
            ends.push(!is_last && lines.peek().is_some_and(|next| next.trim().is_empty()));
        }
    }
    if laid_out.lines().filter(is_comment).count() != ends.len() {
        return laid_out.to_owned();
    }
    let mut ends = ends.into_iter();
    let mut text = String::with_capacity(laid_out.len() + 16);
    let mut lines = laid_out.lines().peekable();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let ends_here = is_comment(&line) && ends.next() == Some(true);
        if ends_here && lines.peek().is_some_and(|next| !next.trim().is_empty()) {
            text.push('\n');
        }
    }
    text
}

/// Whether two texts are the same policies: a text of several lines might look like a comment.
fn means_the_same(left: &str, right: &str) -> bool {
    let read = |text: &str| -> Option<Vec<_>> {
        let set: cedar_policy::PolicySet = text.parse().ok()?;
        let mut policies: Vec<_> = set.policies().collect();
        policies.sort_by_key(|policy| policy.id().to_string());
        policies.into_iter().map(|policy| Some((policy.id().to_string(), policy.to_json().ok()?))).collect()
    };
    read(left).is_some_and(|left| Some(left) == read(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_laid_out_once_and_then_stays() {
        let text = "// why\n@id(\"a\") permit(principal,action,resource) when{context has user&&true};";
        let once = formatted(text).unwrap();
        assert!(once.starts_with("// why\n@id(\"a\")\npermit (principal, action, resource)\nwhen"), "{once}");
        assert_eq!(formatted(&once).unwrap(), once);
    }

    #[test]
    fn paragraphs_of_comments_stay_apart() {
        let text = "// A file.\n\n// ---- Grants ----\n\n// why\npermit (principal, action, resource)\nwhen { \"\n// x\n\n\" == \"\" };\n";
        let once = formatted(text).unwrap();
        assert!(
            once.starts_with("// A file.\n\n// ---- Grants ----\n\n// why\npermit (principal, action"),
            "{once}"
        );
        assert!(once.contains("\n// x\n\n\""), "{once}");
        assert_eq!(formatted(&once).unwrap(), once);
    }

    #[test]
    fn a_file_of_comments_alone_stays_as_it_is() {
        assert_eq!(formatted("// nothing yet\n").unwrap(), "// nothing yet\n");
        assert!(formatted("permit (").is_err());
    }
}
