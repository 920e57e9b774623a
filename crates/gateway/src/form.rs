//! `application/x-www-form-urlencoded`, read in exactly one way (WHATWG URL, RFC 6749 appendix B).

/// The parameters of a body, in order.
///
/// # Errors
/// Why it cannot be read: a malformed escape, or bytes that are not UTF-8.
pub(crate) fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let mut pairs = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if pairs.len() == PARAMETERS {
            return Err(format!("there are more than {PARAMETERS} parameters"));
        }
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("a `%` is not followed by two hexadecimal digits".to_owned());
                };
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "a parameter is not UTF-8".to_owned())
}

/// No real request has more.
const PARAMETERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_in_order() {
        let read = |body: &str| pairs(body.as_bytes());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a=b+c&d=%C3%A9%26&e"), Ok(vec![pair("a", "b c"), pair("d", "é&"), pair("e", "")]));
        assert_eq!(read("&&a==b&"), Ok(vec![pair("a", "=b")]));
        assert_eq!(read(""), Ok(vec![]));
        for body in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(read(body).is_err(), "{body}");
        }
        assert!(pairs(b"a=\xff").is_err());
        assert!(read(&"a=b&".repeat(65)).is_err());
    }
}
