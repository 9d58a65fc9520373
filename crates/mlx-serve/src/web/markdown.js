// Markdown as elements. Everything is made by `make`, so tags in a text stay text; links are followed only to http,
// https and mail; images become links, so that reading an answer fetches nothing.

import { copy, icon, make } from "./dom.js";

/** Deeper lists and quotes than this are shown as text. */
const DEEPEST = 8;
/** How far the end of a mark is looked for, so that a text of stars does not take forever. */
const FARTHEST = 4000;

/** Shows a text in an element. What has not changed since the last call stays, with its selection. */
export function show(text, element) {
  const parts = split(text);
  const old = element.shownParts ?? [];
  let same = 0;
  while (same < parts.length && same < old.length && parts[same] === old[same]) same += 1;
  while (element.childNodes.length > same) element.lastChild.remove();
  for (const part of parts.slice(same)) element.append(wrapped(blocks(part.split("\n"), 0)));
  element.shownParts = parts;
}

// One element for each part, so that they can be counted.
function wrapped(nodes) {
  return nodes.length === 1 ? nodes[0] : make("div", { class: "part" }, ...nodes);
}

/** Splits a text at empty lines outside fences and lists, where what follows cannot change what is before. */
function split(text) {
  const parts = [];
  let part = [];
  let fence = null;
  for (const line of text.split("\n")) {
    const mark = opening(line);
    if (fence) {
      part.push(line);
      if (closes(line, fence)) fence = null;
      continue;
    }
    if (mark) fence = mark;
    const goesOn = /^\s/.test(line) || (item(line) && part.some(item));
    if (part.length && part.at(-1).trim() === "" && line.trim() !== "" && !goesOn) {
      parts.push(part.join("\n"));
      part = [];
    }
    part.push(line);
  }
  if (part.some((line) => line.trim() !== "")) parts.push(part.join("\n"));
  return parts;
}

function opening(line) {
  const match = line.match(/^\s{0,3}(`{3,}|~{3,})\s*([^`]*)$/);
  return match && { mark: match[1], name: match[2].trim() };
}

function closes(line, fence) {
  const text = line.trim();
  return text.length >= fence.mark.length && [...text].every((letter) => letter === fence.mark[0]);
}

function item(line) {
  const match = line.match(/^(\s*)([-*+]|\d{1,9}[.)])(\s+)(.*)$/);
  if (!match || rule(line)) return null;
  const ordered = /\d/.test(match[2]);
  return { indent: match[1].length, ordered, start: parseInt(match[2], 10), width: match[0].length - match[4].length, text: match[4] };
}

const rule = (line) => /^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line);
const heading = (line) => line.match(/^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/);
const quote = (line) => line.match(/^\s{0,3}>\s?(.*)$/);
const dashes = (line) => line.includes("-") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(line);
const table = (lines, at) => lines[at].includes("|") && at + 1 < lines.length && lines[at + 1].includes("|") && dashes(lines[at + 1]);

/** The elements of lines. */
function blocks(lines, depth) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const title = heading(line);
    if (line.trim() === "") {
      at += 1;
    } else if (opening(line)) {
      at = code(lines, at, nodes);
    } else if (title) {
      // The page has a heading of its own.
      nodes.push(make(`h${Math.min(6, title[1].length + 1)}`, {}, ...inline(title[2], 0)));
      at += 1;
    } else if (rule(line)) {
      nodes.push(make("hr"));
      at += 1;
    } else if (quote(line) && depth < DEEPEST) {
      const inner = [];
      for (; at < lines.length && quote(lines[at]); at += 1) inner.push(quote(lines[at])[1]);
      nodes.push(make("blockquote", {}, ...blocks(inner, depth + 1)));
    } else if (item(line) && depth < DEEPEST) {
      at = list(lines, at, nodes, depth);
    } else if (table(lines, at)) {
      at = rows(lines, at, nodes);
    } else {
      at = paragraph(lines, at, nodes);
    }
  }
  return nodes;
}

function paragraph(lines, at, nodes) {
  const begun = at;
  const ends = (line, place) => line.trim() === "" || opening(line) || heading(line) || rule(line) || quote(line) || item(line) || table(lines, place);
  do at += 1; while (at < lines.length && !ends(lines[at], at));
  nodes.push(make("p", {}, ...inline(lines.slice(begun, at).map((line) => line.trim()).join("\n"), 0)));
  return at;
}

