#!/usr/bin/env python3
"""How much longer than its slowest build does a release take? Measured on loopback, beside the other ways to do the same.

usage: fleet.py [--install] [--rounds N] [--sizes 1,8,32] [--replay] [--memory]

Every contender does the same job on the same sshds in turn, round by round: build for a second, bring 5 MB here, hash them. What is compared is
the time beyond that second; T is what the bare handshakes take: as many `ssh true` at once. See README.md beside this file.
"""

import argparse
import hashlib
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target/bench-venv"
# A release has no more platforms than these. More nodes are several releases at once, of eight nodes each.
PLATFORMS = [
    f"{system}-{machine}"
    for system in ("netbsd", "freebsd", "openbsd", "macos", "linux")
    for machine in ("x86_64", "aarch64")
]
BINARY = 5_000_000
# The article's table of build times, in seconds. Its two nodes for openbsd-aarch64 cannot be in one release: the slow one, which it
# switched off, has the place of openbsd-x86_64.
ARTICLE = {
    "macos-aarch64": 45,
    "macos-x86_64": 30,
    "linux-x86_64": 25,
    "freebsd-aarch64": 392,
    "openbsd-aarch64": 937,
    "openbsd-x86_64": 5940,
    "netbsd-x86_64": 225,
    "netbsd-aarch64": 492,
}


