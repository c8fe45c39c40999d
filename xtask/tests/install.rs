//! The installer's matrix: real shells, real downloaders, real hash tools, a server that lies, and shims only for what
//! cannot be here, each named for what it stands in for (`install/shims`). A case is a row; `INSTALL_CASE=words` runs only
//! the rows whose name has the words. What is missing on this machine is a failure that names its package.

#[path = "install/case.rs"]
mod case;
#[path = "install/server.rs"]
mod server;
#[path = "install/signals.rs"]
mod signals;
#[path = "install/store.rs"]
mod store;
#[path = "install/tools.rs"]
mod tools;

use case::{case, After, Case, Keys, Room, Site};
use server::{Fault, Server};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::panic::AssertUnwindSafe;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use store::{NEWEST, OLDER, PLATFORMS, UNSIGNED};
use tools::{other_system, system, Downloader, Hasher, HASHERS, NETWORK, SHELLS};

/// More than the cores: many cases wait for a retry or for a deadline.
const THREADS: usize = 8;

/// Runs a table; every case that fails is listed by its name.
fn run(table: &str, cases: Vec<Case>) {
    let wanted = std::env::var("INSTALL_CASE").unwrap_or_default();
    let cases: Vec<Case> = cases
        .into_iter()
        .filter(|case| case.name.contains(&wanted))
        .collect();
    let _counted = Counted::begin(cases.len());
    let site = Site::new();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let result = std::panic::catch_unwind(AssertUnwindSafe(|| case.run(&site)));
                    let wrong = match result {
                        Ok(Ok(())) => continue,
                        Ok(Err(wrong)) => wrong,
                        Err(_) => format!("{}: a step of the case panicked", case.name),
                    };
                    failures.lock().expect("no holder panics").push(wrong);
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no holder panics");
    println!("{table}: {} cases", cases.len());
    assert!(
        failures.is_empty(),
        "{} of {} cases of {table} fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// How many tables and cases have run, and how many tables are running.
static PROGRESS: Mutex<(usize, usize, usize)> = Mutex::new((0, 0, 0));
const TABLES: usize = 22;

struct Counted(usize);

impl Counted {
    fn begin(cases: usize) -> Counted {
        PROGRESS.lock().expect("no holder panics").2 += 1;
        Counted(cases)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut progress = PROGRESS.lock().expect("no holder panics");
        *progress = (progress.0 + 1, progress.1 + self.0, progress.2 - 1);
    }
}

/// The last by its name, so that it starts when all others have; it says what a captured test cannot.
#[test]
fn whole_matrix_has_at_least_600_cases() {
    let mut idle = Instant::now();
    let (tables, cases) = loop {
        let (tables, cases, running) = *PROGRESS.lock().expect("no holder panics");
        if running > 0 {
            idle = Instant::now();
        }
        // Who asked for a part gets no more tables than these.
        if tables == TABLES || idle.elapsed() > Duration::from_secs(5) {
            break (tables, cases);
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let summary = format!("\ninstall.sh: {cases} cases in {tables} tables\n");
    std::io::stderr()
        .write_all(summary.as_bytes())
        .expect("stderr is open");
    // A part that was asked for by name has no number to reach.
    let whole = tables == TABLES && std::env::var_os("INSTALL_CASE").is_none();
    assert!(!whole || cases >= 600, "{cases} cases");
}

/// Four of the shells for a kind of case; any four rows that follow each other meet all twelve of them.
fn turns(row: usize) -> [&'static str; 4] {
    [0, 3, 6, 9].map(|step| turn(row + step))
}

/// A third of the kinds for one shell, so that every kind meets four of the twelve.
fn every_third<const N: usize>(row: usize, kinds: [Case; N]) -> impl Iterator<Item = Case> {
    let kinds = kinds.into_iter().enumerate();
    kinds.filter_map(move |(number, case)| (number % 3 == row % 3).then_some(case))
}

/// A shell for the so-manieth row, so that every table meets every shell.
fn turn(row: usize) -> &'static str {
    SHELLS[row % SHELLS.len()]
}

fn newest(platform: &str) -> String {
    store::object(NEWEST, platform)
}

/// A user who is not root, for what root may do anyway.
fn unprivileged(case: Case) -> Case {
    if !is_root() {
        return case;
    }
    case.wrapper([
        "/usr/bin/setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ])
    .before(|room| {
        let status = Command::new("chown")
            .args(["-R", "65534:65534"])
            .arg(&room.place)
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "root may chown"
        );
    })
}

fn is_root() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let output = Command::new("id").arg("-u").output().expect("id runs");
        output.stdout == b"0\n"
    })
}

fn lock(dir: &std::path::Path) {
    fs::create_dir_all(dir).expect("the room is writable");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).expect("it is ours");
}

fn unlock(dir: &std::path::Path) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[test]
fn every_shell_installs_with_every_downloader() {
    let mut cases = vec![];
    for shell in SHELLS {
        for downloader in NETWORK.into_iter().chain([Downloader::Directory]) {
            let name = format!("{shell} with {downloader:?}");
            let happy = case(name)
                .shell(shell)
                .downloader(downloader)
                .says("verified by SHA-256 and signature\ninstalled {dest}\n")
                .warns("not in PATH yet: export PATH='{bin}':\"$PATH\"");
            cases.push(happy);
        }
    }
    for (row, shell) in SHELLS.into_iter().enumerate() {
        let kinds = [
            case(format!("{shell} in a system that is all busybox"))
                .shell(shell)
                .busybox()
                .system(system("linux-x86_64").musl())
                .stores("catalog.txt", None)
                .says("installed {dest}"),
            case(format!("{shell} from a file"))
                .shell(shell)
                .read_from_file()
                .downloader(Downloader::Curl)
                .says("installed {dest}"),
        ];
        cases.extend(every_third(row, kinds));
    }
    run("shells and downloaders", cases);
}

#[test]
fn every_hash_tool_will_do_and_none_is_fatal() {
    let mut cases = vec![];
    for (row, hasher) in HASHERS.into_iter().enumerate() {
        for shell in turns(row) {
            let happy = case(format!("{shell} with {hasher:?}"))
                .shell(shell)
                .hasher(hasher)
                .says("verified by SHA-256");
            cases.push(happy);
        }
    }
    for shell in SHELLS {
        cases.push(
            case(format!("{shell} without a hash tool"))
                .shell(shell)
                .hasher(Hasher::Nothing)
                .fails(4, "no tool for SHA-256"),
        );
    }
    for (row, hasher) in HASHERS.into_iter().enumerate() {
        cases.push(
            case(format!("{hasher:?} and a flipped bit"))
                .shell(turn(row))
                .hasher(hasher)
                .downloader(Downloader::Curl)
                .fault(newest("linux-x86_64"), Fault::Flip)
                .fails(7, "has not its checksum"),
        );
    }
    run("hash tools", cases);
}

