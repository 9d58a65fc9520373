// The page: a conversation, the list of others, the models, the settings.

import * as composer from "./composer.js";
import * as store from "./store.js";
import * as thread from "./thread.js";
import { models as served, onKeyNeeded } from "./api.js";
import { write } from "./answer.js";
import { $, ask, icon, make, relabel, tool } from "./dom.js";
import { hush, read } from "./sound.js";

const { settings } = store;
const WRITING = { write: "Text", see: "Text and images" };
const STARTERS = [
  "Explain why the sky is blue, in three sentences.",
  "Write a short poem about a lighthouse.",
  "Give me a table of the planets with their moons.",
];

let models = [];
let conversation = store.begin();
/** The answer that is being written. */
let running = null;

const of = (...tasks) => models.filter((model) => tasks.includes(model.task));
const chosen = (name, ...tasks) => of(...tasks).find((model) => model.id === settings[name]) ?? of(...tasks)[0] ?? null;
const writer = () => chosen("model", "write", "see");
const hearer = () => chosen("hear", "transcribe");
const speaker = () => chosen("speak", "speak");

function acts() {
  return {
    redo: (message) => from(conversation.messages.indexOf(message)),
    edit(message, text) {
      message.text = text;
      from(conversation.messages.indexOf(message) + 1);
    },
    hush,
    read: speaker() && (async (text) => {
      try {
        await read(speaker().id, settings.voice, text);
      } catch (error) {
        notice(error);
      }
    }),
  };
}

/** Forgets the messages from a place on, and asks again. */
async function from(place) {
  await stop();
  conversation.messages.length = place;
  thread.open(conversation, acts());
  answer();
}

async function send() {
  const said = composer.taken();
  if (!said || running) return;
  if (!writer()) return notice({ message: "No model that writes is served.", advice: "Start mlx serve with one." });
  composer.clear();
  notice(null);
  const message = { role: "user", text: said.text, images: said.images };
  conversation.title ||= said.text.slice(0, 60) || "An image";
  conversation.messages.push(message);
  thread.add(message, acts());
  thread.toEnd();
  await answer();
}

async function answer() {
  const [mine, model, controller] = [conversation, writer(), new AbortController()];
  const message = { role: "assistant", text: "", reasoning: "", model: model.id };
  const before = [...mine.messages];
  mine.messages.push(message);
  keep(mine);
  thread.add(message, acts());
  const changed = perFrame(() => thread.update(message, running?.message === message));
  const run = { message, controller };
  running = run;
  busy();
  thread.update(message, true);
  thread.toEnd();
  run.ended = write(before, message, model, controller.signal, changed);
  await run.ended;
  running = null;
  thread.update(message, false);
  $("state").textContent = message.problem ? "" : "The answer is finished.";
  busy();
  keep(mine);
}

/** Ends the answer that is being written. */
async function stop() {
  running?.controller.abort();
  await running?.ended;
  hush();
}

/** Calls once for each picture that the screen shows, however often it is asked. */
function perFrame(act) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    // Pages in the background get no frames.
    const later = document.hidden ? (next) => setTimeout(next, 200) : requestAnimationFrame;
    later(() => {
      asked = false;
      act();
    });
  };
}

function busy() {
  const button = $("send");
  if (running) relabel(button, "stop", "Stop");
  else relabel(button, "up", "Send");
  button.classList.toggle("running", Boolean(running));
  if (running) $("state").textContent = "";
}

function keep(one) {
  if (!store.keep(one)) {
    notice({ message: "The browser has no room for the images of this conversation.", advice: "They are gone when the page is closed. Deleting other conversations makes room." });
  }
  list();
}

function notice(problem) {
  $("notice").hidden = !problem;
  if (!problem) return;
  const close = tool("close", "Close", () => notice(null));
  $("notice").replaceChildren(make("p", {}, make("strong", {}, problem.message), ` ${problem.advice ?? ""}`), close);
}

function list() {
  const entries = store.all().map((one) => {
    const open = make("button", { type: "button", class: "title", "aria-current": one.id === conversation.id && "true", onclick: () => go(one.id) }, one.title);
    return make("li", {}, open, tool("bin", `Delete “${one.title}”`, () => remove(one)));
  });
  $("conversations").replaceChildren(...entries);
}

