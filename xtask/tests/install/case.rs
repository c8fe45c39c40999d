//! One case of the matrix: a room of its own, a sealed PATH, an empty environment, a hard deadline; and what must be true
//! afterwards of the exit code, the words, the installed program, and of every other file in the room.

use crate::server::{Fault, Server, Shelf};
use crate::store::{self, Files};
use crate::tools::{self, Counted, Downloader, Hasher, SealedPath, System};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// No case takes a tenth of it; a case that does hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the prefix holds when the case is over.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    Nothing,
    /// This version of the system's platform, and a receipt.
    Version(&'static str),
    /// What the case itself put there, untouched.
    AsBefore,
    /// The newest version and its receipt, or neither: the case is about the rest.
    AllOrNothing,
}

type Step = Box<dyn Fn(&Room) + Send + Sync>;

pub struct Case {
    pub name: String,
    pub shell: &'static str,
    pub system: System,
    pub downloader: Downloader,
    pub hasher: Hasher,
    pub sealed: SealedPath,
    pub script: Script,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    unset: Vec<&'static str>,
    faults: Vec<(String, Fault)>,
    store: BTreeMap<String, Option<Vec<u8>>>,
    base: Option<String>,
    prefix: Option<String>,
    before: Vec<Step>,
    after: Vec<Step>,
    wrapper: Vec<String>,
    code: Code,
    out: Vec<String>,
    err: Vec<String>,
    mute: Vec<String>,
    installs: After,
    signal: Option<Signal>,
}

/// Which installer runs, and how the shell gets it.
#[derive(Clone, Debug)]
pub struct Script {
    pub keys: Keys,
    pub signed_since: &'static str,
    /// Only so many bytes of it.
    pub cut: Option<usize>,
    /// By `sh FILE` and not by a pipe.
    pub file: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keys {
    /// As in the repository.
    None,
    Release,
    /// In the middle of a rotation: the release key is the second.
    Both,
    Other,
}

/// What the shell's exit code must be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    Is(i32),
    /// For a syntax error every shell has a number of its own.
    NotZero,
    /// The signal was there in time, or it was not.
    ZeroOr(i32),
    /// The shell's end is not the question.
    Any,
}

impl Code {
    fn admits(self, code: i32) -> bool {
        match self {
            Code::Is(wanted) => code == wanted,
            Code::NotZero => code != 0,
            Code::ZeroOr(other) => code == 0 || code == other,
            Code::Any => true,
        }
    }
}

/// When a signal is sent.
#[derive(Clone, Copy, Debug)]
enum Signal {
    AtRequest(usize, &'static str),
    After(Duration),
    /// By the shim of this command, counted from one.
    AtCommand,
}

/// The ground of one table of cases, gone when the table is done.
pub struct Site {
    place: PathBuf,
    made: Mutex<BTreeMap<String, PathBuf>>,
    rooms: AtomicUsize,
}

impl Site {
    pub fn new() -> Site {
        Site {
            place: store::tempdir("site"),
            made: Mutex::default(),
            rooms: AtomicUsize::new(0),
        }
    }

    /// A directory that many cases read and none writes, made by whoever comes first.
    pub fn shared(&self, key: &str, make: impl FnOnce(&Path)) -> PathBuf {
        let mut made = self.made.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(place) = made.get(key) {
            return place.clone();
        }
        let place = self.place.join(format!("shared-{}", made.len()));
        fs::create_dir(&place).expect("the site is ours");
        make(&place);
        made.insert(key.to_string(), place.clone());
        place
    }

