"""Three examples of Luigi's documentation, written anew for Luigi and for wrun: lines and wall time.

    luigi_ports.py [--rounds 5] [--no-write]

The programs are tests/bench/luigi_ports/*.py and plugins/luigi/src/*.rs. In a round each tool does each
example: from nothing, again, and after a change; every command is a whole process, from start to exit.
Both have to make the same bytes. The figures go to docs/luigi-ports.md.
"""

import argparse
import datetime
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import measure

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/bench/luigi_ports"
WORK = ROOT / "target" / "bench" / "luigi-ports"
WRUN = pathlib.Path(os.environ.get("WRUN", ROOT / "target/release/wrun"))
PLUGIN = ROOT / "plugins/luigi.wasm"
LUIGI = pathlib.Path(sys.executable).parent / "luigi"

FIRST = datetime.date(2026, 1, 1)
DAYS = 100
MARK = "<!-- figures: written by tests/bench/luigi_ports.py -->"


def until(days):
    return FIRST + datetime.timedelta(days)


class Example:
    """One example: what it is called, by both, and what is asked for before and after the change."""

    def __init__(self, title, change, module, luigi, wrun, target):
        self.title, self.change, self.module = title, change, module
        self.luigi, self.wrun, self.target = luigi, wrun, target


EXAMPLES = [
    Example(
        "top artists", "a day more", "artists",
        lambda after: ["TopArtists", "--days", f"{FIRST}-{until(DAYS + after)}"],
        lambda after: ["top-artists", f"{FIRST}/{until(DAYS + after)}"],
        lambda after: f"out/top-10-{FIRST}-{until(DAYS + after)}.txt",
    ),
    Example(
        "word count", "a text corrected", "words",
        lambda after: ["WordCount", "--days", f"{FIRST}-{until(DAYS)}"],
        lambda after: ["word-count", f"{FIRST}/{until(DAYS)}"],
        lambda after: f"out/words-{FIRST}-{until(DAYS)}.txt",
    ),
    Example(
        "dynamic requirements", "another seed", "needs",
        lambda after: ["Dynamic", "--seed", str(1 + after)],
        lambda after: ["dynamic", "--param", f"seed={1 + after}"],
        lambda after: f"out/dynamic-{1 + after}.json",
    ),
]


def lines(module):
    """Lines of both programs that are neither empty nor a comment nor a test."""
    python = (HERE / f"{module}.py").read_text()
    python = re.sub(r'^""".*?"""', "", python, flags=re.S)
    rust = (ROOT / f"plugins/luigi/src/{module}.rs").read_text().split("#[cfg(test)]")[0]
    # Doc comments are what `wrun describe` prints: they are of the program.
    rust = "\n".join(line for line in rust.split("\n") if not re.match(r"\s*//($|[^/])", line))
    count = lambda text: sum(bool(line.strip()) for line in text.split("\n"))
    return count(python), count(rust)


def texts(folder):
    """A hundred texts of 20 kB, always the same."""
    folder.mkdir(parents=True)
    state = 1
    for day in range(DAYS):
        words = []
        for _ in range(3000):
            state = (state * 1103515245 + 12345) % (1 << 31)
            words.append(f"word{(state >> 8) % 5000}")
        (folder / f"{until(day)}.txt").write_text("\n".join(words) + "\n")


def timed(command, folder, env):
    with open(WORK / "log.txt", "wb") as log:
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"error: `{' '.join(map(str, command))}` ended with {done.returncode}\n{(WORK / 'log.txt').read_text()[-2000:]}")
    return seconds


def luigi_turn(example):
    """From nothing, again, after the change; and the two outputs."""
    folder = WORK / "luigi"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts(folder / "texts")
    env = {**os.environ, "PYTHONPATH": str(HERE)}
    command = lambda after: [
        LUIGI, "--local-scheduler", "--log-level", "WARNING", "--module", example.module, *example.luigi(after)
    ]
    cold, warm = timed(command(0), folder, env), timed(command(0), folder, env)
    first = (folder / example.target(0)).read_bytes()
    correct(folder)
    if example.target(0) == example.target(1):
        # Luigi sees an output and is content: what is stale has to be known, and removed, by whoever asks.
        (folder / example.target(1)).unlink()
    changed = timed(command(1), folder, env)
    return (cold, warm, changed), (first, (folder / example.target(1)).read_bytes())


def correct(folder):
    path = folder / "texts" / f"{until(50)}.txt"
    path.write_text(path.read_text() + "corrected\n")


def wrun_turn(example):
    folder = WORK / "wrun"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts(folder / "texts")
    env = {**os.environ, "HOME": str(folder / "home"), "WRUN_STORE": str(folder / "store")}
    env.pop("XDG_CACHE_HOME", None)
    # The first build compiles the component to machine code, once a plugin.
    first_ever = timed([WRUN, "build", "-q", PLUGIN, *example.wrun(0)], folder, env)
    shutil.rmtree(folder / "store")
    command = lambda after: [WRUN, "build", "-q", PLUGIN, *example.wrun(after)]
    cat = lambda after: subprocess.run([WRUN, "cat", "-q", PLUGIN, *example.wrun(after)], cwd=folder, env=env, stdout=subprocess.PIPE, check=True).stdout
    cold, warm = timed(command(0), folder, env), timed(command(0), folder, env)
    first = cat(0)
    correct(folder)
    changed = timed(command(1), folder, env)
    return (first_ever, cold, warm, changed), (first, cat(1))


def shown(samples):
    seconds = statistics.median(samples)
    return f"{seconds:.2f} s" if seconds >= 0.995 else f"{seconds * 1000:.0f} ms"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    figures = {example.title: ([], []) for example in EXAMPLES}
    for number in range(options.rounds):
        for example in EXAMPLES:
            for tool, turn in enumerate((luigi_turn, wrun_turn)):
                seconds, outputs = turn(example)
                figures[example.title][tool].append(seconds)
                if tool == 0:
                    due = outputs
            if due != outputs:
                sys.exit(f"error: `{example.title}`: Luigi and wrun made other bytes")
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    rows = []
    for example in EXAMPLES:
        luigi, wrun = (list(zip(*samples)) for samples in figures[example.title])
        python, rust = lines(example.module)
        rows.append(f"| {example.title} | Luigi | {python} | – | {shown(luigi[0])} | {shown(luigi[1])} | {shown(luigi[2])} ({example.change}) |")
        rows.append(f"| | wrun | {rust} | {shown(wrun[0])} | {shown(wrun[1])} | {shown(wrun[2])} | {shown(wrun[3])} |")
    machine = measure.machine()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()
    luigi_version = subprocess.run([LUIGI.parent / "pip", "show", "luigi"], stdout=subprocess.PIPE, text=True).stdout.split("Version: ")[1].split()[0]
    about = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory-gib']} GiB, Linux {machine['kernel']}, "
        f"Python {machine['python']}, Luigi {luigi_version}"
    )
    table = "\n".join(
        [
            f"{options.rounds} rounds, medians, {datetime.date.today()}, commit `{commit}`: {about}.",
            "",
            "| example | | lines | first build ever | from nothing | again | after a change |",
            "|---|---|--:|--:|--:|--:|--:|",
            *rows,
        ]
    )
    print(table)
    if not options.no_write:
        page = ROOT / "docs/luigi-ports.md"
        before, _, after = page.read_text().partition(MARK)
        after = after.partition("<!-- end of figures -->")[2]
        page.write_text(f"{before}{MARK}\n{table}\n<!-- end of figures -->{after}")


if __name__ == "__main__":
    main()
