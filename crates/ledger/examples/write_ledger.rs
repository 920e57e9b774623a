//! Writes a ledger of several small segments to a real directory, for trying verifiers on:
//! `cargo run -p placet-ledger --example write_ledger -- DIR ENTRIES`. Prints the verifier key. The key is public
//! knowledge; no such ledger proves anything.

use std::io::Write as _;
use std::sync::{Arc, mpsc};
use std::{fs, io};

use placet_ledger::disk::RealDisk;
use placet_ledger::limits::MIN_SEGMENT_BYTES;
use placet_ledger::{Ledger, LedgerConfig, LogKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: write_ledger DIR ENTRIES")?;
    let entries: u64 = arguments.next().ok_or("usage: write_ledger DIR ENTRIES")?.parse()?;
    let key = LogKey::from_seed("placet.example/trial", &[0x17; 32])?;
    let config = LedgerConfig { segment_bytes: MIN_SEGMENT_BYTES, ..LedgerConfig::new(&dir, key.name()) };
    let opened = Ledger::open(config, key.clone(), Arc::new(RealDisk))?;
    let first = opened.recovery.entries;
    let (sender, receiver) = mpsc::channel();
    for number in first..first + entries {
        let leaf = format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(500 + number as usize % 100));
        let sender = sender.clone();
        opened.ledger.append(
            leaf.into_bytes(),
            Some([1; 32]),
            Box::new(move |fate| {
                // The receiver may be gone after an earlier failure.
                let _ = sender.send(fate);
            }),
        );
        // Every tenth is waited for, so that frames have different sizes.
        if number % 10 == 0 {
            receiver.recv()??;
        }
        if number == first + entries / 2 {
            fs::write(format!("{dir}/older.checkpoint"), opened.ledger.head().note())?;
        }
    }
    drop(sender);
    for fate in receiver {
        fate?;
    }
    let last = opened.ledger.head().size() - 1;
    fs::write(format!("{dir}/last.leaf"), opened.ledger.leaf(last)?)?;
    fs::write(format!("{dir}/last.tlog-proof"), opened.ledger.proof(last)?.to_text())?;
    opened.ledger.close();
    writeln!(io::stdout(), "{}", key.verifier())?;
    Ok(())
}