    fn room(&self) -> PathBuf {
        let number = self.rooms.fetch_add(1, Ordering::Relaxed);
        let place = self.place.join(format!("room-{number}"));
        fs::create_dir(&place).expect("the site is ours");
        place
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// Where a case happens.
pub struct Room {
    pub place: PathBuf,
    pub prefix: PathBuf,
    pub system: System,
}

impl Room {
    pub fn bin(&self) -> PathBuf {
        if self.prefix.ends_with("bin") {
            self.prefix.clone()
        } else {
            self.prefix.join("bin")
        }
    }

    pub fn dest(&self) -> PathBuf {
        self.bin().join("ballistics")
    }

    /// One file per call that a counting shim saw: the command and its number.
    pub fn counted(&self) -> PathBuf {
        self.place.join("counted")
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.place.join("err")).expect("the case has run")
    }

    /// Where the program and its receipt lie below the room, behind every symlink.
    fn targets(&self) -> (PathBuf, PathBuf) {
        [self.dest(), self.bin().join(".ballistics.receipt")]
            .map(|path| resolved(&path))
            .map(|path| match path.strip_prefix(&self.place) {
                Ok(below) => below.to_path_buf(),
                Err(_) => path,
            })
            .into()
    }

    /// Puts a version of the program into the prefix, as something other than the installer would.
    pub fn put(&self, version: &str) {
        fs::create_dir_all(self.bin()).expect("the room is writable");
        tools::program(&self.dest(), &store::program(version, self.system.platform));
    }
}

pub fn case(name: impl Into<String>) -> Case {
    Case {
        name: name.into(),
        shell: "dash",
        system: tools::system("linux-x86_64"),
        downloader: Downloader::Directory,
        hasher: Hasher::Sha256sum,
        sealed: SealedPath::default(),
        script: Script {
            keys: Keys::Release,
            signed_since: store::SIGNED_SINCE,
            cut: None,
            file: false,
        },
        args: vec![],
        env: vec![],
        unset: vec![],
        faults: vec![],
        store: BTreeMap::new(),
        base: None,
        prefix: None,
        before: vec![],
        after: vec![],
        wrapper: vec![],
        code: Code::Is(0),
        out: vec![],
        err: vec![],
        mute: vec![],
        installs: After::Version(store::NEWEST),
        signal: None,
    }
}

impl Case {
    pub fn shell(mut self, shell: &'static str) -> Case {
        self.shell = shell;
        self
    }
    pub fn system(mut self, system: System) -> Case {
        self.system = system;
        self
    }
    /// With the system that has it in its base.
    pub fn downloader(mut self, downloader: Downloader) -> Case {
        self.downloader = downloader;
        self.system = downloader.home();
        self
    }
    pub fn hasher(mut self, hasher: Hasher) -> Case {
        self.hasher = hasher;
        self
    }
    pub fn keys(mut self, keys: Keys) -> Case {
        self.script.keys = keys;
        self
    }
    pub fn signed_since(mut self, version: &'static str) -> Case {
        self.script.signed_since = version;
        self
    }
    pub fn read_from_file(mut self) -> Case {
        self.script.file = true;
        self
    }
    pub fn cut(mut self, bytes: usize) -> Case {
        self.script.cut = Some(bytes);
        self
    }
    pub fn args<const N: usize>(mut self, args: [&str; N]) -> Case {
        self.args.extend(args.map(str::to_string));
        self
    }
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Case {
        self.env.push((name, value.into()));
        self
    }
    pub fn unset(mut self, name: &'static str) -> Case {
        self.unset.push(name);
        self
    }
    pub fn with(mut self, name: &'static str, target: &'static str) -> Case {
        self.sealed.with.push((name, target));
        self
    }
    pub fn without(mut self, tool: &'static str) -> Case {
        self.sealed.without.push(tool);
        self
    }
    pub fn busybox(mut self) -> Case {
        self.sealed.busybox = true;
        self
    }
    /// A file of the store goes wrong.
    pub fn fault(mut self, file: impl Into<String>, fault: Fault) -> Case {
        self.faults.push((file.into(), fault));
        self
    }
    /// The store has other bytes, or none.
    pub fn stores(mut self, file: impl Into<String>, bytes: Option<&str>) -> Case {
        self.store
            .insert(file.into(), bytes.map(|bytes| bytes.as_bytes().to_vec()));
        self
    }
    /// Another BALLISTICS_BASE_URL than the store's. `{port}` and `{name}` are filled in.
    pub fn base(mut self, base: impl Into<String>) -> Case {
        self.base = Some(base.into());
        self
    }
    /// Another --prefix than `a prefix`, below the room; an absolute one goes as it is.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Case {
        self.prefix = Some(prefix.into());
        self
    }
    pub fn before(mut self, step: impl Fn(&Room) + Send + Sync + 'static) -> Case {
        self.before.push(Box::new(step));
        self
    }
    pub fn after(mut self, step: impl Fn(&Room) + Send + Sync + 'static) -> Case {
        self.after.push(Box::new(step));
        self
    }
    /// A command in front of the shell; `{room}` is filled in.
    pub fn wrapper<const N: usize>(mut self, words: [&str; N]) -> Case {
        self.wrapper.extend(words.map(str::to_string));
        self
    }
    pub fn terminate_at(self, at_request: usize) -> Case {
        self.signal_at(at_request, "-TERM")
    }
    pub fn signal_at(mut self, at_request: usize, signal: &'static str) -> Case {
        self.signal = Some(Signal::AtRequest(at_request, signal));
        self
    }
    /// Counts the commands that are not the shell's own, by their names.
    pub fn counting_commands(mut self) -> Case {
        self.sealed.counted = Some(Counted::All);
        self.env("COUNTED", "{room}/counted")
            .env("TERM_AT", "0")
            .before(|room| fs::create_dir(room.counted()).expect("the room is ours"))
    }
    /// The so-manieth call of this command sends TERM to the shell.
    pub fn terminate_at_command(mut self, command: &str, number: &str) -> Case {
        self.sealed.counted = Some(Counted::One(command.to_string()));
        self.signal = Some(Signal::AtCommand);
        self.env("COUNTED", "{room}/counted")
            .env("TERM_AT", number)
            .wrapper([
                "/bin/sh",
                "-c",
                "SHELL_PID=$$; export SHELL_PID; exec \"$@\"",
                "sh",
            ])
            .before(|room| fs::create_dir(room.counted()).expect("the room is ours"))
    }
    /// TERM at the so-manieth call of this system call by the shell itself.
    pub fn terminate_at_call(self, call: &str, number: usize) -> Case {
        let inject = format!("inject={call}:signal=SIGTERM:when={number}");
        self.wrapper([
            "/usr/bin/strace",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
            "-e",
            &inject,
        ])
    }
    pub fn terminate_after(mut self, milliseconds: u64) -> Case {
        self.signal = Some(Signal::After(Duration::from_millis(milliseconds)));
        self
    }
    /// It fails, and nothing has changed in the prefix.
    pub fn fails(mut self, code: i32, words: impl Into<String>) -> Case {
        self.code = Code::Is(code);
        self.err.push(words.into());
        self.installs = After::Nothing;
        self
    }
    /// It ends by TERM, and nothing has changed in the prefix.
    pub fn terminated(mut self) -> Case {
        self.code = Code::Is(143);
        self.installs = After::Nothing;
        self
    }
    /// The shell does not like the script, and nothing has changed in the prefix.
    pub fn refused(mut self) -> Case {
        self.code = Code::NotZero;
        self.installs = After::Nothing;
        self
    }
    /// It ends by TERM, or was quicker; no temporary file is left, and the program is there as a whole or not at all.
    pub fn terminated_or_done(mut self) -> Case {
        self.code = Code::ZeroOr(143);
        self.installs = After::AllOrNothing;
        self
    }
    /// It ends by TERM, before or after the program is there as a whole.
    pub fn terminated_anywhere(mut self) -> Case {
        self.code = Code::Is(143);
        self.installs = After::AllOrNothing;
        self
    }
    pub fn ends(mut self, code: i32) -> Case {
        self.code = Code::Is(code);
        self
    }
    /// However it ends, no temporary file is left.
    pub fn loosely(mut self) -> Case {
        self.code = Code::Any;
        self
    }
    pub fn says(mut self, words: impl Into<String>) -> Case {
        self.out.push(words.into());
        self
    }
    pub fn warns(mut self, words: impl Into<String>) -> Case {
        self.err.push(words.into());
        self
    }
    pub fn never_says(mut self, words: impl Into<String>) -> Case {
        self.mute.push(words.into());
        self
    }
    pub fn leaves(mut self, after: After) -> Case {
        self.installs = after;
        self
    }

