"""Chromium without a window, driven by the DevTools protocol over a pair of pipes, so that nothing but Python is needed."""

import base64
import fcntl
import itertools
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PATIENCE = 60.0


class Browser:
    """A browser with a profile of its own, which is gone at its end."""

    def __init__(self, program, microphone=None):
        self.profile = tempfile.TemporaryDirectory()
        ours, theirs = os.pipe(), os.pipe()

        def wire():
            # Moved away first: the pipes may have the very numbers that the browser reads.
            heard, said = (fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (ours[0], theirs[1]))
            os.dup2(heard, 3)
            os.dup2(said, 4)

        flags = [
            "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "--no-first-run",
            "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--lang=en",
            "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
        ]
        if microphone:
            flags.append(f"--use-file-for-fake-audio-capture={microphone}")
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, *flags, "about:blank"], preexec_fn=wire, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.said = os.fdopen(ours[1], "wb", buffering=0)
        self.heard = os.fdopen(theirs[0], "rb")
        self.numbers = itertools.count(1)
        self.answers = {}
        self.listeners = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        rest = b""
        while piece := self.heard.read1(1 << 16):
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self.answers[message["id"]].put(message)
                elif listener := self.listeners.get(message.get("sessionId")):
                    listener(message["method"], message["params"])

    def call(self, method, session=None, **parameters):
        number = next(self.numbers)
        self.answers[number] = queue.Queue()
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.said.write(json.dumps(message).encode() + b"\0")
        try:
            answer = self.answers[number].get(timeout=PATIENCE)
        except queue.Empty:
            raise RuntimeError(f"{method}: the browser does not answer") from None
        finally:
            self.answers.pop(number, None)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, address, **options):
        return Page(self, address, **options)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for attempt in range(5):
            try:
                return self.profile.cleanup()
            except OSError:
                # Its other processes still write for a moment.
                time.sleep(0.5)


class Page:
    """A page that is open: what it complained of and what it fetched is remembered."""

    def __init__(self, browser, address, files=None):
        self.browser = browser
        self.complaints = []
        self.fetched = []
        self.posted = []
        self.files = files
        self.address = address
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.listeners[self.session] = self.hear
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        if files:
            self.call("Fetch.enable", patterns=[{"urlPattern": f"{address}*", "requestStage": "Response"}])
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.look()
        self.go(address)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def hear(self, method, parameters):
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            entry = parameters["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}".strip())
        elif method == "Network.requestWillBeSent":
            request = parameters["request"]
            self.fetched.append(request["url"])
            if "postData" in request:
                self.posted.append(request["postData"])
        elif method == "Fetch.requestPaused":
            threading.Thread(target=self.replace, args=(parameters,), daemon=True).start()

    def replace(self, paused):
        """Answers with a file of the folder in place of the server's, with the server's headers."""
        name = paused["request"]["url"].removeprefix(self.address).removeprefix("page/") or "index.html"
        path = Path(self.files) / name
        if "/" in name or not path.is_file() or "responseHeaders" not in paused:
            return self.call("Fetch.continueRequest", requestId=paused["requestId"])
        headers = [one for one in paused["responseHeaders"] if one["name"].lower() not in ("content-length", "etag")]
        body = base64.b64encode(path.read_bytes()).decode()
        try:
            self.call("Fetch.fulfillRequest", requestId=paused["requestId"], responseCode=200, responseHeaders=headers, body=body)
        except RuntimeError:
            # The page that asked was left.
            pass

    def go(self, address):
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def look(self, width=1200, height=800, dark=False, scale=1, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.run("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")

    def run(self, script):
        """The value of an expression, or of what it promises."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def until(self, script, seconds=PATIENCE):
        """Waits until an expression is true, and returns its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                value = self.run(script)
                # An element comes as an empty object.
                if value or value == {}:
                    return value
            except RuntimeError as error:
                # A page that is being left has nothing to ask.
                if "context" not in str(error):
                    raise
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds:.0f} s: {script}")

    def click(self, selector):
        """Clicks in the middle of an element, once nothing that still moves or opens covers it."""
        place = self.until(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{ block: "nearest" }});
            const box = element.getBoundingClientRect();
            const place = [box.x + box.width / 2, box.y + box.height / 2];
            const there = document.elementFromPoint(...place);
            return !element.disabled && element.contains(there) && place;
        }})()""")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], **button)

    def write(self, text):
        self.call("Input.insertText", text=text)

    def press(self, key):
        code = {"Enter": 13, "Escape": 27, "Tab": 9}[key]
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def choose(self, selector, value):
        self.run(f"""(() => {{
            const select = document.querySelector({json.dumps(selector)});
            select.value = {json.dumps(value)};
            select.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()""")

    def give_files(self, selector, *paths):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node)

    def picture(self, path):
        time.sleep(0.4)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def texts(self, selector):
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText)")
