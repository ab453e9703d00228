"""Makes docs/images: pages, graphs and terminals, all of real builds of the flights. Run by `make screenshots`."""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile

from browser import Browser

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
IMAGES = os.path.join(ROOT, "docs", "images")
YEAR = os.path.join(ROOT, "target", "data", "flights.csv")
SLICE = os.path.join(ROOT, "plugins", "report", "data", "flights-2013-01-01-to-10.csv")

TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #ffffff; }
figure { display: inline-block; margin: 0; background: #14181d; border-radius: 10px; padding: 14px 20px 18px; }
i { display: inline-block; width: 11px; height: 11px; border-radius: 50%%; background: #363d47; margin-right: 7px; }
pre { margin: 12px 0 0; font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; color: #d7dce2; white-space: pre-wrap; width: %dch; overflow-wrap: anywhere; }
.a1 { font-weight: 700; color: #fff; } .a2 { color: #8b95a1; } .a31 { color: #ff7b72; } .a32 { color: #56d08f; }
.a33 { color: #f0b265; } .a34 { color: #79b8ff; } .a35 { color: #c7a6ff; } .a36 { color: #5ccfe6; } .dollar { color: #8b95a1; }
</style><figure id="terminal"><i></i><i></i><i></i><pre>%s</pre></figure>"""


def coloured(text):
    """Turns ANSI colours into spans."""
    out, classes = [], []
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if code is None:
            shown = html.escape(part)
            out.append(f'<span class="{" ".join(classes)}">{shown}</span>' if classes and part else shown)
        elif code[1] in ("", "0"):
            classes = []
        else:
            classes += [f"a{n}" for n in code[1].split(";")]
    return re.sub(r"\x1b\][^\x1b\x07]*(\x1b\\\\|\x07)", "", "".join(out))


class Work:
    """A folder with flights, a plugin, a store."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="wrun-screenshots-")
        os.symlink(os.path.join(ROOT, "plugins", "report.wasm"), self.path("report.wasm"))
        shutil.copy(YEAR if os.path.exists(YEAR) else SLICE, self.path("flights.csv"))
        with open(self.path("wrun.toml"), "w", encoding="utf-8") as file:
            file.writelines(f'[params.{task}]\nsource = "flights.csv"\n' for task in ("split-by-day", "delays", "week", "report"))
        self.vars = {"HOME": self.folder.name, "PATH": os.path.join(ROOT, "target", "release") + ":/usr/bin:/bin", "COLUMNS": "100", "LANG": "C.UTF-8"}

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def wrun(self, line, color="never"):
        """Runs a command line and returns all it said, in order."""
        command = ["wrun", *line.split(), "--color", color]
        run = subprocess.run(command, cwd=self.folder.name, env=self.vars, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if run.returncode not in (0, 1):
            sys.exit(f"error: `wrun {line}` ended with {run.returncode}\n{run.stdout}")
        return run.stdout


def terminal(browser, work, name, lines, width=104):
    """Pictures a terminal in which these commands were given."""
    text = ""
    for line in lines:
        text += f'<span class="dollar">$</span> wrun {html.escape(line)}\n{coloured(work.wrun(line, "always"))}\n'
    page = work.path("terminal.html")
    with open(page, "w", encoding="utf-8") as file:
        file.write(TERMINAL % (width, text.rstrip()))
    browser.size(1200, 800, scale=1.5)
    browser.open(page)
    box = browser.run("(() => { const it = document.getElementById('terminal').getBoundingClientRect(); return [it.x, it.y, it.width, it.height]; })()")
    browser.picture(os.path.join(IMAGES, f"{name}.png"), clip=box)


def page(browser, work, name, size, script=None, dark=False, full=None):
    browser.size(*size, dark=dark)
    browser.open(work.path("report.html"))
    if script:
        browser.run(script)
        browser.run("new Promise((done) => setTimeout(done, 200))")
    browser.picture(os.path.join(IMAGES, f"{name}.png"), clip=full and (0, 0, size[0], full))


def correct(path):
    """Corrects the delay of one flight of one day."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    old = next(line for line in text.splitlines() if line.startswith("2013,1,7,"))
    fields = old.split(",")
    fields[text.split("\n", 1)[0].split(",").index("dep_delay")] = "56"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, ",".join(fields), 1))


def main():
    os.makedirs(IMAGES, exist_ok=True)
    work = Work()
    with Browser() as browser:
        # Compiled to machine code once, out of sight.
        work.wrun("list report.wasm")
        # A week, drawn task by task, with a day corrected.
        days = "--param date=2013-01-01..2013-01-07"
        terminal(browser, work, "terminal-build", [f"build report.wasm report {days}", f"build report.wasm report {days}"])
        correct(work.path("flights.csv"))
        work.wrun("build report.wasm split-by-day")
        terminal(browser, work, "terminal-plan", [f"plan report.wasm report {days}"], 120)
        work.wrun(f"graph report.wasm report {days} -o {IMAGES}/graph-plan.svg")
        work.wrun(f"build report.wasm report {days}")
        terminal(browser, work, "terminal-why", ["why report.wasm report --param date=2013-01-07"], 120)
        terminal(browser, work, "terminal-failure", ["build report.wasm report --param date=2014-01-02"], 132)
        # A year, two days longer than its data, of which some months are built.
        last = "2013-10-31" if os.path.exists(YEAR) else "2013-01-08"
        end = "2014-01-02" if os.path.exists(YEAR) else "2013-01-12"
        work.wrun(f"build report.wasm report --param date=2013-01-01..{last}")
        work.wrun(f"build report.wasm report --param date=2013-01-01..{end} --report report.json")
        work.wrun("report report.json -o report.html")
        work.wrun(f"graph --from report.json -o {IMAGES}/graph-year.svg")
        page(browser, work, "report-light", (1280, 900), full=1500)
        page(browser, work, "report-dark", (1280, 900), dark=True, full=1500)
        page(browser, work, "report-narrow", (390, 844), full=1500)
        page(browser, work, "report-task", (1280, 860), "get('tasks').scrollIntoView(); setQuery('task:week ran'); open(table.rows[0])")
    work.folder.cleanup()
    for name in sorted(os.listdir(IMAGES)):
        print(f"docs/images/{name}  {os.path.getsize(os.path.join(IMAGES, name)) // 1024} KiB")


if __name__ == "__main__":
    main()
