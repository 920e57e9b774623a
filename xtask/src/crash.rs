//! Crashes under load: the gateway is killed, aborts, or loses its disk while sixteen agents call the CRM. The CRM
//! lives on and has a log of its own, the agents keep what was acknowledged, and the ledger has to agree with both.

use std::{fs, time::Duration};

use crate::{dice::Dice, failure::Failure, options::Options, tree};

mod disk;
mod load;
mod scene;

use scene::{Binaries, Figures, Scene};

/// Kills of a full run.
const CYCLES: u64 = 200;
/// Aborts at each step of a full run.
const PASSES: u64 = 5;
/// Kills of one ledger; then a new one begins, so that verifying it every time stays short.
const CYCLES_OF_A_LEDGER: u64 = 40;
/// How long after the load began the gateway may be killed, milliseconds.
const KILL: (u64, u64) = (50, 400);
/// How long the load may take to reach a failpoint.
const REACHED: Duration = Duration::from_secs(20);
/// The steps at which the process can abort, and how often at most each is passed before.
const STEPS: [(&str, u64); 11] = [
    ("before-roll", 1),
    ("after-roll", 1),
    ("before-openings", 40),
    ("before-hashes", 40),
    ("before-write", 40),
    ("after-write", 40),
    ("after-sync", 40),
    ("before-release", 40),
    ("after-release", 40),
    ("before-forward", 40),
    ("after-forward", 40),
];

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let options = Options::read(options, &["--cycles", "--passes", "--seed"])?;
    let cycles = options.number("--cycles").unwrap_or(CYCLES);
    let passes = options.number("--passes").unwrap_or(PASSES);
    let seed = options.number("--seed").unwrap_or_else(Dice::fresh_seed);
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let folder = tree::fresh("crash")?;
    let binaries = Binaries::build(&folder)?;

    let mut figures = Figures::default();
    let mut left = cycles;
    while left > 0 {
        let here = left.min(CYCLES_OF_A_LEDGER);
        let folder = folder.join(format!("killed-{left}"));
        fs::create_dir_all(&folder)?;
        figures.add(&kill(Scene::open(&binaries, &folder, &[])?, here, &mut dice)?);
        left -= here;
    }
    println!("kill -9: {figures}");
    let folder_of_steps = folder.join("steps");
    fs::create_dir_all(&folder_of_steps)?;
    let steps = abort(Scene::open(&binaries, &folder_of_steps, &[])?, passes, &mut dice)?;
    println!("aborts, {passes} at each of {} steps: {steps}", STEPS.len());
    figures.add(&steps);
    for (what, tried) in [
        ("full disk", disk::full(&binaries, &folder.join("full"))),
        ("failing fdatasync", disk::failing(&binaries, &folder.join("failing"))),
    ] {
        match tried {
            Ok(tried) => {
                println!("{what}: {tried}");
                figures.add(&tried);
            }
            Err(Failure::Unavailable(why)) => println!("{what}: NOT RUN: {why}"),
            Err(other) => return Err(other),
        }
    }
    for violation in figures.violations.iter().take(20) {
        println!("VIOLATION {violation}");
    }
    println!("all: {figures}");
    match figures.violations.len() {
        0 => Ok(()),
        some => Err(Failure::Missed(format!("{some} violations"))),
    }
}

/// Kills the gateway at random moments.
fn kill(mut scene: Scene, cycles: u64, dice: &mut Dice) -> Result<Figures, Failure> {
    for _cycle in 0..cycles {
        scene.verify()?;
        let wait = Duration::from_millis(dice.within(KILL.0, KILL.1));
        scene.load(|place| {
            std::thread::sleep(wait);
            place.process().kill();
        });
        scene.audit()?;
        scene.start(&[])?;
    }
    scene.close()
}

/// Aborts the gateway at every step of the write path.
fn abort(mut scene: Scene, passes: u64, dice: &mut Dice) -> Result<Figures, Failure> {
    for (step, most) in (0..passes).flat_map(|_| STEPS) {
        scene.kill_idle()?;
        let failpoint = format!("{step}:{}", dice.within(0, most));
        // A step may already be passed while the start settles what the last crash left open.
        if scene.start(&[("PLACET_FAILPOINT", &failpoint)]).is_ok() {
            let reached = scene.load(|place| {
                let reached = place.process().ends_within(REACHED);
                place.process().kill();
                reached
            });
            if !reached {
                scene.violation(format!("the load never reached {failpoint}"));
            }
        }
        scene.audit()?;
        scene.start(&[])?;
        scene.verify()?;
    }
    scene.close()
}
