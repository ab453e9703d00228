#!/usr/bin/env python3
"""Runs the conformance kit: every row in every language, which must agree.

A column is a folder beside this file with the same plugin in one language. Each has a store of its own; equal
plugin ids and declared versions make equal keys, so keys, Plans, outputs and classes of errors are compared.
Usage: run.py [WRUN]. Prints `conformance: N passed, M failed`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from hostile import hostile, mistakes

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COLUMNS = ["rust", "c", "haskell"]

CALL = 'call={"task":"leaf","params":{"n":7}}'
TIMES = ["date=2013-01-07", "month=2013-01", "year=2013", "hour=2013-01-07T05", "minute=2013-01-07T05:30",
         "second=2013-01-07T05:30:15", "interval=2013-W02", "duration=1h 30m", CALL]
EDGES = ["date=1969-12-31", "month=0001-12", "year=0001", "hour=2000-02-29T23", "minute=1900-03-01T00:00",
         "second=9999-12-31T23:59:59", "interval=2012-02-28/2012-03-01", "duration=PT0.5S", CALL]

# Given in a file: more than the 128 KiB that one argument may have.
HUGE = {"text": "é\U0001f600\n" * 200_000}

# What it is about, the task, its params. The same whatever the language.
ROWS = [
    ("a default", "leaf", []),
    ("a value", "leaf", ["n=1000000"]),
    ("out of bounds", "leaf", ["n=1000001"]),
    ("no number", "leaf", ["n=x"]),
    ("every kind", "kinds", TIMES),
    ("every kind at its edges", "kinds", EDGES + ["whole=-1", "small=31", "share=123456789.25", "yes=false"]),
    ("an empty text", "kinds", TIMES + ["text="]),
    ("a text with everything", "kinds", TIMES + ["text=\"\\\t\u2028\U0001f600 \x7f"]),
    ("NUL in a text", "kinds", TIMES + ['text="a\\u0000b"']),
    ("a huge text", "kinds", TIMES + ["text=" + "é" * 40000]),
    ("a text larger than a command line", "kinds", TIMES + [HUGE]),
    ("lists and maps", "kinds", TIMES + ["days=[\"2013-01-01\",\"1969-12-31\"]", 'map={"b":2,"a\\"":-1}', "maybe=5"]),
    ("another enum", "kinds", TIMES + ["level=high", "path=a b/c", "secret=other"]),
    ("a name that no enum has", "kinds", TIMES + ["level=middle"]),
    ("a date that is none", "kinds", TIMES + ["date=2013-02-29"]),
    ("a param that is missing", "kinds", []),
    ("a param that is unknown", "leaf", ["m=1"]),
    ("requirements", "shapes", [CALL]),
    ("an optional requirement", "shapes", [CALL, "more=true"]),
    ("a required task of the user", "shapes", ['call={"task":"halves","params":{"to":2}}']),
    ("a required task that is unknown", "shapes", ['call={"task":"none"}']),
    ("no file at all", "forest", ["count=0"]),
    ("many files", "forest", ["count=3000"]),
    ("an empty file", "big", []),
    ("a big file", "big", ["lines=200000"]),
    ("needs, one and many and nested", "halves", []),
    ("needs that grow", "halves", ["to=37"]),
    ("a grid", "cell", []),
    ("lines of a file", "lines", []),
    ("needs from elsewhere", "halves", ["from=5", "to=6"]),
    ("a container", "box", []),
    ("a container that requires a task", "box", ["said=1", 'words=["sort","a b","","é\"$(x)"]']),
    ("a container of which all is said", "box", ["said=2", 'words=["x"]']),
    ("a container that is refused", "box", ["said=3"]),
] + [(f"fails: {how}", "fails", [f"how={how}"]) for how in
     ["error", "declare", "abort", "exit", "loop", "memory", "unmade", "output", "need", "unknown", "itself", "stack"]]



def fate(task):
    """What became of a task. The first line of a message says how it failed; places in the source follow."""
    message = task.get("message", "").split("\n")[0]
    return [task["task"], task["params"], task.get("key"), task["state"], task.get("output"), message]


class Column:
    def __init__(self, language, wrun, below):
        self.language, self.wrun = language, wrun
        self.cwd = os.path.join(below, language)
        os.makedirs(os.path.join(self.cwd, "home"))
        shutil.copytree(os.path.join(HERE, "text"), os.path.join(self.cwd, "text"))
        with open(os.path.join(self.cwd, "wrun.lock"), "w") as file:
            for machine in ("amd64", "arm64"):
                file.write(f'[images."kit.invalid/box:1"."linux/{machine}"]\n'
                           f'from = "kit.invalid/box@sha256:{"1" * 64}"\nimage = "sha256:{"2" * 64}"\n')
        made = subprocess.run([wrun, "plugin", "build", "-q", os.path.join(HERE, language), "-o",
                               os.path.join(self.cwd, "kit.wasm")], stderr=subprocess.PIPE, text=True)
        if made.returncode:
            sys.exit(f"{made.stderr}\nerror: the kit in {language} cannot be built")

    def run(self, *args, cwd=None):
        # Containers are compared as they are planned, their keys too, as the image is pinned: what they make is up to no
        # language, so there is no engine.
        env = {"HOME": os.path.join(self.cwd, "home"), "PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///none"}
        home = os.path.expanduser("~")
        env["CARGO_HOME"] = os.environ.get("CARGO_HOME", os.path.join(home, ".cargo"))
        env["RUSTUP_HOME"] = os.environ.get("RUSTUP_HOME", os.path.join(home, ".rustup"))
        env.update({name: os.environ[name] for name in ("WRUN_GHC", "WRUN_CLANG", "WASI_SDK_PATH") if name in os.environ})
        return subprocess.run([self.wrun, *args], cwd=cwd or self.cwd, env=env, capture_output=True, text=True)

    def row(self, task, params):
        given = [word for param in params if isinstance(param, str) for word in ("-p", param)]
        for param in params:
            if isinstance(param, dict):
                with open(os.path.join(self.cwd, "params.json"), "w") as file:
                    json.dump(param, file)
                given += ["--params", "params.json"]
        plan = self.run("plan", "kit.wasm", task, *given, "--json")
        report = os.path.join(self.cwd, "report.json")
        if os.path.exists(report):
            os.remove(report)
        built = self.run("build", "kit.wasm", task, *given, "--report", report)
        seen = {"exit": built.returncode, "plan": plan.stdout, "plan's exit": plan.returncode}
        if os.path.exists(report):
            with open(report) as file:
                seen["tasks"] = sorted((fate(task) for task in json.load(file)["tasks"]), key=repr)
        else:
            seen["error"] = built.stderr
        if task == "box":
            # What it requires is there now, so its key is known.
            seen["keyed"] = self.run("plan", "kit.wasm", task, *given, "--json").stdout
        again = self.run("build", "kit.wasm", task, *given)
        seen["again"] = again.returncode
        if built.returncode == 0 and " ran" in again.stderr:
            seen["again"] = again.stderr
        return seen


def columns(wrun, below):
    for language in COLUMNS:
        if language == "haskell" and not (os.environ.get("WRUN_GHC") or shutil.which("wasm32-wasi-ghc")):
            print("warning: there is no wasm32-wasi-ghc: the kit in Haskell is NOT TESTED here")
            continue
        if language == "haskell" and not shutil.which("ghc"):
            print("warning: there is no ghc: the own tests of packages in Haskell are NOT TESTED here")
        yield Column(language, wrun, below)


def description(column):
    said = column.run("describe", "kit.wasm", "--json")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    for line in lines:
        line.pop("component", None)
    return lines


def tests_run(column):
    """Whether a package's own tests can be compiled for this machine."""
    return column.language != "haskell" or shutil.which("ghc") is not None


