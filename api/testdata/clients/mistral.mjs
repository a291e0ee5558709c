// The acceptance checks that a scripted engine can pass, with Mistral's client.
// Numbers are those of the API's reference.
import { Mistral } from "@mistralai/mistralai";
import { z } from "zod";
import { check, fails, gather, is, ok, post, same, text } from "./check.mjs";

const { BASE, KEYED, STRICT } = process.env;
const M = "all", CHAT = "chat", SLOW = "slow";
const client = new Mistral({ apiKey: "test", serverURL: BASE });
const user = (content) => [{ role: "user", content }];
const hello = user("Where does the wind come from?");
const tool = (name) => ({ type: "function", function: { name, parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } }, required: ["city"], additionalProperties: false } } });
const pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const greedy = { model: M, messages: hello, maxTokens: 8, temperature: 0 };

await check("1 models.list", async () => {
  const list = await client.models.list();
  ok(list.data.length > 0 && list.data.every((m) => !m.isUnknown));
  is(list.data.find((m) => m.id === M).capabilities.completionChat, true);
});
await check("2 models.retrieve", async () => {
  const card = await client.models.retrieve({ modelId: M });
  is(card.type, "base");
  ok(card.maxContextLength > 0);
  same(card, (await client.models.list()).data.find((m) => m.id === M));
});
await check("3 alias", async () => is((await client.models.retrieve({ modelId: "all-latest" })).id, M));
await check("4 unknown card", async () => {
  const e = await fails(client.models.retrieve({ modelId: "no/such:model" }), "SDKError", 404);
  is(typeof JSON.parse(e.body).message, "string");
});
await check("5 delete", async () => {
  await fails(client.models.delete({ modelId: M }), "SDKError", 403);
  ok((await client.models.list()).data.some((m) => m.id === M));
});
await check("6 no key", async () => {
  await new Mistral({ serverURL: BASE }).models.list();
  await fails(new Mistral({ serverURL: KEYED }).models.list(), "SDKError", 401);
});
await check("7 key", async () => {
  const right = new Mistral({ apiKey: "secret", serverURL: KEYED });
  await right.models.list();
  await right.chat.complete(greedy);
  const wrong = new Mistral({ apiKey: "wrong", serverURL: KEYED });
  await fails(wrong.chat.complete(greedy), "SDKError", 401);
  await fails(wrong.chat.stream(greedy), "SDKError", 401);
  await fails(wrong.files.list(), "SDKError", 401);
});
await check("8 base url", async () => {
  await new Mistral({ apiKey: "test", serverURL: BASE + "/" }).models.list();
  const e = await fails(new Mistral({ apiKey: "test", serverURL: BASE + "/v1" }).models.list(), "SDKError", 404);
  ok(/base URL/.test(e.body));
});
await check("9 unknown route", async () => {
  const r = await fetch(BASE + "/v1/nothing");
  const e = await r.json();
  is(r.status, 404);
  is(e.object, "error");
  ok(e.error.message);
});
await check("10 two at once", async () => {
  const one = (await client.chat.complete(greedy)).choices[0].message.content;
  const many = await Promise.all([...Array(8)].map(() => client.chat.complete(greedy)));
  for (const r of many) is(r.choices[0].message.content, one);
});
await check("11 complete", async () => {
  const r = await client.chat.complete(greedy);
  is(r.choices.length, 1);
  is(r.choices[0].message.role, "assistant");
  is(typeof r.choices[0].message.content, "string");
  is(r.usage.totalTokens, r.usage.promptTokens + r.usage.completionTokens);
  ok(r.usage.completionTokens <= 8);
});
await check("12 max tokens", async () => {
  const r = await client.chat.complete({ ...greedy, maxTokens: 1 });
  is(r.choices[0].finishReason, "length");
  is(r.usage.completionTokens, 1);
});
await check("13 greedy", async () => same((await client.chat.complete(greedy)).choices, (await client.chat.complete(greedy)).choices));
await check("14 seeds", async () => {
  const ask = async (randomSeed, q) => (await client.chat.complete({ model: M, messages: user(q), maxTokens: 16, temperature: 1, randomSeed })).choices[0].message.content;
  is(await ask(7, "a"), await ask(7, "a"));
  let differences = 0;
  for (const q of ["a", "b", "c", "d", "e"]) if ((await ask(7, q)) !== (await ask(8, q))) differences++;
  ok(differences > 0);
});
await check("15 stop", async () => {
  for (const stop of ["e", ["e"]]) {
    const r = await client.chat.complete({ ...greedy, maxTokens: 200, stop });
    ok(!r.choices[0].message.content.includes("e"));
    is(r.choices[0].finishReason, "stop");
  }
});
await check("16 n", async () => {
  const r = await client.chat.complete({ ...greedy, temperature: 1, n: 2 });
  same(r.choices.map((c) => c.index), [0, 1]);
  is(r.usage.promptTokens, (await client.chat.complete(greedy)).usage.promptTokens);
});
await check("17 history", async () => {
  const r = await client.chat.complete({ ...greedy, messages: [{ role: "system", content: "Be brief." }, ...user("Hi."), { role: "assistant", content: "Hello." }, ...hello] });
  ok(r.usage.promptTokens > (await client.chat.complete(greedy)).usage.promptTokens);
});
await check("18 text chunks", async () => {
  const r = await client.chat.complete({ ...greedy, messages: user([{ type: "text", text: "a" }, { type: "text", text: "b" }]) });
  is(r.choices.length, 1);
});
await check("19 prefix", async () => {
  const request = { ...greedy, messages: [...hello, { role: "assistant", content: "X", prefix: true }] };
  const whole = (await client.chat.complete(request)).choices[0].message.content;
  ok(whole.startsWith("X"));
  const chunks = await gather(await client.chat.stream(request));
  is(chunks[1].choices[0].delta.content, "X");
  is(text(chunks), whole);
});
await check("20 order", async () => {
  const e = await fails(client.chat.complete({ ...greedy, messages: [...hello, { role: "assistant", content: "x" }] }), "SDKError", 400);
  is(JSON.parse(e.body).type, "invalid_request_message_order");
});
await check("21 no messages", async () => {
  const e = await fails(client.chat.complete({ ...greedy, messages: [] }));
  ok(e.name === "HTTPValidationError" || e.statusCode === 400);
});
await check("22 unknown model", async () => {
  const e = await fails(client.chat.complete({ ...greedy, model: "nobody" }), "SDKError", 404);
  is(JSON.parse(e.body).type, "invalid_model");
  ok(JSON.parse(e.body).message.includes("nobody"));
});
await check("23 temperature", async () => {
  const e = await fails(client.chat.complete({ ...greedy, temperature: 9 }), "HTTPValidationError");
  same(e.detail[0].loc, ["body", "temperature"]);
  ok(e.detail[0].msg);
});
await check("24 ranges", async () => {
  for (const [field, wire, value] of [["topP", "top_p", 2], ["maxTokens", "max_tokens", -1], ["presencePenalty", "presence_penalty", 3], ["n", "n", 0], ["randomSeed", "random_seed", -1]]) {
    const e = await fails(client.chat.complete({ ...greedy, [field]: value }), "HTTPValidationError");
    is(e.detail[0].loc[1], wire);
  }
});
await check("25 nulls", async () => {
  const r = await client.chat.complete({ model: M, messages: hello, temperature: null, maxTokens: null, n: null, stop: null });
  same(r.choices, (await client.chat.complete({ model: M, messages: hello })).choices);
});
await check("26 hints", async () => {
  const r = await client.chat.complete({ ...greedy, metadata: { a: "b" }, promptCacheKey: "k", serviceTier: "auto", parallelToolCalls: true, prediction: { type: "content", content: "x" } });
  same(r.choices, (await client.chat.complete(greedy)).choices);
});
await check("27 too long", async () => {
  const e = await fails(client.chat.complete({ ...greedy, model: CHAT, messages: user("word ".repeat(5000)) }), "SDKError", 400);
  ok(/\d+ tokens.*\b2048\b/.test(JSON.parse(e.body).message));
});
await check("28 raw bodies", async () => {
  const bad = await post(BASE + "/v1/chat/completions", "{");
  is(bad.status, 422);
  await bad.json();
  is((await post(BASE + "/v1/chat/completions", { messages: hello })).status, 200); // of the default model
  const none = await post(STRICT + "/v1/chat/completions", { messages: hello });
  is(none.status, 422);
  is((await none.json()).detail[0].type, "missing");
});
await check("29 foreign fields", async () => {
  const body = { model: M, messages: hello, max_completion_tokens: 3, seed: 1, user: "me" };
  is((await post(BASE + "/v1/chat/completions", body)).status, 200);
  const strict = await post(STRICT + "/v1/chat/completions", body);
  is(strict.status, 422);
  is((await strict.json()).detail[0].type, "extra_forbidden");
});
await check("30 pictures", async () => {
  const messages = user([{ type: "image_url", imageUrl: pixel }, { type: "text", text: "what is it?" }]);
  await client.chat.complete({ ...greedy, messages });
  await fails(client.chat.complete({ ...greedy, messages, model: CHAT }), "SDKError", 400);
});
await check("31 pictures from elsewhere", async () => {
  const before = (await (await fetch(BASE + "/test/fetched")).json()).fetched;
  await fails(client.chat.complete({ ...greedy, messages: user([{ type: "image_url", imageUrl: BASE + "/test/picture.png" }]) }), "SDKError", 400);
  is((await (await fetch(BASE + "/test/fetched")).json()).fetched, before);
});
await check("32 safe prompt", async () => {
  const r = await client.chat.complete({ ...greedy, safePrompt: true });
  ok(r.usage.promptTokens > (await client.chat.complete(greedy)).usage.promptTokens);
});

