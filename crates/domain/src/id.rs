//! One id type per kind, printed with a short prefix and parsed strictly.
//! The sixteen bytes are a UUIDv7 (RFC 9562); time and randomness are the caller's.

use std::{fmt, str::FromStr};

use crate::Timestamp;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form `{prefix}_` and 26 characters")]
pub struct ParseIdError {
    text: String,
    prefix: &'static str,
}

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(bytes: [u8; 16], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut number = u128::from_be_bytes(bytes);
    let mut text = [b'0'; 26];
    for letter in text.iter_mut().rev() {
        *letter = ALPHABET.get((number & 31) as usize).copied().unwrap_or(b'0');
        number >>= 5;
    }
    // The alphabet is ASCII.
    formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
}

fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 {
        return None;
    }
    let mut number: u128 = 0;
    for (place, letter) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|known| *known == letter)? as u128;
        // 26 letters hold 130 bits: the first may only carry three.
        if place == 0 && value > 7 {
            return None;
        }
        number = (number << 5) | value;
    }
    Some(number.to_be_bytes())
}

fn uuid_v7(now: Timestamp, random: [u8; 10]) -> [u8; 16] {
    let millis = (now.micros().max(0) as u64 / 1_000).to_be_bytes();
    let mut bytes = [0; 16];
    let (time, rest) = bytes.split_at_mut(6);
    time.copy_from_slice(millis.get(2..).unwrap_or(&[0; 6]));
    rest.copy_from_slice(&random);
    if let [version, _, variant, ..] = rest {
        *version = 0x70 | (*version & 0x0f);
        *variant = 0x80 | (*variant & 0x3f);
    }
    bytes
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Builds an id from the time and ten random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// When it was made, to the millisecond.
            #[must_use]
            pub fn time(self) -> Timestamp {
                let millis = (u128::from_be_bytes(self.0) >> 80) as i64;
                Timestamp::from_micros(millis.saturating_mul(1_000))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!($prefix, "_"))?;
                encode(self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or_else(|| ParseIdError { text: text.to_owned(), prefix: $prefix })
            }
        }
    };
}

id!(
    /// One question put to a person about one call.
    ApprovalId,
    "apr"
);
id!(
    /// One attempt of an agent to act.
    CallId,
    "cal"
);
id!(
    /// One way in which an agent may prove itself.
    CredentialId,
    "crd"
);
id!(
    /// One group in the company's directory.
    DirectoryGroupId,
    "grp"
);
id!(
    /// One key with which the company's directory is kept.
    DirectoryKeyId,
    "dir"
);
id!(
    /// One person in the company's directory.
    DirectoryUserId,
    "usr"
);
id!(
    /// One grant for a time.
    GrantId,
    "grt"
);
id!(
    /// One authenticated run of an agent.
    InstanceId,
    "ins"
);
id!(
    /// One receipt.
    ReceiptId,
    "rcp"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_printed() {
        let id = InstanceId::new(Timestamp::from_micros(1_795_300_000_000_000), [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("ins_"));
        assert_eq!(id.time(), Timestamp::from_micros(1_795_300_000_000_000));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = InstanceId::new(Timestamp::from_micros(0), [1; 10]);
        assert!(id.to_string().parse::<CallId>().is_err());
        assert!("ins_".parse::<InstanceId>().is_err());
        assert!("ins_zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<InstanceId>().is_err());
        assert!(id.to_string().to_uppercase().parse::<InstanceId>().is_err());
    }

    #[test]
    fn later_ids_sort_later() {
        let early = CallId::new(Timestamp::from_micros(1_000), [255; 10]);
        let late = CallId::new(Timestamp::from_micros(2_000), [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }
}
