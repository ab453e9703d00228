#!/usr/bin/env python3
"""Measures containers: what wrun adds to the bare calls of the Engine API, whether many leave anything behind, and how
fast outputs are taken. Usage: containers.py [--wrun PATH] [--n 24] [--many 1000] [--large GIB]

It wants an engine with the tests' image (tests/tools/servers.sh docker) and the guest `boxes` (tests/guests/build.sh).
Prints the tables of docs/performance-containers.md.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from measure import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOXES = ROOT / "tests/guests/target/wasm32-wasip2/release/boxes.wasm"
IMAGE = "wrun-test:latest"
SOCKET = "/var/run/docker.sock"


class Unix(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("localhost", timeout=120)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


def call(method, path, body=None):
    connection = Unix()
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, "/v1.41" + path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {data!r}")
    return json.loads(data) if data[:1] in (b"{", b"[") else data


def bare(command):
    """Create, start, wait, logs, remove: with the same limits and mounts that wrun asks for."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("in", "out"):
            os.mkdir(f"{folder}/{name}")
        bind = lambda name, ro: {"Type": "bind", "Source": f"{folder}/{name}", "Target": f"/{name}", "ReadOnly": ro}
        made = call("POST", "/containers/create", {
            "Image": IMAGE, "Cmd": command, "NetworkDisabled": True, "Hostname": "wrun",
            "HostConfig": {
                "NetworkMode": "none", "ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
                "PidsLimit": 4096, "Tmpfs": {"/tmp": "rw,size=67108864"}, "Mounts": [bind("in", True), bind("out", False)],
            },
        })["Id"]
        call("POST", f"/containers/{made}/start")
        call("POST", f"/containers/{made}/wait")
        call("GET", f"/containers/{made}/logs?stdout=1&stderr=1")
        call("DELETE", f"/containers/{made}?force=1&v=1")


def bare_many(n, at_once):
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda i: bare(["sh", "-c", f"echo {i} > /out/i"]), range(n)))
    return time.perf_counter() - began


def wrun_many(wrun, n, at_once, salt):
    """The same through wrun, from nothing to everything durable; its own start included."""
    with tempfile.TemporaryDirectory() as home:
        open(f"{home}/wrun.toml", "w").close()
        env = {"HOME": home, "PATH": os.environ["PATH"]}
        # The component is compiled before the clock runs.
        subprocess.run([wrun, "list", BOXES], cwd=home, env=env, check=True, capture_output=True)
        # A slot is a container's, and these count as little.
        script = f"echo $i > /out/i # {salt}"
        began = time.perf_counter()
        subprocess.run([wrun, "build", BOXES, "many", str(n), "-p", f"script={script}", "-j", str(at_once), "-q"],
                       cwd=home, env=env, check=True, capture_output=True)
        seconds = time.perf_counter() - began
        left = leftovers(home)
    return seconds, left


def leftovers(home):
    store = os.path.realpath(f"{home}/.wrun/store")
    filters = json.dumps({"label": [f"wrun.store={store}"]})
    from urllib.parse import quote
    containers = len(call("GET", f"/containers/json?all=1&filters={quote(filters)}"))
    folder = pathlib.Path(store, "containers")
    folders = len(list(folder.iterdir())) if folder.exists() else 0
    return {"containers": containers, "folders": folders}


def engine_things():
    return {
        "containers": len(call("GET", "/containers/json?all=1")),
        "networks": len(call("GET", "/networks")),
        "volumes": len((call("GET", "/volumes") or {}).get("Volumes") or []),
    }


def overhead(wrun, n, rounds):
    print(f"\n| at once | bare Engine API, s a container | wrun, s a container | over | rounds of {n} |\n|--:|--:|--:|--:|--:|")
    for at_once in (1, 8):
        ours, theirs = [], []
        for i in range(rounds):
            # By turns, so that what else the machine does falls on both.
            theirs.append(bare_many(n, at_once) / n)
            ours.append(wrun_many(wrun, n, at_once, f"{at_once} {i}")[0] / n)
        a, b = statistics.median(theirs), statistics.median(ours)
        print(f"| {at_once} | {a:.3f} | {b:.3f} | {100 * (b / a - 1):+.0f} % | {rounds} |", flush=True)


