"""The grid for doit, in one process: doit -f doit_grid.py, in a folder with src/ and a file `n`."""

import os

BLOCK = 100
DOIT_CONFIG = {"verbosity": 0, "default_tasks": ["root"], "dep_file": ".doit.db"}
N = int(open("n").read())


def join(sources, targets):
    with open(targets[0], "w") as out:
        for path in sources:
            with open(path) as source:
                out.write(source.read())


def rule(name, target, sources):
    # doit keeps `file_dep` as a set; the order is in the list that the action is given.
    return {"name": name, "file_dep": sources, "targets": [target], "actions": [(join, [sources, [target]])]}


def task_leaf():
    for i in range(N):
        yield rule(str(i), f"out/leaf-{i}.txt", [f"src/leaf-{i}.txt"])


def task_block():
    for b in range((N + BLOCK - 1) // BLOCK):
        leaves = [f"out/leaf-{i}.txt" for i in range(b * BLOCK, min(N, b * BLOCK + BLOCK))]
        yield rule(str(b), f"out/block-{b}.txt", leaves)


def task_root():
    blocks = [f"out/block-{b}.txt" for b in range((N + BLOCK - 1) // BLOCK)]
    one = rule("", "out/root.txt", blocks)
    del one["name"]
    return one


os.makedirs("out", exist_ok=True)
