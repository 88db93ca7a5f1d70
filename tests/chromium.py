"""Chromium without a window for tests of HTML pages, driven through the DevTools protocol over a pair of pipes.

https://chromedevtools.github.io/devtools-protocol: messages are JSON that ends with a zero byte, on the file
descriptors 3 and 4 of the browser. No other software is needed.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

# "required" where Chromium must be there (CI), so that its tests cannot be skipped unseen.
REQUIRED = os.environ.get("GAPGLASS_CHROMIUM") == "required"
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
# Without a sandbox because tests may run as root; WebGL on the CPU, because test machines have no graphics.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--no-first-run",
           "--disable-extensions", "--disable-background-networking", "--hide-scrollbars")  # fmt: skip
PATIENCE = 120  # s, for one answer of the browser on a busy machine


class Page:
    """A page in a browser of its own, a context manager.

    Parameters
    ----------
    folder : path-like
        Empty folder for the profile of the browser.

    Attributes
    ----------
    problems : list of str
        Errors of the console, exceptions of scripts, and failed requests since the start.
    requests : list of str
        Addresses that the page has asked for.
    """

    def __init__(self, folder):
        self._folder, self._number, self._answers = folder, 0, {}
        self.problems, self.requests = [], []

    def __enter__(self):
        commands, write_end = os.pipe()
        read_end, events = os.pipe()
        script = f'exec "$0" "$@" 3<&{commands} 4>&{events}'
        options = [*OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={self._folder}", "about:blank"]
        self._browser = subprocess.Popen(
            ["bash", "-c", script, PROGRAM, *options], pass_fds=(commands, events), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(events)
        self._write, self._read, self._rest = write_end, read_end, b""
        self._session = None
        target = next(t for t in self._ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self._write)  # the browser ends when its pipe closes
        try:
            self._browser.wait(10)
        except subprocess.TimeoutExpired:
            self._browser.kill()
            self._browser.wait()
        os.close(self._read)

    def _ask(self, method, **parameters):
        """Send a command and return its answer; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self._write, text) :]
        end = time.monotonic() + PATIENCE
        while self._number not in self._answers:
            self._listen(end - time.monotonic())
        answer = self._answers.pop(self._number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _listen(self, seconds):
        """Read what the browser sends within a time (s)."""
        ready, *_ = select.select([self._read], [], [], max(seconds, 0))
        if not ready:
            raise TimeoutError("the browser does not answer")
        data = os.read(self._read, 1 << 20)
        if not data:
            raise RuntimeError("the browser has ended")
        *messages, self._rest = (self._rest + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._note(message["method"], message["params"])

    def _note(self, event, what):
        """Keep problems and requests."""
        if event == "Runtime.consoleAPICalled" and what["type"] in ("error", "assert"):
            self.problems.append(" ".join(str(a.get("value", a.get("description"))) for a in what["args"]))
        elif event == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.problems.append(what["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"][:200])

    def open(self, path):
        """Open a file from the disk and wait until it is loaded."""
        self._ask("Page.navigate", url=Path(path).resolve().as_uri())
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def value(self, script):
        """Return the value of a JavaScript expression; promises are waited for."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def until(self, script):
        """Wait until a JavaScript expression holds and return its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.value(script)):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {script}")
            time.sleep(0.1)
        return value

    def size(self, width, height=900, dark=False, printed=False):
        """Set the size of the window (CSS pixels) and the colours that the reader prefers."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", media="print" if printed else "", features=scheme)

    def click(self, x, y):
        """Move the mouse to a place (CSS pixels) and click there."""
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        time.sleep(0.3)  # scripts look for the point below the mouse after it has moved
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key):
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def picture(self, whole=False):
        """Return the page as PNG, the visible part or all of it."""
        shot = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])
