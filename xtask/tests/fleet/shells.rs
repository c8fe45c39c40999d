//! Login shells of every kind, with rc files that print: needs root, for a passwd file of the test's own in a mount namespace.

use crate::fleet::{write_executable, Fleet};
use crate::project::write;

/// A login shell, a node that has it, and the file that it reads for every command.
const SHELLS: [(&str, &str, &str); 6] = [
    ("sh", "freebsd-aarch64", ".profile"),
    ("bash", "freebsd-x86_64", ".bashrc"),
    ("tcsh", "macos-aarch64", ".tcshrc"),
    ("mksh", "macos-x86_64", ".mkshrc"),
    ("fish", "netbsd-aarch64", ".config/fish/config.fish"),
    ("zsh", "netbsd-x86_64", ".zshenv"),
];

/// Neither line ends, and the second looks like a frame.
const NOISE: &str =
    "printf 'Welcome to the machine\\n::0:binary x 1 2'\nsh -c 'printf \"have a nice day\" >&2'\n";

#[test]
fn every_login_shell_will_do_whatever_its_rc_file_prints() {
    let mut fleet = Fleet::of(&[]);
    let passwd = fleet.room.join("passwd");
    let mut text = std::fs::read_to_string("/etc/passwd").unwrap();
    for (shell, node, rc) in SHELLS {
        let home = fleet.room.join(node).join("home");
        text += &format!(
            "login-{shell}:*:0:0::{}:{}\n",
            home.display(),
            path_of(shell)
        );
        write(&home.join(rc), NOISE);
        // sshd runs this one for every shell.
        write(&home.join(".ssh/rc"), NOISE);
    }
    write(&passwd, &text);
    for (shell, node, _) in SHELLS {
        let mut setup = fleet.setup(node, "");
        // Its home is what the passwd file says.
        setup.config = format!(
            "SetEnv XTASK_CACHE={}/cache",
            fleet.room.join(node).display()
        );
        setup.mounts = format!("mount --bind {} /etc/passwd", passwd.display());
        fleet.add(node, setup);
        fleet.set(node, &format!("ssh_options = [\"User=login-{shell}\"]\nenv.PLAY = '''echo \"in $0\"; printf done'''"));
    }
    let nodes = SHELLS.map(|(_, node, _)| node);
    fleet.dist().exits(0);
    fleet.holds(&nodes);
    for (shell, node, _) in SHELLS {
        let log = fleet.node(node).sshd.log();
        assert!(
            log.contains(&format!("Accepted publickey for login-{shell} ")),
            "{log}"
        );
        // The rc files did print.
        assert!(
            fleet.log(node).contains("have a nice day"),
            "{shell}: {}",
            fleet.log(node)
        );
        assert_eq!(fleet.node(node).sshd.connections(), 1);
    }
}

fn path_of(program: &str) -> String {
    let found = ["/bin", "/usr/bin"]
        .iter()
        .map(|directory| format!("{directory}/{program}"));
    let mut found = found.filter(|path| std::path::Path::new(path).exists());
    found
        .next()
        .unwrap_or_else(|| panic!("no {program}; `cargo xtask ci` installs it"))
}

/// The node's own shells, where `sh` is one that keeps or breaks other habits than dash.
#[test]
fn every_sh_runs_the_script() {
    let nodes = [
        "freebsd-aarch64",
        "freebsd-x86_64",
        "netbsd-aarch64",
        "netbsd-x86_64",
    ];
    let mut fleet = Fleet::of(&nodes);
    for (node, shell) in nodes
        .iter()
        .zip(["bash --posix", "busybox sh", "mksh", "dash"])
    {
        let program = fleet.node(node).directory.join("bin/sh");
        write_executable(&program, &format!("#!/bin/dash\nexec {shell} \"$@\"\n"));
        fleet.node_mut(node).setup.config += &format!(
            " PATH={}:/usr/local/bin:/usr/bin:/bin",
            program.parent().unwrap().display()
        );
        fleet.node_mut(node).restart();
        fleet.play(node, "printf 'no end of line'; sleep 600 &");
    }
    let ran = fleet.dist().exits(0);
    fleet.holds(&nodes);
    for node in nodes {
        assert_eq!(ran.became(node), "built");
        assert_eq!(fleet.running_on(node), [""; 0]);
        assert_eq!(
            crate::fleet::names(&fleet.node(node).cache(node)),
            ["target"],
            "{node}"
        );
    }
    // And a client that is killed leaves nothing in any of them.
    nodes.iter().for_each(|node| fleet.play(node, "sleep 600"));
    let running = fleet.start("dist");
    let sleeps = |node: &&str| {
        fleet
            .running_on(node)
            .iter()
            .any(|line| line.ends_with(" sleep 600 "))
    };
    crate::run::wait_until("all sleep", || nodes.iter().all(&sleeps));
    running.signal("KILL");
    for (node, lifetime) in fleet.lifetimes(&nodes) {
        eprintln!("{node} ended within {lifetime:?}");
        assert!(lifetime.as_secs() < 10, "{node} lived {lifetime:?}");
    }
    drop(running.wait());
}