def releases_of(count):
    """The names of a fleet's nodes, a list for each release: a node is called as its platform, and from the second release on with a number."""
    if count <= len(PLATFORMS):
        return [PLATFORMS[:count]]
    if count % 8:
        sys.exit(f"a release has ten platforms at most; {count} nodes are not several releases of eight")
    return [[f"{platform}.{number}" for platform in PLATFORMS[:8]] for number in range(count // 8)]


def target_of(node):
    system, machine = node.split(".")[0].split("-")
    if system == "linux":
        return f"{machine}-unknown-linux-gnu"
    return f"{machine}-apple-darwin" if system == "macos" else f"{machine}-unknown-{system}"


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


class Fleet:
    """An sshd for each platform, a project to release, and a file that each node has built."""

    def __init__(self, room, count, size=BINARY):
        self.room, self.servers = room, []
        self.use(releases_of(count))
        room.mkdir()
        for key in ("user", "host"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", room / key)
        host_key = (room / "host.pub").read_text()
        config, known = "", ""
        for node in self.nodes:
            port = free_port()
            self.start_sshd(node, port)
            config += f"Host {node}\n    Port {port}\n"
            known += f"[127.0.0.1]:{port} {host_key}"
            built = room / f"built-{node}"
            shutil.copyfile(ROOT / "xtask/fixtures/hello" / node.split(".")[0], built)
            # Not in our own memory, whose peak Linux hands on to children.
            os.truncate(built, size)
        config += (
            f"Host *\n    HostName 127.0.0.1\n    IdentityFile {room}/user\n    IdentitiesOnly yes\n    IdentityAgent none\n"
            f"    UserKnownHostsFile {room}/known_hosts\n    GlobalKnownHostsFile /dev/null\n    StrictHostKeyChecking yes\n    BatchMode yes\n"
        )
        (room / "ssh_config").write_text(config)
        (room / "known_hosts").write_text(known)
        for program in ("ssh", "scp"):
            (room / program).write_text(f'#!/bin/sh\nexec {program} -F {room}/ssh_config "$@"\n')
            (room / program).chmod(0o755)
        self.projects = [self.make_project(room / f"project-{number}") for number in range(len(self.releases))]

    def use(self, releases):
        self.releases, self.nodes = releases, [node for release in releases for node in release]

    def start_sshd(self, node, port):
        config = self.room / f"sshd-{node}"
        config.write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {self.room}/host\nAuthorizedKeysFile {self.room}/user.pub\nPidFile none\nUsePAM no\n"
            f"StrictModes no\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\nSetEnv XTASK_CACHE={self.room}/cache\n"
        )
        log = self.room / f"log-{node}"
        command = ["/usr/sbin/sshd", "-D", "-f", config, "-E", log]
        if os.getuid() == 0:
            # It wants /run/sshd, which is made at boot; a mount namespace has one of its own.
            inner = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"'
            command = ["unshare", "--mount", "--propagation=private", "sh", "-c", inner, "sh", *command]
        self.servers.append(subprocess.Popen(command))
        while not (log.exists() and "Server listening" in log.read_text()):
            time.sleep(0.002)

    def make_project(self, project):
        package = project / "ballistics-engine"
        (package / "src").mkdir(parents=True)
        (project / "Cargo.toml").write_text('[workspace]\nresolver = "2"\nmembers = ["ballistics-engine"]\n')
        (project / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "ballistics-engine"\nversion = "0.14.0"\n')
        (project / ".gitignore").write_text("/target\n/dist\n")
        (package / "Cargo.toml").write_text(
            '[package]\nname = "ballistics-engine"\nversion = "0.14.0"\nedition = "2021"\nlicense = "MIT"\ndescription = "x"\n'
        )
        (package / "src/main.rs").write_text("fn main() {}\n")
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@localnet"]
        run(*git, "init", "--quiet", cwd=project)
        run(*git, "add", "--all", cwd=project)
        run(*git, "commit", "--quiet", "-m", "begin", cwd=project)
        return project

    def write_nodes(self, seconds):
        for project, nodes in zip(self.projects, self.releases):
            text = (
                '[project]\npackage = "ballistics-engine"\nbinary = "ballistics-engine"\nrepository = "https://x.localnet/r"\n'
                'prove = ["--version"]\n'
            )
            for node in nodes:
                text += (
                    f'\n[[node]]\nname = "{node}"\nhost = "{node}"\ntarget = "{target_of(node)}"\nprove = false\n'
                    f'build_command = "sleep {seconds(node)}"\nbinary_path = "{self.room}/built-{node}"\n'
                )
            (project / "nodes.toml").write_text(text)

    def connections(self):
        return sum((self.room / f"log-{node}").read_text().count("Accepted publickey for") for node in self.nodes)

    def stop(self):
        for server in self.servers:
            server.kill()
            server.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def all_at_once(function, items):
    threads = [threading.Thread(target=function, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


# The contenders. Each leaves the nodes' files in `into`, and returns nothing.


def ssh_true(fleet, into):
    all_at_once(lambda node: run(fleet.room / "ssh", node, "true"), fleet.nodes)


def article_build(fleet, node):
    run(fleet.room / "ssh", node, "sleep 1")


def article_collect(fleet, into, node):
    run(fleet.room / "scp", "-q", f"{node}:{fleet.room}/built-{node}", into / node)
    (into / f"{node}.sha256").write_text(sha256(into / node))


def article_as_written(fleet, into):
    """Builds at once, then one node after the other."""
    all_at_once(lambda node: article_build(fleet, node), fleet.nodes)
    for node in fleet.nodes:
        article_collect(fleet, into, node)


def article_in_threads(fleet, into):
    def one(node):
        article_build(fleet, node)
        article_collect(fleet, into, node)

    all_at_once(one, fleet.nodes)


def gnu_parallel(fleet, into):
    """One job per node, whose result is returned and removed there."""
    script = f"sleep 1; cp {fleet.room}/built-{{}} {fleet.room}/sent-{{}}"
    # What is returned is named from the working directory there, and arrives in the one here.
    command = ["parallel", "--will-cite", "--plain", "-j1", "--ssh", fleet.room / "ssh", "-S", ",".join(f"1/{node}" for node in fleet.nodes)]
    command += ["--workdir", fleet.room, "--return", "sent-{}", script, ":::", *fleet.nodes]
    run(*command, cwd=into, stderr=subprocess.DEVNULL)
    for node in fleet.nodes:
        sha256(into / f"sent-{node}")


def pssh(fleet, into):
    hosts = into / "hosts"
    hosts.write_text("\n".join(fleet.nodes) + "\n")
    options = ["-h", hosts, "-p", str(len(fleet.nodes)), "-t", "0", "-x", f"-F {fleet.room}/ssh_config"]
    run("parallel-ssh", *options, "sleep 1", stdout=subprocess.DEVNULL)
    run("parallel-slurp", *options, "-L", into, f"{fleet.room}/built-{fleet.nodes[0]}", "built", stdout=subprocess.DEVNULL)
    # Its folders are called `node:None` where no port is given.
    for path in into.rglob("built"):
        sha256(path)


PLAYBOOK = """
- hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - ansible.builtin.shell: sleep 1
    - ansible.builtin.fetch: {{src: "{room}/built-{{{{ inventory_hostname }}}}", dest: "{into}/{{{{ inventory_hostname }}}}", flat: true}}
"""


def ansible(fleet, into):
    """With pipelining and a fork per node, and the shared connection that it keeps for its tasks."""
    (into / "hosts").write_text("\n".join(fleet.nodes) + "\n")
    (into / "playbook.yml").write_text(PLAYBOOK.format(room=fleet.room, into=into))
    options = f"-F {fleet.room}/ssh_config -o ControlMaster=auto -o ControlPersist=2s"
    environment = {**os.environ, "ANSIBLE_SSH_ARGS": options, "ANSIBLE_PIPELINING": "1", "ANSIBLE_HOME": str(into / "home")}
    environment["ANSIBLE_PYTHON_INTERPRETER"] = str(VENV / "bin/python")
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="cp", dir="/tmp") as sockets:
        environment["ANSIBLE_SSH_CONTROL_PATH_DIR"] = sockets
        command = [VENV / "bin/ansible-playbook", "-i", into / "hosts", "--forks", str(len(fleet.nodes)), into / "playbook.yml"]
        run(*command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for node in fleet.nodes:
        sha256(into / node)


FABRIC = """
import sys
from fabric import Config, ThreadingGroup
ssh_config, built, into, *nodes = sys.argv[1:]
group = ThreadingGroup(*nodes, config=Config(runtime_ssh_path=ssh_config))
group.run("sleep 1", hide=True)
# All of them are 127.0.0.1.
group.get(built, into + "/{port}")
"""


def fabric(fleet, into):
    built = fleet.room / f"built-{fleet.nodes[0]}"
    run(VENV / "bin/python", "-c", FABRIC, fleet.room / "ssh_config", built, into, *fleet.nodes)
    for path in into.iterdir():
        sha256(path)


def xtask(fleet, into):
    """Returns the time from the first connection to the last result: before that the source is packed, whatever the size of the fleet."""
    return xtask_again(fleet, "--fresh").fleet_part


class Run:
    """One `xtask dist`: when it began to connect, when it had the last result, how long it took, how much memory."""

    def __init__(self, fleet, project, flags):
        tool = pathlib.Path(os.environ.get("XTASK", ROOT / "target/debug/xtask"))
        environment = {**os.environ, "XTASK_SSH": str(fleet.room / "ssh"), "XTASK_SCP": str(fleet.room / "scp")}
        self.first = self.last = None
        started = time.monotonic()
        child = subprocess.Popen([tool, "--json", "--quiet", "dist", *flags], cwd=project, env=environment, stdout=subprocess.PIPE)
        for line in child.stdout:
            event, now = json.loads(line), time.monotonic()
            if event["event"] == "stage":
                self.first = self.first or now
            if event["event"] == "outcome":
                self.last = now
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"xtask ended with {child.returncode}")
        self.whole, self.peak = time.monotonic() - started, usage.ru_maxrss
        self.fleet_part = self.last - self.first if self.first else 0.0


def xtask_again(fleet, *flags):
    """All of the fleet's releases at once; what comes back spans them all."""
    if len(fleet.releases) == 1:
        return Run(fleet, fleet.projects[0], flags)
    runs = []
    all_at_once(lambda project: runs.append(Run(fleet, project, flags)), fleet.projects)
    if len(runs) < len(fleet.projects):
        sys.exit("a release failed")
    span = runs[0]
    if span.first:
        span.fleet_part = max(one.last for one in runs) - min(one.first for one in runs)
    span.whole, span.peak = max(one.whole for one in runs), max(one.peak for one in runs)
    return span


def cpu(*whose):
    usage = [resource.getrusage(who) for who in whose]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def cpu_of(function):
    """Hashing in this process is a part of a contender's job; reading xtask's events is none of its."""
    own = [] if function is xtask else [resource.RUSAGE_SELF]
    return cpu(resource.RUSAGE_CHILDREN, *own)


PEERS = {
    "GNU parallel": (gnu_parallel, ("parallel", "rsync")),
    "pssh and pslurp": (pssh, ("parallel-slurp",)),
    "Ansible": (ansible, (VENV / "bin/ansible-playbook",)),
    "Fabric": (fabric, (VENV / "bin/fab",)),
}


def install_peers():
    if os.getuid() == 0 and shutil.which("apt-get"):
        run("apt-get", "install", "--yes", "--quiet=2", "parallel", "rsync", "pssh", stdout=subprocess.DEVNULL)
    run(sys.executable, "-m", "venv", VENV)
    run(VENV / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "ansible-core", "fabric")


def contenders():
    found = {"ssh true (T)": ssh_true, "xtask dist": xtask}
    found |= {"the article, in threads": article_in_threads, "the article, as written": article_as_written}
    for name, (function, programs) in PEERS.items():
        missing = [str(program) for program in programs if not shutil.which(program)]
        if missing:
            print(f"{name} does not take part: no {', '.join(missing)} (--install)")
        else:
            found[name] = function
    return found


def compare(rounds, size):
    functions = contenders()
    walls, cpus = {name: [] for name in functions}, {name: [] for name in functions}
    with tempfile.TemporaryDirectory() as room:
        fleet = Fleet(pathlib.Path(room) / "fleet", size)
        fleet.write_nodes(lambda node: 1)
        again = []
        try:
            # Packs the source, which the rounds use again.
            xtask_again(fleet)
            for number in range(rounds):
                for name, function in functions.items():
                    into = pathlib.Path(room) / f"{number}-{function.__name__}"
                    into.mkdir()
                    before, started, connections = cpu_of(function), time.monotonic(), fleet.connections()
                    took = function(fleet, into)
                    wall = took if took is not None else time.monotonic() - started
                    walls[name].append(wall if function is ssh_true else wall - 1)
                    cpus[name].append(cpu_of(function) - before)
                    per_node = (fleet.connections() - connections) / size
                    if number == 0:
                        print(f"  {name}: {per_node:g} connections per node", flush=True)
                    shutil.rmtree(into)
                before = cpu_of(xtask)
                again.append((xtask_again(fleet).whole, cpu_of(xtask) - before))
        finally:
            fleet.stop()
    title = f"{size} nodes" if len(fleet.releases) == 1 else f"{size} nodes: {len(fleet.releases)} releases of 8 at once, for xtask"
    show(title, size, walls, cpus, again)


def show(title, size, walls, cpus, again):
    median = statistics.median
    bare, bare_cpu = median(walls["ssh true (T)"]), median(cpus["ssh true (T)"])
    print(f"\n{title}; the time beyond the build, the median of {len(again)} rounds; load now {os.getloadavg()[0]:.1f}")
    print(f"| {'':24} |    s | lowest | highest |  / T | CPU s per node | / ssh true |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, times in walls.items():
        used = median(cpus[name])
        if name == "xtask dist":
            # A second run does all but the fleet's part: what it uses is not for the nodes.
            used -= median(used for _, used in again)
        print(
            f"| {name:24} | {median(times):4.2f} | {min(times):6.2f} | {max(times):7.2f} | {median(times) / bare:4.2f} "
            f"| {used / size:14.3f} | {used / bare_cpu:10.2f} |"
        )
    print(f"a second xtask dist, everything reused: {median(wall for wall, _ in again):.2f} s\n")


def replay():
    """The article's fleet, sixty times as fast."""
    with tempfile.TemporaryDirectory() as room:
        room = pathlib.Path(room)
        fleet = Fleet(room / "fleet", len(PLATFORMS))
        fleet.use([[node for node in fleet.nodes if node in ARTICLE]])
        fleet.write_nodes(lambda node: f"{ARTICLE[node] / 60:.3f}")
        try:
            replayed = xtask_again(fleet)
        finally:
            fleet.stop()
    slowest = max(ARTICLE.values()) / 60
    fleet_part, whole = replayed.fleet_part, replayed.whole
    print(f"replay 1:60: slowest build {slowest:.2f} s, from first connection to last result {fleet_part:.2f} s, the whole run {whole:.2f} s")
    print(f"bar: {1.01 * slowest + 0.5:.2f} s; beyond the slowest: {fleet_part - slowest:.2f} s, with packing the source {whole - slowest:.2f} s")


def memory():
    """The tool's own peak, with few and many nodes, with small and with large binaries."""
    for count, size in ((1, BINARY), (len(PLATFORMS), BINARY), (len(PLATFORMS), 200_000_000)):
        with tempfile.TemporaryDirectory() as room:
            fleet = Fleet(pathlib.Path(room) / "fleet", count, size)
            fleet.write_nodes(lambda node: 0)
            try:
                peak = xtask_again(fleet).peak
            finally:
                fleet.stop()
        print(f"{count} nodes with binaries of {size // 1_000_000} MB: at most {peak / 1024:.0f} MB in xtask")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="1,8,10,32")
    parser.add_argument("--install", action="store_true", help="install the peers first: Debian packages, and Python's into target/")
    parser.add_argument("--replay", action="store_true", help="only the replay of the article's build times")
    parser.add_argument("--memory", action="store_true", help="only the peak of memory")
    flags = parser.parse_args()
    if flags.install:
        install_peers()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if flags.replay:
        return replay()
    if flags.memory:
        return memory()
    for size in flags.sizes.split(","):
        compare(flags.rounds, int(size))


if __name__ == "__main__":
    main()