    /// Runs the case; what is wrong comes back as text.
    pub fn run(&self, site: &Site) -> Result<(), String> {
        let place = site.room();
        let room = Room {
            prefix: self.prefix_in(&place),
            system: self.system.clone(),
            place,
        };
        for dir in ["home", "tmp"] {
            fs::create_dir_all(room.place.join(dir)).expect("the room is ours");
        }
        let shelf = self.shelf();
        let name = shelf_name(&room);
        Server::get().serve(&name, shelf.clone());
        let result = self.happen(site, &room, &shelf, &name);
        Server::get().forget(&name);
        fs::remove_dir_all(&room.place).map_err(|error| format!("the room stays: {error}"))?;
        result.map_err(|wrong| format!("{}: {wrong}", self.name))
    }

    fn prefix_in(&self, place: &Path) -> PathBuf {
        // An absolute prefix replaces the place.
        place.join(self.prefix.as_deref().unwrap_or("a prefix"))
    }

    fn happen(
        &self,
        site: &Site,
        room: &Room,
        shelf: &Arc<Shelf>,
        name: &str,
    ) -> Result<(), String> {
        let (shell, words) = tools::shell(self.shell);
        let sealed = self
            .sealed
            .planted(site, &shell, &self.system, self.downloader, self.hasher);
        symlink(sealed, room.place.join("sealed")).expect("the room is ours");
        if self.downloader == Downloader::Directory {
            self.stock(site, &room.place.join("store"), &shelf.files);
        }
        for step in &self.before {
            step(room);
        }
        let before = listing(&room.place);
        let ran = self.execute(room, shelf, name, &shell, &words)?;
        for step in &self.after {
            step(room);
        }
        self.judge(room, shelf, &before, &ran)
            .map_err(|wrong| format!("{wrong}\n{ran}"))
    }

