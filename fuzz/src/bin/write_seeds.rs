//! Writes the seeds that are not text, after a change of a format: `cargo run --bin write-seeds`.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (index, bytes) in placet_fuzz::made::proofs().iter().enumerate() {
        fs::write(seeds.join(format!("proof/sound-{index}")), bytes)?;
    }
    for (name, bytes) in placet_fuzz::made::segments() {
        fs::write(seeds.join("segment").join(name), bytes)?;
    }
    Ok(())
}
