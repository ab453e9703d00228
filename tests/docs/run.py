#!/usr/bin/env python3
"""Runs every command of the book, and holds the book to what it printed.

    run.py [--update] [--wrun PATH] [PAGE…]

Pages are those of docs/SUMMARY.md, or the ones that are named. Each has a world of its own: a home, a
working directory with the book's plugins, a store, no environment but what is needed. Its fenced blocks
say what is done with them:

    ```console        `$ command` lines are run by bash, one after the other; `> ` continues one. What
                      follows a command is what it prints, stdout and stderr together. A line may have `…`
                      for what is left out; a line `…` alone stands for any number of lines. Times and
                      digests are compared as such, not by value. A command has to succeed, unless the
                      next one is `echo $?`.
    ```toml,file=NAME the block is written to a file of the working directory; for any language. Python is
                      compiled as well.
    ```console,needs=X+Y  the same, but left out and said to be where the program X or Y is not installed.
    ```rust           only `{{#include FILE:ANCHOR}}`, of a file that is compiled and tested elsewhere.
    ```text           neither run nor checked: pictures, formats, output of commands that are quoted in part.

Every block has to be one of these. `--update` writes what the commands print into the book; lines with
`…` that still match stay. It also checks that every page of the summary exists, that every page is in
the summary, and that links and pictures lead somewhere.
"""

import argparse
import concurrent.futures
import doctest
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOOK = ROOT / "docs"
WORK = ROOT / "target" / "docs"
PLUGINS = ["cookbook", "luigi", "report"]
# The cookbook in other languages, and the compiler that each takes. A page that includes pieces of one is run with it
# too, in the place of cookbook.wasm, and has to print the same.
OTHERS = {"cookbook-c": "clang", "cookbook-hs": "wasm32-wasi-ghc"}
# What the book calls the folder of the repository.
SHOWN = "/home/ada/wrun"
WORLDS = pathlib.Path(tempfile.gettempdir()) / f"wrun-docs-{os.getuid()}-{zlib.crc32(bytes(ROOT)):08x}"
# Pages of reference: their blocks are formats and code that other tests hold; only their links are checked.
REFERENCE = re.compile(r"(architecture|formats|performance|performance-s3|performance-languages|messages|luigi-ports)\.md$|(errors|reference)/")

FENCE = re.compile(r"^(\s*)(```+)\s*(\S*)\s*$")
INCLUDE = re.compile(r"^\{\{#include ([^}:]+)(?::([\w-]+))?\}\}$")
LINK = re.compile(r"!?\[(?:[^\]]|\](?!\())*?\]\(([^)\s]+)\)")


class Block:
    """A fenced block: its language, attributes, first line and lines."""

    def __init__(self, info, start, lines):
        words = info.split(",")
        self.language = words[0]
        self.attributes = dict(word.split("=", 1) if "=" in word else (word, "") for word in words[1:])
        self.start = start
        self.lines = lines


def blocks_of(text):
    """Splits a page into its fenced blocks; `start` is the index of the first line inside."""
    found, inside = [], None
    lines = text.split("\n")
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if fence and inside is None:
            inside = (fence.group(2), fence.group(3), number + 1)
        elif fence and fence.group(2) == inside[0] and not fence.group(3):
            found.append(Block(inside[1], inside[2], lines[inside[2] : number]))
            inside = None
    if inside:
        found.append(Block("unclosed", inside[2], []))
    return found


def steps_of(block):
    """Splits a console block into commands and what each should print."""
    steps = []
    for line in block.lines:
        if line.startswith("$ "):
            steps.append(([line[2:]], []))
        elif line.startswith("> ") and steps and not steps[-1][1]:
            steps[-1][0].append(line[2:])
        elif line == ">" and steps and not steps[-1][1]:
            steps[-1][0].append("")
        elif steps:
            steps[-1][1].append(line)
        elif line.strip():
            raise ValueError(f"`{line}` comes before any command")
    return steps


TIME = re.compile(r"(?<![\w.])(\d+ h \d\d min|\d+ min \d\d s|\d+(\.\d+)? ?(ms|µs|s|min|h))(?!\w)")
CLAUSE = re.compile(r"; (running took|hits saved|what runs took) [^;]*")
WHEN = re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b")
# A record that holds times has a byte more or less from run to run: 1023 B is 1 KiB.
SIZE = re.compile(r"\b(\d+(\.\d+)? [KM]iB|\d{4} B)\b")
DIGEST = re.compile(r"b3:[0-9a-f]{6,64}")


