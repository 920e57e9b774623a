//! What no call can do, shown by a solver: invariants, widenings of one policy set over another, rules that err or are
//! dead. Beside the data path, never on it: nothing that judges calls uses this crate (docs/decisions/0017).

mod counterexample;
mod invariant;
mod proof;
mod rules;
mod solver;
mod widening;

pub use counterexample::Counterexample;
pub use invariant::{Invariant, Never};
pub use proof::{Check, Proof, Subject, Verdict, prove};
pub use rules::Rules;
pub use solver::{NoSolver, ProveError, Solver};
pub use widening::{Widening, widenings};
