// What is kept in this browser: conversations, each under a name of its own so that two tabs do not overwrite each
// other's, and settings.

const PREFIX = "mlx.conversation.";
const SETTINGS = "mlx.settings";

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** The settings; those that are empty are left to the model. */
export const settings = {
  system: "", temperature: "", top_p: "", max_tokens: "", seed: "",
  model: "", hear: "", speak: "", voice: "af_heart",
  ...parsed(localStorage.getItem(SETTINGS)),
};

export function keepSettings() {
  write(SETTINGS, JSON.stringify(settings));
}

/** A new conversation, which is kept from its first message on. */
export function begin() {
  return { id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, title: "", updated: Date.now(), messages: [] };
}

/** All conversations, the latest first. */
export function all() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  const kept = names.map((name) => parsed(localStorage.getItem(name)));
  return kept.filter((one) => Array.isArray(one?.messages)).sort((a, b) => b.updated - a.updated);
}

export function find(id) {
  return parsed(localStorage.getItem(PREFIX + id));
}

/** Keeps a conversation. Where there is too little room, the images of older ones are left out, then its own. */
export function keep(conversation) {
  conversation.updated = Date.now();
  const text = JSON.stringify(conversation);
  if (write(PREFIX + conversation.id, text)) return true;
  for (const other of all().reverse()) {
    if (other.id === conversation.id || !other.messages.some((message) => message.images?.length)) continue;
    write(PREFIX + other.id, JSON.stringify(withoutImages(other)));
    if (write(PREFIX + conversation.id, text)) return true;
  }
  write(PREFIX + conversation.id, JSON.stringify(withoutImages(conversation)));
  return false;
}

export function forget(id) {
  localStorage.removeItem(PREFIX + id);
}

function withoutImages(conversation) {
  const messages = conversation.messages.map((message) => ({ ...message, images: undefined }));
  return { ...conversation, messages };
}

function write(name, text) {
  try {
    localStorage.setItem(name, text);
    return true;
  } catch {
    return false;
  }
}
