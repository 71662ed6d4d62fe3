"""A headless Chromium, driven by the DevTools protocol over pipes: no package, no port.

Messages are JSON with a zero byte after each. The browser reads them from its file 3 and writes to its file 4.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections import deque

NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "google-chrome")
DEADLINE = 60  # seconds for whatever is waited for


def chromium():
    """Return the path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """A page in a browser.

    Attributes:
        requests: the addresses that the page asked for.
        complaints: errors and warnings of its console, and exceptions that nothing caught.
    """

    def __init__(self, process, reader, writer):
        """Open an empty page."""
        self.process, self.reader, self.writer = process, reader, writer
        self.rest, self.messages, self.number, self.session = b"", deque(), 0, None
        self.requests, self.complaints = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Return the result of a command."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + DEADLINE
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def evaluate(self, expression):
        """Return the value of a JavaScript expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def open(self, address, until="document.body.dataset.state !== 'loading'"):
        """Go to an address, and wait until an expression is true there."""
        self.call("Page.navigate", url=address)
        self.wait(f"location.href === {json.dumps(address)} && document.body && ({until})")

    def wait(self, expression):
        """Wait until an expression is true."""
        deadline = time.monotonic() + DEADLINE
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"never true: {expression}"
            self.evaluate("new Promise((done) => setTimeout(done, 20))")

    def key(self, name, code):
        """Press and release a key, such as ("ArrowRight", 39)."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def screenshot(self, width, height, dark=False):
        """Return a PNG of the whole page in a window of this size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def _read(self, deadline):
        while not self.messages:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.reader], [], [], max(left, 0))
            assert ready, "the browser does not answer"
            read = os.read(self.reader, 2**20)
            assert read, "the browser has ended"
            *whole, self.rest = (self.rest + read).split(b"\0")
            self.messages.extend(map(json.loads, whole))
        return self.messages.popleft()

    def _note(self, event):
        given = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(given["exceptionDetails"])
            case "Runtime.consoleAPICalled" if given["type"] in ("error", "warning", "assert"):
                self.complaints.append(given["args"])
            case "Log.entryAdded" if given["entry"]["level"] in ("error", "warning"):
                self.complaints.append(given["entry"])


@contextlib.contextmanager
def page(profile):
    """Give a page of a new browser, whose profile is in an empty folder."""
    to_browser, writer = os.pipe()
    reader, from_browser = os.pipe()
    command = [
        "bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", chromium(), "--headless", "--no-sandbox",
        "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}",
    ]  # fmt: skip
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, pass_fds=(to_browser, from_browser), **quiet)
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(process, reader, writer)
    finally:
        process.terminate()
        process.wait(DEADLINE)
        os.close(reader)
        os.close(writer)
