"""What only Haskell can do wrong: failures of its own, and mistakes of who writes a plugin. run.py runs both; for C
runtime/cli/tests/e2e/languages.rs has the like."""

import os
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))

# The task of hostile-hs, and what is said of it.
HASKELL = [
    ("throws", "divide by zero"),
    ("late", "and ends badly"),
    ("undefined", "Prelude.undefined"),
    ("message", "an exception whose message fails: nested"),
    ("missing", "/in/none: withBinaryFile: does not exist"),
    ("closed", "/out/x: hPutStr: illegal operation (handle is closed)"),
    ("nul", "ab \ufffd c"),
    ("nul-name", "a text holds NUL: \"a\\NULb\""),
    ("incomplete", "Plugin.hs:"),
    ("bytes", "`/in/text/bad.txt` is no UTF-8"),
    ("prelude", "invalid"),
    ("file-need", "`need` asks for tasks alone"),
    ("requires-need", "it called `need` outside of `run`"),
    ("huge", None),
]

PLUGIN = """module Plugin (plugin) where
import WRun hiding (plugin)
import qualified WRun
one :: Task Integer ()
one = task { name = "one", doc = "One", params = %s, requires = \\_ -> pure (), run = \\_ () -> pure () }
plugin :: Plugin
plugin = WRun.plugin "%s" "Mistakes" [%s]
"""
GOOD = 'integerIn 1 3 "n" "Number"'

# The params of a task, the plugin's id, its tasks, and what is said of it.
MISTAKES = [
    (f"withDefault \"7\" ({GOOD})", "p", "offer one", "`n`"),
    (f"withDefault \"seven\" ({GOOD})", "p", "offer one", "`n`"),
    (GOOD, "p", "offer one, offer one", "`one`"),
    (GOOD, "A b", "offer one", "`A b`"),
    (GOOD, "p\\0", "offer one", "a text holds NUL"),
    ("integer", "p", "offer one", "`mistakes` does not compile\nhint: what the compiler says is above\n"),
]


def hostile(column):
    """Failures of Haskell's own; returns what is wrong."""
    wasm = os.path.join(column.cwd, "hostile.wasm")
    made = column.run("plugin", "build", "-q", os.path.join(HERE, "hostile-hs"), "-o", wasm)
    if made.returncode:
        return [made.stderr]
    with open(os.path.join(column.cwd, "text", "bad.txt"), "wb") as file:
        file.write(b"\xff\xfe")
    wrong = []
    for task, due in HASKELL:
        ran = column.run("build", wasm, task)
        if (due is None) != (ran.returncode == 0) or (due or "") not in ran.stderr:
            wrong.append(f"{task}: `{due}` is not in {ran.stderr!r}")
    # Two worlds of other times and other orders; what is seen in them is the same.
    seen = []
    for number, names in enumerate((["a.txt", "b.txt", "bad.txt"], ["bad.txt", "b.txt", "a.txt"])):
        cwd = os.path.join(column.cwd, f"world-{number}")
        os.makedirs(os.path.join(cwd, "text"))
        for name in names:
            path = os.path.join(cwd, "text", name)
            shutil.copyfile(os.path.join(column.cwd, "text", name), path)
            os.utime(path, (10**6, 10**6 * (number + 1)))
        seen.append(column.run("cat", wasm, "probe", "--store", os.path.join(cwd, "store"), cwd=cwd).stdout)
    if seen[0] != seen[1] or "bad.txt" not in seen[0]:
        wrong.append(f"the probe sees {seen[0]!r}, then {seen[1]!r}")
    return wrong


def mistakes(column):
    """Plugins that are refused, each for a reason that is said, and a test that fails; returns what is wrong."""
    wrong = []
    folder, made = os.path.join(column.cwd, "mistakes"), os.path.join(column.cwd, "mistakes.wasm")
    os.makedirs(os.path.join(folder, "src"))
    with open(os.path.join(folder, "mistakes.cabal"), "w") as file:
        file.write("cabal-version: 2.4\nname: mistakes\nversion: 0.1.0\nbuild-type: Simple\n")
    for params, called, tasks, due in MISTAKES:
        with open(os.path.join(folder, "src/Plugin.hs"), "w") as file:
            file.write(PLUGIN % (params, called, tasks))
        ran = column.run("plugin", "build", "-q", folder, "-o", made)
        if ran.returncode != 4 or due not in ran.stderr or os.path.exists(made):
            wrong.append(f"{params}, {called}, {tasks}: `{due}` is not in {ran.stderr!r}")
    if not shutil.which("ghc"):
        return wrong
    words = os.path.join(column.cwd, "failing/words")
    column.run("new", "--lang", "haskell", words)
    test = os.path.join(words, "tests/Words.hs")
    with open(test) as file:
        text = file.read()
    with open(test, "w") as file:
        file.write(text.replace("- b: 2", "- b: 3"))
    ran = column.run("test", words)
    if ran.returncode != 1 or "the page: this was due:" not in ran.stderr or "`tests/Words.hs` does not pass" not in ran.stderr:
        wrong.append(f"a test that fails: {ran.stderr!r}")
    return wrong