async function go(id) {
  await stop();
  conversation = (id && store.find(id)) || store.begin();
  notice(null);
  thread.open(conversation, acts());
  thread.toEnd();
  list();
  side(false);
  $("draft").focus();
}

async function remove(one) {
  $("sure-title").textContent = `Delete “${one.title}”?`;
  if (!(await ask($("sure")))) return;
  if (one.id === conversation.id) await go(null);
  store.forget(one.id);
  list();
}

function side(open) {
  document.body.classList.toggle("side-open", open);
  $("open-side").setAttribute("aria-expanded", open);
  $("veil").hidden = !open;
}

function pick(select, options, value) {
  select.replaceChildren(...options);
  if (value) select.value = value;
}

const option = (model) => make("option", { value: model.id }, model.id.split("/").at(-1));

function showModels() {
  const groups = Object.entries(WRITING).filter(([task]) => of(task).length);
  const shown = groups.map(([task, label]) => make("optgroup", { label }, ...of(task).map(option)));
  pick($("model"), shown.length ? shown : [make("option", {}, "no model")], writer()?.id);
  $("model").disabled = of("write", "see").length < 2;
  $("model").title = writer()?.id ?? "";
  $("about").textContent = writer()
    ? `${writer().id.split("/").at(-1)} answers from this machine${writer().task === "see" ? ", and sees images" : ""}.`
    : "No model that writes is served: start mlx serve with one.";
  composer.abilities();
}

async function openSettings() {
  const form = $("settings").querySelector("form");
  $("hears").hidden = !hearer();
  $("speaks").hidden = !speaker();
  pick(form.hear, of("transcribe").map(option), hearer()?.id);
  pick(form.speak, of("speak").map(option), speaker()?.id);
  const fields = ["system", "temperature", "top_p", "max_tokens", "seed", "voice"];
  for (const name of fields) form[name].value = settings[name];
  // What is typed counts, however the dialog is closed; the form sees that numbers are some.
  await ask($("settings"));
  for (const name of [...fields, "hear", "speak"]) if (form[name].checkValidity()) settings[name] = form[name].value;
  store.keepSettings();
}

async function askKey(why) {
  const field = $("key").querySelector("input");
  field.value = "";
  $("key-why").textContent = why;
  return (await ask($("key"))) ? field.value.trim() : null;
}

function listen() {
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) stop();
    else send();
  });
  $("new").addEventListener("click", () => go(null));
  $("open-side").addEventListener("click", () => side(true));
  $("close-side").addEventListener("click", () => side(false));
  $("veil").addEventListener("click", () => side(false));
  $("open-settings").addEventListener("click", openSettings);
  $("forget").addEventListener("click", async () => {
    $("sure-title").textContent = "Delete all conversations?";
    if (!(await ask($("sure")))) return;
    await go(null);
    for (const one of store.all()) store.forget(one.id);
    list();
  });
  $("model").addEventListener("change", () => {
    settings.model = $("model").value;
    store.keepSettings();
    showModels();
  });
  $("latest").addEventListener("click", thread.toEnd);
  $("thread").addEventListener("scroll", () => {
    $("latest").hidden = thread.isAtEnd();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (document.body.classList.contains("side-open")) side(false);
    else if (running) stop();
  });
  addEventListener("storage", list);
  addEventListener("pagehide", () => conversation.messages.length && store.keep(conversation));
}

async function begin() {
  for (const button of document.querySelectorAll("[data-icon]")) button.prepend(icon(button.dataset.icon));
  $("starters").append(...STARTERS.map((text) =>
    make("button", { type: "button", class: "starter", onclick: () => composer.fill(text) }, text)));
  const abilities = { sees: () => writer()?.task === "see", seer: () => of("see")[0], hears: hearer };
  composer.start(abilities, notice, send);
  onKeyNeeded(askKey);
  listen();
  list();
  try {
    models = await served();
    showModels();
  } catch (error) {
    notice(error);
  }
}

begin();