#[test]
fn every_platform_gets_its_own_program() {
    let mut cases = vec![];
    for (row, platform) in PLATFORMS.into_iter().enumerate() {
        for shell in [turn(row), turn(row + 5)] {
            cases.push(
                case(format!("{platform} in {shell}"))
                    .shell(shell)
                    .system(system(platform))
                    .says(format!("ballistics 0.14.0 for {platform} from")),
            );
            cases.push(
                case(format!("{platform} in {shell}: --print-platform"))
                    .shell(shell)
                    .system(system(platform))
                    .args(["--print-platform"])
                    .says(format!("{platform}\n"))
                    .leaves(After::Nothing),
            );
        }
    }
    let rosetta = other_system("Darwin", "x86_64", "i386", "23.1.0").macos("14.1", true);
    for shell in SHELLS {
        cases.push(
            case(format!("Rosetta in {shell}"))
                .shell(shell)
                .system(rosetta.clone().on("macos-aarch64"))
                .says("for macos-aarch64 from"),
        );
        cases.push(
            case(format!("32-bit userland in {shell}"))
                .shell(shell)
                .system(system("linux-x86_64").long_bit_32())
                .fails(3, "LONG_BIT 32"),
        );
        cases.push(
            case(format!("an unknown system in {shell}"))
                .shell(shell)
                .system(other_system("Plan9", "amd64", "amd64", "4").on("linux-x86_64"))
                .fails(3, "there is no ballistics for Plan9 host 4 amd64")
                .warns("cargo install --git"),
        );
    }
    let refused = [
        ("Linux", "armv7l", "unknown", "6.1"),
        ("Linux", "armv8l", "unknown", "6.1"),
        ("Linux", "i686", "unknown", "6.1"),
        ("Linux", "riscv64", "unknown", "6.1"),
        ("NetBSD", "evbarm", "earmv7hf", "10.1"),
        ("NetBSD", "evbarm", "aarch64eb", "10.1"),
        ("NetBSD", "i386", "i386", "10.1"),
        ("FreeBSD", "i386", "i386", "14.1"),
        ("OpenBSD", "sparc64", "sparc64", "7.7"),
        ("SunOS", "i86pc", "i386", "5.11"),
        ("DragonFly", "x86_64", "x86_64", "6.4"),
        ("MINGW64_NT-10.0", "x86_64", "unknown", "3.4"),
        ("Haiku", "x86_64", "x86_64", "1"),
    ];
    for (row, (kernel, machine, processor, release)) in refused.into_iter().enumerate() {
        cases.push(
            case(format!("{kernel} on {machine}, {processor}"))
                .shell(turn(row))
                .system(other_system(kernel, machine, processor, release).on("linux-x86_64"))
                .fails(3, format!("there is no ballistics for {kernel}")),
        );
    }
    run("platforms", cases);
}

/// A fault, the file that has it, and what must come of it.
fn faults(platform: &str) -> Vec<(&'static str, String, Fault, i32, &'static str)> {
    let binary = newest(platform);
    let sidecar = format!("{binary}.sha256");
    let signature = format!("{binary}.sha256.sig");
    let hash = store::sha256(&store::program(NEWEST, platform));
    let other = store::sha256(b"something else");
    let text = |text: String| Fault::Body(text.into_bytes());
    vec![
        (
            "no program",
            binary.clone(),
            Fault::Missing,
            6,
            "cannot fetch",
        ),
        (
            "no versions.txt",
            "versions.txt".into(),
            Fault::Missing,
            6,
            "cannot fetch",
        ),
        (
            "no sidecar",
            sidecar.clone(),
            Fault::Missing,
            6,
            "cannot fetch",
        ),
        (
            "no signature",
            signature.clone(),
            Fault::Missing,
            7,
            "must be signed, and is not",
        ),
        ("503 once", binary.clone(), Fault::BusyOnce, 0, ""),
        (
            "503 for versions.txt once",
            "versions.txt".into(),
            Fault::BusyOnce,
            0,
            "",
        ),
        (
            "503 for ever",
            "catalog.txt".into(),
            Fault::Busy,
            6,
            "cannot fetch",
        ),
        (
            "a body cut short once",
            binary.clone(),
            Fault::CutOnce,
            0,
            "",
        ),
        (
            "a body cut short",
            binary.clone(),
            Fault::Cut,
            6,
            "cannot fetch",
        ),
        (
            "a flipped bit",
            binary.clone(),
            Fault::Flip,
            7,
            "has not its checksum",
        ),
        (
            "a page for the program",
            binary.clone(),
            Fault::Html,
            6,
            "cannot fetch",
        ),
        (
            "a page for versions.txt",
            "versions.txt".into(),
            Fault::Html,
            6,
            "a web page came instead",
        ),
        (
            "a page for the sidecar",
            sidecar.clone(),
            Fault::Html,
            6,
            "a web page came instead",
        ),
        (
            "a page for the catalog",
            "catalog.txt".into(),
            Fault::Html,
            6,
            "a web page came instead",
        ),
        (
            "an empty program",
            binary.clone(),
            Fault::Empty,
            6,
            "cut short",
        ),
        (
            "an empty sidecar",
            sidecar.clone(),
            Fault::Empty,
            6,
            "cut short",
        ),
        (
            "an empty versions.txt",
            "versions.txt".into(),
            Fault::Empty,
            6,
            "cut short",
        ),
        ("a redirect", binary.clone(), Fault::RedirectAbsolute, 0, ""),
        (
            "no hash in the sidecar",
            sidecar.clone(),
            text("not a hash\n".into()),
            7,
            "holds no SHA-256",
        ),
        (
            "a SHA-512 in the sidecar",
            sidecar.clone(),
            text(format!("{hash}{hash}\n")),
            7,
            "holds no SHA-256",
        ),
        (
            "two hashes in the sidecar",
            sidecar.clone(),
            text(format!("{hash}\n{other}\n")),
            7,
            "holds no SHA-256",
        ),
        (
            "another hash in the sidecar",
            sidecar.clone(),
            text(format!("{other}\n")),
            7,
            "is not signed by a release key",
        ),
        (
            "a name after the hash",
            sidecar.clone(),
            text(format!("{hash}  ballistics\n")),
            0,
            "",
        ),
        (
            "a BSD sidecar",
            sidecar.clone(),
            text(format!("SHA256 (./ballistics) = {hash}\n")),
            0,
            "",
        ),
        (
            "capitals and CR in the sidecar",
            sidecar,
            text(format!("{}\r\n", hash.to_uppercase())),
            0,
            "",
        ),
        (
            "a stale pointer",
            "versions.txt".into(),
            text(format!("{platform}:0.15.0\n")),
            6,
            "cannot fetch",
        ),
        (
            "nonsense in versions.txt",
            "versions.txt".into(),
            text(format!("{platform}:../../x\n")),
            7,
            "no version: ../../x",
        ),
        (
            "CR in versions.txt",
            "versions.txt".into(),
            text(format!("{platform}:{NEWEST}\r\n")),
            0,
            "",
        ),
        (
            "nothing for this platform",
            "versions.txt".into(),
            text("plan9-amd64:0.14.0\n".into()),
            3,
            "yet in http",
        ),
        (
            "nonsense as signature",
            signature,
            text("not a signature\n".into()),
            7,
            "is not signed by a release key",
        ),
    ]
}

