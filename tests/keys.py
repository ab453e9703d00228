"""Computes wrun's keys from docs/formats.md, independently of the Rust code.

    keys.py                     check tests/vectors.json
    keys.py --write             fill in the digests of tests/vectors.json
    keys.py record FILE…        keys of stored results (JSON, as `wrun` keeps them), checked against
                                what they say of themselves
    keys.py store DIR           every record of a local store, against the key that it lies at

Needs the PyPI package `blake3`; `make keys` installs it below target/tools.
"""

import base64
import json
import pathlib
import sqlite3
import struct
import sys

from blake3 import blake3

VECTORS = pathlib.Path(__file__).with_name("vectors.json")
TREE_CONTEXT = "wrun 2026 tree v1"

# The codec: one tag byte, then the value.
UINT, TEXT, BYTES, BOOL, FLOAT, DIGEST, LIST, NONE, INTEGER, MAP = range(1, 11)


def u64(value):
    return struct.pack(">Q", value)


def uint(value):
    return bytes([UINT]) + u64(value)


def text(value):
    raw = value.encode()
    return bytes([TEXT]) + u64(len(raw)) + raw


def integer(value):
    raw = str(value).encode()
    return bytes([INTEGER]) + u64(len(raw)) + raw


def float_(value):
    assert value == value and value not in (float("inf"), float("-inf"))
    return bytes([FLOAT]) + struct.pack(">d", value + 0.0)


def digest(value):
    assert value.startswith("b3:") and len(value) == 67, value
    return bytes([DIGEST]) + bytes.fromhex(value[3:])


def head(tag, count):
    return bytes([tag]) + u64(count)


def value(v):
    """A canonical param value, as JSON has it: an integer without point is an integer."""
    if v is None:
        return bytes([NONE])
    if isinstance(v, bool):
        return bytes([BOOL, int(v)])
    if isinstance(v, int):
        return integer(v)
    if isinstance(v, float):
        return float_(v)
    if isinstance(v, str):
        return text(v)
    if isinstance(v, list):
        return head(LIST, len(v)) + b"".join(map(value, v))
    return mapping(v)


def mapping(pairs):
    ordered = sorted(pairs.items(), key=lambda pair: pair[0].encode())
    return head(MAP, len(pairs)) + b"".join(text(k) + value(v) for k, v in ordered)


def start(domain, version):
    return text(domain) + uint(version)


def b3(raw):
    return "b3:" + blake3(raw).hexdigest()


# Trees.


def tree_bytes(entries):
    kinds = {"file": 0, "exec": 1, "directory": 2}
    ordered = sorted(entries, key=lambda e: e["name"].encode())
    out = start("wrun.tree", 1) + head(LIST, len(ordered))
    for e in ordered:
        out += text(e["name"]) + uint(kinds[e["kind"]]) + digest(e["digest"]) + uint(e["size"])
    return out


def tree_digest(entries):
    return "b3:" + blake3(tree_bytes(entries), derive_key_context=TREE_CONTEXT).hexdigest()


def inline_tree(nodes):
    """The digest and size of an output that rides inside its record."""
    entries = []
    for name, node in nodes.items():
        ((kind, inner),) = node.items()
        if kind == "dir":
            of, size = inline_tree(inner)
            entries.append({"name": name, "kind": "directory", "digest": of, "size": size})
            continue
        raw = inner.encode() if kind == "text" else base64.b64decode(inner, validate=True)
        entry_kind = "exec" if kind == "exec" else "file"
        entries.append({"name": name, "kind": entry_kind, "digest": b3(raw), "size": len(raw)})
    return tree_digest(entries), sum(e["size"] for e in entries)


# Keys.

INPUT_KINDS = {"tree": 0, "listing": 1, "version-id": 2, "etag": 3, "reference": 4}
OUTPUT_KINDS = {"file": 0, "directory": 1}


def texts(words):
    return head(LIST, len(words)) + b"".join(map(text, words))


def files_bytes(a):
    inputs = a.get("inputs", [])
    out = head(LIST, len(inputs))
    for i in inputs:
        out += text(i["name"]) + uint(INPUT_KINDS[i.get("kind", "tree")]) + digest(i["tree"])
    out += head(LIST, len(a["outputs"]))
    for o in a["outputs"]:
        out += text(o["name"]) + uint(OUTPUT_KINDS[o["kind"]])
    return out


