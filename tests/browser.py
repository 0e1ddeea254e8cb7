"""A headless Chromium, driven by its DevTools protocol; no package beyond the book's own."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from tornado.websocket import websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROME = os.environ.get("CHROME") or next(filter(shutil.which, NAMES), None)
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"]
FLAGS += ["--disable-background-networking", "--disable-extensions", "--disable-dev-shm-usage"]
READY = "document.readyState === 'complete'"
PATIENCE = 60  # seconds; for a machine that is busy with other work


async def connected(address):
    return await websocket_connect(address, max_message_size=2**27)


class ReplacedPage(RuntimeError):
    """The browser refused a command; mostly since another page is just taking the place."""


class Browser:
    """One tab. `requests` and `complaints` hold what the page asked for and what went wrong."""

    def __init__(self, address):
        self.loop, self.number = asyncio.new_event_loop(), 0
        self.requests, self.complaints = [], []
        self.socket = self.wait(connected(address))
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScrollbarsHidden", hidden=True)  # else they move what is clipped

    def wait(self, awaitable):
        return self.loop.run_until_complete(asyncio.wait_for(awaitable, PATIENCE))

    def call(self, method, **parameters):
        """Send a command; its result. Events that come before it are noted."""
        self.number += 1
        answer = self.wait(self.answer({"id": self.number, "method": method, "params": parameters}))
        if "error" in answer:
            raise ReplacedPage(f"{method}: {answer['error']}")
        return answer["result"]

    async def answer(self, message):
        await self.socket.write_message(json.dumps(message))
        while True:
            told = json.loads(await self.socket.read_message())
            if told.get("id") == message["id"]:
                return told
            self.note(told.get("method"), told.get("params", {}))

    def note(self, event, told):
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.complaints.append(str(told["args"]))

    def evaluate(self, script):
        """The value of a JavaScript expression; promises are waited for."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, f"{script}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def until(self, condition):
        """Wait for a JavaScript expression to hold, over a change of page too."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(ReplacedPage):
                if self.evaluate(f"!!({condition})"):
                    return
            time.sleep(0.02)
        raise AssertionError(f"never came true: {condition}")

    def open(self, address):
        """Open an address and wait until it is loaded; forgets what was noted before."""
        self.requests.clear()
        self.complaints.clear()
        self.call("Page.navigate", url=address)
        self.until(READY)

    def size(self, width, height=900):
        """The window in CSS pixels, as a phone's below 600."""
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **shape)

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            parameters = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", **parameters, **text)


def first_tab(folder):
    """The DevTools address of the tab that Chromium opens; it writes its port when it is up."""
    end, note = time.monotonic() + PATIENCE, folder / "DevToolsActivePort"
    while not (note.is_file() and note.read_text().count("\n")):
        assert time.monotonic() < end, f"{CHROME} did not start"
        time.sleep(0.05)
    port = note.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
        tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
    return tabs[0]["webSocketDebuggerUrl"]


@contextmanager
def chromium():
    """A Browser that ends, with its profile folder, when the block does."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [CHROME, *FLAGS, f"--user-data-dir={folder}", "--remote-debugging-port=0"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([*command, "about:blank"], **quiet)
        try:
            yield Browser(first_tab(Path(folder)))
        finally:
            process.terminate()
            process.wait(PATIENCE)
