"""How long one waits for a completion and for the help of a task. Prints a table; nothing is asserted.

    comfort.py [--rounds 41]

Each command is a whole process. *First* is with nothing kept: the plugin is compiled to machine code, or
read for the first time. The page of a report is measured by `tests/browser/test_page.py --figures`.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRUN = pathlib.Path(os.environ.get("WRUN", ROOT / "target/release/wrun"))
PLUGIN = ROOT / "plugins/report.wasm"
LINES = {
    "complete a command": ["__complete", "bash", "=:", "wrun bu"],
    "complete a task": ["__complete", "bash", "=:", f"wrun build {PLUGIN} d"],
    "complete a param": ["__complete", "bash", "=:", f"wrun build {PLUGIN} delays -p "],
    "complete a value": ["__complete", "bash", "=:", f"wrun build {PLUGIN} delays -p date="],
    "help of a plugin": ["build", PLUGIN, "--help"],
    "help of a task": ["build", PLUGIN, "delays", "--help"],
}


def timed(line, env):
    start = time.perf_counter()
    done = subprocess.run([WRUN, *line], env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
    assert done.stdout, f"{line} printed nothing"
    return (time.perf_counter() - start) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    print(f"{options.rounds} rounds\n\n| | first | median | slowest |\n|---|--:|--:|--:|")
    for name, line in LINES.items():
        with tempfile.TemporaryDirectory() as home:
            env = {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
            first = timed(line, env)
            samples = [timed(line, env) for _ in range(options.rounds)]
        print(f"| {name} | {first:.0f} ms | {statistics.median(samples):.0f} ms | {max(samples):.0f} ms |")


if __name__ == "__main__":
    main()
