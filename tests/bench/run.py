"""`make bench`: the same graph, built by each tool on this machine in one run.

    run.py [--sizes 1000,10000] [--large 100000] [--tools make,ninja,…] [--rounds 3] [--timeout 600]
           [--quick] [--no-write]

In a round every tool takes its turn, so that a slow minute of the machine is everybody's; rounds follow
each other (A B C A B C), and medians are kept. For each tool and size:

    cold     from nothing: no outputs, an empty store, the plugin not yet compiled
    compiled the same, with the plugin's machine code there (wrun alone has something to compile)
    no-op    again, nothing changed
    walk     again, the whole graph looked at (for wrun `--check`; the others know no other way)
    changed  one source file edited

Results go to docs/performance.json, docs/performance.md and docs/performance-*.svg.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

import grid
import measure
import render

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "bench"
NOOPS = 3


def paths():
    """Where the programs are; compiles join."""
    WORK.mkdir(parents=True, exist_ok=True)
    join = WORK / "join"
    subprocess.run(["cc", "-O2", "-o", join, ROOT / "tests/bench/join.c"], check=True)
    return {
        "join": join,
        "ninja": pathlib.Path(sys.executable).parent / "ninja",
        "wrun": ROOT / "target/release/wrun",
        "grid": ROOT / "plugins/grid.wasm",
        "shards": ROOT / "plugins/shards.wasm",
    }


def one(make, n, options, where):
    """One turn of one tool: cold, no-op, walk, changed. Returns {case: [samples]}."""
    folder = WORK / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tool = make(where, folder, n, options.jobs)
    log = WORK / "log.txt"
    if make is not grid.WrunGrid:
        grid.write_sources(folder, n)
        # wrun does not trust the times of files that were written within the last two seconds.
        time.sleep(2.1)
    tool.prepare()
    run = lambda command: measure.run(command, folder, options.timeout, log)
    samples = {"cold": [run(tool.build())]}
    if samples["cold"] == [None]:
        return samples
    samples["no-op"] = [run(tool.build()) for _ in range(NOOPS)]
    if tool.walk() != tool.build():
        samples["walk"] = [run(tool.walk()) for _ in range(NOOPS)]
    before = grid.result(tool)
    tool.change(n // 2, 1)
    samples["changed"] = [run(tool.build())]
    if tool.forget():
        samples["compiled"] = [run(tool.build())]
    if before is not None and len(grid.result(tool)) == len(before) and grid.result(tool) == before:
        raise measure.Failed(f"{tool.name} did not build the changed leaf")
    return samples


def race(names, sizes, options, where):
    """All tools on all sizes, in turns. Returns rows for the tables."""
    rows = []
    for n in sizes:
        samples = {name: {} for name in names}
        for turn in range(options.rounds):
            for name in names:
                if samples[name].get("cold") == [None]:
                    continue  # its time was up in the first round: it will be again
                started = time.perf_counter()
                for case, found in one(grid.TOOLS[name], n, options, where).items():
                    samples[name].setdefault(case, []).extend(found)
                spent = time.perf_counter() - started
                print(f"n={n} round {turn + 1}: {name}, {spent:.1f} s", file=sys.stderr, flush=True)
        for name in names:
            for case, found in samples[name].items():
                rows.append({"tool": name, "n": n, "case": case, **measure.summary(found)})
    shutil.rmtree(WORK / "work", ignore_errors=True)
    return rows


def suspended(options, where):
    """Ten thousand guests, each suspended in `need`."""
    folder = WORK / "work"
    rows = []
    for task in ("chain", "wide"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [where["wrun"], "build", where["shards"], task, "--param", "n=10000"]
        command += ["--store", folder / "store", "-j", options.jobs, "-q"]
        found = measure.run(command, folder, options.timeout, WORK / "log.txt")
        rows.append({"tool": f"wrun {task}", "n": 10000, "case": "suspended", **measure.summary([found])})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--large", default="100,1000,10000,100000", help="sizes for `wrun grid`")
    parser.add_argument("--tools", default="ninja,wrun,make,doit,Luigi")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--quick", action="store_true", help="one round, small sizes, nothing written")
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.large, options.rounds, options.no_write = "1000", "100,1000", 1, True
    numbers = lambda text: [int(n) for n in text.split(",") if n]
    where = paths()
    names = [name for name in options.tools.split(",") if name]
    rows = race(names, numbers(options.sizes), options, where)
    if "wrun" in names:
        rows += race(["wrun grid"], numbers(options.large), options, where)
        if not options.quick:
            rows += suspended(options, where)
    document = {
        "machine": measure.machine(),
        "method": {"rounds": options.rounds, "jobs": options.jobs, "timeout-seconds": options.timeout},
        "versions": versions(where, names),
        "rows": rows,
    }
    render.show(document, sys.stdout)
    if not options.no_write:
        render.write(document, ROOT / "docs")


def versions(where, names):
    """What raced."""
    import importlib.metadata

    line = lambda command: subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    ask = {
        "make": lambda: line(["make", "--version"]).removeprefix("GNU Make "),
        "ninja": lambda: line([where["ninja"], "--version"]).split(".git")[0],
        "Luigi": lambda: importlib.metadata.version("luigi"),
        "doit": lambda: importlib.metadata.version("doit"),
        "wrun": lambda: line([where["wrun"], "--version"]).removeprefix("wrun "),
    }
    return {name: ask[name]() for name in names if name in ask}


if __name__ == "__main__":
    try:
        main()
    except measure.Failed as error:
        sys.exit(f"error: {error}")
