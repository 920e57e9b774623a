//! How long a lookup takes among few and among many: what `cargo xtask bench-flat` runs. No test by itself: a measurement
//! with another program beside it says nothing.

use std::time::Instant;

/// How many there are of what is looked up.
pub(crate) const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Who looks: as many agents are at work, however many there are.
pub(crate) const CALLERS: usize = 1_000;
/// Lookups in one sample, which is what a clock can tell apart.
const TURNS: usize = 50;
const SAMPLES: usize = 2_000;
/// Rounds over all sizes: what disturbs one disturbs its neighbours as well.
const ROUNDS: usize = 9;

/// Prints `flat WHAT SIZE MEAN P99` for each size, nanoseconds for one lookup: the medians of all rounds.
/// `among` makes what looks up the n-th time.
pub(crate) fn tell<T: FnMut(usize)>(what: &str, among: impl FnMut(usize) -> T) {
    let mut lookups: Vec<T> = SIZES.into_iter().map(among).collect();
    let mut found = vec![(Vec::new(), Vec::new()); SIZES.len()];
    for _ in 0..ROUNDS {
        for (lookup, (means, tails)) in lookups.iter_mut().zip(&mut found) {
            let (mean, tail) = round(lookup);
            means.push(mean);
            tails.push(tail);
        }
    }
    for (size, (means, tails)) in SIZES.into_iter().zip(&mut found) {
        println!("flat {what} {size} {:.0} {:.0}", middle(means), middle(tails));
    }
}

fn round(lookup: &mut impl FnMut(usize)) -> (f64, f64) {
    let mut samples: Vec<f64> = (0..SAMPLES + SAMPLES / 10)
        .map(|sample| {
            let begun = Instant::now();
            (0..TURNS).for_each(|turn| lookup(sample * TURNS + turn));
            begun.elapsed().as_nanos() as f64 / TURNS as f64
        })
        .skip(SAMPLES / 10)
        .collect();
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    samples.sort_by(f64::total_cmp);
    (mean, samples[samples.len() * 99 / 100])
}

fn middle(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
