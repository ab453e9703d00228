"""Drives a headless Chromium through its DevTools pipe. Standard library only.

The protocol: https://chromedevtools.github.io/devtools-protocol/ , one JSON message and a NUL each way,
on file descriptors 3 (to the browser) and 4 (from it).
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium():
    """Returns the path of a Chromium."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        sys.exit("error: there is no Chromium on the PATH\nhint: `tests/tools/need.sh browser` installs it")
    return found


class Browser:
    """One browser with one page at a time; a context manager."""

    def __init__(self, deadline=60):
        self.deadline = deadline
        self.profile = tempfile.TemporaryDirectory(prefix="wrun-browser-")
        to_read, self.to = os.pipe()
        self.from_, from_write = os.pipe()
        # The browser wants these very numbers; a shell has the simplest way to give them.
        command = [
            "sh", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}', chromium(),
            "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars",
            "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
            "--font-render-hinting=none", "--force-color-profile=srgb", f"--user-data-dir={self.profile.name}",
        ]
        if os.geteuid() == 0:
            # Chromium's own sandbox cannot be had as root; the pages are ours.
            command.append("--no-sandbox")
        self.process = subprocess.Popen(
            [*command, "about:blank"], pass_fds=(to_read, from_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(from_write)
        self.number = 0
        self.buffer = b""
        self.session = None
        self.events = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        os.close(self.to)
        os.close(self.from_)
        self.profile.cleanup()

    def receive(self, until):
        while b"\0" not in self.buffer:
            if not select.select([self.from_], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self.from_, 1 << 20)
            if not chunk:
                raise EOFError("the browser ended")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **params):
        """Calls a method and returns its result; keeps the events that come before it."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + self.deadline
        while True:
            answer = self.receive(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        """Waits for an event."""
        until = time.monotonic() + self.deadline
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive(until))

    def size(self, width, height, scale=1, dark=False):
        """Sets the window, and whether the user wants dark pages."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path):
        """Opens a file, and returns the seconds until its first picture is painted."""
        self.events.clear()
        start = time.monotonic()
        self.call("Page.navigate", url=f"file://{os.path.abspath(path)}")
        self.wait("Page.loadEventFired")
        self.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        return time.monotonic() - start

    def run(self, script):
        """Runs JavaScript, waits for its promise, and returns its value."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def key(self, key, text=None):
        """Presses a key: a letter, or a name such as `Enter`."""
        codes = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36, "Tab": 9, "PageDown": 34}
        text = text or (key if len(key) == 1 else {"Enter": "\r"}.get(key))
        press = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0]))}
        self.call("Input.dispatchKeyEvent", type="keyDown", **press, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **press)

    def type(self, text):
        for letter in text:
            self.key(letter)

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def troubles(self):
        """Returns what the page complained about, and what it asked of a network."""
        self.run("0")
        out = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                out.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                out.append(str([arg.get("value") for arg in params["args"]]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                out.append(params["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:")):
                    out.append(f"asked for {url}")
        return out

    def picture(self, path, full=False, clip=None):
        """Saves what is seen, or the whole page, or a rectangle of it, as PNG."""
        options = {"format": "png", "captureBeyondViewport": full or clip is not None}
        if full:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = (0, 0, size["width"], size["height"])
        if clip:
            options["clip"] = dict(zip(("x", "y", "width", "height"), clip), scale=1)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))
