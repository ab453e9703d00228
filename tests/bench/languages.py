#!/usr/bin/env python3
"""Measures the same tasks in Rust, C and Haskell, and writes docs/performance-languages.md.

The tasks are those of tests/conformance: a grid of small tasks, and a file of 100 MB whose lines are counted.
All are measured in one run, taking turns; of several rounds the median counts. Usage: languages.py [ROUNDS]."""

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WRUN = os.path.join(ROOT, "target/release/wrun")
LANGUAGES = ["rust", "c", "haskell"]
ROWS = 200


def build(folder, store, *words):
    report = os.path.join(folder, "report.json")
    subprocess.run([WRUN, "build", "-q", *words, "--store", store, "--report", report], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    with open(report) as file:
        return json.load(file)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found = {language: {"grid": [], "task": [], "lines": []} for language in LANGUAGES}
    with tempfile.TemporaryDirectory(prefix="wrun-languages-") as folder:
        for language in LANGUAGES:
            subprocess.run([WRUN, "plugin", "build", "-q", os.path.join(ROOT, "tests/conformance", language), "-o",
                            os.path.join(folder, language + ".wasm")], check=True, stdout=subprocess.DEVNULL)
            found[language]["size"] = os.path.getsize(os.path.join(folder, language + ".wasm"))
        with open(os.path.join(folder, "lines.txt"), "w") as file:
            for i in range(2_000_000):
                file.write(f"{i:049d}\n")
        # Compiling machine code is not what is measured.
        for language in LANGUAGES:
            build(folder, os.path.join(folder, "warm"), language + ".wasm", "leaf")
        for number in range(rounds):
            for language in LANGUAGES:
                store = os.path.join(folder, f"{language}-{number}")
                grid = build(folder, store, language + ".wasm", "cell", "-p", f"row={ROWS}")
                ran = [task["seconds"] for task in grid["tasks"]]
                found[language]["tasks"] = len(ran)
                found[language]["grid"].append(grid["totals"]["seconds"])
                found[language]["task"].append(statistics.median(ran))
                lines = build(folder, store, language + ".wasm", "lines", "-p", "source=lines.txt")
                found[language]["lines"].append(next(task["seconds"] for task in lines["tasks"]))
    rust = found["rust"]
    median = statistics.median
    rows = []
    for language, seen in found.items():
        task = median(seen["task"])
        rows.append(f"| {language.capitalize()} | {seen['size'] / 1024:,.0f} KiB | {task * 1e6:,.0f} µs | "
                    f"{task / median(rust['task']):.2f} | {median(seen['grid']):.2f} s | {median(seen['lines']):.3f} s |")
    page = f"""# What languages cost
Made by `tests/bench/languages.py`: the same tasks in three languages ([the conformance kit](another-sdk.md#the-conformance-kit)), taking turns, medians of {rounds} rounds on a machine of {os.cpu_count()} cores that others used too. Ratios hold better than absolutes.

| | component | one small task | of Rust's | grid of {rust['tasks']:,} tasks | lines of 100 MB |
|---|---|---|---|---|---|
{chr(10).join(rows)}

*One small task* is from a fresh instance to its output's digest: it reads two files of a few bytes, and writes one. In Haskell that includes the start of its run-time system, which every task pays, as every task has an instance of its own. *The grid* is the whole build in an empty store. *Lines* reads a file as an external, in pieces, without what it takes to hash it first.
"""
    with open(os.path.join(ROOT, "docs/performance-languages.md"), "w") as file:
        file.write(page)
    print(page)


if __name__ == "__main__":
    main()
