"""Chromium without a window, asked through a pipe: what a page does, as its reader sees it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in _NAMES if (path := shutil.which(name))), None)
_READY = (
    "new Promise(done => { const look = () => document.querySelector('.told')?.textContent"
    " ? done(1) : setTimeout(look, 20); look(); })"
)


class Browser:
    """One page at a time; messages of the DevTools protocol end in a zero byte."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def take_places() -> None:  # the protocol speaks on 3 and 4
            spare = os.dup(from_browser), os.dup(to_browser)
            os.dup2(spare[1], 3)
            os.dup2(spare[0], 4)

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        self._process = subprocess.Popen(
            [CHROMIUM, *flags, f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=take_places,
            close_fds=False,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._count, self._session = b"", 0, ""
        self.errors: list[str] = []

    def open(self, page: Path, width: int = 1200, scheme: str = "light") -> None:
        """Show a page, and wait until its script has drawn the episodes."""
        target = self._send("Target.createTarget", url="about:blank", own=False)["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True, own=False)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._send(f"{domain}.enable")
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._send("Emulation.setEmulatedMedia", features=[feature])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._send("Emulation.setDeviceMetricsOverride", **size)
        self._send("Page.navigate", url=page.resolve().as_uri())
        self.ask(_READY)

    def ask(self, expression: str) -> Any:
        """The value of an expression, once it has one."""
        found = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _send(self, method: str, own: bool = True, **parameters: Any) -> Any:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if own:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.errors.append(json.dumps(answer["params"])[:400])

    def _receive(self) -> Any:
        while b"\0" not in self._buffer:
            piece = os.read(self._in, 1 << 16)
            assert piece, "the browser has gone"
            self._buffer += piece
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *of_error: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
