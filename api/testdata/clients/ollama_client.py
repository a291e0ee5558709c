"""The checks of Ollama's Python client."""

import os

import ollama
from check import check, fails

client = ollama.Client(host=os.environ["BASE"])
messages = [{"role": "user", "content": "hi"}]


def f(city: str) -> str:
    """Look up a city.

    Args:
        city: its name
    """
    return "Sun in " + city


@check("chat")
def _():
    r = client.chat("agent", messages)
    assert r.message.content == "It is done." and r.done_reason == "stop" and r.eval_count == 2


@check("stream, thinking and a tool")
def _():
    thinking, content, calls = "", "", []
    for part in client.chat("agent", messages, tools=[f], think=True, stream=True):
        thinking += part.message.thinking or ""
        content += part.message.content or ""
        calls += part.message.tool_calls or []
    assert thinking == "hm." and content == "I look." and calls[0].function.arguments == {"city": "Aix"}
    history = [*messages, {"role": "assistant", "content": content, "tool_calls": calls}, {"role": "tool", "tool_name": "f", "content": f("Aix")}]
    assert client.chat("agent", history, tools=[f]).message.content == "It is done."


@check("generate")
def _():
    assert client.generate("agent", "hi").response == "It is done."
    assert "".join(p.response for p in client.generate("agent", "hi", stream=True)) == "It is done."


@check("embed")
def _():
    assert len(client.embed("all", ["a", "b"]).embeddings) == 2 and len(client.embeddings("all", "a").embedding) == 64


@check("models")
def _():
    assert any(m.model == "all" for m in client.list().models)
    assert "tools" in client.show("all").capabilities and len(client.ps().models) == 0


@check("errors")
def _():
    e = fails(lambda: client.chat("none", messages), ollama.ResponseError)
    assert e.status_code == 404 and "none" in e.error
    e = fails(lambda: client.pull("m"), ollama.ResponseError)
    assert "bise pull" in e.error
