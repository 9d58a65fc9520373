// Images of a message, as data URLs.

import { Problem } from "./api.js";

/** Larger ones are made smaller: models see no more, and the browser keeps them. */
const LONGEST = 2048;
const HEAVIEST = 2 << 20;
/** What the server reads. */
const READ = ["image/png", "image/jpeg", "image/webp", "image/bmp"];

/** A file as a data URL that the server reads. */
export async function dataUrl(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Problem(`The image ${file.name} cannot be read.`, "Add it as PNG, JPEG or WebP.");
  }
  const longest = Math.max(bitmap.width, bitmap.height);
  if (READ.includes(file.type) && longest <= LONGEST && file.size <= HEAVIEST) return whole(file);
  const scale = Math.min(1, LONGEST / longest);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const exact = canvas.toDataURL("image/png");
  return file.type !== "image/jpeg" && exact.length <= HEAVIEST ? exact : canvas.toDataURL("image/jpeg", 0.92);
}

function whole(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Problem(`The file ${file.name} cannot be read.`, "Add it again."));
    reader.readAsDataURL(file);
  });
}