STARTED = [0, True, True, "# The most frequent words\n\n- the: 4\n- cat: 2\n- on: 2\n", ""]


def from_nothing(column):
    """From `wrun new` to a cached rerun and a test, twice in different folders: the same bytes."""
    if column.language == "rust":
        # runtime/cli/tests/e2e/source.rs does the same.
        return STARTED
    made = []
    for below in ("one", "two"):
        folder = os.path.join(below, "words")
        for args in (["new", "--lang", column.language, folder], ["plugin", "build", "-q", folder, "-o", below + ".wasm"]):
            ran = column.run(*args)
            if ran.returncode:
                return ran.stderr
        with open(os.path.join(column.cwd, below + ".wasm"), "rb") as file:
            made.append(file.read())
    if made[0] != made[1]:
        return f"{column.language}: other bytes in another folder"
    first, second = (column.run("build", "one/words") for _ in range(2))
    page = column.run("cat", "one/words")
    if not tests_run(column):
        shutil.rmtree(os.path.join(column.cwd, "one/words/tests"))
    tested = column.run("test", "one/words", "-q")
    return [first.returncode, ": 2 ran" in first.stderr, ": 2 cached" in second.stderr, page.stdout,
            tested.stderr if tested.returncode else ""]


def mixed(column):
    """One pipeline of three languages; returns what is wrong."""
    folder = os.path.join(column.cwd, "mixed")
    plugins = os.path.join(ROOT, "plugins")
    os.makedirs(os.path.join(folder, "briefing"))
    for alias, package in [("briefing", "briefing"), ("flights", "report"), ("weather", "weather-c"), ("carriers", "carriers-hs")]:
        made = column.run("plugin", "build", "-q", os.path.join(plugins, package), "-o", f"{folder}/{alias}.wasm")
        if made.returncode:
            return [made.stderr]
    for data in ("report", "weather-c"):
        shutil.copytree(os.path.join(plugins, data, "data"), os.path.join(folder, data, "data"))
    with open(os.path.join(plugins, "briefing/wrun.toml")) as file:
        toml = file.read()
    for alias, package in [("briefing", "."), ("flights", "../report"), ("weather", "../weather-c"), ("carriers", "../carriers-hs")]:
        toml = toml.replace(f'{alias} = "{package}"', f'{alias} = "../{alias}.wasm"')
    cwd = os.path.join(folder, "briefing")
    with open(os.path.join(cwd, "wrun.toml"), "w") as file:
        file.write(toml)
    goal = ["briefing", "2013-01-07"]
    wrong = []
    for package in ("weather-c", "carriers-hs")[: 2 if tests_run(column) else 1]:
        ran = column.run("test", os.path.join(plugins, package), "-p", "date=2013-01-07")
        if ran.returncode or "2 tasks: 2 same" not in ran.stdout + ran.stderr:
            wrong.append(f"the tests of {package}: {ran.stdout} {ran.stderr}")

    def check(holds, what, ran):
        if not holds:
            wrong.append(f"{what}: {ran.stdout} {ran.stderr}")

    ran = column.run("build", *goal, cwd=cwd)
    check(": 5 ran" in ran.stderr, "five tasks run", ran)
    ran = column.run("build", *goal, cwd=cwd)
    check(": 5 cached" in ran.stderr, "and are cached", ran)
    ran = column.run("cat", *goal, cwd=cwd)
    check("| 9E | Endeavor Air Inc. | 53 | 1 |" in ran.stdout and "| EWR | 5 | 2 | 0 | -8 | 35.06 |" in ran.stdout, "all are in it", ran)
    ran = column.run("lineage", *goal, cwd=cwd)
    check(all(name in ran.stdout for name in ("carriers-hs:carriers", "weather-c:hours", "report:delays")), "lineage crosses", ran)
    # An hour of weather of that day changes: what is made of it runs again, and says why, across the border.
    weather = os.path.join(folder, "weather-c/data/weather-2013-01-01-to-10.csv")
    with open(weather) as file:
        text = file.read()
    with open(weather, "w") as file:
        file.write(text.replace("EWR,2013,1,7,5,35.06", "EWR,2013,1,7,5,36.06"))
    ran = column.run("build", *goal, cwd=cwd)
    check(": 2 ran, 3 cached" in ran.stderr or ": 3 cached, 2 ran" in ran.stderr, "two tasks run again", ran)
    ran = column.run("why", *goal, cwd=cwd)
    check("hours" in ran.stdout + ran.stderr, "why names the input from the other language", ran)
    return wrong


