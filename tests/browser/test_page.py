"""The page of `wrun report` in a browser: it opens, filters, obeys the keyboard, fits, and stays silent.

Run by `make test`. `--figures` prints how long a page of 100,000 tasks takes instead: no test waits for a time.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import reports
from browser import Browser

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
WRUN = os.environ.get("WRUN", os.path.join(ROOT, "target", "release", "wrun"))
LARGE = 100_000

browser = folder = None


def setUpModule():
    global browser, folder
    folder = tempfile.TemporaryDirectory(prefix="wrun-page-")
    browser = Browser()


def tearDownModule():
    browser.__exit__()
    folder.cleanup()


def page(name, report):
    """Writes a page of a report, once."""
    path = os.path.join(folder.name, f"{name}.html")
    if not os.path.exists(path):
        source = os.path.join(folder.name, f"{name}.json")
        with open(source, "w", encoding="utf-8") as file:
            json.dump(report() if callable(report) else report, file)
        subprocess.run([WRUN, "report", source, "-o", path], check=True)
    return path


def shown():
    """Returns the lines of the table that are there to be seen."""
    return browser.run("[...document.querySelectorAll('.row')].map((row) => row.innerText)")


class Page(unittest.TestCase):
    def opened(self, name, report, width=1280, height=900, dark=False):
        browser.size(width, height, dark=dark)
        browser.open(page(name, report))

    def tearDown(self):
        self.assertEqual(browser.troubles(), [])

    def text(self, selector):
        return browser.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def typed(self, text):
        browser.key("/")
        browser.type(text)

    def days(self, **more):
        self.opened("days", lambda: reports.days(60), **more)

    def test_what_was_built_is_said(self):
        self.days()
        self.assertEqual(self.text("h1"), "report date=2013-01-01..2013-03-01")
        self.assertIn("241 tasks in ", self.text("#lead"))
        self.assertEqual(self.text("#legend").split(), ["1", "failed", "6", "blocked", "41", "ran", "193", "cached"])
        self.assertIn("the carrier column is missing", self.text("#failures"))
        self.assertIn("expected `carrier`, found `airline`", self.text("#failures pre"))

    def test_the_table_filters_as_one_types(self):
        self.days()
        self.typed("delays 2013-01-0")
        self.assertEqual(self.text("#shown"), "9 of 241 tasks")
        browser.key("Escape")
        self.assertEqual(self.text("#shown"), "241 tasks")
        self.typed("no such thing")
        self.assertEqual(self.text("#shown"), "0 of 241 tasks")
        self.assertIn("No task matches.", self.text("#rows"))

    def test_states_filter_and_columns_sort(self):
        self.days()
        browser.run("document.querySelector('.chip[data-state=\"3\"]').click()")
        self.assertEqual(self.text("#shown"), "6 of 241 tasks")
        browser.run("document.querySelector('.chip[data-state=\"3\"]').click()")
        browser.run("[...document.querySelectorAll('.columns button')].find((it) => it.innerText.startsWith('Time')).click()")
        self.assertIn("split-by-day", shown()[0])

    def test_the_keyboard_opens_a_task_and_closes_it(self):
        self.days()
        self.typed("week 2013-01-09")
        browser.key("ArrowDown")
        browser.key("Enter")
        self.assertTrue(browser.run("document.getElementById('detail').open"))
        detail = self.text("#detail")
        for part in ("week", "date=2013-01-09", "Needed 7 tasks", "Needed by 1 task"):
            self.assertIn(part, detail)
        browser.key("Escape")
        self.assertFalse(browser.run("document.getElementById('detail').open"))

    def test_the_keyboard_walks_the_timeline(self):
        self.days()
        browser.key("t")
        browser.key("ArrowRight")
        browser.key("ArrowRight")
        self.assertIn("ran in", self.text("#tip"))
        self.assertIn("from", self.text("#tip"))
        browser.key("Enter")
        self.assertTrue(browser.run("document.getElementById('detail').open"))

    def test_the_path_that_was_waited_for(self):
        self.days()
        self.assertIn("Each task waited for the one above it", self.text("#path"))
        self.assertGreater(browser.run("document.querySelectorAll('#path li').length"), 1)

    def test_a_box_of_the_graph_lists_its_tasks(self):
        self.days()
        browser.run("document.querySelector('svg.graph [data-kind=\"1\"]').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
        self.assertEqual(self.text("#shown"), "60 of 241 tasks")

    def test_a_few_tasks_are_boxes_that_open(self):
        self.opened("week", lambda: reports.days(7))
        self.assertEqual(browser.run("document.querySelectorAll('svg.graph .box').length"), 29)
        browser.run("document.querySelector('svg.graph [data-task=\"0\"]').focus()")
        browser.key("Enter")
        self.assertIn("split-by-day", self.text("#detail"))

    def test_nothing_of_others_is_run_and_nothing_hides(self):
        self.opened("evil", reports.evil)
        self.assertNotEqual(browser.run("document.title"), "owned")
        self.assertEqual(browser.run("document.querySelectorAll('img, script:not(#data)').length"), 1)
        browser.run("open(1)")
        for selector in ("body", "#detail", "#failures", "#notes"):
            text = self.text(selector)
            self.assertIn("⟨U+202E⟩gpj.exe␛[31m␀", text)
            for hidden in "\u202e\x1b\x00\u2028":
                self.assertNotIn(hidden, text)
        self.assertNotRegex(browser.run("document.documentElement.outerHTML.replace(/<script[^]*?<.script>/g, '')"), "[\u202e\x1b]")

    def test_none_and_one(self):
        self.opened("none", lambda: reports.report([]))
        self.assertIn("There are no tasks.", self.text("#rows"))
        self.opened("one", lambda: reports.report([reports.task("only")]))
        self.assertEqual(len(shown()), 1)
        self.assertIn("100 %", self.text("#tiles"))

    def test_a_narrow_screen_needs_no_scrolling_sideways(self):
        for name, report in (("days", lambda: reports.days(60)), ("evil", reports.evil), ("week", lambda: reports.days(7))):
            self.opened(name, report, width=380, height=700)
            self.assertEqual(browser.run("document.documentElement.scrollWidth"), 380, name)
            browser.run("open(0)")
            self.assertLessEqual(browser.run("document.getElementById('detail').scrollWidth"), 380, name)

    def test_dark_is_dark(self):
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        self.days()
        self.assertEqual(browser.run(paper), "rgb(255, 255, 255)")
        self.days(dark=True)
        self.assertEqual(browser.run(paper), "rgb(16, 19, 23)")

    def test_words_are_told_from_their_ground(self):
        # WCAG 2.1, contrast of text: 4.5 to 1.
        script = """(() => {
          const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
          const rgb = (name) => { const it = document.createElement("i"); it.style.color = `var(--${name})`; document.body.append(it); const c = getComputedStyle(it).color.match(/\\d+/g).slice(0, 3).map(Number); it.remove(); return c; };
          const out = {};
          for (const ink of ["ink", "soft", ...data.states.map((state) => `${state}-ink`)]) for (const ground of ["paper", "card", "wash"]) {
            const [a, b] = [light(rgb(ink)), light(rgb(ground))];
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < 4.5) out[`${ink} on ${ground}`] = ratio;
          }
          return out;
        })()"""
        for dark in (False, True):
            self.days(dark=dark)
            self.assertEqual(browser.run(script), {}, "dark" if dark else "light")

    def test_a_hundred_thousand_tasks(self):
        self.opened("large", lambda: reports.large(LARGE))
        self.assertLess(len(shown()), 60)
        self.typed("part-099999")
        self.assertEqual(self.text("#shown"), "1 of 100,000 tasks")
        browser.key("Escape")
        browser.run("document.getElementById('rows').focus()")
        browser.key("End")
        # What ran stands above; the last one ran.
        self.assertIn("part-099998", shown()[-1])


def figures():
    """Prints times of a large page, best and middle of five."""
    setUpModule()
    path = page("large", reports.large(LARGE))
    search = """(async (text) => {
      const box = document.getElementById("query");
      const start = performance.now();
      box.value = text;
      box.dispatchEvent(new Event("input"));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return (performance.now() - start) / 1000;
    })"""
    rows = {"open, until it is painted": [], "first filter": [], "next filter": []}
    for _ in range(5):
        browser.size(1280, 900)
        rows["open, until it is painted"].append(browser.open(path))
        rows["first filter"].append(browser.run(f"{search}('part-09')"))
        rows["next filter"].append(browser.run(f"{search}('part-0999 ran')"))
    print(f"page of {LARGE:,} tasks, {os.path.getsize(path) / 1e6:.1f} MB, in headless Chromium")
    for name, times in rows.items():
        times.sort()
        print(f"  {name:26} {times[2] * 1000:5.0f} ms (best {times[0] * 1000:.0f} ms)")
    tearDownModule()


if __name__ == "__main__":
    if "--figures" in sys.argv:
        figures()
    else:
        result = unittest.main(exit=False).result
        broken = len(result.failures) + len(result.errors)
        print(f"browser: {result.testsRun - broken} passed, {broken} failed")
        sys.exit(broken > 0)