    /// Most cases read the same store, which is written once per platform.
    fn stock(&self, site: &Site, store: &Path, files: &Files) {
        if self.store.is_empty() {
            let shared = site.shared(&format!("store {}", self.system.platform), |place| {
                write_store(place, files)
            });
            symlink(shared, store).expect("the room is ours");
        } else {
            write_store(store, files);
        }
    }

    fn shelf(&self) -> Arc<Shelf> {
        let platform = self.system.platform;
        let mut files: Files = store::published()
            .files
            .iter()
            .filter(|(name, _)| !name.contains("ballistics-") || name.contains(platform))
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect();
        for (name, bytes) in &self.store {
            match bytes {
                Some(bytes) => files.insert(name.clone(), bytes.clone()),
                None => files.remove(name),
            };
        }
        Arc::new(Shelf {
            files,
            faults: self.faults.clone(),
            injected: AtomicUsize::new(0),
            asked: Mutex::default(),
            hook: Mutex::default(),
        })
    }

    fn execute(
        &self,
        room: &Room,
        shelf: &Arc<Shelf>,
        name: &str,
        shell: &Path,
        words: &[&str],
    ) -> Result<Ran, String> {
        let text = self.script.text();
        // posh cannot read a script with arguments from a pipe.
        let by_file = self.script.file || self.shell == "posh";
        let wrapper: Vec<String> = self
            .wrapper
            .iter()
            .map(|word| word.replace("{room}", &room.place.display().to_string()))
            .collect();
        let mut line: Vec<String> = wrapper;
        line.push(shell.display().to_string());
        line.extend(words.iter().map(|word| word.to_string()));
        if by_file {
            let file = room.place.join("install.sh");
            fs::write(&file, &text).expect("the room is writable");
            line.push(file.display().to_string());
        } else {
            line.extend(["-s".into(), "--".into()]);
        }
        if self.prefix.as_deref() != Some("") {
            let prefix = match &self.prefix {
                Some(prefix) => prefix.clone(),
                None => room.prefix.display().to_string(),
            };
            line.extend(["--prefix".into(), prefix]);
        }
        line.extend(self.args.iter().cloned());
        let outputs = ["out", "err"]
            .map(|name| fs::File::create(room.place.join(name)).expect("the room is writable"));
        let [out, err] = outputs;
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .env("PATH", room.place.join("sealed"))
            .env("HOME", room.place.join("home"))
            .env("TMPDIR", room.place.join("tmp"))
            .env("BALLISTICS_BASE_URL", self.base_in(room, name))
            .envs(self.env.iter().map(|(name, value)| {
                (
                    name,
                    value.replace("{room}", &room.place.display().to_string()),
                )
            }))
            .current_dir(&room.place)
            .stdin(if by_file {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(out)
            .stderr(err)
            .process_group(0);
        for name in &self.unset {
            command.env_remove(name);
        }
        let mut child = {
            let _starting = tools::STARTING
                .lock()
                .unwrap_or_else(|held| held.into_inner());
            command
                .spawn()
                .map_err(|error| format!("{}: {error}", line[0]))?
        };
        let killers = [
            self.terminator(shelf, &child),
            Some(kill_after(DEADLINE, "-KILL", format!("-{}", child.id()))),
        ];
        if let Some(mut pipe) = child.stdin.take() {
            // A shell that stops reading early is judged by its exit code.
            let _ = pipe.write_all(&text);
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        for killer in killers.into_iter().flatten() {
            let _ = killer.send(());
        }
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(room.place.join(name)).unwrap_or_default())
                .into_owned()
        };
        Ok(Ran {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            out: read("out"),
            err: read("err"),
            asked: shelf.asked.lock().expect("no holder panics").clone(),
        })
    }

    fn base_in(&self, room: &Room, name: &str) -> String {
        let port = Server::get().port;
        match (&self.base, self.downloader) {
            (Some(base), _) => base
                .replace("{port}", &port.to_string())
                .replace("{name}", name)
                .replace("{room}", &room.place.display().to_string()),
            (None, Downloader::Directory) => room.place.join("store").display().to_string(),
            (None, _) => format!("http://127.0.0.1:{port}/{name}"),
        }
    }

    fn terminator(&self, shelf: &Arc<Shelf>, child: &Child) -> Option<mpsc::Sender<()>> {
        let whom = child.id().to_string();
        match self.signal? {
            Signal::After(moment) => Some(kill_after(moment, "-TERM", whom)),
            Signal::AtRequest(number, signal) => {
                *shelf.hook.lock().expect("no holder panics") = Some(Box::new(move |count| {
                    if count == number {
                        kill(signal, &whom);
                    }
                }));
                None
            }
            Signal::AtCommand => None,
        }
    }

    fn judge(
        &self,
        room: &Room,
        shelf: &Arc<Shelf>,
        before: &Listing,
        ran: &Ran,
    ) -> Result<(), String> {
        if !self.code.admits(ran.code) {
            return Err(format!("exit code {}, not {:?}", ran.code, self.code));
        }
        for words in &self.out {
            if !ran.out.contains(&self.fill(words, room)) {
                return Err(format!("stdout lacks `{}`", self.fill(words, room)));
            }
        }
        for words in &self.err {
            if !ran.err.contains(&self.fill(words, room)) {
                return Err(format!("stderr lacks `{}`", self.fill(words, room)));
            }
        }
        for words in &self.mute {
            if ran.out.contains(words) || ran.err.contains(words) {
                return Err(format!("it says `{words}`"));
            }
        }
        match self.signal {
            None if !self.faults.is_empty() && shelf.injected.load(Ordering::SeqCst) == 0 => {
                return Err("the fault did not happen".into());
            }
            Some(Signal::AtRequest(number, _)) if ran.asked.len() < number => {
                return Err("the signal was not sent".into());
            }
            _ => {}
        }
        self.compare(room, before)
    }

    /// Every file of the room, against what should be there.
    fn compare(&self, room: &Room, before: &Listing) -> Result<(), String> {
        let mut expected = before.clone();
        let (dest, receipt) = room.targets();
        match &self.installs {
            After::AsBefore => {}
            After::AllOrNothing if !room.dest().exists() => {
                // The receipt goes first: alone it does no harm, and the next run writes it again.
                expected.remove(&dest);
                if let Some(early) = listing(&room.place).remove(&receipt) {
                    expected.insert(receipt, early);
                }
            }
            After::AllOrNothing => self.expect_version(store::NEWEST, room, &mut expected),
            After::Nothing => {
                expected.remove(&dest);
                expected.remove(&receipt);
            }
            After::Version(version) => self.expect_version(version, room, &mut expected),
        }
        difference(&expected, &listing(&room.place))
    }

    /// The receipt names the program as the user's prefix does, through symlinks.
    fn expect_version(&self, version: &str, room: &Room, expected: &mut Listing) {
        let object = store::object(version, self.system.platform);
        let files = &store::published().files;
        let hash = String::from_utf8_lossy(&files[&format!("{object}.sha256")]);
        let bytes = files[&object].clone();
        let line = format!("{}  {}\n", hash.trim(), room.dest().display());
        let (dest, receipt) = room.targets();
        expected.insert(dest, (bytes, 0o755));
        expected.insert(receipt, (line.into(), 0o644));
    }

    fn fill(&self, words: &str, room: &Room) -> String {
        words
            .replace("{dest}", &room.dest().display().to_string())
            .replace("{bin}", &room.bin().display().to_string())
            .replace("{room}", &room.place.display().to_string())
    }
}

impl Script {
    pub fn text(&self) -> Vec<u8> {
        let published = store::published();
        let keys = match self.keys {
            Keys::None => String::new(),
            Keys::Release => published.release_key.clone(),
            Keys::Both => format!("{}\n{}", published.other_key, published.release_key),
            Keys::Other => published.other_key.clone(),
        };
        let since = match self.keys {
            Keys::None => "",
            _ => self.signed_since,
        };
        let text = installer()
            .replacen("release_keys=''", &format!("release_keys='{keys}'"), 1)
            .replacen("signed_since=''", &format!("signed_since='{since}'"), 1);
        let mut bytes = text.into_bytes();
        bytes.truncate(self.cut.unwrap_or(usize::MAX));
        bytes
    }
}

/// install.sh, as it stands in the repository.
pub fn installer() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../install.sh");
    fs::read_to_string(file).expect("install.sh is in the repository")
}

struct Ran {
    code: i32,
    out: String,
    err: String,
    asked: Vec<String>,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(
            f,
            "  exit {}\n  stdout: {}\n  stderr: {}\n  requests: {:?}",
            self.code,
            self.out.trim_end().replace('\n', "\n          "),
            self.err.trim_end().replace('\n', "\n          "),
            self.asked
        )
    }
}