function code(lines, at, nodes) {
  const fence = opening(lines[at]);
  const indent = lines[at].match(/^\s*/)[0].length;
  const begun = at + 1;
  at = begun;
  while (at < lines.length && !closes(lines[at], fence)) at += 1;
  const dedented = lines.slice(begun, at).map((line) => line.slice(Math.min(indent, line.match(/^\s*/)[0].length)));
  nodes.push(listing(dedented.join("\n"), fence.name));
  return at + 1;
}

function listing(text, name) {
  const button = make("button", { type: "button", class: "quiet small-tool", "aria-label": "Copy", title: "Copy" }, icon("copy"));
  button.addEventListener("click", () => copy(text, button));
  return make("figure", { class: "code" },
    make("figcaption", {}, make("span", {}, name.split(/\s/)[0] || "text"), button),
    make("pre", { tabindex: "0" }, make("code", {}, text)));
}

function list(lines, at, nodes, depth) {
  const first = item(lines[at]);
  const items = [];
  let loose = false;
  while (at < lines.length) {
    const begun = item(lines[at]);
    if (!begun || begun.ordered !== first.ordered || begun.indent < first.indent || begun.indent > first.indent + 1) break;
    const inner = [begun.text];
    at += 1;
    for (; at < lines.length; at += 1) {
      const line = lines[at];
      const indent = line.match(/^\s*/)[0].length;
      const next = item(line);
      if (line.trim() === "") {
        if (at + 1 >= lines.length) break;
        inner.push("");
      } else if (indent > first.indent + 1 || (!next && inner.at(-1) !== "" && !heading(line) && !opening(line) && !rule(line))) {
        inner.push(line.slice(Math.min(indent, begun.width)));
      } else break;
    }
    loose ||= inner.slice(0, -1).includes("");
    items.push(inner);
  }
  const entry = (inner) => {
    const task = inner[0].match(/^\[([ xX])\]\s+(.*)$/);
    if (task) inner[0] = task[2];
    const children = blocks(inner, depth + 1);
    // A tight item has its words without a paragraph around them.
    const flat = loose ? children : children.flatMap((child) => (child.tagName === "P" ? [...child.childNodes] : [child]));
    const box = task && make("input", { type: "checkbox", disabled: true, checked: task[1] !== " " });
    return make("li", task ? { class: "task" } : {}, box, ...flat);
  };
  const start = first.ordered && first.start !== 1 ? { start: first.start } : {};
  nodes.push(make(first.ordered ? "ol" : "ul", start, ...items.map(entry)));
  // An entry that fits nowhere would be met again.
  return at;
}

