"""The page of `mlx serve` in Chromium: what a user does with it, and what is seen.

`cargo xtask page` runs this. By hand:
python3 main.py --mlx target/debug/mlx --chromium chromium [--shots FOLDER] [--files crates/mlx-serve/src/web] [NAME...]
"""

import argparse
import json
import sys
import unittest
import urllib.request
from pathlib import Path

from browser import Browser
from server import Server
from pictures import scene

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
ASSETS = ROOT / "assets"
MODELS = [
    f"smollm2={ASSETS / 'smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'}",
    f"qwen2-vl={ROOT / 'crates/mlx-vlm/tests/golden/qwen2-vl'}",
]
HEARS = f"whisper={ASSETS / 'whisper-tiny.en'}"
SAID = ASSETS / "speech/en_quick_brown_fox.wav"

options = None

# What the last answer was each time that it changed, and whether it was being written then.
WATCH = """
window.seen = [];
new MutationObserver(() => {
  const answer = [...document.querySelectorAll(".answered")].at(-1);
  if (answer) seen.push([answer.querySelector(":scope > .text").innerText, answer.classList.contains("running")]);
}).observe(document.getElementById("messages"), { childList: true, subtree: true, characterData: true });
"""
# A model that speaks, in place of the server's: those of the assets read no English. Its file does not say its length.
SPEAKER = """
const real = window.fetch;
window.played = [];
window.fetch = async (path, options) => {
  if (path === "v1/models") {
    const list = await (await real(path, options)).json();
    list.data.push({ id: "kokoro", object: "model", task: "speak" });
    return Response.json(list);
  }
  if (path !== "v1/audio/speech") return real(path, options);
  window.asked = JSON.parse(options.body);
  const bytes = new DataView(new ArrayBuffer(44 + 24000));
  [..."RIFF....WAVEfmt ", ..."....................data"].forEach((letter, at) => bytes.setUint8(at, letter.charCodeAt(0)));
  for (const at of [4, 40]) bytes.setUint32(at, 0xffffffff, true);
  bytes.setUint32(16, 16, true);
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) bytes.setUint16(at, value, true);
  bytes.setUint32(24, 24000, true);
  bytes.setUint32(28, 48000, true);
  return new Response(bytes.buffer);
};
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  this.addEventListener("ended", () => played.push(this.duration));
  return play.call(this);
};
"""
LAST = "[...document.querySelectorAll('.answered')].at(-1)"
FINISHED = f"{LAST} && !{LAST}.classList.contains('running')"


class WithPage(unittest.TestCase):
    """A server, a browser and a page of it for all tests of a class; each begins with nothing kept."""

    flags = ()
    microphone = SAID
    models = [*MODELS, HEARS]

    @classmethod
    def setUpClass(cls):
        cls.server = Server(options.mlx, options.port, cls.models, *cls.flags)
        cls.addClassCleanup(cls.server.close)
        cls.browser = Browser(options.chromium, cls.microphone)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.page = self.browser.open(self.server.address, files=options.files)
        self.page.run("localStorage.clear()")
        self.start()

    def start(self, **settings):
        """Opens the page anew, with settings as the dialog would leave them."""
        kept = {"max_tokens": "24", "temperature": "0", **settings}
        self.page.run(f"localStorage.setItem('mlx.settings', {json.dumps(json.dumps(kept))})")
        self.page.go(self.server.address)

    def ready(self):
        self.page.until("document.querySelector('#model').value in { 'smollm2': 1, 'qwen2-vl': 1 }")

    def send(self, text):
        self.page.click("#draft")
        self.page.write(text)
        self.page.press("Enter")

    def finished(self):
        self.page.until(FINISHED, 180)

    def asked(self, text):
        self.send(text)
        self.finished()

    def shot(self, name):
        if options.shots:
            self.page.picture(Path(options.shots) / f"{name}.png")


