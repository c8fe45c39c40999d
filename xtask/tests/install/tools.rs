//! The shells, downloaders, hash tools and systems of the matrix, and the sealed PATH made of them.

use crate::case::Site;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub const SHELLS: [&str; 12] = [
    "dash",
    "bash",
    "bash --posix",
    "busybox sh",
    "mksh",
    "lksh",
    "ksh93",
    "yash",
    "yash -o posixly-correct",
    "zsh",
    "zsh --emulate sh",
    "posh",
];

/// What install.sh may use on every system, and no more. yash in POSIX mode wants `test` and `true` in PATH too, posh `kill`.
const BASE: [&str; 22] = [
    "[", "test", "true", "printf", "env", "mkdir", "rm", "mv", "cp", "chmod", "cat", "grep", "sed",
    "tr", "wc", "date", "sleep", "id", "kill", "getconf", "uname", "sh",
];

/// Where a tool lies, or which package brings it.
pub fn find(tool: &str) -> PathBuf {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(tool))
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!(
                "{tool} is not here; the Debian package {} has it",
                package(tool)
            )
        })
}

fn package(tool: &str) -> &str {
    match tool {
        "ksh93" => "ksh93u+m",
        "lksh" => "mksh",
        "shasum" => "perl",
        "ssh-keygen" => "openssh-client",
        "setpriv" | "unshare" | "mount" => "util-linux",
        "sha256sum" | "cksum" | "timeout" => "coreutils",
        "getconf" => "libc-bin",
        "kill" => "procps",
        other => other,
    }
}