def main():
    wrun = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "target/release/wrun"))
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="wrun-kit-") as below:
        table = list(columns(wrun, below))
        rows = [("the description", description), ("from nothing to a cached rerun", from_nothing)]
        rows += [(what, lambda column, task=task, params=params: column.row(task, params)) for what, task, params in ROWS]
        for what, see in rows:
            seen = {column.language: see(column) for column in table}
            first = seen[table[0].language]
            if what == "fails: stack" and "haskell" in seen:
                # Its stack lies in the heap, so it is the memory cap that ends it.
                for task in seen["haskell"]["tasks"]:
                    task[-1] = task[-1].replace("needs more than its memory cap of 64 MiB", "overflowed its stack")
            wrong = [language for language, one in seen.items() if one != first]
            if not wrong:
                passed += 1
                continue
            failed += 1
            print(f"FAILED {what}: not as in {table[0].language}: {', '.join(wrong)}")
            for language, one in seen.items():
                print(f"  {language}: {json.dumps(one, ensure_ascii=False)[:1500]}")
        others = []
        if any(column.language == "haskell" for column in table):
            others = [("failures of Haskell's own", hostile(table[-1])), ("mistakes in Haskell", mistakes(table[-1])),
                      ("a pipeline of three languages", mixed(table[-1]))]
        for what, wrong in others:
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print(f"FAILED {what}:")
                print("".join(f"  {line}\n" for line in wrong))
    print(f"conformance: {passed} passed, {failed} failed; {len(table)} languages")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
