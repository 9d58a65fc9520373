"""Starts `mlx serve`, runs the checks of the official clients against it, and ends it.

    python run.py --mlx target/debug/mlx --root . [TOPIC...]
"""

import argparse
import importlib
import pathlib
import sys
import threading
import time

from checks import CHAT, EMBED, HEAR, SEE, SPEAK, House, run
from server import Server

TOPICS = [
    "models", "chat", "seeds", "stops", "stream", "logprobs", "completions", "tools", "structured", "embeddings", "audio",
    "vision", "messages", "responses", "errors", "limits",
]

KEY = "a key that nobody guesses"


def endings(house, key_house):
    """Whether both servers end in time and cleanly, one of them while it answers."""
    failures = []

    def answer():
        try:
            answered.append(house.chat(max_tokens=40, extra_body={"stop": None}).usage.completion_tokens)
        except Exception as error:
            failures.append(f"the answer that was being written when the server ended was lost: {error}")

    answered = []
    asking = threading.Thread(target=answer)
    asking.start()
    time.sleep(0.3)
    for name, one in [("the server", house), ("the server with a key", key_house)]:
        status, seconds = one.server.end()
        if status != 0 or seconds > 20:
            failures.append(f"{name} ended with {status} after {seconds:.1f} s")
        loud = [line for line in one.server.said if "panic" in line.lower() or "error" in line.lower()]
        failures.extend(f"{name} wrote: {line}" for line in loud)
    asking.join()
    print(f"{'FAILED' if failures else 'ok    '}          end: both servers finish what they have and end by SIGTERM")
    for failure in failures:
        print(f"       {failure}")
    return not failures


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--mlx", required=True)
    arguments.add_argument("--root", required=True, type=pathlib.Path)
    arguments.add_argument("topics", nargs="*", choices=[*TOPICS, []])
    arguments = arguments.parse_args()
    for topic in TOPICS:
        importlib.import_module(topic)
    assets, golden = arguments.root / "assets", arguments.root / "crates/mlx-vlm/tests/golden"
    chat = assets / "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    models = {
        CHAT: chat,
        EMBED: assets / "minilm",
        HEAR: assets / "whisper-tiny.en",
        SPEAK: assets / "kokoro",
        SEE: golden / "qwen2-vl",
    }
    start = time.monotonic()
    server = Server(arguments.mlx, models)
    try:
        narrow = ["--api-key", KEY, "--max-tokens", "5", "--max-tokens-limit", "40", "--max-body", "1MiB"]
        narrow += ["--decode-concurrency", "1", "--queue", "1", "--allowed-origins", "http://page.example"]
        keyed = Server(arguments.mlx, {CHAT: chat}, *narrow)
    except BaseException:
        server.end()
        raise
    house, second = House(server, assets, golden), House(keyed, assets, golden, KEY)
    house.second = second
    try:
        passed, failed = run(house, arguments.topics)
    except BaseException:
        server.end(), keyed.end()
        raise
    ended = endings(house, second)
    passed, failed = passed + ended, failed + (not ended)
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
