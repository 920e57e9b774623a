//! The receipts in a ledger's files, read without the program that writes them: `spec/ledger.md`, section "Segments".
//! Signatures and roots are the verifier's business.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::failure::Failure;

/// What stands before the leaves of a frame.
const HEADER: usize = 20;
/// What stands at the start of a segment.
const MAGIC: u64 = 8;

/// The calls in a ledger, as far as it was read.
#[derive(Debug)]
pub(crate) struct Book {
    folder: PathBuf,
    /// Segment and offset to read on from.
    segment: u64,
    offset: u64,
    /// Ids of all receipts, by place in the ledger.
    pub(crate) ids: Vec<String>,
    /// Allowing decisions, by call.
    pub(crate) allowed: HashMap<String, Allowed>,
    /// Every decision under a policy revision, in the ledger's order.
    pub(crate) judged: Vec<Judged>,
    /// What was stopped, let go on and revoked, in the ledger's order.
    pub(crate) endings: Vec<Ending>,
    /// Outcomes, by call.
    pub(crate) outcomes: HashMap<String, Vec<String>>,
    /// How many allowing decisions there are for a rationale.
    pub(crate) rationales: HashMap<String, u64>,
    /// What calls have put on counters and taken off again, in the ledger's order.
    pub(crate) metered: Vec<Metered>,
    /// Where frames begin: first entry, segment, offset.
    pub(crate) frames: Vec<(u64, PathBuf, u64)>,
    /// The checkpoint of the last intact frame.
    pub(crate) checkpoint: Vec<u8>,
}

/// A decision that let a call run.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// `client.rationale`.
    pub(crate) rationale: String,
    /// Its place in the ledger.
    pub(crate) index: usize,
    /// Its members, for checks that ask for more.
    pub(crate) agent: String,
    pub(crate) instance: String,
}

/// A decision, by what its receipt says of policies.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) policy: String,
    pub(crate) verdict: String,
    pub(crate) reasons: Vec<String>,
    pub(crate) rationale: String,
}

impl Judged {
    fn of(receipt: &Value) -> Option<Self> {
        let text = |key: &str| receipt.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let reasons = receipt.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default();
        let client = receipt.get("client").and_then(|client| client.get("rationale"));
        Some(Self {
            policy: receipt.get("policy")?.as_str()?.to_owned(),
            verdict: text("verdict"),
            reasons: reasons.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
            rationale: client.and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }
}

/// A charge of a counter, or a refund.
#[derive(Debug)]
pub(crate) struct Metered {
    pub(crate) limit: String,
    /// For whom it counts.
    pub(crate) of: String,
    /// Ten-thousandths.
    amount: i64,
    /// The moment of the decision that charged it, microseconds.
    pub(crate) time: i64,
    pub(crate) until: i64,
    pub(crate) refund: bool,
}

impl Metered {
    /// What it adds.
    pub(crate) fn signed(&self) -> i64 {
        if self.refund { -self.amount } else { self.amount }
    }
}

/// A halt, a lift or a revocation.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) index: usize,
    pub(crate) change: String,
    pub(crate) about: Value,
}

impl Book {
    /// An unread book.
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            segment: 0,
            offset: MAGIC,
            ids: Vec::new(),
            allowed: HashMap::new(),
            judged: Vec::new(),
            endings: Vec::new(),
            outcomes: HashMap::new(),
            rationales: HashMap::new(),
            metered: Vec::new(),
            frames: Vec::new(),
            checkpoint: Vec::new(),
        }
    }

    /// Reads on to the last intact frame.
    pub(crate) fn read_on(&mut self) -> Result<(), Failure> {
        loop {
            let path = segment_path(&self.folder, self.segment);
            let bytes = fs::read(&path)?;
            while let Some(frame) = frame(&bytes, self.offset, self.ids.len() as u64) {
                self.frames.push((self.ids.len() as u64, path.clone(), self.offset));
                self.take(frame)?;
                self.offset += frame.len() as u64;
            }
            let next = self.ids.len() as u64;
            if next == self.segment || !segment_path(&self.folder, next).exists() {
                return Ok(());
            }
            (self.segment, self.offset) = (next, MAGIC);
        }
    }

    /// Calls that were let run and have no outcome.
    pub(crate) fn open(&self) -> Vec<&str> {
        self.allowed.keys().filter(|call| !self.outcomes.contains_key(*call)).map(String::as_str).collect()
    }

    fn take(&mut self, frame: &[u8]) -> Result<(), Failure> {
        let mut rest = frame.get(HEADER..).unwrap_or_default();
        for _ in 0..u32_at(frame, 16) {
            let (leaf, behind) = short(rest);
            self.leaf(&serde_json::from_slice(leaf)?);
            rest = behind;
        }
        self.checkpoint = short(rest).0.to_vec();
        Ok(())
    }

    fn leaf(&mut self, receipt: &Value) {
        let text = |key: &str| receipt.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.ids.push(text("id"));
        if text("kind") == "decision" {
            self.judged.extend(Judged::of(receipt));
        }
        self.meter(receipt);
        match (text("kind").as_str(), text("verdict").as_str()) {
            ("decision", "allow") if receipt.get("code").is_none() => {
                let client = receipt.get("client").and_then(|client| client.get("rationale"));
                let rationale = client.and_then(Value::as_str).unwrap_or_default().to_owned();
                *self.rationales.entry(rationale.clone()).or_default() += 1;
                let (index, agent, instance) = (self.ids.len() - 1, text("agent"), text("instance"));
                self.allowed.insert(text("call"), Allowed { rationale, index, agent, instance });
            }
            ("halt" | "revocation", _) => {
                let about = receipt.get("about").cloned().unwrap_or_default();
                self.endings.push(Ending { index: self.ids.len() - 1, change: text("change"), about });
            }
            ("outcome", _) => self.outcomes.entry(text("call")).or_default().push(text("outcome")),
            _ => {}
        }
    }
}

