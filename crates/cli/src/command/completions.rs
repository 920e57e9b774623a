//! `placet completions`: for the shell's own completion.

use clap::Args;
use clap_complete::Shell;

use crate::exit::Exit;

#[derive(Debug, Args)]
#[command(after_help = "Example: placet completions zsh > ~/.zfunc/_placet")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(completions: &Completions, mut program: clap::Command) -> Exit {
    clap_complete::generate(completions.shell, &mut program, "placet", &mut std::io::stdout());
    Exit::Ok
}