/// What stands first in the room's URLs: the site and the room.
fn shelf_name(room: &Room) -> String {
    let mut names = room.place.iter().rev().map(|name| name.to_string_lossy());
    let own = names.next().unwrap_or_default();
    format!("{}-{own}", names.next().unwrap_or_default())
}

fn write_store(dir: &Path, files: &Files) {
    for (name, bytes) in files {
        let file = dir.join(name);
        fs::create_dir_all(file.parent().expect("a file is in a directory"))
            .expect("the room is writable");
        fs::write(file, bytes).expect("the room is writable");
    }
}

/// Sends a signal when the time is over; whoever sends on the channel, or drops it, calls it off.
fn kill_after(moment: Duration, signal: &'static str, whom: String) -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        if receiver.recv_timeout(moment) == Err(mpsc::RecvTimeoutError::Timeout) {
            kill(signal, &whom);
        }
    });
    sender
}

pub fn kill(signal: &str, whom: &str) {
    let _starting = tools::STARTING
        .lock()
        .unwrap_or_else(|held| held.into_inner());
    let _ = Command::new(tools::find("sh"))
        .args(["-c", &format!("kill {signal} {whom}")])
        .stderr(Stdio::null())
        .status();
}

/// The real path of something that may not exist, by its nearest directory that does.
fn resolved(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(path), _, _) if !path.is_file() => path,
        (_, Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_path_buf(),
    }
}