def plain(line):
    """Puts marks in place of what differs from run to run.

    >>> plain("3 tasks in 12 ms: 3 ran; running took 0.5 ms, usually 1 s; b3:0123456789ab  268 KiB")
    '3 tasks in TIME: 3 ran; DIGEST SIZE'
    >>> plain("made 1 min 03 s ago, finished in 0.05s, 2026-01-01 10:11:12: b3:0123456789ab, 268 KiB, 7 sheep")
    'made TIME ago, finished in TIME, WHEN: DIGEST, SIZE, 7 sheep'
    """
    line = CLAUSE.sub("", line)
    line = WHEN.sub("WHEN", line)
    line = TIME.sub("TIME", line)
    line = DIGEST.sub("DIGEST", line)
    line = SIZE.sub("SIZE", line)
    return re.sub(r" +", " ", line).rstrip()


def matches(due, line):
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", plain(due)))
    return re.fullmatch(pattern, plain(line)) is not None


def compare(due, got):
    """Whether lines are as they should be; a line `…` stands for any number of them.

    >>> compare(["a", "…", "d 1 ms"], ["a", "b", "c", "d 20 s"]), compare(["…", "b"], ["b"])
    (True, True)
    >>> compare(["a … c"], ["a b c"]), compare(["a"], ["a", "b"]), compare([], ["a"]), compare(["1 ran"], ["2 ran"])
    (True, False, False, False)
    """
    if not due:
        return not got
    if due[0].strip() == "…":
        return any(compare(due[1:], got[skip:]) for skip in range(len(got) + 1))
    return bool(got) and matches(due[0], got[0]) and compare(due[1:], got[1:])


class World:
    """Where the commands of one page run."""

    def __init__(self, page, other=None):
        # The same folder each time, as cargo compiles for a path; outside the repository, or it would be taken
        # for a part of its workspace.
        self.root = WORLDS / (str(page.relative_to(BOOK)).replace("/", "-").removesuffix(".md") + f"-{other}" * bool(other))
        shutil.rmtree(self.root, ignore_errors=True)
        self.home, self.work = self.root / "home", self.root / "work"
        self.cwd = self.work
        self.work.mkdir(parents=True)
        self.status = 0
        compiled = self.home / ".cache/wrun/compiled"
        compiled.mkdir(parents=True, mode=0o700)
        for kept in (WORK / "compiled").glob("*.cwasm"):
            shutil.copy2(kept, compiled)
        for name in PLUGINS:
            shutil.copy2(WORK / f"{name}.wasm", self.work)
        if other:
            shutil.copy2(WORK / f"{other}.wasm", self.work / "cookbook.wasm")
        self.env = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(self.root / "bin"), *TOOLS, "/usr/local/bin:/usr/bin:/bin"]),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "CARGO_TARGET_DIR": str(WORK / "cargo"),
            "CARGO_TERM_COLOR": "never",
        }
        # What a reader has too: Rust, and what the project installed for Python.
        for name in ("CARGO_HOME", "RUSTUP_HOME"):
            default = pathlib.Path.home() / f".{name.split('_')[0].lower()}"
            self.env[name] = os.environ.get(name, str(default))
        (self.root / "bin").mkdir()
        (self.root / "bin/wrun").symlink_to(WRUN)

    def run(self, command):
        """Runs a command where the last one left off; returns its status and what it printed."""
        cwd, env = self.root / "cwd", self.root / "env"
        command = command.replace(SHOWN, str(ROOT))
        script = (
            f"[ ! -f '{env}' ] || . '{env}'\ncd '{self.cwd}'\nset -a\n(exit {self.status})\n{command}\n"
            f"status=$?\npwd >'{cwd}'\nexport -p >'{env}'\nexit $status\n"
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", script],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
        )
        self.status = done.returncode
        if cwd.is_file():
            self.cwd = pathlib.Path(cwd.read_text().strip())
        text = done.stdout.decode("utf-8", "replace").replace(str(self.work), "/home/ada")
        text = text.replace(str(self.home), "/home/ada").replace(str(ROOT), SHOWN)
        return done.returncode, text.rstrip("\n").split("\n") if text.strip("\n") else []

    def close(self):
        for made in (self.home / ".cache/wrun/compiled").glob("*.cwasm"):
            kept = WORK / "compiled" / made.name
            if not kept.exists():
                beside = kept.with_suffix(f".{os.getpid()}")
                shutil.copy2(made, beside)
                beside.replace(kept)
        shutil.rmtree(self.root, ignore_errors=True)


