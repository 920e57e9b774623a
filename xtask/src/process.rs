//! Other programs: started on loopback with their output in a file, stopped when the value goes.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::failure::Failure;

/// How often a child is looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a child may take to stop when asked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// A program that runs until this value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) errors: String,
}

/// A port of loopback that nobody listens on at the moment.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Starts a program; both its streams go to `log`.
pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Running, Failure> {
    let file = File::create(log)?;
    let child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .map_err(|error| unstartable(command, &error))?;
    Ok(Running { child, log: log.to_path_buf() })
}

/// Runs a program to its end, at the latest until `deadline`. Its streams are kept at `log`.
pub(crate) fn finish(command: &mut Command, log: &Path, deadline: Duration) -> Result<Finished, Failure> {
    let errors = log.with_extension("err.log");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(log)?)
        .stderr(File::create(&errors)?)
        .spawn()
        .map_err(|error| unstartable(command, &error))?;
    let started = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait()? {
            break status.code();
        }
        if started.elapsed() > deadline {
            child.kill()?;
            child.wait()?;
            let program = command.get_program().to_string_lossy().into_owned();
            return Err(Failure::Broke(format!(
                "{program} did not end within {deadline:?}, see {}",
                log.display()
            )));
        }
        sleep(GLANCE);
    };
    Ok(Finished { code, output: text(log)?, errors: text(&errors)? })
}

impl Running {
    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something accepts connections at this address.
    pub(crate) fn wait_for(&mut self, address: SocketAddr, deadline: Duration) -> Result<(), Failure> {
        self.wait_until(deadline, || TcpStream::connect_timeout(&address, GLANCE).is_ok())
    }

    /// Waits until `ready` holds.
    pub(crate) fn wait_until(&mut self, deadline: Duration, ready: impl Fn() -> bool) -> Result<(), Failure> {
        let started = Instant::now();
        while !ready() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > deadline {
                let how = ended.map_or("is not ready".to_owned(), |status| format!("ended ({status})"));
                let log = self.log.display();
                return Err(Failure::Broke(format!("a program {how}; {log} says:\n{}", text(&self.log)?)));
            }
            sleep(GLANCE);
        }
        Ok(())
    }

    /// Kills the program where it stands (`SIGKILL`).
    pub(crate) fn kill(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }

    /// Waits for the program to end by itself; whether it did.
    pub(crate) fn ends_within(&mut self, deadline: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            sleep(GLANCE);
        }
        false
    }

    /// Asks the program to stop and waits for its end.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let asked = Instant::now();
        while asked.elapsed() < FAREWELL {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(GLANCE);
        }
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn unstartable(command: &Command, error: &std::io::Error) -> Failure {
    Failure::Broke(format!("`{}` cannot be started: {error}", command.get_program().to_string_lossy()))
}

fn text(path: &Path) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}
