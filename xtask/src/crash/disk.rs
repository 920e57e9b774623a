//! Disks that fail: a full one (a small tmpfs, filled up) and one whose `fdatasync` fails (libfiu, preloaded).
//! Calls must be refused before they reach the tool, the probe must say so, and all goes on once the disk does.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use super::scene::{Binaries, Figures, Scene};
use crate::{failure::Failure, mcp, place::Place, process};

/// How soon a call must be refused.
const REFUSAL: Duration = Duration::from_secs(1);
/// How soon calls must run again.
const RESUME: Duration = Duration::from_secs(5);
/// How long the disk fails under load.
const FAILING: Duration = Duration::from_secs(3);
/// How long a command of the system may take.
const COMMAND: Duration = Duration::from_secs(10);
/// Where Debian's fiu-utils puts what is preloaded.
const PRELOAD: [&str; 2] = ["/usr/lib/fiu/fiu_run_preload.so", "/usr/lib/fiu/fiu_posix_preload.so"];
const FDATASYNC: &str = "posix/io/sync/fdatasync";
const EIO: u32 = 5;

/// The ledger's disk fills up and is emptied again.
pub(crate) fn full(binaries: &Binaries, folder: &Path) -> Result<Figures, Failure> {
    let ledger = folder.join(".placet/ledger");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&ledger)?;
    let mounted = Mounted::tmpfs(&ledger, folder)?;
    let mut scene = Scene::open(binaries, folder, &[])?;
    warm_up(&mut scene)?;
    let ballast = ledger.join("ballast");
    scene.crash_free(
        |_| {
            let mut file = fs::File::create(&ballast)?;
            // Until the disk says no.
            while file.write_all(&[1; 4096]).is_ok() {}
            Ok(())
        },
        |_| Ok(fs::remove_file(&ballast)?),
    )?;
    let figures = end(scene)?;
    drop(mounted);
    Ok(figures)
}

/// Every `fdatasync` of the process fails for a while.
pub(crate) fn failing(binaries: &Binaries, folder: &Path) -> Result<Figures, Failure> {
    if PRELOAD.iter().any(|library| !Path::new(library).exists()) {
        return Err(Failure::Unavailable("no libfiu; on Debian: apt-get install fiu-utils".to_owned()));
    }
    fs::create_dir_all(folder)?;
    let pipe = folder.join("fiu").display().to_string();
    let environment = [("LD_PRELOAD", PRELOAD.join(" ")), ("FIU_CTRL_FIFO", pipe.clone())];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut scene = Scene::open(binaries, folder, &environment)?;
    warm_up(&mut scene)?;
    let tell = |place: &mut Place, what: String| {
        let id = place.process().id().to_string();
        let told = process::finish(
            Command::new("fiu-ctrl").args(["-f", &pipe, "-c", &what, &id]),
            &folder.join("fiu.log"),
            COMMAND,
        )?;
        match told.code {
            Some(0) => Ok(()),
            _ => Err(Failure::Broke(format!("fiu-ctrl: {}{}", told.output, told.errors))),
        }
    };
    scene.crash_free(
        |place| tell(place, format!("enable name={FDATASYNC},failinfo={EIO}")),
        |place| tell(place, format!("disable name={FDATASYNC}")),
    )?;
    end(scene)
}

fn warm_up(scene: &mut Scene) -> Result<(), Failure> {
    scene.load(|_| sleep(Duration::from_millis(300)));
    match scene.refused().first() {
        None => Ok(()),
        Some(refused) => Err(Failure::Broke(format!("refused on a sound disk: {refused:?}"))),
    }
}

/// Load again, a kill, and a start that settles what the failing disk left open.
fn end(mut scene: Scene) -> Result<Figures, Failure> {
    scene.load(|place| {
        sleep(Duration::from_millis(200));
        place.process().kill();
    });
    scene.audit()?;
    scene.start(&[])?;
    scene.close()
}

impl Scene {
    /// Breaks the disk under load, mends it, and holds the gateway to what it has promised meanwhile.
    fn crash_free(
        &mut self,
        break_it: impl FnOnce(&mut Place) -> Result<(), Failure>,
        mend: impl FnOnce(&mut Place) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let probe = self.load(|place| {
            break_it(place)?;
            Ok::<_, Failure>(watch(place.address()))
        })?;
        if probe != Some(503) {
            self.violation(format!("/readyz was {probe:?} while the disk failed"));
        }
        let codes = |code: &str| self.refused().iter().filter(|refused| refused.code == code).count();
        let (refused, unknown) = (codes("PL-1401"), codes("PL-1502"));
        let slowest = self.refused().iter().map(|refused| refused.waited).max().unwrap_or_default();
        if refused == 0 || refused + unknown != self.refused().len() {
            let codes: Vec<_> = self.refused().iter().map(|refused| refused.code.clone()).collect();
            self.violation(format!("the failing disk was answered with {codes:?}"));
        }
        if slowest > REFUSAL {
            self.violation(format!("a refusal took {slowest:?}"));
        }
        mend(&mut self.place)?;
        let mended = Instant::now();
        while self.one()?.is_some() {
            if mended.elapsed() > RESUME {
                self.violation(format!("calls are still refused {RESUME:?} after the disk was mended"));
                break;
            }
            sleep(Duration::from_millis(50));
        }
        self.figures.notes.push(format!(
            "{refused} refused with PL-1401 and {unknown} with PL-1502, the slowest after {} ms; resumed after {} ms",
            slowest.as_millis(),
            mended.elapsed().as_millis()
        ));
        Ok(())
    }
}

/// Lets the disk fail for a while; what the probe says at the end of it.
fn watch(address: SocketAddr) -> Option<u16> {
    sleep(FAILING);
    mcp::status(address, "/readyz")
}

/// A small disk in memory; it goes with this value.
#[derive(Debug)]
struct Mounted {
    folder: PathBuf,
    sudo: bool,
}

impl Mounted {
    fn tmpfs(folder: &Path, beside: &Path) -> Result<Self, Failure> {
        let id = |what: &str| process::finish(Command::new("id").arg(what), &beside.join("id.log"), COMMAND);
        let (user, group) = (id("-u")?.output, id("-g")?.output);
        let options = format!("size=3m,mode=0700,uid={},gid={}", user.trim(), group.trim());
        for sudo in [false, true] {
            let mut command = as_root(sudo, "mount");
            command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder);
            let mounted = process::finish(&mut command, &beside.join("mount.log"), COMMAND);
            if mounted.is_ok_and(|done| done.code == Some(0)) {
                return Ok(Self { folder: folder.to_path_buf(), sudo });
            }
        }
        Err(Failure::Unavailable(
            "a tmpfs cannot be mounted here, neither directly nor with `sudo -n`".to_owned(),
        ))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _unmounted = as_root(self.sudo, "umount").arg("-l").arg(&self.folder).status();
    }
}

fn as_root(sudo: bool, program: &str) -> Command {
    if !sudo {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}
