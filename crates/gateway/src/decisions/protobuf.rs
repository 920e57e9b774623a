//! The little of protocol buffers that Envoy's `Check` needs: fields of a message, in order, and writing them.
//! The rule is the encoding page of protobuf.dev; fields that are not known are skipped.

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A text, bytes or a message.
    Bytes(&'a [u8]),
    /// A number, a truth value or an enumeration.
    Number(u64),
}

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is not protocol buffers")]
pub(super) struct Malformed;

/// The fields of a message with their numbers. Fixed-width ones are left out.
pub(super) fn fields(mut rest: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let number = key >> 3;
        match key & 7 {
            0 => fields.push((number, Value::Number(varint(&mut rest)?))),
            1 => drop(take(&mut rest, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).map_err(|_| Malformed)?;
                fields.push((number, Value::Bytes(take(&mut rest, length)?)));
            }
            5 => drop(take(&mut rest, 4)?),
            _ => return Err(Malformed),
        }
    }
    Ok(fields)
}

/// The last message or text of this number, as the encoding has it.
pub(super) fn bytes<'a>(fields: &[(u64, Value<'a>)], number: u64) -> Option<&'a [u8]> {
    fields.iter().rev().find_map(|(of, value)| match value {
        Value::Bytes(bytes) if *of == number => Some(*bytes),
        Value::Bytes(_) | Value::Number(_) => None,
    })
}

/// A text of this number; empty if it is absent.
pub(super) fn text<'a>(fields: &[(u64, Value<'a>)], number: u64) -> Result<&'a str, Malformed> {
    std::str::from_utf8(bytes(fields, number).unwrap_or_default()).map_err(|_| Malformed)
}

/// The entries of a map of texts.
pub(super) fn map<'a>(
    fields: &[(u64, Value<'a>)],
    number: u64,
) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
    let mut entries = Vec::new();
    for (of, value) in fields {
        if let (Value::Bytes(entry), true) = (value, *of == number) {
            let entry = self::fields(entry)?;
            entries.push((text(&entry, 1)?, text(&entry, 2)?));
        }
    }
    Ok(entries)
}

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn bytes(mut self, number: u64, bytes: &[u8]) -> Self {
        self.put(number << 3 | 2);
        self.put(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn number(mut self, number: u64, value: u64) -> Self {
        self.put(number << 3);
        self.put(value);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn put(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap_or_default());
    }
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (first, after) = rest.split_first().ok_or(Malformed)?;
        *rest = after;
        value |= u64::from(first & 0x7f).checked_shl(7 * place).unwrap_or(0);
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, after) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_not() {
        let entry = Message::default().bytes(1, b"a").bytes(2, b"b").finish();
        let whole = Message::default().number(1, 300).bytes(2, b"text").bytes(3, &entry).finish();
        let read = fields(&whole).unwrap();
        assert_eq!(read.first(), Some(&(1, Value::Number(300))));
        assert_eq!((text(&read, 2), map(&read, 3)), (Ok("text"), Ok(vec![("a", "b")])));
        assert_eq!(text(&read, 9), Ok(""));
        for end in [1, 2, 4, 8, whole.len() - 1] {
            assert_eq!(fields(whole.get(..end).unwrap()), Err(Malformed), "{end}");
        }
        assert_eq!(fields(&[0x0b]), Err(Malformed));
        assert_eq!(
            fields(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(Malformed)
        );
        assert_eq!(text(&fields(&Message::default().bytes(1, b"\xff").finish()).unwrap(), 1), Err(Malformed));
    }
}