/// The program and the arguments of a shell of the list.
pub fn shell(words: &str) -> (PathBuf, Vec<&str>) {
    let mut words = words.split(' ');
    let program = words.next().unwrap_or_default();
    (find(program), words.collect())
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Downloader {
    Curl,
    Wget,
    BusyboxWget,
    NetbsdFtp,
    FreebsdFetch,
    OpenbsdFtp,
    /// The store is a directory.
    Directory,
    /// The store is on the network, and nothing here could read it.
    Nothing,
}

pub const NETWORK: [Downloader; 6] = [
    Downloader::Curl,
    Downloader::Wget,
    Downloader::BusyboxWget,
    Downloader::NetbsdFtp,
    Downloader::FreebsdFetch,
    Downloader::OpenbsdFtp,
];

impl Downloader {
    /// A system that has it in its base.
    pub fn home(self) -> System {
        system(match self {
            Downloader::NetbsdFtp => "netbsd-x86_64",
            Downloader::FreebsdFetch => "freebsd-x86_64",
            Downloader::OpenbsdFtp => "openbsd-x86_64",
            _ => "linux-x86_64",
        })
    }

    fn link(self, sealed: &Path) {
        match self {
            Downloader::Curl => place(sealed, "curl", &find("curl")),
            Downloader::Wget => place(sealed, "wget", &find("wget")),
            Downloader::BusyboxWget => place(sealed, "wget", &find("busybox")),
            Downloader::NetbsdFtp => place(sealed, "ftp", &find("tnftp")),
            Downloader::FreebsdFetch => place(sealed, "fetch", &shim("fetch")),
            Downloader::OpenbsdFtp => place(sealed, "ftp", &shim("ftp-openbsd")),
            Downloader::Directory | Downloader::Nothing => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hasher {
    Sha256sum,
    Shasum,
    Sha256,
    Cksum,
    Openssl,
    Digest,
    Busybox,
    /// A cksum that knows no SHA-256, and nothing else.
    Nothing,
}

pub const HASHERS: [Hasher; 7] = [
    Hasher::Sha256sum,
    Hasher::Shasum,
    Hasher::Sha256,
    Hasher::Cksum,
    Hasher::Openssl,
    Hasher::Digest,
    Hasher::Busybox,
];

impl Hasher {
    fn link(self, sealed: &Path) {
        match self {
            Hasher::Sha256sum => place(sealed, "sha256sum", &find("sha256sum")),
            Hasher::Shasum => place(sealed, "shasum", &find("shasum")),
            Hasher::Sha256 => place(sealed, "sha256", &shim("sha256")),
            Hasher::Cksum => place(sealed, "cksum", &find("cksum")),
            Hasher::Openssl => place(sealed, "openssl", &find("openssl")),
            Hasher::Digest => place(sealed, "digest", &shim("digest")),
            Hasher::Busybox => place(sealed, "sha256sum", &find("busybox")),
            Hasher::Nothing => place(sealed, "cksum", &shim("cksum-old")),
        }
    }
}

/// What uname and its like say.
#[derive(Clone, Debug)]
pub struct System {
    pub platform: &'static str,
    kernel: &'static str,
    machine: &'static str,
    processor: &'static str,
    pub release: String,
    /// Other programs of that system, as scripts.
    tools: Vec<(&'static str, String)>,
}

/// The systems of the ten platforms, by the platform's name.
pub fn system(platform: &'static str) -> System {
    let (kernel, machine, processor, release) = match platform {
        "macos-aarch64" => ("Darwin", "arm64", "arm", "23.1.0"),
        "macos-x86_64" => ("Darwin", "x86_64", "i386", "23.1.0"),
        "linux-aarch64" => ("Linux", "aarch64", "unknown", "6.1.0-9-arm64"),
        "linux-x86_64" => ("Linux", "x86_64", "unknown", "6.1.0-9-amd64"),
        "freebsd-aarch64" => ("FreeBSD", "arm64", "aarch64", "14.1-RELEASE-p5"),
        "freebsd-x86_64" => ("FreeBSD", "amd64", "amd64", "14.1-RELEASE"),
        "netbsd-aarch64" => ("NetBSD", "evbarm", "aarch64", "10.1"),
        "netbsd-x86_64" => ("NetBSD", "amd64", "x86_64", "10.1_STABLE"),
        "openbsd-aarch64" => ("OpenBSD", "arm64", "aarch64", "7.7"),
        "openbsd-x86_64" => ("OpenBSD", "amd64", "amd64", "7.7"),
        other => panic!("no such platform: {other}"),
    };
    let system = other_system(kernel, machine, processor, release).on(platform);
    match platform {
        "macos-aarch64" => system.macos("14.1", true),
        "macos-x86_64" => system.macos("14.1", false),
        "linux-aarch64" | "linux-x86_64" => system.glibc("2.36"),
        _ => system,
    }
}

pub fn other_system(
    kernel: &'static str,
    machine: &'static str,
    processor: &'static str,
    release: &str,
) -> System {
    System {
        platform: "",
        kernel,
        machine,
        processor,
        release: release.into(),
        tools: vec![],
    }
}

impl System {
    pub fn on(mut self, platform: &'static str) -> System {
        self.platform = platform;
        self
    }

    pub fn release(mut self, release: &str) -> System {
        self.release = release.into();
        self
    }

    fn tool(mut self, name: &'static str, script: String) -> System {
        self.tools.push((name, script));
        self
    }

    pub fn macos(self, version: &str, apple_silicon: bool) -> System {
        let sysctl = if apple_silicon { "echo 1" } else { "exit 1" };
        self.tool(
            "sw_vers",
            format!("case $* in -productVersion) echo {version} ;; *) exit 1 ;; esac"),
        )
        .tool(
            "sysctl",
            format!("case $* in '-n hw.optional.arm64') {sysctl} ;; *) exit 1 ;; esac"),
        )
    }

    pub fn glibc(self, version: &str) -> System {
        self.tool(
            "getconf",
            format!("case $1 in GNU_LIBC_VERSION) echo glibc {version} ;; LONG_BIT) echo 64 ;; *) exit 1 ;; esac"),
        )
    }

    /// Alpine: its getconf knows no glibc, its ldd says so on stderr and fails.
    pub fn musl(self) -> System {
        self.tool(
            "getconf",
            "case $1 in LONG_BIT) echo 64 ;; *) exit 1 ;; esac".into(),
        )
        .tool(
            "ldd",
            "echo 'musl libc (x86_64)' >&2; echo 'Version 1.2.4' >&2; exit 1".into(),
        )
    }

    pub fn long_bit_32(self) -> System {
        self.tool(
            "getconf",
            "case $1 in LONG_BIT) echo 32 ;; GNU_LIBC_VERSION) echo glibc 2.36 ;; *) exit 1 ;; esac".into(),
        )
    }

    fn link(&self, sealed: &Path) {
        let uname = format!(
            "case $* in -s) echo '{k}' ;; -m) echo '{m}' ;; -p) echo '{p}' ;; -r) echo '{r}' ;; -a) echo '{k} host {r} {m}' ;; *) exit 1 ;; esac",
            k = self.kernel,
            m = self.machine,
            p = self.processor,
            r = self.release
        );
        script(sealed, "uname", &uname);
        for (name, text) in &self.tools {
            script(sealed, name, text);
        }
    }
}

/// What else lies in PATH.
#[derive(Clone, Debug, Default)]
pub struct SealedPath {
    pub without: Vec<&'static str>,
    /// Name in PATH, and the shim or the program that it is.
    pub with: Vec<(&'static str, &'static str)>,
    /// Every tool is busybox, as in Alpine.
    pub busybox: bool,
    /// Shims that count the calls of their tools.
    pub counted: Option<Counted>,
}

#[derive(Clone, Debug)]
pub enum Counted {
    All,
    One(String),
}

impl SealedPath {
    /// A directory of symlinks to exactly the tools that a case may use, made once for all cases that are alike.
    pub fn planted(
        &self,
        site: &Site,
        shell: &Path,
        system: &System,
        downloader: Downloader,
        hasher: Hasher,
    ) -> PathBuf {
        let key = format!("{self:?} {shell:?} {system:?} {downloader:?} {hasher:?}");
        site.shared(&key, |sealed| {
            self.plant(sealed, shell, system, downloader, hasher)
        })
    }

    fn plant(
        &self,
        sealed: &Path,
        shell: &Path,
        system: &System,
        downloader: Downloader,
        hasher: Hasher,
    ) {
        for tool in BASE {
            let target = match tool {
                "sh" => shell.to_path_buf(),
                _ if self.busybox && tool != "getconf" => find("busybox"),
                _ => find(tool),
            };
            place(sealed, tool, &target);
        }
        place(sealed, "ssh-keygen", &find("ssh-keygen"));
        downloader.link(sealed);
        hasher.link(sealed);
        system.link(sealed);
        for (name, target) in &self.with {
            let bundled = shim(target);
            place(
                sealed,
                name,
                &if bundled.exists() {
                    bundled
                } else {
                    find(target)
                },
            );
        }
        for tool in &self.without {
            fs::remove_file(sealed.join(tool)).expect("what is taken away was there");
        }
        if let Some(which) = &self.counted {
            count_calls(sealed, which);
        }
    }
}

/// Puts a shim in front of the tools; not of sleep, which may or may not run before its loop is killed. A file that must not
/// exist yet is an atomic counter, and costs no process.
fn count_calls(sealed: &Path, which: &Counted) {
    let real = sealed.join("real");
    fs::create_dir(&real).expect("the room is writable");
    for entry in fs::read_dir(sealed).expect("it was just made").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let wanted = match which {
            Counted::All => name != "real" && name != "sleep",
            Counted::One(tool) => name == *tool,
        };
        if !wanted {
            continue;
        }
        fs::rename(entry.path(), real.join(&name)).expect("the room is writable");
        // A call that comes when its case is over finds no place to count in.
        let count = format!(
            "n=1; until true >\"$COUNTED/{name} $n\"; do n=$((n + 1)); [ -d \"$COUNTED\" ] || exit 1; done 2>/dev/null"
        );
        let signal = "[ $n != \"$TERM_AT\" ] || kill -TERM \"$SHELL_PID\"";
        let shim = format!(
            "#!{}\nset -C\n{count}\n{signal}\nexec '{}/{name}' \"$@\"\n",
            find("dash").display(),
            real.display()
        );
        program(&entry.path(), shim.as_bytes());
    }
}

pub fn shim(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/install/shims")
        .join(name)
}

fn place(sealed: &Path, name: &str, target: &Path) {
    let link = sealed.join(name);
    let _ = fs::remove_file(&link);
    symlink(target, &link).expect("the room is writable");
}

pub fn script(dir: &Path, name: &str, text: &str) {
    let file = dir.join(name);
    let _ = fs::remove_file(&file);
    program(&file, format!("#!/bin/sh\n{text}\n").as_bytes());
}

/// Held while a program is written and while one is started: a child forked in between would keep the file open, and
/// whoever runs it would hear "text file busy".
pub static STARTING: Mutex<()> = Mutex::new(());

pub fn program(file: &Path, bytes: &[u8]) {
    let _starting = STARTING.lock().unwrap_or_else(|held| held.into_inner());
    fs::write(file, bytes).expect("the room is writable");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("the file is ours");
}
