// The checks of Ollama's client.
import { Ollama } from "ollama";
import { check, fails, is, ok, same } from "./check.mjs";

const client = new Ollama({ host: process.env.BASE });
const tools = [{ type: "function", function: { name: "f", description: "Look up a city.", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];
const messages = [{ role: "user", content: "hi" }];

await check("chat", async () => {
  const r = await client.chat({ model: "agent", messages });
  is(r.message.content, "It is done.");
  ok(r.done && r.done_reason === "stop" && r.eval_count === 2 && r.prompt_eval_count > 0 && r.created_at);
});
await check("stream, thinking and a tool", async () => {
  let thinking = "", content = "";
  const calls = [];
  for await (const part of await client.chat({ model: "agent", messages, tools, think: true, stream: true })) {
    thinking += part.message.thinking ?? "";
    content += part.message.content;
    calls.push(...(part.message.tool_calls ?? []));
  }
  is(thinking, "hm.");
  is(content, "I look.");
  is(calls[0].function.name, "f");
  same(calls[0].function.arguments, { city: "Aix" });
  const r = await client.chat({ model: "agent", tools, messages: [...messages, { role: "assistant", content, thinking, tool_calls: calls }, { role: "tool", tool_name: "f", content: "Sun" }] });
  is(r.message.content, "It is done.");
});
await check("generate", async () => {
  is((await client.generate({ model: "agent", prompt: "hi", system: "S" })).response, "It is done.");
  let text = "";
  for await (const part of await client.generate({ model: "agent", prompt: "hi", stream: true })) text += part.response;
  is(text, "It is done.");
  ok((await client.generate({ model: "all", prompt: "a", suffix: "b", options: { num_predict: 4 } })).response);
});
await check("format", async () => ok(JSON.parse((await client.chat({ model: "all", messages, format: "json" })).message.content)));
await check("embed", async () => {
  is((await client.embed({ model: "all", input: ["a", "b"] })).embeddings.length, 2);
  is((await client.embeddings({ model: "all", prompt: "a" })).embedding.length, 64);
});
await check("models", async () => {
  ok((await client.list()).models.some((m) => m.name === "all" && m.details.format === "gguf"));
  ok((await client.show({ model: "all" })).capabilities.includes("tools"));
  is((await client.ps()).models.length, 0);
  ok((await client.version()).version);
});
await check("errors", async () => {
  const e = await fails(client.chat({ model: "none", messages }), "ResponseError");
  is(e.status_code, 404);
  ok(e.message.includes("none"));
  const pull = await fails(client.pull({ model: "m" }), "ResponseError");
  ok(pull.message.includes("bise pull"), pull.message);
  const broken = await fails((async () => { for await (const _ of await client.chat({ model: "failing", messages, stream: true })); })());
  ok(broken.message.includes("the engine stopped"), broken.message);
});
