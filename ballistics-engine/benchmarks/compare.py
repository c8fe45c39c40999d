#!/usr/bin/env python3
"""Compares the engine with its peers on this machine: upstream's crate 0.49 and py_ballisticcalc 3.1.1.

    python3 compare.py            installs both peers into a temporary folder, measures, prints a table
    python3 compare.py --build    measures clean release builds too; upstream's takes minutes

Times are CPU seconds of child processes that do the same work so often and twice so often, the difference divided
by the count: medians of nine. Instructions are counted by callgrind, where valgrind is installed. Needs cargo,
python3 with venv, and the package registries through cargo and pip; nothing outside the temporary folder and
the workspace's target folder is written.
"""
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINE = os.path.dirname(HERE)
REFERENCE = {"drop": -432.1977505, "zero": 1.16638029}
SIGHT_HEIGHT = 1.5
COUNTS = {"trajectory": (20_000, 200), "zeroed-trajectory": (20_000, None), "zero": (50_000, 60),
          "monte-carlo": (200_000, 300)}
PEER_MANIFEST = """[package]
name = "peer"
version = "0.0.0"
edition = "2021"
[dependencies]
upstream = { package = "ballistics-engine", version = "=0.49.0", default-features = false }
[profile.release]
lto = "fat"
codegen-units = 1
strip = true
[workspace]
"""


def main():
    with tempfile.TemporaryDirectory(prefix="ballistics-compare-") as folder:
        ours = build_ours(folder)
        upstream = build_upstream(folder)
        python = measure_python(folder)
        print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors\n")
        print_speed(ours, upstream)
        print_python(python)
        print_accuracy(ours, upstream, python)
        if "--build" in sys.argv[1:]:
            print_builds(folder)


def build_ours(folder):
    target = os.path.join(folder, "ours")
    run(["cargo", "build", "--release", "--quiet", "-p", "ballistics-benchmarks", "--bin", "work"], cwd=HERE,
        CARGO_TARGET_DIR=target)
    run(["cargo", "build", "--release", "--quiet", "-p", "ballistics-engine"], cwd=HERE, CARGO_TARGET_DIR=target)
    return os.path.join(target, "release", "work")


def build_upstream(folder):
    project = os.path.join(folder, "upstream")
    os.makedirs(os.path.join(project, "src"))
    with open(os.path.join(project, "Cargo.toml"), "w") as file:
        file.write(PEER_MANIFEST)
    shutil.copy(os.path.join(HERE, "peers", "upstream.rs"), os.path.join(project, "src", "main.rs"))
    run(["cargo", "build", "--release", "--quiet"], cwd=project, CARGO_TARGET_DIR=os.path.join(project, "target"))
    return os.path.join(project, "target", "release", "peer")


def measure_python(folder):
    venv = os.path.join(folder, "venv")
    run([sys.executable, "-m", "venv", venv])
    python = os.path.join(venv, "bin", "python")
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "py_ballisticcalc[exts]==3.1.1"])
    text = run([python, "-W", "ignore", os.path.join(HERE, "peers", "python_peer.py")])
    return [(line.split()[0], *map(float, line.split()[1:])) for line in text.splitlines()]


def print_speed(ours, upstream):
    print(f"{'work':20} {'engine':>10} {'':>12} {'upstream':>10} {'':>12} {'times':>8}")
    print(f"{'':20} {'us':>10} {'instructions':>12} {'us':>10} {'instructions':>12}")
    for work, (our_count, peer_count) in COUNTS.items():
        our_time, our_instructions = cpu_microseconds(ours, work, our_count), instructions(ours, work, 200)
        line = f"{work:20} {our_time:10.3f} {shown(our_instructions):>12}"
        if peer_count:
            time, count = cpu_microseconds(upstream, work, peer_count), instructions(upstream, work, 20)
            line += f" {time:10.1f} {shown(count):>12} {time / our_time:8.0f}"
        print(line)
    print("monte-carlo is per shot, draws included, one thread of ours; upstream's may use more threads\n")


def print_python(python):
    print(f"{'py_ballisticcalc':20} {'fire, us':>10} {'zero, us':>10}")
    for name, fire, zero, _, _ in python:
        print(f"{name:20} {fire:10.1f} {zero:10.1f}")
    print()


def print_accuracy(ours, upstream, python):
    program = os.path.join(os.path.dirname(ours), "ballistics")
    output = json.loads(run([program, "trajectory", "-v", "2600", "-b", "0.243", "-m", "175", "-o", "json"]))
    rows = [("engine", output["facts"]["zero_elevation_mil"], output["rows"][-1]["drop_in"])]
    drops, zero = run([upstream, "rows", "0"]).rsplit(" ", 1)
    # With the reference's own elevation: upstream's height is over the bore at the muzzle.
    rows.append(("upstream", float(zero), json.loads(drops)[-1] / 0.0254 - SIGHT_HEIGHT))
    rows += [(name, zero, drop) for name, _, _, zero, drop in python]
    print(f"{'error':20} {'zero, mrad':>12} {'drop at 1000 yd, in':>20}")
    for name, zero, drop in rows:
        print(f"{name:20} {zero - REFERENCE['zero']:12.1e} {drop - REFERENCE['drop']:20.4f}")
    print("upstream's drop is with the reference's elevation; py_ballisticcalc has its own rules for air and gravity\n")


def print_builds(folder):
    version = re.search(r'^version = "(.*)"', open(os.path.join(ENGINE, "Cargo.toml")).read(), re.M).group(1)
    run(["cargo", "package", "--quiet", "--allow-dirty", "--no-verify", "-p", "ballistics-engine"], cwd=ENGINE,
        CARGO_TARGET_DIR=os.path.join(folder, "package"))
    archive = os.path.join(folder, "package", "package", f"ballistics-engine-{version}.crate")
    run(["tar", "-xzf", archive, "-C", folder])
    source = os.path.join(folder, f"ballistics-engine-{version}")
    print_build("engine", source, ["cargo", "build", "--release", "--locked", "--offline"], "release/ballistics")
    install = ["cargo", "install", "ballistics-engine", "--version", "=0.49.0", "--root", os.path.join(folder, "installed")]
    print_build("upstream", folder, install, "release/ballistics")


def print_build(name, folder, command, binary):
    target = os.path.join(folder, "clean-" + name)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, cwd=folder, CARGO_TARGET_DIR=target)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    size = os.path.getsize(os.path.join(target, binary))
    print(f"release build of {name}: {seconds:.1f} CPU s, binary {size} bytes")


def cpu_microseconds(program, work, count):
    samples = [cpu_seconds(program, work, 2 * count) - cpu_seconds(program, work, count) for _ in range(9)]
    return statistics.median(samples) / count * 1e6


def cpu_seconds(program, work, count):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run([program, work, str(count)])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def instructions(program, work, count):
    if shutil.which("valgrind") is None:
        return None
    return (collected(program, work, 2 * count) - collected(program, work, count)) / count


def collected(program, work, count):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, work, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def shown(count):
    return "-" if count is None else f"{count:.0f}"


def run(command, cwd=None, **variables):
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


main()
