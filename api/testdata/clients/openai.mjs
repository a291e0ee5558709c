// The checks of OpenAI's client.
import OpenAI from "openai";
import { check, fails, gather, is, ok, same, text } from "./check.mjs";

const client = new OpenAI({ apiKey: "test", baseURL: process.env.BASE + "/v1", maxRetries: 0 });
const M = "all";
const messages = [{ role: "developer", content: "Be brief." }, { role: "user", content: "hi" }];

await check("58 embeddings", async () => {
  const bare = (await client.embeddings.create({ model: M, input: "a" })).data[0].embedding;
  const floats = (await client.embeddings.create({ model: M, input: "a", encoding_format: "float" })).data[0].embedding;
  ok(bare.length === 64 && bare.every((x, i) => Math.abs(x - floats[i]) < 1e-6));
});
await check("59 chat", async () => {
  const r = await client.chat.completions.create({ model: M, messages, max_completion_tokens: 5, seed: 3, logprobs: true, top_logprobs: 2 });
  ok(r.choices[0].message.content && r.choices[0].logprobs.content[0].top_logprobs.length === 2);
});
await check("59 stream", async () => {
  const chunks = await gather(await client.chat.completions.create({ model: M, messages, max_tokens: 5, stream: true, stream_options: { include_usage: true } }));
  ok(text(chunks));
  is(chunks.filter((c) => c.usage).length, 1);
});
await check("59 completions", async () => {
  const r = await client.completions.create({ model: M, prompt: "a", suffix: "b", max_tokens: 4 });
  ok(r.choices[0].text);
  const chunks = await gather(await client.completions.create({ model: M, prompt: "a", max_tokens: 4, stream: true }));
  ok(chunks.map((c) => c.choices[0].text).join(""));
});
await check("59 models", async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  ok(ids.includes(M));
});
await check("59 errors", async () => {
  const e = await fails(client.chat.completions.create({ model: "nobody", messages }), undefined, 404);
  ok(e.message.includes("Invalid model: nobody"));
});
await check("tools", async () => {
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];
  const { message } = (await client.chat.completions.create({ model: M, messages, tools, tool_choice: "required" })).choices[0];
  const foreign = { ...message, tool_calls: message.tool_calls.map((c, i) => ({ ...c, id: `call_${i}` })) };
  const results = foreign.tool_calls.map((c) => ({ role: "tool", tool_call_id: c.id, content: "1" }));
  await client.chat.completions.create({ model: M, messages: [...messages, foreign, ...results], tools, max_tokens: 4, tool_choice: "none" });
});
await check("stream that fails", async () => {
  const e = await fails(gather(await client.chat.completions.create({ model: "failing", messages, stream: true })));
  ok(e.message.includes("the engine stopped"));
});
await check("abort", async () => {
  const stream = await client.chat.completions.create({ model: "slow", messages, stream: true });
  let n = 0;
  for await (const _ of stream) if (++n === 3) break;
  same(n, 3);
});