def container_bytes(a):
    c = a["container"]
    none = bytes([NONE])
    out = start("wrun.action.container", 1) + text(c["image"])
    out += texts(c["entrypoint"]) if "entrypoint" in c else none
    out += texts(c.get("argv", []))
    out += text(c["workdir"]) if "workdir" in c else none
    env = c.get("env", [])
    out += head(LIST, len(env)) + b"".join(text(name) + text(value) for name, value in env)
    out += text(c["user"]) if "user" in c else none
    out += bytes([BOOL, int(c["network"])]) + uint(c["gpus"])
    out += head(LIST, len(c["accepted"])) + b"".join(map(uint, c["accepted"]))
    out += texts(c.get("secrets", []))
    return out + files_bytes(a) + uint(c["layout"]) + text(a.get("salt", ""))


def action_bytes(a):
    if "container" in a:
        return container_bytes(a)
    out = start("wrun.action.wasm", 1)
    if "component" in a["code"]:
        out += digest(a["code"]["component"])
    else:
        version = a["code"]["version"]
        out += head(LIST, 2) + text(version["plugin"]) + text(version["version"])
    out += text(a["task"]) + mapping(a["params"])
    out += files_bytes(a) + uint(a["sandbox"])
    nan = a.get("nan", "canonical")
    out += bytes([NONE]) if nan == "canonical" else text(nan["native"])
    return out + text(a.get("salt", ""))


def action_key(a):
    return b3(action_bytes(a))


def step_key(before, answers):
    out = start("wrun.step", 1) + digest(before) + head(LIST, len(answers))
    for kind, of in answers:
        out += uint(INPUT_KINDS[kind]) + digest(of)
    return b3(out)


def plan_key(p):
    return b3(start("wrun.plan", 1) + digest(p["component"]) + uint(p["sandbox"]) + text(p["task"]) + mapping(p["params"]))


def task_id(t):
    return b3(start("wrun.task", 1) + text(t["plugin"]) + text(t["task"]) + mapping(t["params"]))


def goal_key(g):
    out = start("wrun.goal", 1) + digest(g["component"]) + uint(g["sandbox"]) + text(g["task"])
    out += head(LIST, len(g["params"])) + b"".join(map(mapping, g["params"]))
    out += head(LIST, len(g["aliases"]))
    for alias, component in g["aliases"]:
        out += text(alias) + digest(component)
    return b3(out + text(g["settings"]) + text(g["salt"]))


CALCULATORS = {
    "blob": lambda v: b3(v.encode()),
    "tree": tree_digest,
    "inline": lambda nodes: inline_tree(nodes)[0],
    "action": action_key,
    "step": lambda v: step_key(v["before"], v["answers"]),
    "plan": plan_key,
    "task-id": task_id,
    "goal": goal_key,
}


def vectors(write):
    document = json.loads(VECTORS.read_text())
    failed = 0
    for vector in document["vectors"]:
        found = CALCULATORS[vector["kind"]](vector["input"])
        if write:
            vector["digest"] = found
        elif vector.get("digest") != found:
            failed += 1
            print(f"{vector['name']}: the file says {vector.get('digest')}, computed {found}")
    if write:
        VECTORS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"keys: {len(document['vectors']) - failed} passed, {failed} failed")
    return failed


def last_key(result):
    """The key at which a result lies: the action's, continued by what its steps were given."""
    key = action_key(result["action"])
    for step in result.get("steps", []):
        key = step_key(key, [("tree", of) for of in step["answers"]])
    return key


def wrong_inline(result):
    return "inline" in result and inline_tree(result["inline"]) != (result["tree"], result["size"])


def record(path):
    """Prints the key of one stored result; tells whether its inlined output is another than it says."""
    result = json.loads(pathlib.Path(path).read_text())
    print(f"{path}\n  key    {last_key(result)}\n  output {result['tree']}")
    return int(wrong_inline(result))


def store(folder):
    """Checks every result and small blob of a local store; returns how many are wrong."""
    blob, result = 1, 2
    index = sqlite3.connect(f"file:{folder}/index.sqlite?mode=ro", uri=True)
    passed = failed = 0
    for head, body in index.execute("SELECT head, body FROM log"):
        kind, key = head[0], "b3:" + head[1:33].hex()
        if kind == blob:
            good = key in (b3(body), "b3:" + blake3(body, derive_key_context=TREE_CONTEXT).hexdigest())
        elif kind == result:
            found = json.loads(body)
            good = last_key(found) == key and not wrong_inline(found)
        else:
            continue
        passed, failed = passed + good, failed + (not good)
        if not good:
            print(f"{folder}: the record at {key} is of another key")
    if not passed:
        print(f"{folder}: there is no record in it")
        failed += 1
    print(f"keys: {passed} records agree, {failed} failed")
    return failed


def main(args):
    if args[:1] == ["record"]:
        return sum(map(record, args[1:]))
    if args[:1] == ["store"]:
        return sum(map(store, args[1:]))
    return vectors(write="--write" in args)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
