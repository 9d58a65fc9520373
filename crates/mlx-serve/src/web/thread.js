// The messages of a conversation on the page.

import { $, copy, make, relabel, tool } from "./dom.js";
import { show } from "./markdown.js";
import { told } from "./answer.js";

const views = new WeakMap();

/** Shows a conversation. `acts` are what its buttons do: `edit`, `redo`, `read`. */
export function open(conversation, acts) {
  $("messages").replaceChildren(...conversation.messages.map((message) => view(message, acts)));
  $("welcome").hidden = conversation.messages.length > 0;
  last();
}

/** Adds a message at the end. */
export function add(message, acts) {
  $("welcome").hidden = true;
  $("messages").append(view(message, acts));
  last();
}

// Only the last answer can be written again.
function last() {
  for (const entry of $("messages").children) entry.classList.toggle("last", entry === $("messages").lastElementChild);
}

const view = (message, acts) => (message.role === "user" ? asked(message, acts) : answered(message, acts));

function asked(message, acts) {
  const images = (message.images ?? []).map((url, place) => make("img", { src: url, alt: `Image ${place + 1} of the message` }));
  const bubble = make("div", { class: "bubble" }, make("p", {}, message.text));
  const edit = tool("pen", "Edit", () => change(entry, message, acts));
  const copied = tool("copy", "Copy", (event) => copy(message.text, event.currentTarget));
  const entry = make("li", { class: "asked" },
    make("h2", { class: "unseen" }, "You"),
    images.length ? make("div", { class: "images" }, ...images) : null,
    message.text ? bubble : null,
    make("div", { class: "acts" }, copied, edit));
  return entry;
}

/** Lets an earlier message be written anew. What came after it is asked again. */
function change(entry, message, acts) {
  const field = make("textarea", { "aria-label": "The message", rows: Math.min(12, message.text.split("\n").length + 1) });
  field.value = message.text;
  const undo = () => {
    form.replaceWith(...hidden);
    entry.querySelector(".acts button:last-child").focus();
  };
  const form = make("form", { class: "change" }, field,
    make("div", { class: "dialog-foot" },
      make("button", { type: "button", class: "quiet", onclick: undo }, "Cancel"),
      make("button", { type: "submit", class: "main" }, "Ask again")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim() || message.images?.length) acts.edit(message, field.value.trim());
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") undo();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  const hidden = [...entry.querySelectorAll(".bubble, .acts")];
  hidden[0].before(form);
  hidden.forEach((part) => part.remove());
  field.focus();
}

function answered(message, acts) {
  const parts = {
    thoughts: make("details", { class: "thoughts", hidden: true }, make("summary", {}, "Thoughts"), make("div", { class: "text" })),
    text: make("div", { class: "text" }),
    waiting: make("p", { class: "waiting", hidden: true }, make("span", { class: "dots" }, make("i"), make("i"), make("i")), make("span")),
    problem: make("div", { class: "problem", hidden: true }),
    speed: make("span", { class: "speed" }),
  };
  const buttons = [
    tool("copy", "Copy", (event) => copy(message.text, event.currentTarget)),
    acts.read && tool("speaker", "Read aloud", (event) => aloud(event.currentTarget, message, acts)),
    tool("redo", "Write it again", () => acts.redo(message)),
  ];
  buttons.at(-1).classList.add("redo");
  for (const button of buttons.slice(0, -1)) button?.classList.add("of-text");
  const entry = make("li", { class: "answered" }, make("h2", { class: "unseen" }, message.model ?? "Answer"),
    parts.thoughts, parts.text, parts.waiting, parts.problem,
    make("div", { class: "acts" }, ...buttons.filter(Boolean), parts.speed));
  views.set(message, { entry, parts });
  update(message, false);
  return entry;
}

async function aloud(button, message, acts) {
  if (button.ariaPressed === "true") return acts.hush();
  button.ariaPressed = "true";
  relabel(button, "stop", "Stop reading");
  await acts.read(message.text);
  button.ariaPressed = "false";
  relabel(button, "speaker", "Read aloud");
}

/** Shows what an answer is by now. */
export function update(message, running) {
  const found = views.get(message);
  if (!found) return;
  const { entry, parts } = found;
  const stays = isAtEnd();
  entry.classList.toggle("running", running);
  entry.setAttribute("aria-busy", running);
  if (message.reasoning) {
    parts.thoughts.hidden = false;
    parts.thoughts.querySelector("summary").textContent = running && !message.text ? "Thinking" : "Thoughts";
    show(message.reasoning, parts.thoughts.querySelector(".text"));
  }
  show(message.text, parts.text);
  parts.waiting.hidden = !running || Boolean(message.text || message.reasoning);
  const { progress } = message;
  parts.waiting.lastElementChild.textContent = progress ? `reads ${progress.done} of ${progress.total} tokens` : "";
  problem(parts.problem, message, running);
  for (const button of entry.querySelectorAll(".of-text")) button.hidden = !message.text;
  parts.speed.textContent = told(message.speed);
  if (stays) toEnd();
}

function problem(element, message, running) {
  const ended = running ? null : endedEarly(message);
  const what = message.problem ?? ended;
  element.hidden = !what;
  element.classList.toggle("mild", !message.problem);
  if (what) element.replaceChildren(make("strong", {}, what.message), ` ${what.advice}`);
}

function endedEarly({ reason, text, reasoning }) {
  if (reason === "stopped") return { message: "Stopped.", advice: "" };
  if (reason === "length") return { message: "The answer reached its most tokens.", advice: "Raise them in the settings for longer ones." };
  if (reason && !text && !reasoning) return { message: "The model had nothing to say.", advice: "Ask in other words." };
  return null;
}

const NEAR = 80;

/** Whether the end of the conversation is in sight. */
export function isAtEnd() {
  const thread = $("thread");
  return thread.scrollHeight - thread.scrollTop - thread.clientHeight < NEAR;
}

export function toEnd() {
  const thread = $("thread");
  thread.scrollTop = thread.scrollHeight;
}
