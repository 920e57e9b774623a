//! cvc5 as a child process: found by the variable `CVC5` or on the `PATH`, never through a shell.

use std::path::PathBuf;

use cedar_policy_symcc::{CedarSymCompiler, Env, err, solver::LocalSolver};
use tokio::process::Command;

/// Where the solver is.
#[derive(Debug, Clone)]
pub struct Solver {
    program: PathBuf,
}

/// There is no solver, so that nothing can be proved. That is not the same as proved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing was proved: cvc5 is not here; install the package `cvc5`, or name the program in the variable `CVC5`"
)]
pub struct NoSolver;

/// Why nothing could be proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The policies or invariants are not accepted.
    #[error(transparent)]
    Load(#[from] placet_policy::LoadErrors),
    /// The solver does not start.
    #[error("the solver does not start: {0}")]
    Start(String),
}

impl Solver {
    /// Looks for it.
    ///
    /// # Errors
    /// It is not here.
    pub fn find(
        variable: Option<&std::ffi::OsStr>,
        path: Option<&std::ffi::OsStr>,
    ) -> Result<Self, NoSolver> {
        if let Some(named) = variable.filter(|named| !named.is_empty()) {
            let program = PathBuf::from(named);
            return if program.is_file() { Ok(Self { program }) } else { Err(NoSolver) };
        }
        let folders = path.map(std::env::split_paths).into_iter().flatten();
        let program = folders.map(|folder| folder.join("cvc5")).find(|program| program.is_file());
        program.map(|program| Self { program }).ok_or(NoSolver)
    }

    /// Starts one.
    ///
    /// # Errors
    /// The program does not start.
    pub(crate) fn start(&self) -> Result<Session, ProveError> {
        let started = |error: &dyn std::fmt::Display| ProveError::Start(error.to_string());
        let mut command = Command::new(&self.program);
        command.args(["--lang", "smt", TIME_LIMIT]).kill_on_drop(true);
        let solver = LocalSolver::from_command(&mut command).map_err(|error| started(&error))?;
        let compiler = CedarSymCompiler::new(solver).map_err(|error| started(&error))?;
        Ok(Session { compiler })
    }
}

/// A running solver.
pub(crate) struct Session {
    pub(crate) compiler: CedarSymCompiler<LocalSolver>,
}

/// What a question that looks for a counterexample came to.
pub(crate) enum Answer {
    /// There is none.
    None,
    /// There is one.
    Found(Box<Env>),
    /// The solver does not know.
    Unsure(String),
}

impl Answer {
    pub(crate) fn of(result: Result<Option<Env>, err::Error>) -> Self {
        match result {
            Ok(None) => Self::None,
            Ok(Some(found)) => Self::Found(Box::new(found)),
            Err(error) => Self::Unsure(error.to_string()),
        }
    }
}

/// For one question, milliseconds.
const TIME_LIMIT: &str = "--tlimit-per=30000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_solver_that_is_not_there_is_none() {
        assert_eq!(Solver::find(Some("/no/such/cvc5".as_ref()), None).unwrap_err(), NoSolver);
        assert_eq!(Solver::find(None, Some("/no/such/folder".as_ref())).unwrap_err(), NoSolver);
        assert_eq!(Solver::find(None, None).unwrap_err(), NoSolver);
    }
}
