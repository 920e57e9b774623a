//! People who are not at the machine: the first link, sessions, a command line that is let in, what a role allows.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use super::deployment::{placet, text};

/// `placet up` with a listener for people; `ana` runs it, and the tests.
struct House {
    folder: tempfile::TempDir,
    up: Child,
    /// Kept open: a reader that goes away would end what is written to it.
    _lines: BufReader<ChildStdout>,
    url: String,
    link: Option<String>,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

const CONFIG: &str = r#"
[gateway]
listen = "127.0.0.1:0"

[control]
listen = "127.0.0.1:0"

[roles]
admin = ["ops"]
viewer = ["staff"]

[[person]]
name = "ana"
groups = ["ops"]
os_uid = @UID@

[[person]]
name = "bo"
groups = ["staff"]
"#;

impl House {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
        fs::write(folder.path().join("placet.toml"), CONFIG.replace("@UID@", &uid.to_string())).unwrap();
        Self::up(folder)
    }

    fn up(folder: tempfile::TempDir) -> Self {
        let log = fs::File::options().create(true).append(true).open(folder.path().join("up.err")).unwrap();
        let mut up = placet(&["up", "--config"])
            .arg(folder.path().join("placet.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(up.stdout.take().unwrap());
        let mut next = || {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            line
        };
        let (first, second) = (next(), next());
        assert!(first.starts_with("listening on "), "{first}");
        let url = second.split_whitespace().last().unwrap_or_default().to_owned();
        // A link is on the line after, if there is one: the first start of a home says so in its log.
        let link = (!folder.path().join("known").exists()).then(|| {
            fs::write(folder.path().join("known"), "").unwrap();
            next().split_whitespace().last().unwrap().to_owned()
        });
        Self { folder, up, _lines: lines, url, link }
    }

    fn again(mut self) -> Self {
        self.up.kill().unwrap();
        self.up.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Self::up(folder)
    }

    /// A request; its status, its headers and body, its cookie.
    fn send(&self, request: &str, cookie: &str, body: &str) -> (u16, String) {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let mut head =
            format!("{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\norigin: {}\r\n", self.url);
        head.push_str(&format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            body.len()
        ));
        if !cookie.is_empty() {
            head.push_str(&format!("cookie: {cookie}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer.split_whitespace().nth(1).unwrap().parse().unwrap(), answer)
    }

    /// Sets a passphrase by a link; the session's cookie.
    fn set_passphrase(&self, link: &str) -> Option<String> {
        let secret = link.rsplit('/').next().unwrap();
        let body = format!("secret={secret}&passphrase=seven+green+bottles&again=seven+green+bottles");
        let (_, answer) = self.send("POST /setup", "", &body);
        let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "))?;
        Some(line.split(';').next().unwrap().to_owned())
    }

    fn operator(&self, arguments: &[&str]) -> Command {
        let mut command = placet(arguments);
        command.arg("--home").arg(self.folder.path().join(".placet")).current_dir(self.folder.path());
        command
    }

    fn far(&self, arguments: &[&str]) -> Command {
        let mut command = placet(arguments);
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config")).current_dir("/");
        command
    }

    fn token_file(&self) -> Option<std::path::PathBuf> {
        let folder = self.folder.path().join("config/placet/servers");
        fs::read_dir(folder).ok()?.next().map(|entry| entry.unwrap().path())
    }
}

/// Logs a command line in, with the browser of somebody who is signed in.
fn log_in(house: &House, cookie: &str) {
    let mut login = house.far(&["login", &house.url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(login.stdout.take().unwrap()).lines();
    let mut word = || lines.next().unwrap().unwrap().split_whitespace().last().unwrap().to_owned();
    let (page, code) = (word(), word());
    assert_eq!(page, format!("{}/device", house.url));
    let (status, _) = house.send("POST /device/answer", cookie, &format!("code={code}&answer=agree"));
    assert_eq!(status, 200);
    assert!(login.wait().unwrap().success());
}

#[test]
fn somebody_far_away_is_let_in_by_a_link_and_then_by_a_code() {
    let house = House::open();
    let link = house.link.clone().unwrap();
    assert!(link.starts_with(&format!("{}/setup/", house.url)), "{link}");
    let cookie = house.set_passphrase(&link).unwrap();
    assert!(house.set_passphrase(&link).is_none(), "used up");
    let (status, answer) = house.send("GET /v1/status", &cookie, "");
    assert!(status == 200 && answer.contains("\"you\":\"ana\""), "{answer}");

    let refused = house.far(&["status", "--server", &house.url]).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "nobody logged in yet");
    log_in(&house, &cookie);
    let file = house.token_file().unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let status = house.far(&["status", "--json", "--server", &house.url]).output().unwrap();
    let seen: Value =
        serde_json::from_slice(&status.stdout).unwrap_or_else(|_| panic!("{}", text(&status.stderr)));
    assert_eq!(seen["you"], "ana");

    // Another person, invited from afar, may read and no more.
    let invite = house.far(&["person", "invite", "bo", "--server", &house.url]).output().unwrap();
    let link = text(&invite.stdout).lines().next().unwrap().to_owned();
    let bo = house.set_passphrase(&link).unwrap();
    log_in(&house, &bo);
    let list = house.far(&["agent", "list"]).env("PLACET_SERVER", &house.url).output().unwrap();
    assert!(list.status.success(), "{}", text(&list.stderr));
    let register = ["agent", "register", "a", "--owner", "bo", "--purpose", "p", "--tier", "1"];
    let refused = house.far(&register).env("PLACET_SERVER", &house.url).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let people = house.operator(&["person", "list"]).output().unwrap();
    assert!(text(&people.stdout).contains("bo\tstaff\tviewer\tpassphrase"), "{}", text(&people.stdout));

    let logout = house.far(&["logout", &house.url]).output().unwrap();
    assert!(logout.status.success() && house.token_file().is_none(), "{}", text(&logout.stderr));
    no_secret_is_in(&house.folder.path().join("up.err"), &[&cookie, &bo, &link]);
}

fn no_secret_is_in(log: &Path, secrets: &[&str]) {
    let log = fs::read_to_string(log).unwrap();
    for secret in secrets {
        let secret = secret.rsplit(['/', '=']).next().unwrap();
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[test]
fn sessions_and_passphrases_outlive_a_restart_and_no_second_first_link_is_made() {
    let house = House::open();
    let cookie = house.set_passphrase(house.link.as_deref().unwrap()).unwrap();
    let house = house.again();
    // The port is another one; the session is the same.
    assert_eq!(house.send("GET /v1/status", &cookie, "").0, 200);
    let (status, _) = house.send("POST /sign-in", "", "person=ana&passphrase=seven+green+bottles&next=home");
    assert_eq!(status, 303);
    let database = fs::read(house.folder.path().join(".placet/placet.db")).unwrap();
    let wal = fs::read(house.folder.path().join(".placet/placet.db-wal")).unwrap_or_default();
    let secret = cookie.split('=').nth(1).unwrap().as_bytes();
    let kept = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(!kept(&database) && !kept(&wal), "kept as a digest");
}