await check("33 json object", async () => {
  for (let randomSeed = 0; randomSeed < 5; randomSeed++) {
    const r = await client.chat.complete({ model: M, messages: hello, randomSeed, responseFormat: { type: "json_object" } });
    is(typeof JSON.parse(r.choices[0].message.content), "object");
  }
});
await check("34 parse", async () => {
  const shape = z.object({ n: z.number(), s: z.string(), kind: z.enum(["a", "b"]), list: z.array(z.object({ x: z.number() })) });
  for (let randomSeed = 0; randomSeed < 5; randomSeed++) {
    const r = await client.chat.parse({ model: M, messages: hello, temperature: 1, randomSeed, responseFormat: shape });
    shape.parse(r.choices[0].message.parsed);
  }
});
await check("35 json cut", async () => {
  const r = await client.chat.complete({ model: M, messages: hello, maxTokens: 3, responseFormat: { type: "json_schema", jsonSchema: { name: "x", schemaDefinition: { type: "object", properties: { text: { type: "string", minLength: 40 } }, required: ["text"] } } } });
  is(r.choices[0].finishReason, "length");
});
const tools = [tool("f"), tool("g")];
await check("36 any tool", async () => {
  const r = await client.chat.complete({ model: M, messages: hello, tools, toolChoice: "any" });
  is(r.choices[0].finishReason, "tool_calls");
  for (const c of r.choices[0].message.toolCalls) {
    ok(/^[A-Za-z0-9]{9}$/.test(c.id));
    ok(["f", "g"].includes(c.function.name));
    is(typeof JSON.parse(c.function.arguments).city, "string");
  }
});
await check("37 that tool", async () => {
  const r = await client.chat.complete({ model: M, messages: hello, tools, toolChoice: { type: "function", function: { name: "g" } } });
  ok(r.choices[0].message.toolCalls.length > 0 && r.choices[0].message.toolCalls.every((c) => c.function.name === "g"));
});
await check("38 no tool", async () => {
  const r = await client.chat.complete({ ...greedy, tools, toolChoice: "none" });
  ok(!r.choices[0].message.toolCalls?.length);
  ok(r.choices[0].finishReason !== "tool_calls");
});
await check("39 one call", async () => {
  const r = await client.chat.complete({ model: M, messages: hello, tools, toolChoice: "any", parallelToolCalls: false });
  is(r.choices[0].message.toolCalls.length, 1);
});
await check("40 round trip", async () => {
  const { message } = (await client.chat.complete({ model: M, messages: hello, tools, toolChoice: "any", parallelToolCalls: false })).choices[0];
  const result = (toolCallId) => ({ role: "tool", toolCallId, name: "f", content: "14:05" });
  const after = { ...greedy, tools, toolChoice: "none", messages: [...hello, message, result(message.toolCalls[0].id)] };
  ok((await client.chat.complete(after)).choices[0].message.content);
  const bad = { ...after, messages: [...hello, { ...message, toolCalls: [{ ...message.toolCalls[0], id: "bad" }] }, result("bad")] };
  await client.chat.complete(bad);
  const e = await fails(new Mistral({ serverURL: STRICT }).chat.complete(bad), "SDKError", 400);
  is(JSON.parse(e.body).type, "invalid_function_call");
});
await check("41 bad tools", async () => {
  for (const bad of [tool("a b"), { type: "function", function: { name: "f", parameters: { type: "nope" } } }]) {
    const e = await fails(client.chat.complete({ ...greedy, tools: [bad] }), "HTTPValidationError");
    ok(e.detail[0].msg.includes(bad.function.name));
  }
});

