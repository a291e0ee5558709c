// Asks a fake hub what @huggingface/hub can ask, and says what came of it, a line each.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, hubUrl, folder] = process.argv.slice(2);
const hub = await import(pathToFileURL(createRequire(modules + "/").resolve("@huggingface/hub")));
const repo = { type: "model", name: "acme/plain" };

console.debug = () => {}; // the library tells of each file

async function say(name, make) {
  let answer;
  try {
    answer = await make();
  } catch (e) {
    answer = `${e.constructor.name} ${e.message}`;
  }
  process.stdout.write(`${name} ${answer}\n`);
}

await say("info", async () => (await hub.modelInfo({ name: "acme/plain", hubUrl })).name);
await say("files", async () => {
  let n = 0;
  for await (const f of hub.listFiles({ repo: { type: "model", name: "acme/many" }, recursive: true, hubUrl })) n += f.type === "file";
  return n;
});
await say("paths", async () => (await hub.pathsInfo({ repo, paths: ["tiny-Q8_0.gguf"], hubUrl }))[0].lfs.size);
await say("file", async () => (await hub.fileDownloadInfo({ repo, path: "tiny-Q8_0.gguf", hubUrl })).size);
await say("bytes", async () => (await (await hub.downloadFile({ repo, path: "tiny-Q8_0.gguf", xet: false, hubUrl })).arrayBuffer()).byteLength);
await say("small", async () => await (await hub.downloadFile({ repo, path: "config.json", xet: false, hubUrl })).text());
await say("snapshot", async () => typeof (await hub.snapshotDownload({ repo, cacheDir: folder, hubUrl })));