impl Book {
    fn meter(&mut self, receipt: &Value) {
        for (list, time, refund) in [("charges", "time_us", false), ("refunds", "charged_us", true)] {
            for charge in receipt.get(list).and_then(Value::as_array).into_iter().flatten() {
                let text = |key: &str| charge.get(key).and_then(Value::as_str).unwrap_or_default();
                let (whole, after) = text("amount").split_once('.').unwrap_or((text("amount"), "0"));
                let amount = format!("{whole}{after:0<4}").parse().unwrap_or_default();
                self.metered.push(Metered {
                    limit: text("limit").to_owned(),
                    of: text("of").to_owned(),
                    amount,
                    time: receipt.get(time).and_then(Value::as_i64).unwrap_or_default(),
                    until: charge.get("until_us").and_then(Value::as_i64).unwrap_or_default(),
                    refund,
                });
            }
        }
    }
}

fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.seg"))
}

/// The frame at an offset, if an intact one that begins with this entry is there.
fn frame(bytes: &[u8], offset: u64, first: u64) -> Option<&[u8]> {
    let rest = bytes.get(usize::try_from(offset).ok()?..)?;
    let length = u32_at(rest, 0) as usize + 8;
    let frame = rest.get(..length).filter(|_| length > HEADER)?;
    let behind = [frame.get(..4)?, frame.get(8..)?].concat();
    let begins = u64::from_le_bytes(frame.get(8..16)?.try_into().ok()?);
    (u32_at(frame, 4) == crc32c(&behind) && begins == first).then_some(frame)
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let field = bytes.get(offset..offset + 4).and_then(|field| field.try_into().ok());
    field.map_or(0, u32::from_le_bytes)
}

/// A string behind its two-byte length, and what follows it.
fn short(bytes: &[u8]) -> (&[u8], &[u8]) {
    let split = bytes.split_first_chunk::<2>();
    let split =
        split.and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_le_bytes(*length))));
    split.unwrap_or_default()
}

fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut place = 0;
        while place < 256 {
            let (mut value, mut bit) = (place as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { (value >> 1) ^ 0x82f6_3b78 } else { value >> 1 };
                bit += 1;
            }
            #[expect(clippy::indexing_slicing, reason = "the compiler runs this, and the place is below 256")]
            {
                table[place] = value;
            }
            place += 1;
        }
        table
    };
    let step = |sum: u32, byte: &u8| {
        let place = usize::from((sum as u8) ^ byte);
        TABLE.get(place).copied().unwrap_or(0) ^ (sum >> 8)
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_flipped_bit_ends_the_reading() {
        let leaf = br#"{"kind":"outcome"}"#;
        let mut frame = [&[0; 8][..], &0_u64.to_le_bytes(), &1_u32.to_le_bytes()].concat();
        for part in [leaf.as_slice(), b"note"] {
            frame.extend((part.len() as u16).to_le_bytes());
            frame.extend(part);
        }
        let length = (frame.len() as u32 - 8).to_le_bytes();
        frame[..4].copy_from_slice(&length);
        let sum = crc32c(&[&frame[..4], &frame[8..]].concat()).to_le_bytes();
        frame[4..8].copy_from_slice(&sum);
        assert!(super::frame(&frame, 0, 0).is_some());
        assert!(super::frame(&frame, 0, 1).is_none(), "another entry was due");
        frame[25] ^= 1;
        assert!(super::frame(&frame, 0, 0).is_none());
    }
}