#[test]
fn every_fault_of_a_server_is_met_with_every_downloader() {
    let mut cases = vec![];
    let mut row = 0;
    for (first, downloader) in NETWORK.into_iter().enumerate() {
        let faults = faults(downloader.home().platform).into_iter().enumerate();
        for (number, (name, file, fault, code, words)) in faults {
            row += 1;
            // A whole file with other words in it is the same to every downloader: two of the six.
            if matches!(fault, Fault::Body(_)) && (first + number) % 3 != 0 {
                continue;
            }
            let case = case(format!("{name} with {downloader:?} in {}", turn(row)))
                .shell(turn(row))
                .downloader(downloader)
                .fault(file, fault);
            cases.push(if code == 0 {
                case.says("installed {dest}")
            } else {
                case.fails(code, words)
            });
        }
        // tnftp cannot follow it, and says so; a store needs none.
        let relative = case(format!("a relative redirect with {downloader:?}"))
            .downloader(downloader)
            .fault(newest(downloader.home().platform), Fault::RedirectRelative);
        cases.push(if downloader == Downloader::NetbsdFtp {
            relative.fails(6, "cannot fetch")
        } else {
            relative
        });
        cases.push(
            case(format!("a slow drip with {downloader:?}"))
                .downloader(downloader)
                .env("BALLISTICS_TIMEOUT", "1")
                .fault(newest(downloader.home().platform), Fault::Drip)
                .fails(6, "cannot fetch")
                .warns("no end after 1 s"),
        );
        cases.push(
            case(format!("connection refused with {downloader:?}"))
                .downloader(downloader)
                .base(format!("http://127.0.0.1:{}/store", refused_port()))
                .env("https_proxy", "http://user:secret@proxy.example:3128")
                .env("no_proxy", "127.0.0.1")
                .fails(6, "cannot fetch")
                .warns("https_proxy=proxy.example:3128")
                .never_says("secret"),
        );
        cases.push(
            case(format!("half a program and no catalog with {downloader:?}"))
                .downloader(downloader)
                .stores("catalog.txt", None)
                .fault(newest(downloader.home().platform), Fault::Cut)
                .fails(
                    // Without a size only the hash can tell; the others notice by themselves.
                    if downloader == Downloader::NetbsdFtp {
                        7
                    } else {
                        6
                    },
                    "install.sh: ",
                ),
        );
        cases.push(
            case(format!("an old store with {downloader:?}"))
                .downloader(downloader)
                .stores("catalog.txt", None)
                .stores("latest-version.txt", None)
                .says("installed {dest}"),
        );
        cases.push(
            case(format!("a replayed signature with {downloader:?}"))
                .downloader(downloader)
                .fault(
                    format!("{}.sha256.sig", newest(downloader.home().platform)),
                    Fault::Body(
                        store::published().files[&format!(
                            "{}.sha256.sig",
                            store::object(OLDER, downloader.home().platform)
                        )]
                            .clone(),
                    ),
                )
                .fails(7, "is not signed by a release key"),
        );
    }
    run("faults", cases);
}

/// A port that nobody listens on: it was free a moment ago, and is asked once to be sure.
fn refused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    port
}

#[test]
fn a_signature_is_checked_wherever_it_can_be() {
    let mut cases = vec![];
    let required = "no signature can be checked";
    let old = "it takes ssh-keygen";
    for (row, downloader) in NETWORK
        .into_iter()
        .chain([Downloader::Directory])
        .enumerate()
    {
        let platform = downloader.home().platform;
        let signature = format!("{}.sha256.sig", newest(platform));
        let base = |name: &str| {
            case(format!("{name} with {downloader:?}"))
                .shell(turn(row))
                .downloader(downloader)
        };
        let kinds = [
            base("the second of two keys")
                .keys(Keys::Both)
                .says("SHA-256 and signature"),
            base("another key")
                .keys(Keys::Other)
                .fails(7, "is not signed by a release key"),
            base("a file that lacks its signature")
                .stores(signature, None)
                .fails(7, "must be signed, and is not"),
            base("no key in the installer")
                .keys(Keys::None)
                .says("verified by SHA-256\n")
                .warns("no signature can be checked: this installer carries no release key"),
            base("no key, and one required")
                .keys(Keys::None)
                .args(["--require-signature"])
                .fails(7, required),
            base("no ssh-keygen")
                .without("ssh-keygen")
                .says("verified by SHA-256\n")
                .warns(old),
            base("no ssh-keygen, and a signature required")
                .without("ssh-keygen")
                .args(["--require-signature"])
                .fails(4, required),
            base("an ssh-keygen without -Y")
                .with("ssh-keygen", "ssh-keygen-old")
                .says("verified by SHA-256\n")
                .warns(old),
            base("an ssh-keygen without -Y, required by the environment")
                .with("ssh-keygen", "ssh-keygen-old")
                .env("BALLISTICS_REQUIRE_SIGNATURE", "1")
                .fails(4, required),
            base("a version from before the signatures")
                .args(["--version", UNSIGNED])
                .says("verified by SHA-256\n")
                .warns("releases before 0.13.0 are not signed")
                .leaves(After::Version(UNSIGNED)),
            base("a version from before the signatures, required")
                .args(["--version", UNSIGNED, "--require-signature"])
                .fails(7, required),
            base("every version must be signed")
                .signed_since("")
                .args(["--version", UNSIGNED])
                .fails(7, "must be signed, and is not"),
            base("an older signed version")
                .args(["--version", OLDER])
                .says("SHA-256 and signature")
                .leaves(After::Version(OLDER)),
        ];
        let kinds = kinds.into_iter().enumerate();
        cases.extend(kinds.filter_map(|(number, case)| ((number + row) % 2 == 0).then_some(case)));
    }
    for shell in SHELLS {
        cases.push(nameless_user(
            case(format!("a user without a name in {shell}"))
                .shell(shell)
                .warns("a named user"),
        ));
    }
    run("signatures", cases);
}

/// ssh-keygen refuses to work for a uid that has no entry in passwd, as containers have.
fn nameless_user(case: Case) -> Case {
    if !is_root() {
        return case.wrapper(["/usr/bin/unshare", "--user", "--map-user=54321"]);
    }
    case.wrapper([
        "/usr/bin/setpriv",
        "--reuid",
        "54321",
        "--regid",
        "54321",
        "--clear-groups",
    ])
    .before(|room| {
        let status = Command::new("chown")
            .args(["-R", "54321"])
            .arg(&room.place)
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "root may chown"
        );
    })
}

