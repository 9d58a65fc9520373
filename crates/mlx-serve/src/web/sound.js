// Recordings: the microphone, files, and reading aloud.

import { Problem, speech, transcribe } from "./api.js";

/** What the server reads itself; the browser reads the rest. */
const READ = /\.(wav|mp3|flac|ogg|opus|m4a)$/i;
/** The rate that models of speech hear. */
const RATE = 16000;

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

/** Records until `stop` of what it returns is called, which gives the recording. */
export async function record() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    const denied = error.name === "NotAllowedError";
    throw new Problem(denied ? "The microphone may not be used." : "There is no microphone.",
      denied ? "Allow it for this page in the browser’s settings." : "Connect one, or add a recording as a file.");
  }
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  const ended = new Promise((resolve) => {
    recorder.onstop = resolve;
  });
  recorder.start();
  return {
    async stop() {
      recorder.stop();
      await ended;
      for (const track of stream.getTracks()) track.stop();
      return new Blob(pieces, { type: recorder.mimeType });
    },
  };
}

/** The words of a recording or of a file. */
export async function words(model, blob) {
  if (blob.name && READ.test(blob.name)) return transcribe(model, blob, blob.name);
  return transcribe(model, await wav(blob), "recording.wav");
}

/** Any sound that the browser reads, as a WAV file of one channel. */
async function wav(blob) {
  const context = new OfflineAudioContext(1, 1, RATE);
  let decoded;
  try {
    decoded = await context.decodeAudioData(await blob.arrayBuffer());
  } catch {
    throw new Problem("The recording cannot be read.", "Add it as WAV, MP3, FLAC or Ogg.");
  }
  const length = Math.max(1, Math.ceil(decoded.duration * RATE));
  const mixer = new OfflineAudioContext(1, length, RATE);
  const source = mixer.createBufferSource();
  source.buffer = decoded;
  source.connect(mixer.destination);
  source.start();
  const samples = (await mixer.startRendering()).getChannelData(0);
  return new Blob([encoded(samples)], { type: "audio/wav" });
}

function encoded(samples) {
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, place) => bytes.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true);
  bytes.setUint16(22, 1, true);
  bytes.setUint32(24, RATE, true);
  bytes.setUint32(28, 2 * RATE, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, place) => bytes.setInt16(44 + 2 * place, 32767 * Math.max(-1, Math.min(1, sample)), true));
  return bytes.buffer;
}

let speaking = null;

/** Stops reading aloud. */
export function hush() {
  speaking?.abort();
  speaking = null;
}

/** Reads a text aloud. Resolves at its end, or when it is hushed. */
export async function read(model, voice, text) {
  hush();
  const mine = new AbortController();
  speaking = mine;
  let url;
  try {
    const bytes = await speech(model, voice, plain(text), mine.signal);
    url = URL.createObjectURL(new Blob([sized(bytes)], { type: "audio/wav" }));
    const audio = new Audio(url);
    await new Promise((resolve, reject) => {
      mine.signal.addEventListener("abort", resolve, { once: true });
      audio.onended = resolve;
      audio.onerror = () => reject(new Problem("The sound cannot be played."));
      audio.play().catch(reject);
    }).finally(() => audio.pause());
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    if (url) URL.revokeObjectURL(url);
    if (speaking === mine) speaking = null;
  }
}

/** A file that was sent while it was made does not know its length. */
function sized(buffer) {
  const bytes = new DataView(buffer);
  if (buffer.byteLength > 44 && bytes.getUint32(36) === 0x64617461) {
    bytes.setUint32(4, buffer.byteLength - 8, true);
    bytes.setUint32(40, buffer.byteLength - 44, true);
  }
  return buffer;
}

/** What is read of Markdown: its words. */
function plain(text) {
  return text
    .replace(/```[\s\S]*?(```|$)/g, " ")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(#{1,6}|>|[-*+])\s+/gm, "")
    .replace(/[*_`~|]/g, "")
    .trim();
}
