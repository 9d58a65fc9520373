"""A server: started on a free port, and ended."""

import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

# Loading on a slow machine that does other things too.
PATIENCE = 120


class Server:
    """`mlx serve` with models and options, which answers when this is made."""

    def __init__(self, mlx, models, *options):
        named = [word for name, path in models.items() for word in ("--model", f"{name}={path}")]
        command = [mlx, "serve", "--offline", "--port", "0", *named, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.port, self.said = None, []
        self.listening = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()
        try:
            self.wait()
        except BaseException:
            self.process.kill()
            raise

    def listen(self):
        """Keeps what it writes, of which a line says its port."""
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            found = re.match(r"http://127\.0\.0\.1:(\d+) answers", line)
            if found:
                self.port = int(found[1])
                self.listening.set()
        self.listening.set()

    def wait(self):
        """Waits until all models are there."""
        end = time.monotonic() + PATIENCE
        self.listening.wait(PATIENCE)
        if self.port is None:
            raise RuntimeError("the server did not start: " + " | ".join(self.said))
        while time.monotonic() < end:
            health = self.health()
            if all(model["state"] == "ready" for model in health["models"].values()):
                return
            if health["status"] != "ok":
                raise RuntimeError(f"the server is not well: {health}")
            time.sleep(0.1)
        raise RuntimeError(f"the models were not ready after {PATIENCE} s")

    def health(self):
        """What `/health` says."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def end(self):
        """Asks it to end. Returns its status and how long it took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = None
        return status, time.monotonic() - start