#[test]
fn certificates_are_checked_or_a_signature_is_required() {
    let front = TlsFront::start();
    let trusted = front.authority();
    let url = |port: u16| format!("https://localhost:{port}/{{name}}");
    let mut cases = vec![];
    for (row, downloader) in NETWORK.into_iter().enumerate() {
        let base = |name: &str| {
            // busybox wget's TLS is the openssl command.
            let case = case(format!("{name} with {downloader:?}"))
                .shell(turn(row))
                .downloader(downloader)
                .base(url(front.port));
            if downloader == Downloader::BusyboxWget {
                case.with("openssl", "openssl")
            } else {
                case
            }
        };
        cases.push(
            base("a CA from BALLISTICS_CA_FILE")
                .env("BALLISTICS_CA_FILE", &trusted)
                .says("installed {dest}"),
        );
        let unknown = base("an unknown CA");
        cases.push(match downloader {
            // The shim of a system's ftp is tnftp of 2021: it checks nothing, whatever its system.
            Downloader::NetbsdFtp => unknown.says("SHA-256 and signature"),
            Downloader::BusyboxWget => unknown.fails(6, "cannot fetch"),
            _ => unknown
                .fails(6, "no valid certificate")
                .warns("BALLISTICS_CA_FILE"),
        });
    }
    for downloader in NETWORK {
        let sidecar = format!("{}.sha256", newest(downloader.home().platform));
        let led = case(format!("a sidecar led to plain http with {downloader:?}"))
            .downloader(downloader)
            .base(url(front.port))
            .keys(Keys::None)
            .fault(sidecar, Fault::RedirectAbsolute)
            .env("BALLISTICS_CA_FILE", &trusted);
        cases.push(match downloader {
            // By its own --proto.
            Downloader::Curl => led.fails(6, "cannot fetch"),
            // It does not say where to.
            Downloader::BusyboxWget => led
                .with("openssl", "openssl")
                .fails(7, "wget checks no certificate"),
            _ => led.fails(6, "leads to plain http"),
        });
    }
    let netbsd9 = |name: &str| {
        case(name)
            .downloader(Downloader::NetbsdFtp)
            .system(system("netbsd-x86_64").release("9.3"))
            .base(url(front.port))
            .stores("catalog.txt", None)
    };
    let unchecked = "checks no certificate, and no signature can be checked";
    cases.extend([
        netbsd9("NetBSD 9 with a signature").says("SHA-256 and signature"),
        netbsd9("NetBSD 9 with its own ssh-keygen")
            .with("ssh-keygen", "ssh-keygen-old")
            .fails(4, unchecked),
        netbsd9("NetBSD 9 and an installer without keys")
            .keys(Keys::None)
            .fails(7, unchecked),
        netbsd9("NetBSD 9 and a version from before the signatures")
            .args(["--version", UNSIGNED])
            .fails(7, unchecked),
        netbsd9("NetBSD 9 with a curl")
            .with("curl", "curl")
            .keys(Keys::None)
            .env("BALLISTICS_CA_FILE", &trusted)
            .says("verified by SHA-256\n"),
        // Without the openssl command busybox falls back on TLS of its own, which checks nothing and says so.
        case("busybox without openssl, with a signature")
            .downloader(Downloader::BusyboxWget)
            .base(url(front.port))
            .says("SHA-256 and signature"),
        case("busybox without openssl, without keys")
            .downloader(Downloader::BusyboxWget)
            .base(url(front.port))
            .keys(Keys::None)
            .fails(7, unchecked),
    ]);
    run("TLS", cases);
}

/// A TLS front of the server: socat with a certificate of a throw-away CA.
struct TlsFront {
    dir: std::path::PathBuf,
    child: std::process::Child,
    port: u16,
}