class Conversations(WithPage):
    def setUp(self):
        super().setUp()
        self.ready()

    def tearDown(self):
        self.assertEqual(self.page.complaints, [])
        others = [url for url in self.page.fetched if not url.startswith((self.server.address, "data:", "blob:"))]
        self.assertEqual([url for url in others if url != "about:blank"], [])

    def test_an_answer_grows_while_it_is_written_and_its_speed_is_told(self):
        self.shot("welcome")
        self.page.run(WATCH)
        self.asked("What is the capital of France?")
        seen = self.page.run("seen")
        growing = []
        for text, running in seen:
            if running and text and text not in growing:
                growing.append(text)
        self.assertGreaterEqual(len(growing), 4, seen)
        self.assertTrue(all(later.startswith(text.strip()) for text, later in zip(growing, growing[1:])), growing)
        self.assertIn("Paris", self.page.texts(".answered > .text")[-1])
        self.assertRegex(self.page.texts(".speed")[-1], r"^\d+\.\d tokens/s · first after \d+\.\d\d s · \d+ tokens · prompt \d+")

    def test_tags_are_shown_as_text(self):
        text = "<img src=x onerror='window.broken = 1'><b>bold</b><script>window.broken = 1</script>"
        self.asked(text)
        self.assertEqual(self.page.texts(".bubble"), [text])
        self.assertEqual(self.page.run("document.querySelectorAll('.bubble img, .bubble b, .bubble script').length"), 0)
        self.assertEqual(self.page.texts("#conversations .title"), [text[:60]])
        self.assertIsNone(self.page.run("window.broken ?? null"))

    def test_markdown_becomes_elements_and_tags_do_not(self):
        cases = json.loads((HERE / "markdown.json").read_text())
        script = """(async () => {
            const { show } = await import("/page/markdown.js");
            return CASES.map(([text]) => {
                const whole = document.createElement("div");
                show(text, whole);
                // Letter by letter, as it comes from a model.
                const grown = document.createElement("div");
                for (let end = 1; end <= text.length; end += 1) show(text.slice(0, end), grown);
                return [whole.innerHTML, grown.innerHTML];
            });
        })()"""
        found = self.page.run(script.replace("CASES", json.dumps(cases)))
        for (text, wanted), (whole, grown) in zip(cases, found):
            with self.subTest(text):
                self.assertEqual(whole, wanted)
                self.assertEqual(grown, wanted)

    def test_code_is_listed_with_its_language_and_hostile_marks_end(self):
        seconds, listing = self.page.run("""(async () => {
            const { show } = await import("/page/markdown.js");
            const element = document.createElement("div");
            const start = performance.now();
            for (const text of ["*a ".repeat(5000), "[".repeat(20000), "`".repeat(20000), "> ".repeat(2000), "- ".repeat(2000), "**_".repeat(4000)]) show(text, element);
            const seconds = (performance.now() - start) / 1000;
            show("```rust\\nfn main() {}\\n\\n// <b>\\n```\\nafter", element);
            return [seconds, element.querySelector("figcaption").innerText + "|" + element.querySelector("pre").textContent];
        })()""")
        self.assertLess(seconds, 10)
        self.assertEqual(listing, "rust|fn main() {}\n\n// <b>")

    def test_an_image_is_shown_to_a_model_that_sees(self):
        self.assertEqual(self.page.run("document.querySelector('#file').accept"), "audio/*")
        self.page.choose("#model", "qwen2-vl")
        self.assertEqual(self.page.run("document.querySelector('#file').accept"), "image/*,audio/*")
        picture = Path(self.browser.profile.name) / "scene.png"
        picture.write_bytes(scene(96, 64))
        self.page.give_files("#file", picture)
        self.page.until("document.querySelector('#shown img')")
        self.shot("image-before")
        self.asked("What is this?")
        self.page.until("document.querySelector('.asked .images img').naturalWidth === 96")
        body = json.loads(self.page.posted[-1])
        kinds = [part["type"] for part in body["messages"][-1]["content"]]
        self.assertEqual(kinds, ["image_url", "text"])
        self.assertTrue(body["messages"][-1]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,"))
        self.assertEqual(self.page.run("document.querySelectorAll('.problem:not([hidden], .mild)').length"), 0)
        self.assertRegex(self.page.texts(".speed")[-1], r"\d+ tokens?\b")
        self.assertTrue(self.page.texts(".answered > .text")[-1].strip())
        self.shot("image")

    def test_an_image_for_a_model_that_does_not_see_is_refused_in_words(self):
        picture = Path(self.browser.profile.name) / "scene.png"
        picture.write_bytes(scene(96, 64))
        self.page.give_files("#file", picture)
        self.page.until("!document.querySelector('#notice').hidden")
        self.assertIn("Choose qwen2-vl above", self.page.texts("#notice")[0])

    def test_a_recording_becomes_the_message(self):
        self.page.give_files("#file", SAID)
        heard = self.page.until("document.querySelector('#draft').value", 120)
        self.assertIn("quick brown fox", heard.lower())

    def test_what_is_spoken_becomes_the_message(self):
        self.page.click("#microphone")
        self.page.until("document.querySelector('#hearing').innerText === 'Listening'")
        self.shot("microphone")
        self.page.run("new Promise((done) => setTimeout(done, 3500))")
        self.page.click("#microphone")
        heard = self.page.until("document.querySelector('#draft').value", 120)
        self.assertRegex(heard.lower(), "quick|brown|fox|lazy|dog")

    def test_an_answer_is_read_aloud_in_the_chosen_voice(self):
        self.page.call("Page.addScriptToEvaluateOnNewDocument", source=SPEAKER)
        self.start(voice="af_sky")
        self.ready()
        self.asked("Hello.")
        self.page.click(".answered [aria-label='Read aloud']")
        self.assertEqual(self.page.until("played"), [0.5])
        self.assertEqual(self.page.run("[asked.model, asked.voice]"), ["kokoro", "af_sky"])
        self.page.until("document.querySelector(\".answered [aria-label='Read aloud']\")")

    def test_an_answer_can_be_stopped_and_written_again(self):
        self.start(max_tokens="400")
        self.ready()
        self.send("Count from one to two hundred in words.")
        self.page.until(f"{LAST}?.querySelector(':scope > .text').innerText.length > 20")
        self.page.click("#send")
        self.finished()
        self.assertIn("Stopped.", self.page.texts(".problem")[-1])
        first = self.page.texts(".answered > .text")[-1]
        self.start()
        self.ready()
        self.page.click("#conversations .title")
        self.assertEqual(self.page.texts(".answered > .text"), [first])
        self.page.click(".answered.last .redo")
        self.page.until(f"{LAST}?.classList.contains('running')")
        self.finished()
        self.assertEqual(self.page.run("document.querySelectorAll('#messages > li').length"), 2)
        self.assertRegex(self.page.texts(".speed")[-1], r"\b24 tokens")

    def test_an_earlier_message_can_be_changed(self):
        self.asked("Name a colour.")
        self.asked("And another?")
        self.assertEqual(self.page.run("document.querySelectorAll('#messages > li').length"), 4)
        self.page.click(".asked [aria-label=Edit]")
        self.page.run("document.querySelector('.change textarea').select()")
        self.page.write("Name an animal.")
        self.page.press("Enter")
        self.page.until("document.querySelectorAll('#messages > li').length === 2")
        self.finished()
        self.assertEqual(self.page.texts(".bubble"), ["Name an animal."])
        messages = json.loads(self.page.posted[-1])["messages"]
        self.assertEqual(messages, [{"role": "user", "content": "Name an animal."}])

    def test_conversations_are_kept_until_they_are_deleted(self):
        self.asked("Say one.")
        self.page.click("#new")
        self.asked("Say two.")
        self.page.go(self.server.address)
        self.assertEqual(self.page.until("[...document.querySelectorAll('#conversations .title')].map((one) => one.innerText)"), ["Say two.", "Say one."])
        self.page.click("#conversations li:last-child .title")
        self.assertEqual(self.page.texts(".bubble"), ["Say one."])
        self.page.click("#conversations li:last-child .small-tool")
        self.page.click("#sure [type=submit]")
        self.page.until("document.querySelectorAll('#conversations li').length === 1")
        self.assertEqual(self.page.texts(".bubble"), [])
        self.assertEqual(self.page.run("Object.keys(localStorage).filter((name) => name.startsWith('mlx.conversation.')).length"), 1)

    def test_settings_are_sent(self):
        self.page.click("#open-settings")
        self.shot("settings")
        for name, value in {"system": "Answer like a pirate.", "temperature": "0.5", "top_p": "0.9", "max_tokens": "8", "seed": "7"}.items():
            self.page.run(f"(() => {{ const field = document.querySelector('#settings [name={name}]'); field.focus(); field.select(); }})()")
            self.page.write(value)
        self.page.click("#settings .main")
        self.asked("Hello.")
        body = json.loads(self.page.posted[-1])
        self.assertEqual([body[name] for name in ("temperature", "top_p", "max_tokens", "seed")], [0.5, 0.9, 8, 7])
        self.assertEqual(body["messages"][0], {"role": "system", "content": "Answer like a pirate."})
        self.assertIn("reached its most tokens", self.page.texts(".problem")[-1])

    def test_all_that_can_be_used_has_a_name(self):
        self.asked("Hello.")
        nodes = self.page.call("Accessibility.getFullAXTree")["nodes"]
        used = [node for node in nodes if node.get("role", {}).get("value") in ("button", "textbox", "combobox", "link", "image")]
        self.assertGreater(len(used), 8)
        unnamed = [node for node in used if not node.get("ignored") and not node.get("name", {}).get("value")]
        self.assertEqual(unnamed, [])

    def test_the_page_fits_a_phone(self):
        self.page.look(390, 780, scale=2, touch=True)
        self.page.click("#draft")
        self.page.write("What is the capital of France?")
        self.page.click("#send")
        self.page.until(LAST)
        self.finished()
        self.assertEqual(self.page.run("document.documentElement.scrollWidth"), 390)
        self.shot("phone")
        self.page.click("#open-side")
        self.page.until("document.querySelector('#side').getBoundingClientRect().x >= 0")
        self.shot("phone-list")
        self.page.press("Escape")
        self.page.until("document.querySelector('#side').getBoundingClientRect().right <= 0")


class Keys(WithPage):
    flags = ("--lazy", "--api-key", "sesame")
    microphone = None
    models = MODELS[:1]

    def test_a_key_is_asked_for_and_kept_for_the_tab(self):
        self.page.until("document.querySelector('#key').open")
        self.page.write("wrong")
        self.page.press("Enter")
        self.page.until("document.querySelector('#key-why').innerText.includes('does not know')")
        self.shot("key")
        self.page.write("sesame")
        self.page.press("Enter")
        self.ready()
        self.page.go(self.server.address)
        self.ready()
        self.assertEqual(self.page.run("Object.values(localStorage).join().includes('sesame')"), False)
        self.asked("Hello.")
        self.assertTrue(self.page.texts(".answered > .text")[-1])

    def test_files_say_what_they_are_and_may_not_be_framed(self):
        for path, kind in {"": "text/html", "page/app.js": "text/javascript", "page/style.css": "text/css"}.items():
            with urllib.request.urlopen(self.server.address + path) as answer:
                self.assertTrue(answer.headers["content-type"].startswith(kind))
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
                self.assertIn("frame-ancestors 'none'", answer.headers["content-security-policy"])


class Ends(WithPage):
    microphone = None
    models = MODELS[:1]

    def test_a_server_that_is_gone_is_told_in_words(self):
        self.ready()
        self.asked("Hello.")
        self.server.close()
        self.send("Are you there?")
        self.page.until("[...document.querySelectorAll('.problem:not([hidden])')].at(-1)?.innerText.includes('cannot be reached')")
        self.shot("gone")


def portrait(path):
    """A picture for the docs: what a small model answers to two questions, without chance."""
    server = Server(options.mlx, options.port, [*MODELS, HEARS])
    browser = Browser(options.chromium)
    try:
        page = browser.open(server.address, files=options.files)
        page.run("localStorage.setItem('mlx.settings', JSON.stringify({ temperature: 0, max_tokens: 200 }))")
        page.go(server.address)
        page.look(1120, 820, scale=1.5)
        page.until("document.querySelector('#model').value === 'smollm2'")
        for question in ("What is the capital of France?", "Write a Python function that adds two numbers."):
            page.click("#draft")
            page.write(question)
            page.press("Enter")
            page.until(FINISHED, 300)
        # As with a mouse that rests elsewhere.
        page.run("document.querySelectorAll('.asked .acts').forEach((acts) => { acts.style.opacity = 0; })")
        page.picture(path)
    finally:
        browser.close()
        server.close()


def main():
    global options
    parser = argparse.ArgumentParser(description="Tests the page of mlx serve.")
    parser.add_argument("--mlx", required=True, help="the program")
    parser.add_argument("--chromium", required=True, help="the browser")
    parser.add_argument("--port", type=int, default=8102)
    parser.add_argument("--shots", help="a folder for pictures of what is seen")
    parser.add_argument("--files", help="a folder whose files are shown in place of the program's")
    parser.add_argument("--portrait", metavar="FILE", help="make the picture of the docs, and test nothing")
    options, rest = parser.parse_known_args()
    if options.portrait:
        return portrait(options.portrait)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
