#!/usr/bin/env python3
"""What does a publish cost, beside Google's own tools and beside the article's three commands? All to one emulator on loopback.

usage: publish.py [--rounds N] [--memory]

Seven binaries of 5 MB with their sidecars, into a bucket that is new each time. `xtask publish` does all that it does for a user: it
checks dist/, uploads, writes the index and the views, reads everything back and hashes it. Its first row ends where `gsutil cp` ends, with
the files in the bucket, the second where the article's three commands end, with a release that people get; what comes after that is
verification. See README.md beside this file.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from fleet import BINARY, HERE, ROOT, free_port, run, target_of

TOOLS = ROOT / "target/gcs-tools"
# None of them runs here: installing what was published is not what is measured.
PLATFORMS = [
    "macos-aarch64", "freebsd-aarch64", "freebsd-x86_64", "openbsd-aarch64", "openbsd-x86_64", "netbsd-aarch64", "netbsd-x86_64",
]


class Emulator:
    """fake-gcs-server, and before it socat with a certificate of our own, since gsutil speaks only TLS."""

    def __init__(self, room):
        self.port, tls_port = free_port(), free_port()
        self.url, self.buckets, self.children = f"http://127.0.0.1:{self.port}", 0, []
        openssl = "openssl req -newkey rsa:2048 -nodes -subj /CN={0} -keyout {0}.key"
        for line in (
            f"{openssl.format('ca')} -x509 -days 2 -out ca.pem",
            f"{openssl.format('localhost')} -out localhost.csr",
            "echo subjectAltName=DNS:localhost > names",
            "openssl x509 -req -in localhost.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out localhost.pem",
            "cat localhost.pem localhost.key > both.pem",
        ):
            run("sh", "-c", line, cwd=room, stderr=subprocess.DEVNULL)
        server = [TOOLS / "bin/fake-gcs-server", "-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port)]
        server += ["-public-host", f"127.0.0.1:{self.port}", "-backend", "memory"]
        listen = f"OPENSSL-LISTEN:{tls_port},bind=127.0.0.1,cert={room}/both.pem,verify=0,fork,reuseaddr"
        for command in (server, ["socat", listen, f"TCP:127.0.0.1:{self.port}"]):
            self.children.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        boto = room / "boto"
        boto.write_text(
            f"[Credentials]\ngs_json_host = localhost\ngs_json_port = {tls_port}\n[Boto]\nca_certificates_file = {room}/ca.pem\n"
            f"[GSUtil]\nsoftware_update_check_period = 0\nprefer_api = json\nstate_dir = {room}/gsutil\n"
        )
        self.environment = {
            **os.environ,
            "PATH": f"{TOOLS}/bin:{os.environ['PATH']}",
            # As `cargo xtask` says it: the one in the PATH may be rustup's, which looks for that one each time.
            "CARGO": subprocess.check_output(["rustup", "which", "cargo"], text=True).strip() if shutil.which("rustup") else "cargo",
            "BOTO_CONFIG": str(boto),
            "STORAGE_EMULATOR_HOST": self.url,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.url}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CONFIG": str(room / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_PROJECT": "test",
        }
        deadline = time.monotonic() + 30
        while not self.answers():
            if time.monotonic() > deadline:
                sys.exit("the emulator does not answer")
            time.sleep(0.02)

    def answers(self):
        try:
            return urllib.request.urlopen(f"{self.url}/storage/v1/b?project=test", timeout=2).status == 200
        except OSError:
            return False

    def bucket(self):
        self.buckets += 1
        name = f"releases-{self.buckets}"
        body = json.dumps({"name": name}).encode()
        request = urllib.request.Request(f"{self.url}/storage/v1/b?project=test", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()
        return name

    def stop(self):
        for child in self.children:
            child.kill()
            child.wait()


def make_project(room, size):
    """A tagged release in dist/, hashed and ready."""
    project = room / "project"
    package = project / "ballistics-engine"
    (package / "src").mkdir(parents=True)
    (project / "Cargo.toml").write_text('[workspace]\nresolver = "2"\nmembers = ["ballistics-engine"]\n')
    (project / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "ballistics-engine"\nversion = "0.14.0"\n')
    (project / ".gitignore").write_text("/target\n/dist\n")
    (package / "Cargo.toml").write_text(
        '[package]\nname = "ballistics-engine"\nversion = "0.14.0"\nedition = "2021"\nlicense = "MIT"\ndescription = "x"\n'
    )
    (package / "src/main.rs").write_text("fn main() {}\n")
    shutil.copy(ROOT / "install.sh", project)
    nodes = '[project]\npackage = "ballistics-engine"\nbinary = "ballistics"\nrepository = "https://x.localnet/r"\nprove = ["--version"]\n'
    for platform in PLATFORMS:
        built = room / f"built-{platform}"
        hello = (ROOT / "xtask/fixtures/hello" / platform).read_bytes()
        with built.open("wb") as file:
            file.write(hello)
            # Not all of it in our own memory, whose peak Linux hands on to children.
            for _ in range((size - len(hello)) // 1000):
                file.write(os.urandom(1000))
        nodes += f'\n[[node]]\nname = "{platform}"\nhost = "local"\ntarget = "{target_of(platform)}"\nprove = false\n'
        nodes += f'build_command = "cp {built} out"\nbinary_path = "out"\n'
    (project / "nodes.toml").write_text(nodes)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localnet"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "begin"], ["tag", "v0.14.0"]):
        run(*git, *words, cwd=project)
    for verb in ("dist", "checksum"):
        run(tool(), "--quiet", verb, cwd=project, env={**os.environ, "XTASK_CACHE": str(room / "cache")}, stdout=subprocess.DEVNULL)
    return project


def tool():
    return pathlib.Path(os.environ.get("XTASK", ROOT / "target/debug/xtask"))


class Cost:
    """Wall, CPU of the whole process tree that was waited for, and the peak of its largest process."""

    def __init__(self, emulator, cwd, *commands):
        self.wall = self.cpu = self.peak = 0
        for command in commands:
            started = time.monotonic()
            child = subprocess.Popen(command, cwd=cwd, env=emulator.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            complaint = child.stderr.read()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                sys.exit(f"{command[:4]} ended with {child.returncode}: {complaint.decode()[-500:]}")
            self.wall += time.monotonic() - started
            self.cpu += usage.ru_utime + usage.ru_stime
            self.peak = max(self.peak, usage.ru_maxrss)


def publish(emulator, *before):
    flags = ["--allow-unproven", "--allow-own-source", "--to", f"gs://{emulator.bucket()}"]
    return [tool(), *before, "publish", *flags]


def xtask(emulator, project, files):
    return Cost(emulator, project, publish(emulator))


class Part:
    """Wall and CPU of `xtask publish` from its start to the last event of this kind."""

    def __init__(self, emulator, project, kind):
        started, self.peak = time.monotonic(), math.nan
        child = subprocess.Popen(publish(emulator, "--json"), cwd=project, env=emulator.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in child.stdout:
            if json.loads(line)["event"] == kind:
                self.wall, self.cpu = time.monotonic() - started, cpu_of(child.pid)
        if child.wait():
            sys.exit("xtask publish failed")


def cpu_of(pid):
    """Its own, of all its threads, and that of its children that have ended."""
    own = time.clock_gettime(~pid << 3 | 2)
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return own + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def uploaded(emulator, project, files):
    return Part(emulator, project, "created")


def published(emulator, project, files):
    return Part(emulator, project, "published")


def gsutil(emulator, project, files):
    return Cost(emulator, project, ["gsutil", "-m", "-q", "cp", *files, f"gs://{emulator.bucket()}/0.14.0/"])


def gcloud(emulator, project, files):
    return Cost(emulator, project, ["gcloud", "storage", "cp", *files, f"gs://{emulator.bucket()}/0.14.0/"])


def article(emulator, project, files):
    bucket = f"gs://{emulator.bucket()}"
    there = [f"{bucket}/0.14.0/{file.name}" for file in files]
    latest = project.parent / "latest-version.txt"
    latest.write_text("0.14.0")
    return Cost(
        emulator, project,
        ["gsutil", "-m", "-q", "cp", *files, f"{bucket}/0.14.0/"],
        ["gsutil", "-m", "-q", "acl", "ch", "-u", "AllUsers:R", *there],
        ["gsutil", "-q", "cp", latest, f"{bucket}/"],
    )


def compare(emulator, project, rounds):
    version = project / "dist/0.14.0"
    files = sorted(file for file in version.iterdir() if file.name.startswith("ballistics-0.14.0-"))
    contenders = {
        "xtask, the files are there": uploaded,
        "xtask, people get the release": published,
        "xtask publish, whole": xtask,
        "gsutil -m cp": gsutil,
        "the article's three commands": article,
    }
    if shutil.which("gcloud"):
        contenders["gcloud storage cp"] = gcloud
    costs = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            costs[name].append(contender(emulator, project, files))
    median = lambda name, field: statistics.median(getattr(cost, field) for cost in costs[name])
    print(f"{len(files)} files, {rounds} rounds, medians")
    ours = list(contenders)[:3]
    print(f"| {'':29} | wall s | lowest | CPU s | peak MB | x as long as the three of xtask | x the CPU of those |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in contenders:
        wall, cpu, peak = median(name, "wall"), median(name, "cpu"), median(name, "peak") / 1024
        # Of a part of a run there is no peak.
        peak = "-" if math.isnan(peak) else f"{peak:.0f}"
        lowest = min(cost.wall for cost in costs[name])
        walls, cpus = (", ".join(f"{value / median(our, field):.1f}" for our in ours) for value, field in ((wall, "wall"), (cpu, "cpu")))
        print(f"| {name:29} | {wall:6.2f} | {lowest:6.2f} | {cpu:5.2f} | {peak:>7} | {walls} | {cpus} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="only the peak of memory, with binaries of 5 and of 100 MB")
    flags = parser.parse_args()
    run("sh", HERE.parent / "scripts/gcs-tools.sh", TOOLS)
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for size in (BINARY, 100_000_000) if flags.memory else (BINARY,):
        with tempfile.TemporaryDirectory() as room:
            room = pathlib.Path(room)
            project = make_project(room, size)
            emulator = Emulator(room)
            try:
                if flags.memory:
                    cost = xtask(emulator, project, [])
                    print(f"seven binaries of {size // 1_000_000} MB: at most {cost.peak / 1024:.0f} MB in one process")
                else:
                    compare(emulator, project, flags.rounds)
            finally:
                emulator.stop()


if __name__ == "__main__":
    main()