impl TlsFront {
    fn start() -> TlsFront {
        let dir = store::tempdir("tls");
        let openssl = |words: &[&str]| {
            let output = Command::new(tools::find("openssl"))
                .args(words)
                .current_dir(&dir)
                .output();
            let output = output.expect("openssl runs");
            assert!(
                output.status.success(),
                "openssl: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
        ];
        openssl(
            &[
                &["req", "-x509"],
                &key[..],
                &[
                    "ca.key",
                    "-out",
                    "ca.pem",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=throw-away",
                ],
            ]
            .concat(),
        );
        openssl(
            &[
                &["req"],
                &key[..],
                &[
                    "host.key",
                    "-out",
                    "host.csr",
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    "subjectAltName=DNS:localhost",
                ],
            ]
            .concat(),
        );
        openssl(&[
            "x509",
            "-req",
            "-in",
            "host.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-copy_extensions",
            "copy",
            "-out",
            "host.pem",
        ]);
        let mut child = Command::new(tools::find("timeout"))
            .args(["600", "socat", "-d", "-d"])
            // The TLS of busybox knows nothing that OpenSSL 3 takes by default.
            .arg("OPENSSL-LISTEN:0,bind=127.0.0.1,fork,backlog=64,cert=host.pem,key=host.key,verify=0,cipher=ALL:@SECLEVEL=0")
            .arg(format!("TCP:127.0.0.1:{}", Server::get().port))
            .current_dir(&dir)
            .stderr(Stdio::piped())
            .spawn()
            .expect("socat starts");
        let port = listening_port(&mut child);
        TlsFront { dir, child, port }
    }

    fn authority(&self) -> String {
        self.dir.join("ca.pem").display().to_string()
    }
}

impl Drop for TlsFront {
    /// timeout passes the signal on to socat.
    fn drop(&mut self) {
        case::kill("-TERM", &self.child.id().to_string());
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// socat says on stderr where it listens; the rest is read too, so that it never waits for a reader.
fn listening_port(child: &mut std::process::Child) -> u16 {
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let port = loop {
        let line = lines
            .next()
            .expect("socat says where it listens")
            .expect("it says it in ASCII");
        if let Some((_, place)) = line.split_once("listening on ") {
            break place
                .rsplit(':')
                .next()
                .and_then(|port| port.trim().parse().ok());
        }
    };
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("socat names a port")
}

#[test]
fn the_prefix_is_what_the_user_means() {
    let mut cases = vec![];
    for row in 0..SHELLS.len() {
        let shell = turn(row);
        let base = |name: &str| case(format!("{name} in {shell}")).shell(shell);
        let kinds = [
            base("blanks and quotes")
                .prefix("it's a prefix")
                .says("installed {dest}"),
            base("a relative prefix")
                .prefix("relative/deep")
                .says("installed {dest}"),
            base("a prefix that ends in /bin")
                .prefix("some/bin")
                .says("installed {room}/some/bin/ballistics"),
            base("a directory in the program's place")
                .before(|room| fs::create_dir_all(room.dest()).expect("the room is ours"))
                .fails(5, "{dest} is a directory"),
            base("a file in the prefix's place")
                .before(|room| fs::write(&room.prefix, "a file").expect("the room is ours"))
                .fails(5, "cannot write to {bin}")
                .leaves(After::AsBefore),
            base("a prefix that is a symlink")
                .before(|room| {
                    fs::create_dir(room.place.join("real")).expect("the room is ours");
                    symlink("real", &room.prefix).expect("the room is ours");
                })
                .says("installed {dest}"),
            base("no HOME, TERM, TMPDIR")
                .unset("HOME")
                .unset("TMPDIR")
                .says("installed {dest}"),
            base("a home that no shell has written out")
                .prefix("home/.local")
                .args(["--prefix=~/.local"])
                .says("installed {room}/home/.local/bin/ballistics"),
            base("an older version before")
                .before(|room| room.put(OLDER))
                .says("installed {dest}"),
            base("the same version before")
                .before(|room| room.put(NEWEST))
                .says("ballistics 0.14.0 is already in {dest}")
                .leaves(After::AsBefore),
            base("a newer version before")
                .before(|room| room.put("0.15.0"))
                .warns("{dest} stays 0.15.0, newer than 0.14.0; --version 0.14.0 replaces it")
                .leaves(After::AsBefore),
            base("a newer version before, and an older one asked for")
                .before(|room| room.put("0.15.0"))
                .args(["--version", NEWEST])
                .says("installed {dest}"),
            base("other bytes of the same version before")
                .before(|room| {
                    room.put(NEWEST);
                    tools::script(&room.bin(), "ballistics", "echo 'ballistics 0.14.0'");
                })
                .says("installed {dest}"),
            unprivileged(
                base("a read-only prefix and nobody to help").before(|room| lock(&room.bin())),
            )
            .after(|room| unlock(&room.bin()))
            .fails(5, "cannot write to {bin}")
            .warns("--prefix \"$HOME/.local\"\n"),
            elevated(base("a read-only prefix and sudo"), "sudo").says("installed {dest}"),
            elevated(base("a read-only prefix and doas"), "doas").says("installed {dest}"),
            unprivileged(
                base("a read-only prefix and a sudo that refuses").before(|room| lock(&room.bin())),
            )
            .with("sudo", "sudo-refused")
            .env("ELEVATIONS", "{room}/home/elevations")
            .after(|room| {
                unlock(&room.bin());
                forget_elevations(room, 1);
            })
            .fails(5, "cannot write to {bin}")
            .warns("a terminal is required"),
        ];
        cases.extend(every_third(row, kinds));
    }
    run("prefixes", cases);
}

/// A locked target that the shim of sudo or doas unlocks for one command, which is the only one.
fn elevated(case: Case, helper: &'static str) -> Case {
    unprivileged(case.before(|room| lock(&room.bin())))
        .with(helper, helper)
        .env("ELEVATIONS", "{room}/home/elevations")
        .env("LOCKED", "{room}/a prefix/bin")
        .warns(format!("{helper} does the last step"))
        .after(|room| {
            unlock(&room.bin());
            forget_elevations(room, 1);
        })
}

fn forget_elevations(room: &Room, expected: usize) {
    let file = room.place.join("home/elevations");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let calls = text
        .lines()
        .filter(|line| line.contains("/sudo") || line.contains("/doas"))
        .count();
    assert_eq!(calls, expected, "calls of sudo or doas: {text}");
    fs::remove_file(&file).expect("the shim wrote it");
}

#[test]
fn file_systems_that_forbid_or_are_full_change_nothing() {
    let mut cases = vec![];
    for (row, downloader) in NETWORK.into_iter().enumerate() {
        for shell in [turn(row), turn(row + 6)] {
            let base = |name: &str| {
                case(format!("{name} with {downloader:?} in {shell}"))
                    .shell(shell)
                    .downloader(downloader)
            };
            cases.extend([
                mounted(base("a full disk"), "a prefix", "size=12k").fails(5, "cannot write"),
                mounted(
                    base("a target that is noexec"),
                    "a prefix",
                    "noexec,size=4m",
                )
                .fails(8, "does not run here"),
                mounted(base("a TMPDIR that is noexec"), "tmp", "noexec,size=4m")
                    .says("installed {dest}"),
                mounted(base("a target that is read-only"), "a prefix", "ro,size=4m")
                    .fails(5, "cannot write to {bin}"),
            ]);
        }
    }
    run("file systems", cases);
}

/// With a tmpfs over a directory of the room, seen by this case alone.
fn mounted(case: Case, dir: &'static str, options: &'static str) -> Case {
    let namespace = if is_root() { "-m" } else { "-rm" };
    let mount = format!("mount -t tmpfs -o {options} none '{{room}}/{dir}' && shift 0 && PATH='{{room}}/sealed' exec \"$@\"");
    case.wrapper(["/usr/bin/unshare", namespace, "/bin/sh", "-c"])
        .wrapper([
            &format!("PATH=/usr/bin:/bin:/usr/sbin:/sbin; {mount}"),
            "sh",
        ])
        .before(move |room| fs::create_dir_all(room.place.join(dir)).expect("the room is ours"))
}

#[test]
fn a_running_program_is_replaced_and_runs_on() {
    let cases = SHELLS
        .into_iter()
        .map(|shell| {
            let running = std::sync::Arc::new(Mutex::new(None));
            let stopped = running.clone();
            case(format!("a running program in {shell}"))
                .shell(shell)
                .before(move |room| {
                    fs::create_dir_all(room.bin()).expect("the room is ours");
                    let bytes = fs::read(tools::find("sleep")).expect("sleep is readable");
                    tools::program(&room.dest(), &bytes);
                    let _starting = tools::STARTING
                        .lock()
                        .unwrap_or_else(|held| held.into_inner());
                    let child = Command::new(room.dest())
                        .arg("60")
                        .spawn()
                        .expect("sleep runs");
                    *running.lock().expect("no holder panics") = Some(child);
                })
                .after(move |_| {
                    let mut child = stopped
                        .lock()
                        .expect("no holder panics")
                        .take()
                        .expect("it was started");
                    let status = child.try_wait().expect("it is our child");
                    assert!(status.is_none(), "the running program ended: {status:?}");
                    child
                        .kill()
                        .and_then(|()| child.wait())
                        .expect("it is our child");
                })
        })
        .collect();
    run("running programs", cases);
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_fetched() {
    let line = |version: &str, platform: &str, floor: &str| {
        let bytes = store::program(version, platform);
        format!(
            "{platform} {version} {} {} {floor}\n",
            store::sha256(&bytes),
            bytes.len()
        )
    };
    // The newest has the floor; the one before has none.
    let catalog =
        |platform: &str, floor: &str| line(NEWEST, platform, floor) + &line(OLDER, platform, "-");
    let unfit: [(&str, tools::System, &str, &str); 10] = [
        (
            "an old glibc",
            system("linux-x86_64").glibc("2.31"),
            "glibc-2.34",
            "needs glibc 2.34, this has 2.31",
        ),
        (
            "an old glibc on ARM",
            system("linux-aarch64").glibc("2.9"),
            "glibc-2.17",
            "needs glibc 2.17, this has 2.9",
        ),
        (
            "musl",
            system("linux-x86_64").musl(),
            "glibc-2.17",
            "needs glibc 2.17, this has musl",
        ),
        (
            "an old macOS",
            system("macos-aarch64").macos("10.15.7", true),
            "macos-11.0",
            "was built for macOS 11.0, this is 10.15.7",
        ),
        (
            "an old FreeBSD",
            system("freebsd-x86_64").release("13.3-RELEASE"),
            "freebsd-14.1",
            "was built for FreeBSD 14.1, this is 13.3",
        ),
        (
            "an old NetBSD",
            system("netbsd-x86_64").release("9.3"),
            "netbsd-10.1",
            "was built for NetBSD 10.1, this is 9.3",
        ),
        (
            "an old NetBSD on ARM",
            system("netbsd-aarch64").release("9.4_STABLE"),
            "netbsd-10.1",
            "was built for NetBSD 10.1, this is 9.4",
        ),
        (
            "an old OpenBSD",
            system("openbsd-x86_64").release("7.5"),
            "openbsd-7.7",
            "was built for OpenBSD 7.7, this is 7.5",
        ),
        (
            "an old OpenBSD on ARM",
            system("openbsd-aarch64").release("6.9"),
            "openbsd-7.7",
            "was built for OpenBSD 7.7, this is 6.9",
        ),
        (
            "an OpenBSD before 10",
            system("openbsd-x86_64").release("9.9"),
            "openbsd-10.0",
            "was built for OpenBSD 10.0, this is 9.9",
        ),
    ];
    let fit: [(&str, tools::System, &str, &str); 10] = [
        (
            "a new glibc",
            system("linux-x86_64").glibc("2.100"),
            "glibc-2.34",
            "",
        ),
        (
            "the same glibc",
            system("linux-x86_64").glibc("2.34"),
            "glibc-2.34",
            "",
        ),
        ("a musl floor on glibc", system("linux-x86_64"), "musl", ""),
        (
            "a musl floor on musl",
            system("linux-x86_64").musl(),
            "musl",
            "",
        ),
        (
            "a new macOS",
            system("macos-x86_64").macos("26.0", false),
            "macos-11.0",
            "",
        ),
        (
            "a new FreeBSD",
            system("freebsd-x86_64").release("15.0-RELEASE"),
            "freebsd-14.1",
            "",
        ),
        (
            "an older FreeBSD of the branch",
            system("freebsd-x86_64").release("14.0-RELEASE"),
            "freebsd-14.1",
            "was built for FreeBSD 14.1, this is 14.0; trying it",
        ),
        (
            "an older NetBSD of the branch",
            system("netbsd-x86_64").release("10.0"),
            "netbsd-10.1",
            "was built for NetBSD 10.1, this is 10.0; trying it",
        ),
        (
            "a newer OpenBSD",
            system("openbsd-x86_64").release("7.8"),
            "openbsd-7.7",
            "was built for OpenBSD 7.7, this is 7.8; trying it",
        ),
        (
            "a floor of another system",
            system("linux-x86_64"),
            "plan9-4",
            "",
        ),
    ];
    let mut cases = vec![];
    for (row, (name, system, floor, words)) in unfit.into_iter().enumerate() {
        let stored = catalog(system.platform, floor);
        for shell in [turn(row), turn(row + 6)] {
            let base = |name: String| {
                case(name)
                    .shell(shell)
                    .system(system.clone())
                    .stores("catalog.txt", Some(&stored))
            };
            cases.push(
                base(format!("{name} in {shell}"))
                    .fails(3, words)
                    .warns("the newest that fits: ")
                    .warns(format!("--version {OLDER}\n")),
            );
            cases.push(
                base(format!("{name} in {shell}, asked for"))
                    .args(["--version", NEWEST])
                    .fails(3, words),
            );
            cases.push(
                base(format!("{name} in {shell}, the older one"))
                    .args(["--version", OLDER])
                    .leaves(After::Version(OLDER)),
            );
            cases.push(
                base(format!("{name} in {shell}, listed"))
                    .args(["--list-versions"])
                    .says(format!("{NEWEST}  {words}\n{OLDER}\n"))
                    .leaves(After::Nothing),
            );
        }
    }
    for (row, (name, system, floor, words)) in fit.into_iter().enumerate() {
        let stored = catalog(system.platform, floor);
        let case = case(format!("{name} in {}", turn(row)))
            .shell(turn(row))
            .system(system)
            .stores("catalog.txt", Some(&stored));
        cases.push(if words.is_empty() {
            case.never_says("built for")
        } else {
            case.warns(words)
        });
    }
    cases.push(
        case("nothing that fits at all")
            .system(system("linux-x86_64").musl())
            .stores(
                "catalog.txt",
                Some(&line(NEWEST, "linux-x86_64", "glibc-2.17")),
            )
            .fails(3, "needs glibc 2.17, this has musl")
            .never_says("the newest that fits"),
    );
    run("floors", cases);
}

const KILLED: &str = "#!/bin/sh\nkill -9 $$\n";

#[test]
fn versions_are_chosen_once_and_said_aloud() {
    let lagging = PLATFORMS
        .map(|platform| {
            format!(
                "{platform}:{}\n",
                if platform.starts_with("linux") {
                    OLDER
                } else {
                    NEWEST
                }
            )
        })
        .concat();
    let mut cases = vec![];
    for row in 0..SHELLS.len() {
        let shell = turn(row);
        let base = |name: &str| case(format!("{name} in {shell}")).shell(shell);
        let kinds = [
            base("a platform that lags")
                .stores("versions.txt", Some(&lagging))
                .warns("ballistics 0.14.0 is out, for linux-x86_64 only 0.13.3 yet")
                .leaves(After::Version(OLDER)),
            base("a version that is not published")
                .args(["--version", "0.13.9"])
                .fails(3, "no ballistics 0.13.9 for linux-x86_64; what there is:"),
            base("a version that is not published in an old store")
                .stores("catalog.txt", None)
                .args(["--version=0.13.9"])
                .fails(3, "no ballistics 0.13.9 for linux-x86_64"),
            base("a list")
                .args(["--list-versions"])
                .says("0.14.0\n0.13.3\n0.12.0\n")
                .leaves(After::Nothing),
            base("a list of an old store")
                .stores("catalog.txt", None)
                .args(["--list-versions"])
                .says("0.14.0\n")
                .leaves(After::Nothing),
            base("a program of another version")
                .stores(
                    newest("linux-x86_64"),
                    Some("#!/bin/sh\necho 'ballistics 0.13.3'\n"),
                )
                .stores(
                    format!("{}.sha256", newest("linux-x86_64")),
                    Some(&store::sha256(b"#!/bin/sh\necho 'ballistics 0.13.3'\n")),
                )
                .stores("catalog.txt", None)
                .keys(Keys::None)
                .fails(8, "ballistics 0.14.0 calls itself: ballistics 0.13.3"),
            base("a program that is killed")
                .stores(newest("linux-x86_64"), Some(KILLED))
                .stores(
                    format!("{}.sha256", newest("linux-x86_64")),
                    Some(&store::sha256(KILLED.as_bytes())),
                )
                .stores("catalog.txt", None)
                .keys(Keys::None)
                .fails(8, "ballistics 0.14.0 does not run here (status "),
            base("a program that fails, and the old one stays")
                .before(|room| room.put(OLDER))
                .stores(
                    newest("linux-x86_64"),
                    Some("#!/bin/sh\necho no such library >&2\nexit 1\n"),
                )
                .stores(
                    format!("{}.sha256", newest("linux-x86_64")),
                    Some(&store::sha256(
                        b"#!/bin/sh\necho no such library >&2\nexit 1\n",
                    )),
                )
                .stores("catalog.txt", None)
                .keys(Keys::None)
                .fails(8, "does not run here (status 1): no such library")
                .leaves(After::AsBefore),
        ];
        cases.extend(every_third(row, kinds));
    }
    run("versions", cases);
}

#[test]
fn what_is_asked_wrongly_is_refused_by_name() {
    let mut cases = vec![];
    let usage: [(&str, &[&str], &str); 12] = [
        (
            "an unknown option",
            &["--verison", "0.14.0"],
            "what is --verison?",
        ),
        ("a stray word", &["please"], "what is please?"),
        ("no version", &["--version"], "not a version: ''"),
        ("an empty version", &["--version="], "not a version: ''"),
        ("a v", &["--version", "v0.14.0"], "not a version: 'v0.14.0'"),
        (
            "two numbers",
            &["--version", "0.14"],
            "not a version: '0.14'",
        ),
        ("a path", &["--version", "../x"], "not a version: '../x'"),
        (
            "a command",
            &["--version", "0.14.0;id"],
            "not a version: '0.14.0;id'",
        ),
        (
            "build metadata",
            &["--version", "0.14.0+b"],
            "not a version: '0.14.0+b'",
        ),
        (
            "two lines",
            &["--version", "0.14.0\n0.13.3"],
            "not a version: '0.14.0",
        ),
        (
            "a number out of range",
            &["--version", "99999999999999999999.0.0"],
            "not a version: '999",
        ),
        (
            "an option for a prefix",
            &["--prefix", "--quiet"],
            "what is --prefix=--quiet?",
        ),
    ];
    for (row, (name, args, words)) in usage.into_iter().enumerate() {
        for shell in [turn(row), turn(row + 4), turn(row + 8)] {
            let mut case = case(format!("{name} in {shell}"))
                .shell(shell)
                .fails(2, words);
            for arg in args {
                case = case.args([arg]);
            }
            cases.push(case);
        }
    }
    let bases = [
        (
            "http of another machine",
            "http://ballistics.example/{name}",
        ),
        (
            "http with a user",
            "http://localhost:{port}@ballistics.example/",
        ),
        (
            "http of a name that begins well",
            "http://localhost.ballistics.example/",
        ),
        (
            "http of an address that begins well",
            "http://127.0.0.1.ballistics.example/",
        ),
        ("ftp", "ftp://localhost/"),
        ("a file of another host", "file://host/store"),
    ];
    for (row, seconds) in ["abc", "0", "-1", "1.5", "08", "1 0", "9999999"]
        .into_iter()
        .enumerate()
    {
        let shell = turn(row);
        cases.push(
            case(format!("a timeout of {seconds} in {shell}"))
                .shell(shell)
                .env("BALLISTICS_TIMEOUT", seconds)
                .fails(2, format!("BALLISTICS_TIMEOUT: no seconds: {seconds}\n")),
        );
    }
    for (row, (name, base)) in bases.into_iter().enumerate() {
        for shell in [turn(row), turn(row + 4), turn(row + 8)] {
            cases.push(
                case(format!("{name} in {shell}"))
                    .shell(shell)
                    .downloader(Downloader::Curl)
                    .base(base)
                    .fails(2, "http"),
            );
        }
    }
    for row in 0..SHELLS.len() {
        let shell = turn(row);
        let base = |name: &str| case(format!("{name} in {shell}")).shell(shell);
        let kinds = [
            base("--help").args(["--help"]).says("usage: install.sh").leaves(After::Nothing),
            base("--quiet").args(["--quiet"]).never_says("installed").never_says("PATH"),
            base("--verbose").args(["--verbose"]).warns("cp: {room}/store/versions.txt").says("installed {dest}"),
            base("--dry-run")
                .args(["--dry-run"])
                .says("platform: linux-x86_64 glibc-2.36\nbinary: {room}/store/0.14.0/ballistics-0.14.0-linux-x86_64\n")
                .says("checks: SHA-256 and signature\nhash tool: sha256sum\ntarget: {dest}\n")
                .leaves(After::Nothing),
            base("--dry-run without a key")
                .args(["--dry-run"])
                .keys(Keys::None)
                .hasher(Hasher::Openssl)
                .says("checks: SHA-256 alone: this installer carries no release key\nhash tool: openssl dgst -sha256\n")
                .says("needs: neither sudo nor doas\n")
                .leaves(After::Nothing),
            unprivileged(base("--dry-run and a prefix that is not writable").before(|room| lock(&room.bin())))
                .args(["--dry-run"])
                .with("doas", "doas")
                .after(|room| unlock(&room.bin()))
                .says("needs: doas\n")
                .leaves(After::Nothing),
            base("file:///").base("file://{room}/store").says("installed {dest}"),
            base("a relative directory").base("store/").says("installed {dest}"),
            base("a directory that is not there").base("{room}/sotre").fails(6, "No such file"),
            base("localhost by its name")
                .downloader(Downloader::Curl)
                .base("http://localhost:{port}/{name}/")
                .says("installed {dest}"),
            base("no downloader").downloader(Downloader::Nothing).fails(4, "no downloader: install curl"),
            base("a curl that is a snap")
                .downloader(Downloader::Wget)
                .before(|room| {
                    fs::create_dir_all(room.place.join("home/snap/bin")).expect("the room is ours");
                    tools::script(&room.place.join("home/snap/bin"), "curl", "exit 23");
                })
                .env("PATH", "{room}/home/snap/bin:{room}/sealed")
                .says("installed {dest}"),
            base("a tool that is missing").without("sed").fails(4, "sed is not in PATH"),
            base("completions that the program has")
                .env("SHELL", "/usr/bin/zsh")
                .warns("to complete: '{dest}' completions zsh\n"),
            base("completions that the program has not")
                .env("SHELL", "/usr/bin/rc")
                .never_says("to complete"),
            base("a directory with blanks and quotes, in the advice")
                .before(|room| symlink("store", room.place.join("it's a store")).expect("the room is ours"))
                .base("{room}/it's a store")
                .args(["--version", "0.13.9"])
                .fails(3, "what there is: cat '{room}/it'\\''s a store/install.sh' | sh -s -- --list-versions\n"),
            base("in PATH already")
                .env("PATH", "{room}/a prefix/bin:{room}/sealed")
                .never_says("PATH"),
            base("another one that comes first")
                .with("ballistics", "true")
                .env("PATH", "{room}/sealed:{room}/a prefix/bin")
                .warns("{room}/sealed/ballistics comes before it in PATH"),
        ];
        cases.extend(every_third(row, kinds));
    }
    run("usage", cases);
}

#[test]
fn a_withdrawn_version_is_taken_only_when_asked_for() {
    let platform = "linux-x86_64";
    let line = |version: &str, rest: &str| {
        let bytes = store::program(version, platform);
        let hash = store::sha256(&bytes);
        format!("{platform} {version} {hash} {} {rest}\n", bytes.len())
    };
    let newest_withdrawn = line(NEWEST, "glibc-2.17 yanked") + &line(OLDER, "glibc-2.17");
    let both = line(NEWEST, "glibc-2.99") + &line(OLDER, "- yanked\r") + &line(UNSIGNED, "-");
    let unfit = line(NEWEST, "glibc-2.99 yanked") + &line(OLDER, "-");
    let unknown = line(NEWEST, "glibc-2.17 sealed and more");
    let mut cases = vec![];
    for row in 0..SHELLS.len() {
        let shell = turn(row);
        let base = |name: &str, catalog: &str| {
            case(format!("{name} in {shell}"))
                .shell(shell)
                .stores("catalog.txt", Some(catalog))
        };
        let kinds = [
            base("a pointer to a withdrawn version", &newest_withdrawn)
                .fails(3, "ballistics 0.14.0 was withdrawn\n")
                .warns("the newest that fits: cat '{room}/store/install.sh' | sh -s -- --version 0.13.3\n"),
            base("a withdrawn version asked for", &newest_withdrawn)
                .args(["--version", NEWEST])
                .warns("ballistics 0.14.0 was withdrawn; trying it\n"),
            base("a list with a withdrawn version", &newest_withdrawn)
                .args(["--list-versions"])
                .says("0.14.0  was withdrawn\n0.13.3\n")
                .leaves(After::Nothing),
            base("a withdrawn version that would fit", &both)
                .fails(3, "needs glibc 2.99, this has 2.36")
                .warns("--version 0.12.0\n"),
            base("a withdrawn version that does not fit", &unfit)
                .args(["--version", NEWEST])
                .fails(3, "ballistics 0.14.0 was withdrawn and needs glibc 2.99, this has 2.36\n"),
            base("a state that is not known yet", &unknown).never_says("trying it"),
        ];
        cases.extend(every_third(row, kinds));
    }
    run("withdrawn versions", cases);
}

#[test]
fn what_the_advice_says_can_be_pasted() {
    let shells = [
        ("/bin/sh", "sh", "-c"),
        ("/bin/tcsh", "tcsh", "-fc"),
        ("/usr/bin/fish", "fish", "-c"),
    ];
    let mut cases = vec![];
    for (row, (login, program, flag)) in shells.into_iter().enumerate() {
        for shell in turns(row) {
            cases.push(
                case(format!("advice for {program} in {shell}"))
                    .shell(shell)
                    .prefix("it's a prefix")
                    .env("SHELL", login)
                    .after(move |room| assert_eq!(pasted(room, program, flag), room.dest())),
            );
        }
    }
    run("advice", cases);
}

/// Where the user's shell finds the program after the command that the advice names.
fn pasted(room: &Room, program: &str, flag: &str) -> std::path::PathBuf {
    let said = room.said();
    let advice = said
        .lines()
        .find_map(|line| line.split_once("not in PATH yet: "));
    let (_, command) = advice.expect("the advice was given");
    // fish writes into its home.
    let home = store::tempdir("home");
    let find = if program == "tcsh" {
        "which"
    } else {
        "command -v"
    };
    let output = Command::new(tools::find(program))
        .args([flag, &format!("{command}; {find} ballistics")])
        .env("HOME", &home)
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("the shell runs");
    fs::remove_dir_all(home).expect("it was ours");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim_end().into()
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let both = "\"$@\" >/dev/null 2>&1 & first=$!; \"$@\"; code=$?; wait $first && exit $code";
    let cases = SHELLS
        .into_iter()
        .map(|shell| {
            case(format!("two at once in {shell}"))
                .shell(shell)
                .read_from_file()
                .wrapper(["/bin/sh", "-c", both, "sh"])
        })
        .collect();
    run("two at once", cases);
}

#[test]
fn command_substitution_is_for_last_words_once_there_is_something_to_tidy() {
    let text = case::installer();
    let (_, rest) = text
        .split_once("\nmake_work_dir() {\n")
        .expect("it is there");
    let traps = rest.split_once("trap tidy EXIT").expect("it sets traps").1;
    let normal: Vec<&str> = traps
        .lines()
        .filter(|line| line.replace("$((", "").contains("$("))
        .filter(|line| {
            !["#", "die ", "warn ", "again() "]
                .iter()
                .any(|word| line.contains(word))
        })
        .collect();
    assert!(normal.is_empty(), "{normal:#?}");
}

/// As the installer leaves it.
fn installed(room: &Room) {
    room.put(NEWEST);
    let hash = store::sha256(&store::program(NEWEST, room.system.platform));
    let line = format!("{hash}  {}\n", room.dest().display());
    fs::write(room.bin().join(".ballistics.receipt"), line).expect("the room is ours");
}

#[test]
fn uninstall_removes_what_was_installed_and_nothing_else() {
    let mut cases = vec![];
    for row in 0..SHELLS.len() {
        let shell = turn(row);
        let base = |name: &str| {
            case(format!("{name} in {shell}"))
                .shell(shell)
                .args(["--uninstall"])
        };
        let kinds = [
            base("what was installed")
                .before(installed)
                .says("removed {dest}")
                .leaves(After::Nothing),
            base("a dry run")
                .before(installed)
                .args(["--dry-run"])
                .says("would remove {dest}")
                .leaves(After::AsBefore),
            base("nothing there")
                .says("there is no {dest}")
                .leaves(After::Nothing),
            base("a program that somebody else put there")
                .before(|room| room.put(NEWEST))
                .fails(7, "{dest} was not installed by this")
                .leaves(After::AsBefore),
            base("a program that has changed")
                .before(move |room| {
                    installed(room);
                    room.put(OLDER);
                })
                .fails(7, "{dest} is not what was installed")
                .leaves(After::AsBefore),
            unprivileged(base("a read-only prefix").before(move |room| {
                installed(room);
                lock(&room.bin());
            }))
            .after(|room| unlock(&room.bin()))
            .fails(5, "cannot remove {dest}")
            .never_says("--prefix")
            .leaves(After::AsBefore),
            elevated(
                base("a read-only prefix and sudo").before(installed),
                "sudo",
            )
            .says("removed {dest}")
            .leaves(After::Nothing),
            base("a system without a downloader")
                .downloader(Downloader::Nothing)
                .before(installed)
                .says("removed {dest}")
                .leaves(After::Nothing),
        ];
        cases.extend(every_third(row, kinds));
    }
    run("uninstall", cases);
}

#[test]
fn a_script_cut_at_any_byte_installs_nothing() {
    let length = case::Script {
        keys: Keys::Release,
        signed_since: store::SIGNED_SINCE,
        cut: None,
        file: false,
    }
    .text()
    .len();
    let last = length - 400;
    let positions = (97..last).step_by(97).chain(last..length);
    let mut cases = vec![];
    for position in positions {
        // The last bytes in every shell, since there the script is almost whole.
        let shells = if position + 12 >= length {
            SHELLS.to_vec()
        } else {
            vec![turn(position)]
        };
        for shell in shells {
            let cut = case(format!("cut at {position} of {length} in {shell}"))
                .shell(shell)
                .cut(position);
            // Only the newline after the last brace may be missing.
            cases.push(if position == length - 1 {
                cut.says("installed {dest}")
            } else {
                cut.refused()
            });
        }
    }
    run("cut scripts", cases);
}

#[test]
fn the_script_is_short_and_its_settings_can_be_written() {
    let text = case::installer();
    let published = case::Script {
        keys: Keys::Both,
        signed_since: store::SIGNED_SINCE,
        cut: None,
        file: false,
    };
    let length = published.text().len();
    assert!(
        length < 16 * 1024,
        "with two keys install.sh has {length} bytes"
    );
    for line in [
        "base_url='https://ballistics.zip'",
        "release_keys=''",
        "signed_since=''",
    ] {
        assert_eq!(
            text.lines().filter(|other| *other == line).count(),
            1,
            "{line}"
        );
    }
}
