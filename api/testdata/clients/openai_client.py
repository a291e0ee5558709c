"""The checks of OpenAI's Python client: chat and Responses."""

import json
import os

import openai
from check import check, fails

client = openai.OpenAI(api_key="test", base_url=os.environ["BASE"] + "/v1", max_retries=0)
tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}, "strict": True}]
ask = {"model": "agent", "input": "hi"}


@check("chat")
def _():
    r = client.chat.completions.create(model="agent", messages=[{"role": "user", "content": "hi"}])
    assert r.choices[0].message.content == "It is done.", r


@check("text")
def _():
    r = client.responses.create(**ask, store=False)
    assert r.output_text == "It is done." and r.status == "completed" and r.usage.output_tokens == 2


@check("stream, reasoning and a tool")
def _():
    thought = ""
    with client.responses.stream(**ask, tools=tools, reasoning={"effort": "high"}) as stream:
        for event in stream:
            if event.type == "response.reasoning_text.delta":
                thought += event.delta
        r = stream.get_final_response()
    assert thought == "hm." and [i.type for i in r.output] == ["reasoning", "message", "function_call"], r
    assert json.loads(r.output[2].arguments) == {"city": "Aix"}
    result = {"type": "function_call_output", "call_id": r.output[2].call_id, "output": "Sun"}
    again = client.responses.create(model="agent", input=[{"role": "user", "content": "hi"}, *r.to_dict()["output"], result], tools=tools)
    assert again.output_text == "It is done."


@check("errors")
def _():
    e = fails(lambda: client.responses.create(**{**ask, "model": "none"}), openai.NotFoundError)
    assert e.code == "model_not_found", e
    fails(lambda: client.responses.create(**ask, background=True), openai.BadRequestError)
    fails(lambda: client.responses.retrieve("resp_1"), openai.NotFoundError)
