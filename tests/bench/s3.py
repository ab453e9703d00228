#!/usr/bin/env python3
"""What a store on S3 costs, beside rclone and awscli on the same server in one run.

    eval "$(tests/tools/servers.sh)"; tests/bench/s3.py [--server radosgw|ministack] [--size MiB] [--large MiB]
                                                        [--rounds N] [--write]

rclone comes from Debian (`apt-get install rclone`), awscli from PyPI (into target/tools/awscli); one that is not
there is left out, and that is said. In a round each takes its turn; medians are kept. `--write` renews
docs/performance-s3.md.

    tasks   a cold build of 1,000 small tasks into the bucket, and a bare loop of as many conditional puts
    one     one file up and down      many    the same bytes in 10,000 files
    memory  the most memory that a large file takes, up and down
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "bench-s3"
AWS = ROOT / "target/tools/awscli/bin/aws"
TRANSFER = ROOT / "target/release/examples/transfer"
WRUN = ROOT / "target/release/wrun"
GRID = ROOT / "plugins/target/wasm32-wasip2/release/grid.wasm"
SERVERS = {"ministack": ("WRUN_TEST_MINISTACK", "test"), "radosgw": ("WRUN_TEST_RADOSGW", "testtest")}
FILES = 10_000


def environment(server):
    variable, secret = SERVERS[server]
    if os.environ.get(variable, "none") == "none":
        sys.exit(f'error: {variable} is not set\nhint: eval "$(tests/tools/servers.sh)"')
    url = os.environ[variable]
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return keep | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_CONFIG_FILE": str(WORK / "aws.ini"),
        "RCLONE_CONFIG": str(WORK / "rclone.ini"),
        "WRUN_BENCH_ENDPOINT": url,
        "WRUN_BENCH_BUCKET": "wrun-bench",
    }


def run(args, env, stdin=None):
    """Runs a command; returns its output, its seconds and its most memory in MiB."""
    WORK.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with open(WORK / "out", "wb+") as out:
        process = subprocess.Popen(args, env=env, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
        if stdin:
            process.stdin.write(stdin.encode())
        process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        out.seek(0)
        text = out.read().decode(errors="replace")
    if process.returncode != 0:
        sys.exit(f"error: {' '.join(map(str, args))} failed\n{text[-2000:]}")
    return text, seconds, used.ru_maxrss / 1024


def write_file(path, mib, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for i in range(mib):
            block = (seed * 1_000_003 + i).to_bytes(8, "big")
            file.write((block * 131072)[: 1 << 20])


def sources(mib):
    one, many = WORK / "one", WORK / "many"
    if not one.exists():
        write_file(one / "file", mib, 1)
    if not many.exists():
        size = (mib << 20) // FILES
        for i in range(FILES):
            folder = many / f"{i % 100:02}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}").write_bytes((i.to_bytes(8, "big") * (size // 8 + 1))[:size])
    return {"one": one, "many": many}


def wrun(case, folder, env):
    text, up, _ = run([TRANSFER, "up", folder], env)
    digests = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("seconds"))
    shutil.rmtree(WORK / "down", ignore_errors=True)
    _, down, _ = run([TRANSFER, "down", WORK / "down"], env, digests)
    return up, down


def rclone(case, folder, env):
    flags = ["--transfers", "32", "--checkers", "32", "--s3-no-check-bucket", "--quiet"]
    _, up, _ = run(["rclone", "copy", folder, f"bench:wrun-bench/rclone/{case}", *flags], env)
    shutil.rmtree(WORK / "down", ignore_errors=True)
    _, down, _ = run(["rclone", "copy", f"bench:wrun-bench/rclone/{case}", WORK / "down", *flags], env)
    return up, down


def awscli(case, folder, env):
    _, up, _ = run([AWS, "s3", "cp", "--recursive", "--quiet", folder, f"s3://wrun-bench/aws/{case}"], env)
    shutil.rmtree(WORK / "down", ignore_errors=True)
    _, down, _ = run([AWS, "s3", "cp", "--recursive", "--quiet", f"s3://wrun-bench/aws/{case}", WORK / "down"], env)
    return up, down


def empty(env):
    """Deletes what an earlier round put: each sends everything."""
    run(["rclone", "delete", "bench:wrun-bench", "--checkers", "32", "--quiet"], env)


def tasks(env, rounds):
    """Requests a second: of a cold build of 1,000 tasks, and of a bare loop."""
    config = WORK / "build" / "wrun.toml"
    out = {"build": [], "puts": [], "build seconds": []}
    for i in range(rounds):
        shutil.rmtree(WORK / "build", ignore_errors=True)
        config.parent.mkdir(parents=True)
        config.write_text(f'store = "s3://wrun-bench/build-{i}"\n[s3]\nendpoint = "{env["WRUN_BENCH_ENDPOINT"]}"\n')
        here = env | {"HOME": str(WORK / "home")}
        os.chdir(config.parent)
        # The component's machine code is there: compiling it is no question of S3.
        run([WRUN, "describe", GRID], here)
        args = [WRUN, "build", GRID, "grid", "-p", "n=1000", "-q", "--cache", "cache", "--salt", str(time.time_ns())]
        _, seconds, _ = run(args, here)
        # One look-up and one record a task; `requests_are_few` of the campaigns holds that.
        out["build"].append(2 * 1011 / seconds)
        out["build seconds"].append(seconds)
        text, _, _ = run([TRANSFER, "puts", "2022", "900", "64"], env)
        out["puts"].append(2022 / float(text.split()[1]))
    return {name: statistics.median(values) for name, values in out.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=SERVERS, default="radosgw")
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--large", type=int, default=4096, help="MiB of the file whose memory is measured; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    env = environment(options.server)
    (WORK / "aws.ini").write_text(
        "[default]\nrequest_checksum_calculation = when_required\ns3 =\n  max_concurrent_requests = 32\n"
        "  addressing_style = path\n"
    )
    (WORK / "rclone.ini").write_text(
        f"[bench]\ntype = s3\nprovider = Ceph\nenv_auth = true\nendpoint = {env['WRUN_BENCH_ENDPOINT']}\n"
        "force_path_style = true\n"
    )
    subprocess.run(["cargo", "build", "--release", "-p", "wrun"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--release", "-p", "wrun-store", "--example", "transfer"], cwd=ROOT, check=True)
    target = ["cargo", "build", "--release", "--target", "wasm32-wasip2", "--locked", "-p", "grid"]
    subprocess.run(target, cwd=ROOT / "plugins", check=True)

    # It makes the bucket.
    run([TRANSFER, "puts", "1", "1", "1"], env)
    figures = {"tasks": tasks(env, options.rounds)}
    print(json.dumps(figures), flush=True)
    tools = {"wrun": wrun}
    if shutil.which("rclone"):
        tools["rclone"] = rclone
    else:
        print("rclone is not there: left out", flush=True)
    if AWS.exists():
        tools["awscli"] = awscli
    else:
        print(f"{AWS.relative_to(ROOT)} is not there: left out", flush=True)
    for case, folder in sources(options.size).items():
        samples = {name: [] for name in tools}
        for _ in range(options.rounds):
            for name, tool in tools.items():
                empty(env)
                samples[name].append(tool(case, folder, env))
        figures[case] = {
            name: {way: statistics.median(sample[i] for sample in all) for i, way in enumerate(("up", "down"))}
            for name, all in samples.items()
        }
        print(json.dumps({case: figures[case]}), flush=True)
    empty(env)
    if options.large:
        write_file(WORK / "large" / "file", options.large, 7)
        text, _, up = run([TRANSFER, "up", WORK / "large"], env)
        digests = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("seconds"))
        shutil.rmtree(WORK / "large")
        shutil.rmtree(WORK / "down", ignore_errors=True)
        _, _, down = run([TRANSFER, "down", WORK / "down"], env, digests)
        shutil.rmtree(WORK / "down")
        figures["memory"] = {"up": up, "down": down}
        print(json.dumps({"memory": figures["memory"]}), flush=True)
        empty(env)
    if options.write:
        write(figures, options)


def write(figures, options):
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    tasks = figures["tasks"]
    out = [
        "# What a store on S3 costs",
        "",
        f"Measured by `tests/bench/s3.py --server {options.server} --size {options.size} --large {options.large} "
        f"--rounds {options.rounds}` on {time.strftime('%Y-%m-%d')}, commit `{commit}`, {os.cpu_count()} cores; the "
        "server is on the same machine, so that it and its client share them. Medians.",
        "",
        "## Small tasks",
        "",
        f"A cold build of 1,011 tasks: {tasks['build seconds']:.2f} s, {tasks['build']:.0f} requests/s. A bare loop "
        f"of conditional puts, 64 at once: {tasks['puts']:.0f} requests/s. That is "
        f"{100 * tasks['build'] / tasks['puts']:.0f} % of what the server gives (goal: 60 %); of the build's requests "
        "half are look-ups.",
        "",
        "How many requests a build takes is counted by tests: `campaigns bucket::requests_are_few`.",
        "",
        f"## {options.size} MiB",
        "",
        "Seconds. wrun verifies every byte against its digest, both ways, and has synced the disk when it is done.",
        "",
        "| | tool | up | down |",
        "|---|---|--:|--:|",
    ]
    names = {"one": "one file", "many": f"{FILES:,} files"}
    for case, title in names.items():
        for tool, ways in figures[case].items():
            out.append(f"| {title} | {tool} | {ways['up']:.2f} | {ways['down']:.2f} |")
    if "memory" in figures:
        memory = figures["memory"]
        out += [
            "",
            "## Memory",
            "",
            f"A file of {options.large} MiB: {memory['up']:.0f} MiB up, {memory['down']:.0f} MiB down (goal: 200 MiB).",
        ]
    (ROOT / "docs/performance-s3.md").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
