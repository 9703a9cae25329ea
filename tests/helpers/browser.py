"""A headless Chromium for tests, spoken to over the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
SECONDS = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
)
# Chromium reads commands from descriptor 3 and writes replies to 4, whatever ours are called.
LAUNCH = """
import fcntl, os, sys
commands, replies = (fcntl.fcntl(int(name), fcntl.F_DUPFD, 10) for name in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(replies, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class NoBrowser(RuntimeError):
    """There is no Chromium, or it does not run on this machine."""


class Browser:
    """One Chromium with one page, which keeps everything in `folder`; end it with `close`.

    Attributes:
        complaints: what the page wrote to the console as errors, and exceptions nobody caught.
        requested: the addresses that the page has asked for, data: ones left out.
    """

    def __init__(self, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._events: list[dict] = []
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        if CHROMIUM is None:
            raise NoBrowser(f"none of {', '.join(NAMES)} is installed")
        commands, self._write = os.pipe()
        self._read, replies = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-S",
                "-c",
                LAUNCH,
                str(commands),
                str(replies),
                CHROMIUM,
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                "about:blank",
            ],
            pass_fds=(commands, replies),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": str(folder)},
        )
        os.close(commands)
        os.close(replies)
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def open(self, path: Path) -> None:
        """Show a file and wait until it is loaded."""
        self._load("Page.navigate", url=path.as_uri())

    def reload(self) -> None:
        """Load the page anew and wait for it."""
        self._load("Page.reload")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key; `code` is its Windows virtual key code."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        """Make the viewport so large, in CSS pixels, and its colour scheme light or dark."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = "dark" if dark else "light"
        self.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def screenshot(self, path: Path) -> None:
        """Write what the viewport shows as a PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def downloaded(self) -> Path:
        """Wait for a download that the page has started; the file."""
        started = self._event(lambda event: event["method"] == "Browser.downloadWillBegin")
        number = started["params"]["guid"]
        self._event(
            lambda event: (
                event["method"] == "Browser.downloadProgress"
                and event["params"]["guid"] == number
                and event["params"]["state"] == "completed"
            )
        )
        return self.downloads / started["params"]["suggestedFilename"]

    def close(self) -> None:
        """End Chromium and all its processes."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def send(self, method: str, **params: Any) -> dict:
        """Give a command of the protocol; its result."""
        self._number += 1
        number = self._number
        command = {"id": number, "method": method, "params": params}
        if self._session and not method.startswith(("Browser.", "Target.")):
            command["sessionId"] = self._session
        try:
            os.write(self._write, json.dumps(command).encode() + b"\0")
        except BrokenPipeError as error:
            raise NoBrowser(f"{CHROMIUM} has ended") from error
        while True:
            message = self._receive()
            if message.get("id") == number:
                break
            self._take(message)
        if "error" in message:
            raise AssertionError(f"{method}: {message['error']}")
        return message["result"]

    def _attach(self) -> None:
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send(
            "Browser.setDownloadBehavior",
            behavior="allow",
            eventsEnabled=True,
            downloadPath=str(self.downloads),
        )

    def _load(self, method: str, **params: Any) -> None:
        self._events.clear()
        self.send(method, **params)
        self._event(lambda event: event["method"] == "Page.loadEventFired")

    def _event(self, fits: Callable[[dict], bool]) -> dict:
        """The first event that fits, waited for; it and what came before are forgotten."""
        while True:
            for place, event in enumerate(self._events):
                if fits(event):
                    del self._events[: place + 1]
                    return event
            self._take(self._receive())

    def _take(self, event: dict) -> None:
        method, params = event.get("method", ""), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.complaints.append(str(params["args"]))
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        if method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            self.requested += [] if address.startswith("data:") else [address]
        if method.startswith(("Page.", "Browser.")):
            self._events.append(event)

    def _receive(self) -> dict:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            block = os.read(self._read, 1 << 16) if ready else b""
            if not ready:
                raise AssertionError(f"Chromium has said nothing for {SECONDS:.0f} s")
            if not block:
                raise NoBrowser(f"{CHROMIUM} has ended")
            self._buffer += block
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)
