// What the scripts share: one line of JSON on stdout for each check.
import { deepStrictEqual, ok, strictEqual } from "node:assert";

export { deepStrictEqual as same, ok, strictEqual as is };

export async function check(name, run) {
  try {
    await run();
    console.log(JSON.stringify({ name, ok: true }));
  } catch (e) {
    console.log(JSON.stringify({ name, ok: false, why: `${e?.name}: ${e?.message}`.slice(0, 2000) }));
  }
}

// fails is the error that a promise ends with.
export async function fails(promise, name, status) {
  try {
    await promise;
  } catch (e) {
    if (name) strictEqual(e.name, name);
    if (status) strictEqual(e.statusCode ?? e.status, status);
    return e;
  }
  throw new Error("there was no error");
}

export async function gather(stream) {
  const chunks = [];
  for await (const event of stream) chunks.push(event.data ?? event);
  return chunks;
}

export const text = (chunks, index = 0) =>
  chunks.flatMap((c) => c.choices).filter((c) => c.index === index).map((c) => c.delta.content ?? "").join("");

export const post = (url, body) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: typeof body === "string" ? body : JSON.stringify(body) });