function rows(lines, at, nodes) {
  const head = cells(lines[at]);
  const sides = cells(lines[at + 1]).map((mark) => (/^:.*:$/.test(mark) ? "center" : mark.endsWith(":") ? "right" : undefined));
  const body = [];
  for (at += 2; at < lines.length && lines[at].trim() !== "" && lines[at].includes("|"); at += 1) body.push(cells(lines[at]));
  const row = (tag) => (texts) =>
    make("tr", {}, ...head.map((_, place) => make(tag, { class: sides[place] }, ...inline(texts[place] ?? "", 0))));
  nodes.push(make("div", { class: "table", tabindex: "0" },
    make("table", {}, make("thead", {}, row("th")(head)), make("tbody", {}, ...body.map(row("td"))))));
  return at;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** Where a link may go, or nothing. */
function safe(address) {
  try {
    const url = new URL(address);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function link(address, children) {
  const href = safe(address);
  if (!href) return null;
  return make("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, ...children);
}

const MARKS = [["***", "strong", "em"], ["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];
const word = (letter) => letter !== undefined && /[\p{L}\p{N}]/u.test(letter);

/** Nodes of a line with its marks. */
export function inline(text, depth) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(plain);
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    const found = depth < DEEPEST ? marked(text, at, depth) : null;
    if (found) {
      flush();
      nodes.push(...found.nodes);
      at = found.end;
    } else if (text[at] === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
    } else if (text[at] === "\n") {
      plain = plain.replace(/(\\| +)$/, "");
      flush();
      nodes.push(make("br"));
      at += 1;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function marked(text, at, depth) {
  switch (text[at]) {
    case "`": return spanned(text, at);
    case "!": return text[at + 1] === "[" ? linked(text, at + 1, depth) : null;
    case "[": return linked(text, at, depth);
    case "<": return bracketed(text, at);
    case "h": return bare(text, at);
    case "*": case "_": case "~": return stressed(text, at, depth);
    default: return null;
  }
}

function spanned(text, at) {
  const ticks = text.slice(at).match(/^`+/)[0];
  let end = text.indexOf(ticks, at + ticks.length);
  while (end >= 0 && (text[end + ticks.length] === "`" || text[end - 1] === "`")) end = text.indexOf(ticks, end + 1);
  // A run without its like is text as a whole.
  if (end < 0) return { nodes: [ticks], end: at + ticks.length };
  const inner = text.slice(at + ticks.length, end).replaceAll("\n", " ");
  const trimmed = /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner;
  return { nodes: [make("code", {}, trimmed)], end: end + ticks.length };
}

function linked(text, at, depth) {
  const close = matching(text, at, "[", "]");
  if (close < 0 || text[close + 1] !== "(") return null;
  const end = matching(text, close + 1, "(", ")");
  if (end < 0) return null;
  const address = text.slice(close + 2, end).trim().replace(/\s+["'(].*$/s, "").replace(/^<(.*)>$/, "$1");
  const label = text.slice(at + 1, close);
  const made = link(address, label ? inline(label, depth + 1) : [address]);
  return made && { nodes: [made], end: end + 1 };
}

function matching(text, at, open, close) {
  let deep = 0;
  for (let place = at; place < Math.min(text.length, at + FARTHEST); place += 1) {
    if (text[place] === "\\") place += 1;
    else if (text[place] === open) deep += 1;
    else if (text[place] === close && (deep -= 1) === 0) return place;
  }
  return -1;
}

function bracketed(text, at) {
  const match = text.slice(at, at + FARTHEST).match(/^<((?:https?:\/\/|mailto:)[^\s<>]+)>/);
  const made = match && link(match[1], [match[1]]);
  return made && { nodes: [made], end: at + match[0].length };
}

function bare(text, at) {
  if (word(text[at - 1])) return null;
  const match = text.slice(at, at + FARTHEST).match(/^https?:\/\/[^\s<>"'`*\])}]+/);
  if (!match) return null;
  const address = match[0].replace(/[.,;:!?]+$/, "");
  const made = link(address, [address]);
  return made && { nodes: [made], end: at + address.length };
}

function stressed(text, at, depth) {
  const mark = MARKS.find(([mark]) => text.startsWith(mark, at));
  if (!mark || /\s|^$/.test(text[at + mark[0].length] ?? "")) return null;
  if (mark[0][0] === "_" && word(text[at - 1])) return null;
  const end = closing(text, at + mark[0].length, mark[0]);
  if (end < 0) return null;
  const inner = inline(text.slice(at + mark[0].length, end), depth + 1);
  const made = mark.slice(1).reduceRight((children, tag) => [make(tag, {}, ...children)], inner);
  return { nodes: made, end: end + mark[0].length };
}

/** Where a mark ends: after no space, not within code, and for `_` not within a word. */
function closing(text, from, mark) {
  const until = Math.min(text.length, from + FARTHEST);
  for (let at = from; at < until; at += 1) {
    if (text[at] === "\\") {
      at += 1;
    } else if (text[at] === "`") {
      at = spanned(text, at).end - 1;
    } else if (text.startsWith(mark, at) && at > from && !/\s/.test(text[at - 1])) {
      const run = text.slice(at).match(/^[*_~]+/)[0];
      const letter = mark[0];
      const own = [...run].findIndex((one) => one !== letter);
      const length = own < 0 ? run.length : own;
      if (length < mark.length || (mark.length === 1 && length === 2)) {
        at += length - 1;
        continue;
      }
      if (letter === "_" && word(text[at + length])) continue;
      return mark.length < length ? at + length - mark.length : at;
    }
  }
  return -1;
}