def many(wrun, n):
    before = engine_things()
    seconds, left = wrun_many(wrun, n, 8, "many")
    after = engine_things()
    print(f"\n{n} containers in one build, 8 at once: {seconds:.0f} s, {n / seconds:.1f} a second; "
          f"left: {left['containers']} containers, {left['folders']} folders; "
          f"the engine has {after} after, {before} before", flush=True)


def ingest(wrun, name, script, prepare):
    """A build whose container writes the files, less the same container without; beside b3sum and cp of the same data."""
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as home:
        open(f"{home}/wrun.toml", "w").close()
        env = {"HOME": home, "PATH": os.environ["PATH"]}
        data = pathlib.Path(home, "data")
        data.mkdir()
        prepare(data)
        report = f"{home}/report.json"
        log = f"{home}/log"
        subprocess.run([wrun, "build", BOXES, "script", script, "-q", "--report", report], cwd=home, env=env, check=True)
        tasks = json.load(open(report))["tasks"]
        whole = [task for task in tasks if task["task"] == "script"][0]["seconds"]
        # When the program had ended says itself, in the engine's own clock; here: how long it wrote.
        out = subprocess.run([wrun, "log", BOXES, "script", script], cwd=home, env=env, check=True, capture_output=True, text=True).stdout
        wrote = float(out.split()[-1])
        empty = [sys_seconds(wrun, home, env, f"true # {i}") for i in range(3)]
        took = whole - wrote - statistics.median(empty)
        reference = copy_and_hash(data, pathlib.Path(home, "copy"))
        print(f"| {name} | {took:.2f} | {reference:.2f} | {took / reference:.2f} |", flush=True)


def sys_seconds(wrun, home, env, script):
    report = f"{home}/empty.json"
    subprocess.run([wrun, "build", BOXES, "script", script, "-q", "--report", report], cwd=home, env=env, check=True)
    return [task for task in json.load(open(report))["tasks"] if task["task"] == "script"][0]["seconds"]


def copy_and_hash(data, to):
    """BLAKE3 of every file and a copy of it, by as many threads as there are cores, and a sync: what is durable counts."""
    from blake3 import blake3
    files = [path for path in data.rglob("*") if path.is_file()]
    to.mkdir()

    def one(pair):
        i, path = pair
        hasher = blake3(max_threads=blake3.AUTO)
        hasher.update_mmap(path)
        shutil.copyfile(path, to / str(i))
        return hasher.hexdigest()

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, enumerate(files)))
    fd = os.open(to, os.O_RDONLY)
    import ctypes
    ctypes.CDLL(None).syncfs(fd)
    os.close(fd)
    return time.perf_counter() - began


CLOCK = "t=$(cut -d' ' -f1 /proc/uptime); {}; u=$(cut -d' ' -f1 /proc/uptime); echo $u $t | awk '{{print $1-$2}}'"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrun", default=str(ROOT / "target/release/wrun"))
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--large", type=int, default=4)
    args = parser.parse_args()
    print(machine())
    if args.n:
        overhead(args.wrun, args.n, args.rounds)
    if args.large:
        print("\n| taken from `/out` | wrun, s | BLAKE3 and copy, s | ratio |\n|---|--:|--:|--:|")
        small = "i=0; while [ $i -lt 10000 ]; do head -c 1000 /dev/urandom > /out/$i; i=$((i+1)); done"

        def small_files(data):
            for i in range(10_000):
                (data / str(i)).write_bytes(os.urandom(1000))

        ingest(args.wrun, "10,000 files of 1 kB", CLOCK.format(small), small_files)
        size = args.large << 10
        large = f"dd if=/dev/urandom of=/out/o bs=1M count={size} 2>/dev/null"

        def large_file(data):
            subprocess.run(["dd", "if=/dev/urandom", f"of={data}/o", "bs=1M", f"count={size}"], check=True, capture_output=True)

        ingest(args.wrun, f"one file of {args.large} GiB", CLOCK.format(large), large_file)
    if args.many:
        many(args.wrun, args.many)


if __name__ == "__main__":
    main()
