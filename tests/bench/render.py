"""Writes what run.py measured: tables for people, JSON for machines, growth curves as SVG."""

import json
import math

BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
CASES = {
    "cold": "cold",
    "compiled": "cold, plugin compiled",
    "no-op": "no-op",
    "walk": "no-op, whole graph",
    "changed": "one leaf changed",
    "suspended": "suspended at once",
}
COLOURS = {"wrun": "#c2410c", "wrun grid": "#ea580c", "ninja": "#1d4ed8", "make": "#15803d", "doit": "#7e22ce", "Luigi": "#57534e"}


def seconds(row):
    if row is None:
        return "–"
    if row.get("timed-out"):
        return "time was up"
    value = row["seconds"]
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def find(rows, tool, n, case):
    return next((r for r in rows if (r["tool"], r["n"], r["case"]) == (tool, n, case)), None)


def walked(rows, tool, n):
    """The no-op that looks at the whole graph: for most tools the only one there is."""
    return find(rows, tool, n, "walk") or find(rows, tool, n, "no-op")


def race_table(rows, n):
    tools = [r["tool"] for r in rows if r["n"] == n and r["case"] == "cold" and r["tool"] != "wrun grid"]
    base = {case: walked(rows, "ninja", n) if case == "walk" else find(rows, "ninja", n, case) for case in CASES}
    yield "| tool | cold | against ninja | cold, plugin compiled | against ninja | no-op | no-op, whole graph | against ninja | one leaf changed | most memory |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for tool in tools:
        compiled = find(rows, tool, n, "compiled")
        cold, noop = find(rows, tool, n, "cold"), find(rows, tool, n, "no-op")
        walk, changed = walked(rows, tool, n), find(rows, tool, n, "changed")
        memory = max((r["mib"] for r in rows if r["tool"] == tool and r["n"] == n and "mib" in r), default=None)
        cells = [tool, seconds(cold), ratio(cold, base["cold"]), seconds(compiled), ratio(compiled, base["cold"]), seconds(noop), seconds(walk), ratio(walk, base["walk"])]
        cells += [seconds(changed), "–" if memory is None else f"{memory:.0f} MiB"]
        yield f"| {' | '.join(cells)} |"


def ratio(row, base):
    """How many times as long as ninja; below one is faster."""
    if row is None or base is None or "seconds" not in row or "seconds" not in base:
        return "–"
    return f"{row['seconds'] / base['seconds']:.3g} ×"


def grid_table(rows):
    own = [r for r in rows if r["tool"] == "wrun grid"]
    yield "| leaves | cold | cold, plugin compiled | a task | no-op, session record | whole graph | one leaf changed | most memory |"
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|"
    for n in sorted({r["n"] for r in own}):
        cold, compiled = find(own, "wrun grid", n, "cold"), find(own, "wrun grid", n, "compiled")
        tasks = n + math.ceil(n / 100) + 1
        each = "–" if not compiled or "seconds" not in compiled else f"{compiled['seconds'] / tasks * 1e6:.0f} µs"
        cases = [seconds(find(own, "wrun grid", n, case)) for case in ("no-op", "walk", "changed")]
        memory = max(r["mib"] for r in own if r["n"] == n and "mib" in r)
        yield f"| {n:,} | {seconds(cold)} | {seconds(compiled)} | {each} | {' | '.join(cases)} | {memory:.0f} MiB |"


def tables(document):
    rows, machine = document["rows"], document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['memory-gib']} GiB, Linux {machine['kernel']}; {versions}."
    method = document["method"]
    yield f"{method['rounds']} rounds, `-j{method['jobs']}`; medians; a run may take {method['timeout-seconds']:.0f} s."
    for n in sorted({r["n"] for r in rows if r["case"] == "cold" and r["tool"] != "wrun grid"}):
        yield f"\n### {n:,} leaves from {n:,} files\n"
        yield from race_table(rows, n)
    if any(r["tool"] == "wrun grid" for r in rows):
        yield "\n### wrun alone: leaves from params (`grid`)\n"
        yield from grid_table(rows)
    waiting = [r for r in rows if r["case"] == "suspended"]
    if waiting:
        yield "\n### Suspended guests\n"
        yield "| task | guests suspended at once | wall time | most memory |"
        yield "|---|--:|--:|--:|"
        for r in waiting:
            yield f"| `{r['tool'].split()[1]}` | {r['n']:,} | {seconds(r)} | {r.get('mib', 0):.0f} MiB |"


def show(document, out):
    for line in tables(document):
        print(line, file=out)


def curve(document, case):
    """One picture: wall time over leaves, both logarithmic, a line a tool."""
    series = {}
    for row in document["rows"]:
        if row["case"] == case and "seconds" in row:
            series.setdefault(row["tool"], []).append((row["n"], row["seconds"]))
    points = [p for line in series.values() for p in line]
    if not points:
        return None
    width, height, left, bottom, top, right = 640, 400, 70, 50, 40, 120
    decades = lambda values: (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    (x0, x1), (y0, y1) = decades([p[0] for p in points]), decades([p[1] for p in points])
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    x = lambda n: left + (math.log10(n) - x0) / (x1 - x0) * (width - left - right)
    y = lambda s: height - bottom - (math.log10(s) - y0) / (y1 - y0) * (height - bottom - top)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="22" font-size="14">{CASES[case]}: wall time of the whole process</text>',
    ]
    for decade in range(x0, x1 + 1):
        at = x(10**decade)
        out.append(f'<path d="M{at:.1f} {top}V{height - bottom}" stroke="#e7e5e4"/>')
        out.append(f'<text x="{at:.1f}" y="{height - bottom + 18}" text-anchor="middle">{10**decade:,}</text>')
    for decade in range(y0, y1 + 1):
        at = y(10.0**decade)
        label = f"{10**decade} s" if decade >= 0 else f"{10 ** (decade + 3)} ms" if decade >= -3 else f"{10.0 ** decade} s"
        out.append(f'<path d="M{left} {at:.1f}H{width - right}" stroke="#e7e5e4"/>')
        out.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    out.append(f'<text x="{(left + width - right) / 2}" y="{height - 12}" text-anchor="middle">leaves</text>')
    taken = []
    for tool, line in sorted(series.items(), key=lambda item: y(item[1][-1][1])):
        line.sort()
        colour = COLOURS.get(tool, "#000000")
        path = " ".join(f"{'M' if i == 0 else 'L'}{x(n):.1f} {y(s):.1f}" for i, (n, s) in enumerate(line))
        out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x(n):.1f}" cy="{y(s):.1f}" r="3" fill="{colour}"/>' for n, s in line]
        at = y(line[-1][1]) + 4
        while any(abs(at - other) < 14 for other in taken):
            at += 2
        taken.append(at)
        out.append(f'<text x="{x(line[-1][0]) + 8:.1f}" y="{at:.1f}" fill="{colour}">{tool}</text>')
    return "\n".join([*out, "</svg>", ""])


def write(document, docs):
    docs.mkdir(exist_ok=True)
    (docs / "performance.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    for case in ("cold", "no-op", "changed"):
        picture = curve(document, case)
        if picture:
            (docs / f"performance-{case}.svg").write_text(picture)
    page = docs / "performance.md"
    text = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(before + BEGIN + "\n" + "\n".join(tables(document)) + "\n" + END + after)
