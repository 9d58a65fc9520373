// Elements of the page. Text is always set as text, so that nothing a model writes becomes markup.

/** The element of an id. */
export const $ = (id) => document.getElementById(id);

/** A new element: properties that begin with `on` are listeners, `class` and others are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Strokes on a field of 24 by 24.
const STROKES = {
  bin: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v4.5M13.5 11v4.5",
  check: "M5 12.5 10 17.5 19.5 7",
  clip: "M19 11.5 12 18.3a4.3 4.3 0 0 1-6-6.1l7.4-7.2a2.9 2.9 0 0 1 4 4.1l-7.3 7a1.4 1.4 0 0 1-2-2l6.5-6.3",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  down: "M12 5v14M6 13l6 6 6-6",
  menu: "M4 7h16M4 12h16M4 17h10",
  microphone: "M12 4a2.7 2.7 0 0 1 2.7 2.7v4.6a2.7 2.7 0 0 1-5.4 0V6.7A2.7 2.7 0 0 1 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3",
  pen: "M5 19l.8-3.8L15.6 5.4a1.9 1.9 0 0 1 2.7 0l.3.3a1.9 1.9 0 0 1 0 2.7L8.8 18.2zM14 7l3 3",
  plus: "M12 5v14M5 12h14",
  redo: "M19 12a7 7 0 1 1-2.3-5.2M19 4.5V9h-4.5",
  sliders: "M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4",
  speaker: "M5 10v4h3l4 3.5v-11L8 10zM15.5 9.5a3.5 3.5 0 0 1 0 5M17.8 7a7 7 0 0 1 0 10",
  stop: "M8 8h8v8H8z",
  up: "M12 19V5M6 11l6-6 6 6",
};

/** A drawing for a button, which its label explains. */
export function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", STROKES[name] ?? "");
  drawing.append(path);
  return drawing;
}

/** Shows another drawing and label on a button. */
export function relabel(button, name, label) {
  button.querySelector(".icon")?.remove();
  button.prepend(icon(name));
  button.setAttribute("aria-label", label);
  button.title = label;
}

/** A small button with a drawing. */
export function tool(name, label, onclick) {
  return make("button", { type: "button", class: "quiet small-tool", "aria-label": label, title: label, onclick }, icon(name));
}

/** Opens a dialog and waits for its form: `true` when it is sent, `false` when it is closed. */
export function ask(dialog) {
  return new Promise((resolve) => {
    const form = dialog.querySelector("form");
    let sent = false;
    form.onsubmit = (event) => {
      event.preventDefault();
      sent = true;
      dialog.close();
    };
    for (const button of dialog.querySelectorAll("[data-close]")) button.onclick = () => dialog.close();
    dialog.onclick = (event) => {
      if (event.target === dialog) dialog.close();
    };
    dialog.addEventListener("close", () => resolve(sent), { once: true });
    dialog.showModal();
  });
}

/** Copies a text and says so on its button for a moment. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages that are not secure have no clipboard of their own.
    const field = make("textarea", { class: "unseen" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  relabel(button, "check", "Copied");
  setTimeout(() => relabel(button, "copy", "Copy"), 1500);
}
