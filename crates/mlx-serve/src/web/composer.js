// The message that is being written: its text, its images, the microphone.

import { $, make, relabel, tool } from "./dom.js";
import { dataUrl } from "./image.js";
import { canRecord, record, words } from "./sound.js";

let images = [];
let recording = null;
/** What the models at hand can do, which the page says: `sees()`, `hears()` give a model or nothing. */
let can = { sees: () => false, hears: () => null, seer: () => null };
let say = () => {};

export function start(abilities, notice, send) {
  can = abilities;
  say = notice;
  const draft = $("draft");
  draft.addEventListener("input", fit);
  draft.addEventListener("keydown", (event) => {
    // A phone's Enter begins a line: its keyboard has no Shift to hold.
    const touch = matchMedia("(pointer: coarse)").matches;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch) return;
    event.preventDefault();
    send();
  });
  draft.addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    take(event.clipboardData.files);
  });
  $("attach").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    take($("file").files).finally(() => {
      $("file").value = "";
    });
  });
  $("microphone").addEventListener("click", () => guarded(listen));
  drop(document.body);
}

function drop(place) {
  const files = (event) => [...event.dataTransfer.types].includes("Files");
  place.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    place.classList.add("dropping");
  });
  place.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) place.classList.remove("dropping");
  });
  place.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    place.classList.remove("dropping");
    take(event.dataTransfer.files);
  });
}

/** What is to be sent, or nothing. */
export function taken() {
  const text = $("draft").value.trim();
  return text || images.length ? { text, images: [...images] } : null;
}

export function clear() {
  $("draft").value = "";
  images = [];
  shown();
  fit();
}

/** Puts a text there to be sent or changed. */
export function fill(text) {
  $("draft").value = text;
  fit();
  $("draft").focus();
}

/** Shows which of the buttons can do something with the models at hand. */
export function abilities() {
  const [sees, hears] = [can.sees(), can.hears()];
  const kinds = [sees && "image/*", hears && "audio/*"].filter(Boolean);
  $("file").accept = kinds.join(",");
  const label = sees && hears ? "Add an image or a recording" : sees ? "Add an image" : "Add a recording";
  $("attach").hidden = kinds.length === 0;
  relabel($("attach"), "clip", label);
  $("microphone").hidden = !hears || !canRecord();
  if (!sees && images.length) {
    images = [];
    shown();
    say({ message: "This model sees no images, so they were taken out.", advice: "" });
  }
}

async function take(files) {
  for (const file of files) await guarded(() => one(file));
}

async function one(file) {
  if (file.type.startsWith("image/")) {
    if (!can.sees()) {
      const other = can.seer();
      const advice = other ? `Choose ${other.id} above, which does.` : "Serve one that does with --model.";
      return say({ message: "This model sees no images.", advice });
    }
    images.push(await dataUrl(file));
    shown();
    return $("draft").focus();
  }
  if (/^(audio|video)\//.test(file.type)) return hear(file);
  return say({ message: `${file.name} is neither an image nor a recording.`, advice: "" });
}

async function listen() {
  const button = $("microphone");
  if (!recording) {
    recording = await record();
    button.setAttribute("aria-pressed", "true");
    relabel(button, "stop", "End the recording");
    $("hearing").textContent = "Listening";
    return;
  }
  const ended = recording;
  recording = null;
  button.setAttribute("aria-pressed", "false");
  relabel(button, "microphone", "Speak the message");
  await hear(await ended.stop());
}

/** Writes what is said into the message. */
async function hear(blob) {
  const model = can.hears();
  if (!model) return say({ message: "No model that hears is served.", advice: "Serve one with --model." });
  $("hearing").textContent = "Writing down what is said";
  try {
    const heard = (await words(model.id, blob)).trim();
    const before = $("draft").value;
    fill(before.trim() ? `${before.trimEnd()} ${heard}` : heard);
    if (!heard) say({ message: "Nothing was said in the recording.", advice: "" });
  } finally {
    $("hearing").textContent = "";
  }
}

async function guarded(act) {
  try {
    await act();
  } catch (error) {
    say({ message: error.message, advice: error.advice ?? "" });
  }
}

function shown() {
  const remove = (url) => () => {
    images = images.filter((one) => one !== url);
    shown();
    $("draft").focus();
  };
  $("shown").replaceChildren(...images.map((url, place) =>
    make("li", {}, make("img", { src: url, alt: `Image ${place + 1}` }), tool("close", `Take out image ${place + 1}`, remove(url)))));
}

/** The field is as high as its text, up to a part of the window. */
function fit() {
  const draft = $("draft");
  draft.style.height = "auto";
  draft.style.height = `${draft.scrollHeight}px`;
}
