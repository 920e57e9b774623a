//! A fuzzer without coverage, for machines that have no nightly compiler: `mutate TARGET SEEDS SECONDS`.
//! It replays every seed, then mutates them. A panic or more than a second for one input fails; the input is kept.

use std::{
    env, fs, io,
    panic::catch_unwind,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

/// The longest that one input may take.
const HANG: Duration = Duration::from_secs(1);
/// The longest input.
const LONGEST: usize = 64 * 1024;
/// What parsers stumble over.
const SPICE: [&[u8]; 16] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"1e308",
    b"9007199254740993",
    b"\r\n",
    b"data:",
    b"\n\n",
    b"\xff\xff\xff\xff",
];

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, seeds, seconds] = arguments.as_slice() else {
        eprintln!("usage: mutate TARGET SEEDS SECONDS");
        return Ok(ExitCode::from(2));
    };
    let Some((_, run)) = placet_fuzz::TARGETS.iter().find(|(name, _)| name == target) else {
        eprintln!("there is no target `{target}`");
        return Ok(ExitCode::from(2));
    };
    let mut seeds = read(Path::new(seeds))?;
    let until = Instant::now() + Duration::from_secs(seconds.parse().unwrap_or(10));
    let (mut dice, mut runs) = (Dice(0x9e37_79b9_7f4a_7c15), 0_u64);
    let queue = seeds.clone();
    for seed in &queue {
        if !survives(*run, seed, target)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    seeds.push(Vec::new());
    while Instant::now() < until {
        let mut input = seeds[dice.below(seeds.len())].clone();
        for _ in 0..=dice.below(8) {
            mutate(&mut input, &seeds, &mut dice);
        }
        input.truncate(LONGEST);
        runs += 1;
        if !survives(*run, &input, target)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    println!("{target}: {} seeds, {runs} mutations", queue.len());
    Ok(ExitCode::SUCCESS)
}

fn read(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    files.into_iter().map(fs::read).collect()
}

fn survives(run: fn(&[u8]), input: &[u8], target: &str) -> io::Result<bool> {
    let started = Instant::now();
    let sound = catch_unwind(|| run(input)).is_ok();
    let elapsed = started.elapsed();
    if sound && elapsed <= HANG {
        return Ok(true);
    }
    let kept = format!("{target}-failed-{}", std::process::id());
    fs::write(&kept, input)?;
    println!(
        "{target}: {} after {elapsed:?}, the input is in {kept}",
        if sound { "hung" } else { "panicked" }
    );
    Ok(false)
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    match dice.below(7) {
        0 if at < input.len() => input[at] ^= 1 << dice.below(8),
        1 if at < input.len() => input[at] = dice.below(256) as u8,
        2 => {
            let spice = SPICE[dice.below(SPICE.len())];
            input.splice(at..at, spice.iter().copied());
        }
        3 => {
            let end = (at + dice.below(16)).min(input.len());
            input.drain(at..end);
        }
        4 => {
            let end = (at + dice.below(64)).min(input.len());
            let copied = input[at..end].to_vec();
            let to = dice.below(input.len() + 1);
            input.splice(to..to, copied);
        }
        5 => {
            let other = &seeds[dice.below(seeds.len())];
            let from = dice.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            // Depth and length: one byte many times.
            let byte = input.get(at).copied().unwrap_or(b'[');
            input.splice(at..at, std::iter::repeat_n(byte, dice.below(512)));
        }
    }
}

/// A xorshift generator: the same run every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}