def included(page, line):
    """Returns why an include is wrong, if it is."""
    include = INCLUDE.match(line)
    if not include:
        return f"`{line}` is not an include of a file that is compiled and tested"
    file = (page.parent / include.group(1)).resolve()
    if not file.is_file():
        return f"`{include.group(1)}` is not there"
    if include.group(2):
        text = file.read_text()
        for mark in ("ANCHOR", "ANCHOR_END"):
            if not re.search(rf"{mark}: {re.escape(include.group(2))}$", text, re.M):
                return f"`{include.group(1)}` has no `{mark}: {include.group(2)}`"
    return None


def run_page(page, update, other=None):
    """Runs a page, perhaps with the cookbook of another language; returns the number of its commands, what is wrong,
    and what was left out."""
    if REFERENCE.match(str(page.relative_to(BOOK))):
        return 0, [], []
    text = page.read_text()
    blocks = blocks_of(text)
    lines = text.split("\n")
    wrong, left_out, commands, edits = [], [], 0, []
    world = None

    def bad(number, why):
        wrong.append(f"{page.relative_to(ROOT)}:{number + 1}: {f'with {other}: ' if other else ''}{why}")

    if other and not compiler(OTHERS[other]):
        return 0, [], [f"{page.relative_to(ROOT)}: with {other}: {OTHERS[other]} is not installed"]

    try:
        for block in blocks:
            if "file" in block.attributes:
                world = world or World(page, other)
                if block.lines and INCLUDE.match(block.lines[0]):
                    why = included(page, block.lines[0])
                    if why:
                        bad(block.start, why)
                        continue
                    body = without_anchors((page.parent / INCLUDE.match(block.lines[0]).group(1)).read_text())
                else:
                    body = "\n".join(block.lines) + "\n"
                to = world.work / block.attributes["file"]
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(body.replace(SHOWN, str(ROOT)))
                if block.language == "python":
                    compile(body, block.attributes["file"], "exec")
            elif block.attributes.get("needs") and not all(map(compiler, block.attributes["needs"].split("+"))):
                left_out.append(f"{page.relative_to(ROOT)}:{block.start}: {block.attributes['needs']} is not installed")
            elif block.language == "console":
                world = world or World(page, other)
                steps = steps_of(block)
                new = []
                for i, (command, due) in enumerate(steps):
                    commands += 1
                    status, got = world.run("\n".join(command))
                    asked = i + 1 < len(steps) and steps[i + 1][0] == ["echo $?"]
                    if status != 0 and not asked:
                        bad(block.start, f"`{command[0]}` ended with {status}\n    " + "\n    ".join(got))
                    same = compare(due, got)
                    if not same and not update:
                        bad(block.start, f"`{command[0]}` printed other lines\n" + difference(due, got))
                    new += [("$ " if n == 0 else "> ") + line if line or n == 0 else ">" for n, line in enumerate(command)]
                    new += due if same else got
                if new != block.lines:
                    edits.append((block, new))
            elif block.language == "rust" or INCLUDE.match("".join(block.lines[:1])):
                for n, line in enumerate(block.lines):
                    why = included(page, line) if line.strip() else None
                    if why:
                        bad(block.start + n, why)
            elif block.language not in ("text",):
                bad(block.start - 1, f"a block of `{block.language}` is not run by anything: see tests/docs/run.py")
    except (SyntaxError, ValueError, subprocess.TimeoutExpired) as error:
        bad(0, str(error))
    finally:
        if world:
            world.close()
    if update and edits:
        for block, new in reversed(edits):
            lines[block.start : block.start + len(block.lines)] = new
        page.write_text("\n".join(lines))
    return commands, wrong, left_out


def without_anchors(text):
    return "".join(line for line in text.splitlines(True) if not re.search(r"ANCHOR(_END)?: [\w-]+$", line.rstrip()))


def difference(due, got):
    import difflib

    return "\n".join("    " + line for line in difflib.unified_diff(due, got, "the book", "now", lineterm="", n=1))


def pages():
    """The pages of the summary, in order, and what is wrong with it."""
    summary = BOOK / "SUMMARY.md"
    names = re.findall(r"\]\(([^)]+\.md)\)", summary.read_text())
    wrong = [f"docs/SUMMARY.md: `{name}` is not there" for name in names if not (BOOK / name).is_file()]
    for name in {name for name in names if names.count(name) > 1}:
        wrong.append(f"docs/SUMMARY.md: `{name}` is there twice")
    return [BOOK / name for name in names if (BOOK / name).is_file()], wrong


