"""Puts a recording of the demo into README.md: `record.py OUTPUT`, where OUTPUT is what `make demo` printed.

Commands are shortened (`target/release/`, the store, the source and the report's file go without saying),
and of each step the lines stay that say something.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- demo: written by tests/demo/record.py -->", "<!-- end of demo -->"
DROP = re.compile(r"( of [0-9,]+ done|--store target/demo/second -q|^\$ ls|^make|^need:|^cargo|^ +(Compiling|Finished))")


def shorten(line):
    if line.startswith("$ "):
        line = line.replace("target/release/", "").replace("plugins/report.wasm", "report.wasm")
        line = re.sub(r" --store \S+| --report \S+| --json > \S+", "", line)
        line = re.sub(r" --param source=target/demo/corrected.csv", " --param source=corrected.csv", line)
        line = re.sub(r" --param source=target/data/flights.csv", " --param source=flights.csv", line)
        line = line.replace("target/demo/corrected.csv", "corrected.csv").replace("target/data/flights.csv", "flights.csv")
        return re.sub(r"^\$ awk.*", "$ awk … flights.csv > corrected.csv", line)
    return line.replace("target/demo/corrected.csv", "corrected.csv").replace("target/data/flights.csv", "flights.csv")


def main():
    text = re.sub(r"\x1b\[[0-9;]*m", "", pathlib.Path(sys.argv[1]).read_text())
    lines = text[text.index("All flights") :].splitlines()
    stop = next(i for i, line in enumerate(lines) if line.startswith("$ ") and " get " in line)
    kept = []
    for line in lines[:stop]:
        if not DROP.search(line):
            kept.append(shorten(line.rstrip()))
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    body = "\n".join(kept).strip()
    readme.write_text(f"{before}{BEGIN}\n```console\n{body}\n```\n{END}{after}")


if __name__ == "__main__":
    main()
