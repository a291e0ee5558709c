// The checks of OpenAI's client for Responses.
import OpenAI from "openai";
import { check, fails, is, ok, same } from "./check.mjs";

const client = new OpenAI({ apiKey: "test", baseURL: process.env.BASE + "/v1", maxRetries: 0 });
const tools = [{ type: "function", name: "f", strict: true, parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false } }];
const ask = { model: "agent", input: "hi" };

await check("text", async () => {
  const r = await client.responses.create({ ...ask, instructions: "Be brief.", store: false });
  is(r.output_text, "It is done.");
  is(r.status, "completed");
  ok(r.usage.total_tokens === r.usage.input_tokens + 2);
});
await check("stream, reasoning and a tool", async () => {
  const stream = client.responses.stream({ ...ask, tools, reasoning: { effort: "high", summary: "auto" }, include: ["reasoning.encrypted_content"] });
  const seen = new Set();
  let thought = "";
  for await (const e of stream) {
    seen.add(e.type);
    if (e.type === "response.reasoning_summary_text.delta") thought += e.delta;
  }
  const r = await stream.finalResponse();
  is(thought, "hm.");
  same(r.output.map((i) => i.type), ["reasoning", "message", "function_call"]);
  same(JSON.parse(r.output[2].arguments), { city: "Aix" });
  ok(seen.has("response.function_call_arguments.done") && seen.has("response.completed"));
  const again = await client.responses.create({ ...ask, tools, input: [{ role: "user", content: "hi" }, ...r.output, { type: "function_call_output", call_id: r.output[2].call_id, output: "Sun" }] });
  is(again.output_text, "It is done.");
});
await check("a schema", async () => {
  const r = await client.responses.parse({ model: "all", input: "hi", text: { format: { type: "json_schema", name: "n", strict: true, schema: { type: "object", properties: {}, additionalProperties: false } } } });
  ok(typeof r.output_parsed === "object");
});
await check("the limit", async () => {
  const r = await client.responses.create({ model: "all", input: "hi", max_output_tokens: 1 });
  is(r.status, "incomplete");
  is(r.incomplete_details.reason, "max_output_tokens");
});
await check("errors", async () => {
  let e = await fails(client.responses.create({ ...ask, model: "none" }), undefined, 404);
  is(e.code, "model_not_found");
  e = await fails(client.responses.create({ ...ask, previous_response_id: "resp_1" }), undefined, 400);
  is(e.param, "previous_response_id");
  e = await fails(client.responses.retrieve("resp_1"), undefined, 404);
  ok(e.message.includes("stores no responses"));
  const events = [];
  for await (const event of await client.responses.create({ ...ask, model: "failing", stream: true })) events.push(event);
  is(events.at(-1).type, "response.failed");
  ok(events.at(-1).response.error.message.includes("the engine stopped"));
});
