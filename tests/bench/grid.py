"""The grid: n leaves from a source file each, a reduction for each hundred, a root; written for every tool.

A tool is a class with
    name      as it shows in the tables
    prepare() writes what the tool needs beside src/, before the clock runs
    build()   the command that builds the root
    change(i) edits the source of one leaf, and does what a user of the tool does besides
    walk()    the command of the no-op that looks at the whole graph, where that is another one
    forget()  removes all results but not what was compiled; False where that is nothing to tell apart
"""

import os
import pathlib
import shutil
import sys

BLOCK = 100
HERE = pathlib.Path(__file__).resolve().parent


def blocks(n):
    return [range(first, min(first + BLOCK, n)) for first in range(0, n, BLOCK)]


def leaf_text(i, value):
    return f"leaf {i} value {value} ".ljust(99, ".") + "\n"


def write_sources(folder, n):
    """A hundred bytes a file."""
    src = folder / "src"
    src.mkdir(parents=True)
    for i in range(n):
        (src / f"leaf-{i}.txt").write_text(leaf_text(i, 0))


class Tool:
    """What the tools have in common."""

    def __init__(self, paths, folder, n, jobs):
        self.paths, self.folder, self.n, self.jobs = paths, folder, n, jobs

    def prepare(self):
        (self.folder / "out").mkdir()

    def change(self, i, value):
        path = self.folder / "src" / f"leaf-{i}.txt"
        path.write_text(leaf_text(i, value))

    def walk(self):
        return self.build()

    def forget(self):
        return False


def rules(n):
    """(target, sources) of every rule."""
    for i in range(n):
        yield f"out/leaf-{i}.txt", [f"src/leaf-{i}.txt"]
    for b, leaves in enumerate(blocks(n)):
        yield f"out/block-{b}.txt", [f"out/leaf-{i}.txt" for i in leaves]
    yield "out/root.txt", [f"out/block-{b}.txt" for b in range(len(blocks(n)))]


class Make(Tool):
    name = "make"

    def prepare(self):
        super().prepare()
        with open(self.folder / "Makefile", "w") as out:
            out.write("MAKEFLAGS += -r\nall: out/root.txt\n")
            for target, sources in rules(self.n):
                # No character that a shell would be needed for: make starts the program itself.
                out.write(f"{target}: {' '.join(sources)}\n\t@{self.paths['join']} $@ $^\n")

    def build(self):
        return ["make", "-s", f"-j{self.jobs}"]


class Ninja(Tool):
    name = "ninja"

    def prepare(self):
        super().prepare()
        with open(self.folder / "build.ninja", "w") as out:
            out.write(f"rule join\n  command = {self.paths['join']} $out $in\n")
            for target, sources in rules(self.n):
                out.write(f"build {target}: join {' '.join(sources)}\n")
            out.write("default out/root.txt\n")

    def build(self):
        return [self.paths["ninja"], "--quiet", f"-j{self.jobs}"]


class Luigi(Tool):
    name = "Luigi"

    def build(self):
        return [sys.executable, HERE / "luigi_grid.py", self.n]

    def change(self, i, value):
        # Luigi looks at whether an output exists, not at what it was made from: its user removes what is stale.
        super().change(i, value)
        for stale in (f"leaf-{i}", f"block-{i // BLOCK}", "root"):
            (self.folder / "out" / f"{stale}.txt").unlink()


class Doit(Tool):
    name = "doit"

    def prepare(self):
        super().prepare()
        (self.folder / "n").write_text(str(self.n))

    def build(self):
        return [sys.executable, "-m", "doit", "-f", HERE / "doit_grid.py", "-d", self.folder, "-v0"]


class Wrun(Tool):
    """`grid-files`: the same graph, the same sources."""

    name = "wrun"
    task = "grid-files"

    def prepare(self):
        pass

    def params(self):
        return ["--param", f"dir={self.folder / 'src'}"]

    def build(self):
        cache = f"XDG_CACHE_HOME={self.folder / 'cache'}"
        command = ["env", cache, self.paths["wrun"], "build", self.paths["grid"], self.task, "--param", f"n={self.n}", *self.params()]
        return [*command, "--store", self.folder / "store", "-j", self.jobs, "-q"]

    def walk(self):
        return [*self.build(), "--check"]

    def forget(self):
        # The plugin's machine code is the user's, not the store's.
        shutil.rmtree(self.folder / "store")
        return True


class WrunGrid(Wrun):
    """`grid`: leaves from params alone, so that nothing but the tool is measured."""

    name = "wrun grid"
    task = "grid"
    changed = None

    def params(self):
        return [] if self.changed is None else ["--param", f"changed={self.changed}"]

    def change(self, i, value):
        self.changed = i


def result(tool):
    """The root's bytes, where the tool leaves a file."""
    path = tool.folder / "out" / "root.txt"
    return path.read_bytes() if os.path.exists(path) else None


TOOLS = {tool.name: tool for tool in (Make, Ninja, Luigi, Doit, Wrun, WrunGrid)}
