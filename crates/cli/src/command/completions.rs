//! `placet completions`: for the shell's own completion.

use clap::Args;
use clap_complete::Shell;

use crate::{exit::Exit, print::out};

#[derive(Debug, Args)]
#[command(after_help = "Example: placet completions zsh > ~/.zfunc/_placet")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(completions: &Completions, mut program: clap::Command) -> Exit {
    // Into memory first: a reader that goes away early must not stop the generator half way.
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut program, "placet", &mut script);
    out(String::from_utf8_lossy(&script).trim_end());
    Exit::Ok
}
