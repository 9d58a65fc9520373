// The server's interfaces, and its errors in words.

const KEY = "mlx.key";

/** What went wrong, and what to do. */
export class Problem extends Error {
  constructor(message, advice = "", status = 0) {
    super(message);
    this.advice = advice;
    this.status = status;
  }
}

/** Asks for a key: given why, it resolves to one, or to nothing. */
let askKey = async () => null;

export function onKeyNeeded(ask) {
  askKey = ask;
}

/** What is served. */
export async function models() {
  const response = await request("v1/models");
  return (await response.json()).data;
}

/** An answer piece by piece: `{text}`, `{reasoning}`, `{progress}`, `{usage}`, `{reason}`. */
export async function* chat(body, signal) {
  const response = await post("v1/chat/completions", {
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  }, signal);
  for await (const event of events(response.body)) {
    if (event.comment !== undefined) {
      const [, done, total] = event.comment.match(/^prompt (\d+)\/(\d+)/) ?? [];
      if (total) yield { progress: { done: Number(done), total: Number(total) } };
      continue;
    }
    if (event.data === "[DONE]") return;
    const frame = JSON.parse(event.data);
    if (frame.error) throw explained(frame.error, 500);
    if (frame.usage) yield { usage: frame.usage };
    const choice = frame.choices?.[0];
    if (choice?.delta?.reasoning_content) yield { reasoning: choice.delta.reasoning_content };
    if (choice?.delta?.content) yield { text: choice.delta.content };
    if (choice?.finish_reason) yield { reason: choice.finish_reason };
  }
  throw new Problem("The answer broke off.", "The connection was lost. Ask again.");
}

/** The words of a recording. */
export async function transcribe(model, file, name) {
  const form = new FormData();
  form.append("model", model);
  form.append("file", file, name);
  const response = await request("v1/audio/transcriptions", { method: "POST", body: form });
  return (await response.json()).text;
}

/** A text as the bytes of a WAV file. */
export async function speech(model, voice, input, signal) {
  const response = await post("v1/audio/speech", { model, voice, input, response_format: "wav" }, signal);
  return response.arrayBuffer();
}

function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  return request(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function request(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const headers = { ...options.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem("The server cannot be reached.", "Look whether mlx serve is still running, then try again.");
    }
    if (response.ok) return response;
    const body = await response.json().catch(() => ({}));
    const problem = explained(body.error ?? {}, response.status, response.headers.get("retry-after"));
    if (response.status !== 401) throw problem;
    const given = await askKey(key ? "The server does not know the key that was given." : "");
    if (!given) throw problem;
    sessionStorage.setItem(KEY, given);
  }
}

function explained(error, status, seconds) {
  const message = error.message ? sentence(error.message) : `The server answered with the status ${status}.`;
  return new Problem(message, advice(error.code, status, seconds), status);
}

function advice(code, status, seconds) {
  if (code === "context_length_exceeded") return "Begin a new conversation, or shorten this one by editing an earlier message.";
  const wait = seconds > 1 ? `in ${seconds} seconds` : "in a moment";
  switch (status) {
    case 401: return "Give the key that the server was started with.";
    case 403: return "Open the page at the server’s own address.";
    case 404: return "Choose another model.";
    case 413: return "Send a smaller image or recording.";
    case 429: return `Others are being answered. Try again ${wait}.`;
    case 503: return `Try again ${wait}, or choose another model.`;
    default: return status >= 500 ? "Try again." : "";
  }
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** Server-sent events: `{data}` of each, and `{comment}`s. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line === "" && data.length) {
          yield { data: data.join("\n") };
          data = [];
        } else if (line.startsWith(":")) {
          yield { comment: line.slice(1).trim() };
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).replace(/^ /, ""));
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
