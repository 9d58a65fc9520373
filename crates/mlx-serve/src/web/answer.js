// One answer: what is asked, what comes, how fast it came.

import { chat } from "./api.js";
import { settings } from "./store.js";

const number = (text) => (String(text).trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text));

/** Writes an answer to `messages` into `message`, and says after every piece that it changed. */
export async function write(messages, message, model, signal, changed) {
  const asked = performance.now();
  let first = null;
  let pieces = 0;
  const body = {
    model: model.id,
    messages: turns(messages, model.task === "see"),
    temperature: number(settings.temperature),
    top_p: number(settings.top_p),
    max_tokens: number(settings.max_tokens),
    seed: number(settings.seed),
  };
  try {
    for await (const event of chat(body, signal)) {
      const now = performance.now();
      if (event.text || event.reasoning) {
        first ??= now;
        pieces += 1;
        message.text += event.text ?? "";
        message.reasoning += event.reasoning ?? "";
        message.progress = null;
        message.speed = speed(asked, first, now, pieces);
      }
      if (event.progress) message.progress = event.progress;
      if (event.reason) message.reason = event.reason;
      if (event.usage) {
        message.speed = { ...speed(asked, first ?? now, now, event.usage.completion_tokens), exact: true };
        message.speed.prompt = event.usage.prompt_tokens;
        message.speed.cached = event.usage.prompt_tokens_details?.cached_tokens ?? 0;
      }
      changed();
    }
  } catch (error) {
    if (error.name === "AbortError") message.reason = "stopped";
    else message.problem = { message: error.message, advice: error.advice ?? "" };
  } finally {
    message.progress = null;
    changed();
  }
}

/** The first token is not part of the rate: it waits for the prompt. */
function speed(asked, first, now, tokens) {
  const seconds = (now - first) / 1000;
  const rate = tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null;
  return { first: (first - asked) / 1000, rate, tokens };
}

/** Messages as the server reads them. */
function turns(messages, sees) {
  const told = settings.system.trim() ? [{ role: "system", content: settings.system }] : [];
  const said = messages.filter((message) => message.text || message.images?.length);
  return [...told, ...said.map((message) => ({ role: message.role, content: content(message, sees) }))];
}

function content(message, sees) {
  if (!sees || !message.images?.length) return message.text;
  const images = message.images.map((url) => ({ type: "image_url", image_url: { url } }));
  return message.text ? [...images, { type: "text", text: message.text }] : images;
}

/** The speed in words. */
export function told(speed) {
  if (!speed) return "";
  const parts = [];
  if (speed.rate !== null) parts.push(`${speed.rate.toFixed(1)} tokens/s`);
  parts.push(`first after ${speed.first.toFixed(2)} s`);
  if (speed.exact) {
    parts.push(`${speed.tokens} ${speed.tokens === 1 ? "token" : "tokens"}`);
    const cached = speed.cached ? `, ${speed.cached} of them remembered` : "";
    parts.push(`prompt ${speed.prompt}${cached}`);
  }
  return parts.join(" · ");
}
