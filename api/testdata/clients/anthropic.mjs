// The checks of Anthropic's client.
import Anthropic from "@anthropic-ai/sdk";
import { check, fails, is, ok, same } from "./check.mjs";

const client = new Anthropic({ apiKey: "test", baseURL: process.env.BASE, maxRetries: 0 });
const messages = [{ role: "user", content: "hi" }];
const tools = [{ name: "f", description: "Look up a city.", input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } }];
const ask = { model: "agent", max_tokens: 50, messages };

await check("text", async () => {
  const m = await client.messages.create(ask);
  same(m.content, [{ type: "text", text: "It is done." }]);
  is(m.stop_reason, "end_turn");
  ok(m.usage.input_tokens > 0 && m.usage.output_tokens === 2);
});
await check("stream, thinking and a tool", async () => {
  const texts = [], thoughts = [], inputs = [];
  const stream = client.messages.stream({ ...ask, tools, thinking: { type: "enabled", budget_tokens: 1024 }, system: [{ type: "text", text: "S", cache_control: { type: "ephemeral" } }] });
  stream.on("text", (t) => texts.push(t)).on("thinking", (t) => thoughts.push(t)).on("inputJson", (_, j) => inputs.push(j));
  const m = await stream.finalMessage();
  same(m.content.map((b) => b.type), ["thinking", "text", "tool_use"]);
  ok(m.content[0].signature);
  is(thoughts.join(""), "hm.");
  is(texts.join(""), "I look.");
  same(m.content[2].input, { city: "Aix" });
  same(inputs.at(-1), { city: "Aix" });
  is(m.stop_reason, "tool_use");
  ok(m.usage.output_tokens > 0);
  // The result goes back.
  const again = await client.messages.create({
    ...ask, tools, messages: [...messages, { role: "assistant", content: m.content }, { role: "user", content: [{ type: "tool_result", tool_use_id: m.content[2].id, content: [{ type: "text", text: "Sun" }] }] }],
  });
  is(again.content[0].text, "It is done.");
});
await check("tool runner of the SDK", async () => {
  let called;
  const runner = client.beta.messages.toolRunner({ ...ask, tools: [{ ...tools[0], parse: (x) => x, run: (input) => ((called = input), "Sun") }] });
  const m = await runner;
  same(called, { city: "Aix" });
  is(m.content[0].text, "It is done.");
});
await check("count_tokens", async () => {
  const { input_tokens } = await client.messages.countTokens({ model: "agent", messages, tools });
  ok(input_tokens > 10);
});
await check("images", async () => {
  const data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
  const m = await client.messages.create({ ...ask, messages: [{ role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data } }, { type: "text", text: "What?" }] }] });
  is(m.content[0].text, "It is done.");
});
await check("errors", async () => {
  let e = await fails(client.messages.create({ ...ask, model: "none" }), undefined, 404);
  ok(e instanceof Anthropic.NotFoundError && e.error.error.message.includes("none"), e.message);
  ok(e.requestID, "no request ID");
  e = await fails(client.messages.create({ ...ask, temperature: 9 }), undefined, 400);
  ok(e instanceof Anthropic.BadRequestError);
  e = await fails(client.messages.create({ ...ask, model: "failing", stream: true }).then(async (s) => { for await (const _ of s); }));
  ok(e.message.includes("the engine stopped"), e.message);
  e = await fails(new Anthropic({ apiKey: "wrong", baseURL: process.env.KEYED, maxRetries: 0 }).messages.create(ask), undefined, 401);
  ok(e instanceof Anthropic.AuthenticationError);
});
await check("the key is accepted in both headers", async () => {
  for (const auth of [{ apiKey: "secret" }, { authToken: "secret", apiKey: null }]) {
    const m = await new Anthropic({ ...auth, baseURL: process.env.KEYED, maxRetries: 0 }).messages.create(ask);
    is(m.content[0].text, "It is done.");
  }
});
await check("models", async () => {
  const ids = [];
  for await (const m of client.models.list()) {
    is(m.type, "model");
    ids.push(m.id);
  }
  ok(ids.includes("all"));
  is((await client.models.retrieve("all-latest")).id, "all");
});
await check("leaving early stops the engine", async () => {
  const stream = await client.messages.create({ ...ask, model: "slow", max_tokens: 100000, stream: true });
  let n = 0;
  for await (const _ of stream) if (++n === 4) break;
  for (let i = 0; ; i++) {
    const { running } = await (await fetch(process.env.BASE + "/test/running")).json();
    if (running === 0) break;
    ok(i < 100, "it still runs");
    await new Promise((r) => setTimeout(r, 20));
  }
});
