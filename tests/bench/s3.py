#!/usr/bin/env python3
"""What a store on S3 costs, beside rclone and awscli on the same server in one run.

    eval "$(tests/tools/servers.sh)"; tests/bench/s3.py [--server radosgw|ministack] [--size MiB] [--large MiB]
                                                        [--cases one,many] [--rounds N] [--write]

rclone comes from Debian (`apt-get install rclone`), awscli from PyPI (into target/tools/awscli); one that is not
there is left out, and that is said. In a round each takes its turn; medians are kept. `--write` renews
docs/performance-s3.md.

    tasks   a cold build of 1,000 small tasks into the bucket, and a bare loop of as many conditional puts
    one     one file up and down      many    the same bytes in 10,000 files
    readers a file of a quarter of that, read by 1, 4 and 16 processes at once
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
DOWN = WORK / "down"
AWS = ROOT / "target/tools/awscli/bin/aws"
TRANSFER = ROOT / "target/release/examples/transfer"
WRUN = ROOT / "target/release/wrun"
GRID = ROOT / "plugins/target/wasm32-wasip2/release/grid.wasm"
SERVERS = {"ministack": ("WRUN_TEST_MINISTACK", "test"), "radosgw": ("WRUN_TEST_RADOSGW", "testtest")}
FILES = 10_000
READERS = (1, 4, 16)


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


def sources(mib, cases):
    """Makes the files; returns their folders by case."""
    one, many = WORK / f"one-{mib}", WORK / f"many-{mib}"
    if "one" in cases and not one.exists():
        write_file(one / "file", mib, 1)
    if "many" in cases and not many.exists():
        size = (mib << 20) // FILES
        for i in range(FILES):
            folder = many / f"{i % 100:02}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}").write_bytes((i.to_bytes(8, "big") * (size // 8 + 1))[:size])
    return {name: folder for name, folder in (("one", one), ("many", many)) if name in cases}


# A tool is how it sends a folder under a name, and how it brings what was sent so into another folder.


def wrun_up(name, folder, env):
    text, seconds, memory = run([TRANSFER, "up", folder], env)
    digests = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("seconds"))
    (WORK / f"digests-{name}").write_text(digests)
    return seconds, memory


def wrun_down(name, folder):
    return [TRANSFER, "down", folder], (WORK / f"digests-{name}").read_text()


RCLONE = ["--transfers", "32", "--checkers", "32", "--s3-no-check-bucket", "--quiet"]


def rclone_up(name, folder, env):
    return run(["rclone", "copy", folder, f"bench:wrun-bench/rclone/{name}", *RCLONE], env)[1:]


def rclone_down(name, folder):
    return ["rclone", "copy", f"bench:wrun-bench/rclone/{name}", folder, *RCLONE], None


def awscli_up(name, folder, env):
    return run([AWS, "s3", "cp", "--recursive", "--quiet", folder, f"s3://wrun-bench/aws/{name}"], env)[1:]


def awscli_down(name, folder):
    return [AWS, "s3", "cp", "--recursive", "--quiet", f"s3://wrun-bench/aws/{name}", folder], None


def bring(down, name, env):
    """Brings once; returns seconds and MiB of memory."""
    # Each time a new folder: where thousands of files were just deleted, ext4 makes new ones slowly.
    DOWN.mkdir(parents=True, exist_ok=True)
    args, stdin = down(name, DOWN / str(time.time_ns()))
    # What the upload left to be written is nobody's work now; a tool that syncs would wait for it.
    os.sync()
    return run(args, env, stdin)[1:]


def bring_at_once(down, name, env, count):
    """Brings by so many processes, each into a folder of its own.

    Returns the seconds until all are done, and until what they brought is on the disk.
    """
    shutil.rmtree(DOWN, ignore_errors=True)
    DOWN.mkdir()
    os.sync()
    begun = time.monotonic()
    readers = []
    for i in range(count):
        args, stdin = down(name, DOWN / str(i))
        log = open(WORK / f"out-{i}", "wb+")
        reader = subprocess.Popen(args, env=env, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        reader.stdin.write((stdin or "").encode())
        reader.stdin.close()
        readers.append(reader)
    if any([reader.wait() for reader in readers]):
        sys.exit(f"error: {' '.join(map(str, args))} failed; its words are in {WORK}/out-*")
    done = time.monotonic() - begun
    os.sync()
    return done, time.monotonic() - begun


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
    parser.add_argument("--cases", default="one,many", help="of `one`, `many`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(DOWN, ignore_errors=True)
    env = environment(options.server)
    (WORK / "aws.ini").write_text(
        "[default]\nrequest_checksum_calculation = when_required\ns3 =\n  max_concurrent_requests = 32\n"
        "  addressing_style = path\n"
    )
    (WORK / "rclone.ini").write_text(
        f"[bench]\ntype = s3\nprovider = Ceph\nenv_auth = true\nendpoint = {env['WRUN_BENCH_ENDPOINT']}\n"
        "force_path_style = true\n"
    )
    # All of the workspace, as the tests build it: parts alone have other features, and would be built once more.
    subprocess.run(["cargo", "build", "--release", "--workspace", "--bins", "--examples"], cwd=ROOT, check=True)
    target = ["cargo", "build", "--release", "--target", "wasm32-wasip2", "--locked", "-p", "grid"]
    subprocess.run(target, cwd=ROOT / "plugins", check=True)

    # It makes the bucket.
    run([TRANSFER, "puts", "1", "1", "1"], env)
    figures = {"tasks": tasks(env, options.rounds)}
    print(json.dumps(figures), flush=True)
    tools = {"wrun": (wrun_up, wrun_down)}
    if shutil.which("rclone"):
        tools["rclone"] = (rclone_up, rclone_down)
    else:
        print("rclone is not there: left out", flush=True)
    if AWS.exists():
        tools["awscli"] = (awscli_up, awscli_down)
    else:
        print(f"{AWS.relative_to(ROOT)} is not there: left out", flush=True)
    for case, folder in sources(options.size, options.cases.split(",")).items():
        samples = {name: [] for name in tools}
        for i in range(options.rounds):
            # All up, then all down, and another one first in each round: who comes next after much was written or
            # deleted has a slower disk.
            order = [*tools][i % len(tools) :] + [*tools][: i % len(tools)]
            empty(env)
            up = {name: tools[name][0](case, folder, env)[0] for name in order}
            for name in order:
                samples[name].append((up[name], bring(tools[name][1], case, env)[0]))
        figures[case] = {
            name: {way: statistics.median(sample[i] for sample in all) for i, way in enumerate(("up", "down"))}
            for name, all in samples.items()
        }
        print(json.dumps({case: figures[case]}), flush=True)
    empty(env)
    if "one" in options.cases:
        figures["readers"] = {name: {} for name in tools}
        write_file(WORK / "shared" / "file", options.size // 4, 3)
        for up, _ in tools.values():
            up("shared", WORK / "shared", env)
        for count in READERS:
            samples = {name: [] for name in tools}
            for _ in range(options.rounds):
                for name, (_, down) in tools.items():
                    samples[name].append(bring_at_once(down, "shared", env, count))
            for name, all in samples.items():
                figures["readers"][name][count] = [statistics.median(sample[i] for sample in all) for i in (0, 1)]
        print(json.dumps({"readers": figures["readers"]}), flush=True)
        empty(env)
    if options.large:
        write_file(WORK / "large" / "file", options.large, 7)
        _, up = wrun_up("large", WORK / "large", env)
        shutil.rmtree(WORK / "large")
        _, down = bring(wrun_down, "large", env)
        figures["memory"] = {"up": up, "down": down}
        print(json.dumps({"memory": figures["memory"]}), flush=True)
        empty(env)
    shutil.rmtree(DOWN)
    if options.write:
        write(figures, options)


def write(figures, options):
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    tasks = figures["tasks"]
    out = [
        f"`tests/bench/s3.py --server {options.server} --size {options.size} --large {options.large} "
        f"--cases {options.cases} --rounds {options.rounds}` on {time.strftime('%Y-%m-%d')}, commit `{commit}`.",
        "",
        f"A cold build of 1,011 tasks: {tasks['build seconds']:.2f} s, {tasks['build']:.0f} requests/s. A bare loop "
        f"of conditional puts, 64 at once: {tasks['puts']:.0f} requests/s. That is "
        f"{100 * tasks['build'] / tasks['puts']:.0f} % of what the server gives (goal: 60 %); of the build's requests "
        "half are look-ups.",
        "",
        f"{options.size} MiB, seconds:",
        "",
        "| | tool | up | down |",
        "|---|---|--:|--:|",
    ]
    names = {"one": "one file", "many": f"{FILES:,} files"}
    for case, title in names.items():
        for tool, ways in figures.get(case, {}).items():
            out.append(f"| {title} | {tool} | {ways['up']:.2f} | {ways['down']:.2f} |")
    if "readers" in figures:
        out += [
            "",
            f"A file of {options.size // 4} MiB, brought by several processes at once; seconds until all are done, and "
            "until all bytes are on the disk:",
            "",
            "| tool | " + " | ".join(f"{count} at once | on the disk" for count in READERS) + " |",
            "|---|" + "--:|--:|" * len(READERS),
            *(
                f"| {tool} | " + " | ".join("{:.2f} | {:.2f}".format(*seconds[count]) for count in READERS) + " |"
                for tool, seconds in figures["readers"].items()
            ),
        ]
    if "memory" in figures:
        memory = figures["memory"]
        out += [
            "",
            f"Memory for a file of {options.large} MiB: {memory['up']:.0f} MiB up, {memory['down']:.0f} MiB down (goal: 200 MiB).",
        ]
    page = ROOT / "docs/performance-s3.md"
    text = page.read_text()
    begin, end = f"<!-- {options.server}: written by s3.py -->\n", "<!-- end of figures -->"
    before, after = text.split(begin, 1)
    page.write_text(before + begin + "\n".join(out) + "\n" + end + after.split(end, 1)[1])


if __name__ == "__main__":
    main()
