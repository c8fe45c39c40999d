//! Many sessions at once behind one stock sshd. A release has ten platforms at the most, so this is not reached from the command line.

use super::*;
use crate::gate::HANDSHAKES;
use crate::inventory::Inventory;
use crate::ui::{Results, Talk, Ui};
use crate::words::Version;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

const NODES: usize = 64;
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hello/netbsd-x86_64");

struct Sshd {
    listener: Child,
    ssh: String,
}

impl Sshd {
    /// With sshd's own limits: of more than ten that have not logged in, it drops three in ten.
    fn start(room: &Utf8PathBuf) -> Sshd {
        for key in ["user", "host"] {
            let path = room.join(key);
            run(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", path.as_str()],
            );
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {room}/host\nAuthorizedKeysFile {room}/user.pub\nPidFile none\nUsePAM no\nStrictModes no\n\
             SetEnv XTASK_CACHE={room}/cache\n"
        );
        fs::write(room.join("sshd_config"), config).unwrap();
        let key = fs::read_to_string(room.join("host.pub")).unwrap();
        fs::write(
            room.join("known_hosts"),
            format!("[127.0.0.1]:{port} {key}"),
        )
        .unwrap();
        let ssh = room.join("ssh");
        let options = format!(
            "-p {port} -i {room}/user -o IdentitiesOnly=yes -o UserKnownHostsFile={room}/known_hosts -o GlobalKnownHostsFile=/dev/null"
        );
        fs::write(
            &ssh,
            format!("#!/bin/sh\nexec ssh -F none {options} \"$@\"\n"),
        )
        .unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let log = File::create(room.join("sshd.log")).unwrap();
        let listener = command(&room.join("sshd_config"))
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !fs::read_to_string(room.join("sshd.log"))
            .unwrap()
            .contains("Server listening")
        {
            assert!(Instant::now() < deadline, "sshd does not listen");
            thread::sleep(Duration::from_millis(2));
        }
        Sshd {
            listener,
            ssh: ssh.into_string(),
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

/// As root it wants /run/sshd, which is made at boot; a mount namespace has one of its own.
fn command(config: &Utf8PathBuf) -> Command {
    let sshd = format!("/usr/sbin/sshd -D -e -f {config}");
    let root = run("id", &["-u"]) == "0";
    let script = match root {
        true => format!("mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec {sshd}"),
        false => format!("exec {sshd}"),
    };
    let mut command = match root {
        true => Command::new("unshare"),
        false => Command::new("env"),
    };
    if root {
        command.args(["--mount", "--propagation=private"]);
    }
    command.args(["sh", "-c", &script]).stdin(Stdio::null());
    command
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

/// So many nodes on one machine; not enabled, since they are of one platform.
fn fleet(user: &str) -> Inventory {
    let mut text = String::from(
        "[project]\npackage = \"p\"\nbinary = \"b\"\nrepository = \"https://x.localnet/r\"\n[[machine]]\nname = \"rig\"\n",
    );
    for number in 0..NODES {
        text += &format!(
            "[[node]]\nname = \"n{number}\"\nhost = \"{user}@127.0.0.1\"\ntarget = \"x86_64-unknown-netbsd\"\nmachine = \"rig\"\nenabled = false\n\
             prove = false\nbuild_command = \"true\"\nbinary_path = \"{PROGRAM}\"\nconnect_timeout = \"60s\"\n"
        );
    }
    Inventory::parse("nodes.toml", &text).unwrap()
}

/// The package's archive, as every node gets it.
fn archive(room: &Utf8PathBuf) -> Vec<u8> {
    fs::create_dir(room.join("p-1.2.3")).unwrap();
    fs::write(room.join("p-1.2.3/Cargo.toml"), "").unwrap();
    run(
        "tar",
        &[
            "-czf",
            room.join("archive").as_str(),
            "-C",
            room.as_str(),
            "p-1.2.3",
        ],
    );
    fs::read(room.join("archive")).unwrap()
}

#[test]
fn many_nodes_behind_one_stock_sshd_all_get_through() {
    let directory = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
    let room = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
    let sshd = Sshd::start(&room);
    let fleet = fleet(&run("id", &["-un"]));
    let programs = Programs {
        ssh: sshd.ssh.clone(),
        scp: "scp".into(),
    };
    let (archive, version) = (archive(&room), Version::parse("1.2.3").unwrap());
    let sum = Digest::of(&archive);
    let (interrupt, gate, given_up) = (
        Interrupt::none(),
        Gate::new(HANDSHAKES),
        AtomicBool::new(false),
    );
    let watch = Watch {
        interrupt: &interrupt,
        handshakes: &gate,
        given_up: &given_up,
    };
    let ui = Ui::new(Talk::Quiet, Results::Text);
    let one = |node: &Node| {
        let job = Job {
            project: &fleet.project,
            version: &version,
            nodes: vec![node],
            directory: node.name.as_str(),
            archive_size: archive.len() as u64,
            archive_sha256: &sum,
            fresh: false,
            heartbeat_window: 20,
        };
        let log = room.join(format!("{}.log", node.name));
        begin_log(std::slice::from_ref(&log)).unwrap();
        let order = Order {
            host: &Host::of(node, &programs),
            job: &job,
            archive: room.join("archive"),
            limits: &node.limits,
            rust_version: None,
            machine: node.box_name(),
            log,
            raw_log: room.join(format!("{}.raw", node.name)),
            stream: room.join(format!("{}.stream", node.name)),
        };
        let answer = super::run(&order, &mut ui.job(node.name.as_str(), None), &watch).unwrap();
        match (answer.failure, &answer.binaries[..]) {
            (None, [one]) => one.sha256 == Digest::of(&fs::read(PROGRAM).unwrap()),
            (failure, _) => panic!("{}: {failure:?}", node.name),
        }
    };
    let whole = thread::scope(|scope| {
        let threads: Vec<_> = fleet
            .nodes
            .iter()
            .map(|node| scope.spawn(|| one(node)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .filter(|whole| *whole)
            .count()
    });
    assert_eq!(whole, NODES);
}
