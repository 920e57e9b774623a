//! The allocator, and when it gives memory back to the system.
//!
//! mimalloc lets memory rest for a second and then gives all of it back on the thread that next frees a page. After
//! policies were replaced that was some call, held up for five milliseconds. Given back at once, it is given back by
//! whoever has freed it: the thread that takes the old policies apart (`docs/decisions/0023-memory-goes-back-at-once.md`).

use std::{env, ffi::OsStr, io, os::unix::process::CommandExt as _, process::Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Milliseconds that free memory rests. The allocator reads it before `main` begins.
const REST: &str = "MIMALLOC_PURGE_DELAY";

/// Starts the program anew, in this process, with memory given back at once. Whatever the operator has set stays; where
/// the program may not start itself, it goes on as it is.
pub(crate) fn give_back_at_once() {
    if env::var_os(REST).is_some() {
        return;
    }
    // Only a failure returns.
    let error = again();
    tracing::debug!(%error, "the allocator keeps its own settings");
}

fn again() -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut arguments = env::args_os();
    let name = arguments.next();
    let mut command = Command::new(&program);
    command.arg0(name.as_deref().unwrap_or(OsStr::new("placet"))).args(arguments).env(REST, "0");
    command.exec()
}