type Listing = BTreeMap<PathBuf, (Vec<u8>, u32)>;

/// Every file of the room but the sealed, the store and the outputs, with its bytes and mode; empty directories of the
/// temporary kind too.
fn listing(place: &Path) -> Listing {
    let mut found = Listing::new();
    walk(place, place, &mut found);
    found
}

fn walk(place: &Path, dir: &Path, found: &mut Listing) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let below = path.strip_prefix(place).unwrap_or(&path).to_path_buf();
        let top = below.to_string_lossy().into_owned();
        if ["sealed", "store", "out", "err", "install.sh", "counted"].contains(&top.as_str()) {
            continue;
        }
        let Ok(about) = path.symlink_metadata() else {
            continue;
        };
        if about.is_dir() {
            if top.contains("/.ballistics.") || top.starts_with(".ballistics.") {
                found.insert(below, (b"a directory".to_vec(), 0));
            }
            walk(place, &path, found);
        } else if about.is_file() {
            let mode = about.permissions().mode() & 0o777;
            found.insert(below, (fs::read(&path).unwrap_or_default(), mode));
        }
    }
}

fn difference(expected: &Listing, found: &Listing) -> Result<(), String> {
    for (path, (bytes, mode)) in found {
        match expected.get(path) {
            None => return Err(format!("stray file {}", path.display())),
            Some((other, _)) if other != bytes => {
                return Err(format!("{} has other bytes", path.display()))
            }
            Some((_, other)) if other != mode => {
                return Err(format!("{} has mode {mode:o}", path.display()))
            }
            Some(_) => {}
        }
    }
    match expected.keys().find(|path| !found.contains_key(*path)) {
        Some(path) => Err(format!("{} is missing", path.display())),
        None => Ok(()),
    }
}
