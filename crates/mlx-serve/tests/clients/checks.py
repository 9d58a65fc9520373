"""The checks, each a function whose name is a sentence, and what they are given."""

import http.client
import json
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai

# The names that the models are served by.
CHAT, EMBED, HEAR, SPEAK, SEE = "smol/chat", "minilm", "whisper", "kokoro", "tiny-eyes"

CHECKS = []


def check(function):
    """Makes a function one of the checks; its topic is the module that it stands in."""
    CHECKS.append((function.__module__, function))
    return function


class House:
    """A server, and clients of it."""

    def __init__(self, server, assets, golden, key="none"):
        self.server, self.assets, self.golden = server, assets, golden
        base = f"http://127.0.0.1:{server.port}"
        self.openai = openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0, timeout=120)
        self.hurried = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0, timeout=120)
        self.anthropic = anthropic.Anthropic(base_url=base, api_key=key, max_retries=0, timeout=120)
        self.second = None

    def chat(self, content="What is the capital of France?", **more):
        """A chat, greedy and short where `more` does not say otherwise."""
        if isinstance(content, str):
            content = [{"role": "user", "content": content}]
        fields = {"model": CHAT, "temperature": 0, "max_tokens": 16, **more}
        return self.openai.chat.completions.create(messages=content, **fields)

    def text(self, *arguments, **more):
        """The text of such a chat."""
        return self.chat(*arguments, **more).choices[0].message.content

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and bytes of a request by plain HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        if isinstance(body, dict):
            body, headers = json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})}
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def tokens(self, text):
        """The tokens of a text."""
        status, _, body = self.ask("POST", "/tokenize", {"model": CHAT, "prompt": text})
        assert status == 200, body
        return json.loads(body)["tokens"]


def together(*calls):
    """The results of functions that run at the same time."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def refused(kind, call):
    """The error of a call that has to fail in this way."""
    try:
        answer = call()
    except kind as error:
        return error
    raise AssertionError(f"it was answered: {str(answer)[:200]}")


def near(left, right, within):
    """Whether all numbers of two lists are near each other."""
    return len(left) == len(right) and all(abs(a - b) <= within for a, b in zip(left, right))


def run(house, topics):
    """Runs the checks of these topics, or all of them, and prints a line for each. Returns how many passed and failed."""
    passed = failed = 0
    for topic, function in CHECKS:
        if topics and topic not in topics:
            continue
        start, why = time.monotonic(), None
        try:
            function(house)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)
            mine = [frame for frame in where if frame.filename.endswith(f"{topic}.py")]
            line = (mine or where)[-1]
            why = f"{type(error).__name__} at {topic}.py:{line.lineno}: `{line.line}` {str(error)[:400]}"
        passed, failed = passed + (why is None), failed + (why is not None)
        took = time.monotonic() - start
        name = function.__name__.replace("_", " ")
        print(f"{'ok    ' if why is None else 'FAILED'} {took:5.1f} s  {topic}: {name}", flush=True)
        if why:
            print(f"       {why}", flush=True)
    return passed, failed