await check("42 stream", async () => {
  const whole = await client.chat.complete(greedy);
  const chunks = await gather(await client.chat.stream(greedy));
  is(chunks[0].choices[0].delta.role, "assistant");
  is(text(chunks), whole.choices[0].message.content);
  same(chunks.map((c) => Boolean(c.choices[0].finishReason)), chunks.map((_, i) => i === chunks.length - 1));
  same(chunks.map((c) => Boolean(c.usage)), chunks.map((_, i) => i === chunks.length - 1));
  const { promptTokens, completionTokens, totalTokens } = chunks.at(-1).usage;
  same([promptTokens, completionTokens, totalTokens], [whole.usage.promptTokens, whole.usage.completionTokens, whole.usage.totalTokens]);
});
await check("43 raw stream", async () => {
  const r = await post(BASE + "/v1/chat/completions", { model: M, messages: hello, max_tokens: 5, stream: true });
  is(r.headers.get("content-type"), "text/event-stream");
  const body = await r.text();
  ok(body.endsWith("data: [DONE]\n\n"));
  const chunks = body.split("\n\n").filter((e) => e.startsWith("data: {")).map((e) => JSON.parse(e.slice(6)));
  is(new Set(chunks.map((c) => c.id + c.model + c.created)).size, 1);
});
await check("44 first event early", async () => {
  const start = performance.now();
  let first = 0;
  for await (const e of await client.chat.stream({ model: SLOW, messages: hello, maxTokens: 64 })) {
    if (!first && e.data.choices[0].delta.content) first = performance.now() - start;
  }
  ok(first < (performance.now() - start) / 2);
});
await check("45 runes", async () => {
  const chunks = await gather(await client.chat.stream({ model: "runes", messages: user("😀漢é") }));
  is(text(chunks), "😀漢é");
  ok(chunks.every((c) => !c.choices[0].delta.content.includes("\uFFFD")));
});
await check("46 stop across tokens", async () => {
  const chunks = await gather(await client.chat.stream({ model: "runes", messages: hello, stop: "漢é" }));
  is(text(chunks), "😀");
});
const running = async () => (await (await fetch(BASE + "/test/running")).json()).running;
const idle = async () => {
  for (const end = Date.now() + 1000; Date.now() < end; ) {
    if ((await running()) === 0) return;
  }
  throw new Error("a request still runs");
};
await check("47 leave", async () => {
  let n = 0;
  for await (const _ of await client.chat.stream({ model: SLOW, messages: hello })) if (++n === 3) break;
  await idle();
  await client.chat.complete(greedy);
});
await check("48 timeout", async () => {
  await fails(client.chat.complete({ model: SLOW, messages: hello }, { timeoutMs: 300 }));
  await idle();
});
await check("49 stream refused", async () => {
  await fails(client.chat.stream({ ...greedy, temperature: 9 }), "HTTPValidationError");
  await fails(client.chat.stream({ ...greedy, model: "nobody" }), "SDKError", 404);
});
await check("50 streamed call", async () => {
  const chunks = await gather(await client.chat.stream({ model: M, messages: hello, tools, toolChoice: "any" }));
  const calls = chunks.flatMap((c) => c.choices[0].delta.toolCalls ?? []);
  ok(calls.length > 0);
  for (const c of calls) JSON.parse(c.function.arguments);
  is(chunks.at(-1).choices[0].finishReason, "tool_calls");
});
await check("51 streamed n", async () => {
  const chunks = await gather(await client.chat.stream({ ...greedy, n: 2 }));
  const ends = chunks.flatMap((c) => c.choices).filter((c) => c.finishReason).map((c) => c.index);
  same(ends.sort(), [0, 1]);
});
await check("stream that fails", async () => {
  const chunks = await gather(await client.chat.stream({ model: "failing", messages: hello }));
  is(chunks.at(-1).choices[0].finishReason, "error");
  is(text(chunks), "half");
});
await check("thinking", async () => {
  const { content } = (await client.chat.complete({ model: "thinking", messages: hello })).choices[0].message;
  same(content.map((c) => c.type), ["thinking", "text"]);
  const chunks = await gather(await client.chat.stream({ model: "thinking", messages: hello }));
  const deltas = chunks.map((c) => c.choices[0].delta.content).filter((c) => c.length);
  is(deltas[0][0].thinking[0].text, "hm");
  is(deltas.at(-1), "1");
});