def list_reference(update):
    """Pages that others write are listed in the summary by themselves: those of errors, of the command line."""
    summary = BOOK / "SUMMARY.md"
    text = due = summary.read_text()
    for folder in ("errors", "reference"):
        index = f"]({folder}/README.md)\n"
        if index not in text:
            continue
        names = sorted(page.stem for page in (BOOK / folder).glob("*.md") if page.name != "README.md")
        before, after = due.split(index)
        after = re.sub(rf"\A(  - \[[^\n]*\]\({folder}/[^\n]*\n)*", "", after)
        due = before + index + "".join(f"  - [{name}]({folder}/{name}.md)\n" for name in names) + after
    if due == text:
        return []
    if update:
        summary.write_text(due)
        return []
    return ["docs/SUMMARY.md: it lacks pages of docs/errors or docs/reference"]


def links(page):
    """What is wrong with the links of a page: files that are not there, headings that are not there."""
    wrong = []
    text = re.sub(r"^(```+).*?^\1\s*$", "", page.read_text(), flags=re.M | re.S)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            wrong.append(f"{page.relative_to(ROOT)}: the link `{target}` leads nowhere")
        elif heading and file.suffix == ".md" and heading not in headings(file):
            wrong.append(f"{page.relative_to(ROOT)}: `{target}`: there is no such heading")
    return wrong


def headings(page):
    text = re.sub(r"^(```+).*?^\1\s*$", "", page.read_text(), flags=re.M | re.S)
    slug = lambda title: re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
    return {slug(title) for title in re.findall(r"^#+ (.*)$", text, re.M)}


def compiler(name):
    return shutil.which(name, path=os.pathsep.join([*TOOLS, "/usr/local/bin", "/usr/bin", "/bin"]))


def others(page):
    """The other cookbooks of which a page shows pieces."""
    return [name for name in OTHERS if f"plugins/{name}/" in page.read_text()]


def build_plugins(chosen):
    """Builds the book's plugins below target/docs; cargo knows whether there is anything to do."""
    env = {name: value for name, value in os.environ.items() if name == "CARGO_HOME" or not re.match("CARGO|RUSTFLAGS", name)}
    env["PATH"] = os.pathsep.join([TOOLS[0], env["PATH"]])
    wanted = {name for page in chosen for name in others(page) if compiler(OTHERS[name])}
    for name in PLUGINS + sorted(wanted):
        made = WORK / f"{name}.wasm"
        before = made.read_bytes() if made.exists() else None
        command = [WRUN, "plugin", "build", ROOT / "plugins" / name, "-o", made]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f"error: plugins/{name} cannot be built\n{done.stdout.decode()}")
        if before is not None and before != made.read_bytes():
            for old in (WORK / "compiled").glob("*.cwasm"):
                old.unlink()


def main():
    global WRUN, TOOLS
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--wrun", type=pathlib.Path, default=ROOT / "target/release/wrun")
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    WRUN = options.wrun.resolve()
    TOOLS = [str(ROOT / "target/tools/bin"), *(str(ROOT / f"target/tools/{name}/bin") for name in ("py", "redun"))] + [*(str(pathlib.Path(tool).parent) for tool in [shutil.which("cargo")] if tool)]
    if doctest.testmod().failed:
        sys.exit("error: this program does not compare as it says")
    if not WRUN.is_file():
        sys.exit(f"error: there is no `{WRUN}`\nhint: `make build`")
    (WORK / "compiled").mkdir(parents=True, exist_ok=True)
    lock = open(WORK / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    WORLDS.mkdir(mode=0o700, exist_ok=True)
    if WORLDS.stat().st_uid != os.getuid():
        sys.exit(f"error: `{WORLDS}` belongs to somebody else")
    unlisted = list_reference(options.update)
    listed, wrong = pages()
    wrong += unlisted
    chosen = [page.resolve() for page in options.pages] or listed
    if not options.pages:
        for page in sorted(BOOK.rglob("*.md")):
            if page not in listed and page.name != "SUMMARY.md" and not REFERENCE.match(str(page.relative_to(BOOK))):
                wrong.append(f"{page.relative_to(ROOT)}: it is not in SUMMARY.md")
    for page in chosen:
        wrong += links(page)
    build_plugins(chosen)
    runs = [(page, other) for page in chosen for other in [None, *others(page)]]
    passed = failed = total = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for commands, bad, left_out in pool.map(lambda run: run_page(run[0], options.update and not run[1], run[1]), runs):
            for why in left_out:
                print(f"skipped: {why}")
            total += commands
            passed, failed = (passed, failed + 1) if bad else (passed + 1, failed)
            wrong += bad
    for why in wrong:
        print(f"error: {why}")
    if wrong:
        print("hint: `tests/docs/run.py --update` writes what the commands print now into the book; look at the diff")
    print(f"docs: {passed} passed, {failed} failed: pages, some in three languages; {total} commands")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
