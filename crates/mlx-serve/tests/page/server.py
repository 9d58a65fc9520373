"""`mlx serve` for as long as a test needs it."""

import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class Server:
    def __init__(self, program, port, models, *flags):
        self.address = f"http://127.0.0.1:{port}/"
        given = [word for model in models for word in ("--model", model)]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, "serve", *given, "--port", str(port), "--offline", "--grace", "1", *flags],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        try:
            self.wait()
        except BaseException:
            self.close()
            raise

    def wait(self, seconds=180):
        """Until every model that is loaded at the start is there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"mlx serve ended: {self.said()}")
            try:
                with urllib.request.urlopen(f"{self.address}health", timeout=15) as answer:
                    states = [model["state"] for model in json.load(answer)["models"].values()]
                if "loading" not in states:
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(0.2)
        raise RuntimeError(f"mlx serve is not ready after {seconds} s: {self.said()}")

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
