//! Refuses policy texts that could exhaust the stack of Cedar's parser, before it sees them. Its syntax trees are as
//! deep as the brackets nest and the operators of one policy chain, and they are walked and dropped recursively.

/// Largest policy file, bytes.
const FILE_BYTES: usize = 32 * 1024 * 1024;
/// Deepest nesting of brackets.
const NESTING: usize = 64;
/// Most operators in one policy.
const OPERATORS: usize = 1_000;

/// # Errors
/// The byte offset where a limit is passed, and which.
pub(crate) fn within_limits(text: &str) -> Result<(), (usize, String)> {
    if text.len() > FILE_BYTES {
        return Err((0, format!("the file is larger than {FILE_BYTES} bytes")));
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut bytes = text.bytes().enumerate().peekable();
    let mut previous = b' ';
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'"' => {
                while let Some((_, inside)) = bytes.next() {
                    match inside {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            b'/' if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                while bytes.next_if(|(_, inside)| *inside != b'\n' && *inside != b'\r').is_some() {}
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' => operators = 0,
            b'&' | b'|' | b'+' | b'-' | b'*' | b'.' | b'!' | b'@' => operators += 1,
            // `if`, and every word that ends so: that only counts too many.
            b'f' if previous == b'i' => operators += 1,
            _ => {}
        }
        previous = byte;
        if depth > NESTING {
            return Err((offset, format!("brackets are nested deeper than {NESTING} levels")));
        }
        // The two signs of `&&` and `||` count as one operator each, hence twice the limit.
        if operators > 2 * OPERATORS {
            return Err((offset, format!("one policy has more than {OPERATORS} operators")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_count_outside_texts_and_remarks_and_for_one_policy() {
        let dots = ".".repeat(3_000);
        assert!(within_limits(&dots).is_err());
        assert_eq!(within_limits(&format!("\"{dots}\\\"{dots}\" // {dots} \"\n")), Ok(()));
        assert!(within_limits(&format!("\"\\\\\"{dots}")).is_err());
        assert!(within_limits(&format!("// \"\n{dots}")).is_err());
        assert_eq!(within_limits(&"a.b.c.d;".repeat(3_000)), Ok(()));
        assert!(within_limits(&"(".repeat(65)).is_err());
        assert_eq!(within_limits(&"()".repeat(65)), Ok(()));
    }
}
