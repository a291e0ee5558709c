"""The checks of Mistral's Python client: that it accepts every answer and error."""

import json
import os

from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

client = Mistral(api_key="test", server_url=os.environ["BASE"])
messages = [{"role": "user", "content": "hi"}]
greedy = {"model": "all", "messages": messages, "max_tokens": 8, "temperature": 0}
tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


def check(name):
    def run(body):
        try:
            body()
            print(json.dumps({"name": name, "ok": True}), flush=True)
        except Exception as e:  # whatever it is, it goes into the report
            print(json.dumps({"name": name, "ok": False, "why": f"{type(e).__name__}: {e}"[:2000]}), flush=True)

    return run


def text(stream):
    return "".join(event.data.choices[0].delta.content or "" for event in stream)


@check("models")
def _():
    assert any(m.id == "all" for m in client.models.list().data)
    assert client.models.retrieve(model_id="all-latest").id == "all"


@check("chat")
def _():
    whole = client.chat.complete(**greedy)
    assert whole.usage.completion_tokens == 8
    assert text(client.chat.stream(**greedy)) == whole.choices[0].message.content


@check("tools")
def _():
    message = client.chat.complete(model="all", messages=messages, tools=tools, tool_choice="any").choices[0].message
    call = message.tool_calls[0]
    assert "city" in json.loads(call.function.arguments)
    streamed = [e.data.choices[0] for e in client.chat.stream(model="all", messages=messages, tools=tools, tool_choice="any")]
    assert streamed[-1].finish_reason == "tool_calls"
    results = [{"role": "tool", "tool_call_id": c.id, "content": "1"} for c in message.tool_calls]
    client.chat.complete(model="all", messages=messages + [message] + results, tools=tools, tool_choice="none", max_tokens=3)


@check("thinking")
def _():
    content = client.chat.complete(model="thinking", messages=messages).choices[0].message.content
    assert [c.type for c in content] == ["thinking", "text"]
    assert len(list(client.chat.stream(model="thinking", messages=messages))) > 3


@check("fim")
def _():
    fim = {"model": "all", "prompt": "a", "suffix": "b", "max_tokens": 8, "temperature": 0}
    assert text(client.fim.stream(**fim)) == client.fim.complete(**fim).choices[0].message.content


@check("embeddings")
def _():
    assert len(client.embeddings.create(model="all", inputs=["a", "b"]).data) == 2


@check("stream that fails")
def _():
    assert list(client.chat.stream(model="failing", messages=messages))[-1].data.choices[0].finish_reason == "error"


@check("errors")
def _():
    for call, kind in [({"temperature": 9}, HTTPValidationError), ({"model": "nobody"}, SDKError)]:
        for ask in (client.chat.complete, client.chat.stream):
            try:
                ask(**{**greedy, **call})
            except kind as e:
                assert e.status_code in (404, 422)
            else:
                raise AssertionError("there was no error")