const fim = { model: M, prompt: "def add(a, b):\n", suffix: "\n\nprint(add(1, 2))", maxTokens: 32, temperature: 0 };
await check("52 fim", async () => {
  const { content } = (await client.fim.complete(fim)).choices[0].message;
  ok(content && !content.includes(fim.prompt) && !content.includes(fim.suffix));
});
await check("53 fim.stream", async () => {
  const chunks = await gather(await client.fim.stream(fim));
  is(text(chunks), (await client.fim.complete(fim)).choices[0].message.content);
  ok(chunks.at(-1).usage);
});
await check("54 fim without suffix", async () => {
  const { suffix, ...without } = fim;
  same((await client.fim.complete(without)).choices, (await client.fim.complete({ ...without, suffix: null })).choices);
});
await check("55 fim of a chat model", async () => fails(client.fim.complete({ ...fim, model: CHAT }), "SDKError", 400));
await check("56 embeddings", async () => {
  const one = (await client.embeddings.create({ model: M, inputs: "a" })).data;
  const two = (await client.embeddings.create({ model: M, inputs: ["a", "b"] })).data;
  same([one.length, two.length, two[1].index], [1, 2, 1]);
  same(one[0].embedding, two[0].embedding);
  ok(Math.abs(Math.hypot(...one[0].embedding) - 1) < 1e-5);
});
await check("57 dtypes", async () => {
  const embed = async (more) => (await client.embeddings.create({ model: M, inputs: "a", ...more })).data[0].embedding;
  for (const [outputDtype, n, low, high] of [["int8", 64, -128, 127], ["uint8", 64, 0, 255], ["binary", 8, -128, 127], ["ubinary", 8, 0, 255]]) {
    const v = await embed({ outputDtype });
    is(v.length, n);
    ok(v.every((x) => Number.isInteger(x) && x >= low && x <= high));
  }
  is((await embed({ outputDimension: 16 })).length, 16);
  const e = await fails(embed({ outputDimension: 65 }));
  is(e.statusCode, 422);
});
const jsonl = (...bodies) => new Blob(bodies.map((body, i) => JSON.stringify({ custom_id: "r" + i, body }) + "\n"));
const ask = (content) => ({ model: "agent", messages: [{ role: "user", content }] });
const put = async (blob, fileName = "requests.jsonl", purpose = "batch") => client.files.upload({ file: { fileName, content: blob }, purpose });
const settled = async (jobId, inline) => {
  for (let i = 0; ; i++) {
    const job = await client.batch.jobs.get({ jobId, inline });
    if (!["QUEUED", "RUNNING", "CANCELLATION_REQUESTED"].includes(job.status)) return job;
    ok(i < 200, `the job is ${job.status}`);
    await new Promise((r) => setTimeout(r, 25));
  }
};
await check("61 files", async () => {
  const blob = jsonl(ask("a"), ask("b"));
  const f = await put(blob);
  is(f.sizeBytes, blob.size);
  is(f.numLines, 2);
  is((await client.files.retrieve({ fileId: f.id })).filename, "requests.jsonl");
  ok((await client.files.list()).data.some((x) => x.id === f.id));
  const bytes = await new Response(await client.files.download({ fileId: f.id })).text();
  is(bytes, await blob.text());
  const { url } = await client.files.getSignedUrl({ fileId: f.id });
  is(await (await fetch(url)).text(), await blob.text());
  is((await put(blob)).id, f.id); // 63
  is((await client.files.delete({ fileId: f.id })).deleted, true);
  await fails(client.files.retrieve({ fileId: f.id }), "SDKError", 404);
});
await check("62 a broken file", async () => {
  const e = await fails(put(new Blob(['{"body":{}}\n{oh\n'])), "SDKError", 422);
  ok(JSON.parse(e.body).message.includes("line 2"));
});
await check("64 a batch of a file", async () => {
  const f = await put(jsonl(ask("a"), { model: "agent", messages: [] }, ask("c")));
  const job = await settled((await client.batch.jobs.create({ endpoint: "/v1/chat/completions", inputFiles: [f.id] })).id);
  same([job.status, job.totalRequests, job.succeededRequests, job.failedRequests], ["SUCCESS", 3, 2, 1]);
  const read = async (fileId) => (await new Response(await client.files.download({ fileId })).text()).trim().split("\n").map((l) => JSON.parse(l));
  same((await read(job.outputFile)).map((o) => [o.custom_id, o.response.body.choices[0].message.content]), [["r0", "It is done."], ["r2", "It is done."]]);
  same((await read(job.errorFile)).map((o) => o.custom_id), ["r1"]);
});
await check("65 an inline batch", async () => {
  const job = await client.batch.jobs.create({ endpoint: "/v1/chat/completions", model: "agent", requests: ["a", "b"].map((c) => ({ customId: c, body: ask(c) })) });
  is((await settled(job.id, true)).outputs.length, 2);
});
await check("66 cancel a batch", async () => {
  const job = await client.batch.jobs.create({ endpoint: "/v1/chat/completions", requests: [{ body: { ...ask("a"), model: "slow", max_tokens: 100000 } }] });
  ok(["CANCELLATION_REQUESTED", "CANCELLED"].includes((await client.batch.jobs.cancel({ jobId: job.id })).status));
  is((await settled(job.id)).status, "CANCELLED");
  ok((await client.batch.jobs.list({ status: ["CANCELLED"] })).data.some((j) => j.id === job.id));
  is((await client.batch.jobs.delete({ jobId: job.id })).deleted, true);
});
await check("69 what is not served", async () => {
  for (const call of [
    () => client.classifiers.moderate({ model: M, inputs: "a" }),
    () => client.ocr.process({ model: M, document: { type: "document_url", documentUrl: "x" } }),
    () => client.agents.complete({ agentId: "a", messages: hello }),
  ]) {
    const e = await fails(call(), "SDKError", 501);
    ok(JSON.parse(e.body).message.includes("is not supported"));
  }
});
await check("70 nothing left behind", idle);
