#!/usr/bin/env python3
"""Measures install.sh: from `sh install.sh` to the running program, from a signed store on loopback.

    python3 xtask/benches/install.py [runs]

Prints, per shell, the median and the worst of the runs, beside what curl alone needs for the program. Needs curl and ssh-keygen.
"""

import functools
import hashlib
import http.server
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHELLS = ["dash", "bash", "busybox sh", "mksh", "ksh93", "yash", "zsh"]
VERSION = "0.14.0"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def sign(room, line):
    for option in [["-t", "ed25519", "-N", "", "-C", "", "-f", "key"], ["-Y", "sign", "-n", "ballistics-release", "-f", "key", "line"]]:
        (room / "line").write_text(line)
        subprocess.run(["ssh-keygen", "-q", *option], cwd=room, check=True, stderr=subprocess.DEVNULL)
    return (room / "key.pub").read_text().strip(), (room / "line.sig").read_bytes()


def publish(room, platform):
    """A program of a real one's size that every machine can run; returns the key."""
    padding = "#" * 99 + "\n"
    program = f"#!/bin/sh\necho ballistics {VERSION}\nexit\n{padding * 40000}".encode()
    name, digest = f"ballistics-{VERSION}-{platform}", hashlib.sha256(program).hexdigest()
    key, signature = sign(room, f"{digest}  {name}\n")
    store = room / "store"
    (store / VERSION).mkdir(parents=True)
    (store / VERSION / name).write_bytes(program)
    (store / VERSION / f"{name}.sha256").write_text(digest + "\n")
    (store / VERSION / f"{name}.sha256.sig").write_bytes(signature)
    (store / "versions.txt").write_text(f"{platform}:{VERSION}\n")
    (store / "latest-version.txt").write_text(VERSION + "\n")
    (store / "catalog.txt").write_text(f"{platform} {VERSION} {digest} {len(program)} -\n")
    return key, f"{VERSION}/{name}"


def seconds(command, **more):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    return time.perf_counter() - start


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    room = pathlib.Path(tempfile.mkdtemp())
    try:
        platform = subprocess.check_output(["sh", str(ROOT / "install.sh"), "--print-platform"], text=True).strip()
        key, program = publish(room, platform)
        script = room / "install.sh"
        script.write_text((ROOT / "install.sh").read_text().replace("release_keys=''", f"release_keys='{key}'", 1))
        handler = functools.partial(Quiet, directory=room / "store")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        environment = {"PATH": os.environ["PATH"], "HOME": str(room), "BALLISTICS_BASE_URL": base}
        download = statistics.median(seconds(["curl", "-sSf", "-o", "/dev/null", f"{base}/{program}"]) for _ in range(runs))
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores; the program alone by curl: {download:.3f} s")
        for shell in filter(lambda words: shutil.which(words.split()[0]), SHELLS):
            times = []
            for run in range(runs):
                prefix = room / f"prefix-{run}"
                command = f'{shell} {script} --prefix {prefix} && "{prefix}/bin/ballistics" --version'
                times.append(seconds(["sh", "-c", command], env=environment))
                shutil.rmtree(prefix)
            print(f"{shell:12} median {statistics.median(times):.3f} s, worst {max(times):.3f} s, beyond the download {statistics.median(times) - download:.3f} s")
        server.shutdown()
    finally:
        shutil.rmtree(room)


if __name__ == "__main__":
    main()
