"""The checks of Anthropic's Python client."""

import os

import anthropic
from check import check, fails

client = anthropic.Anthropic(api_key="test", base_url=os.environ["BASE"], max_retries=0)
messages = [{"role": "user", "content": "hi"}]
tools = [{"name": "f", "description": "Look up a city.", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]
ask = {"model": "agent", "max_tokens": 50, "messages": messages}


@check("text")
def _():
    m = client.messages.create(**ask)
    assert [b.text for b in m.content] == ["It is done."] and m.stop_reason == "end_turn" and m.usage.output_tokens == 2


@check("stream, thinking and a tool")
def _():
    with client.messages.stream(**ask, tools=tools, thinking={"type": "enabled", "budget_tokens": 1024}) as stream:
        assert "".join(stream.text_stream) == "I look."
        m = stream.get_final_message()
    assert [b.type for b in m.content] == ["thinking", "text", "tool_use"] and m.content[2].input == {"city": "Aix"}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": m.content[2].id, "content": "Sun"}]}
    again = client.messages.create(**{**ask, "messages": [*messages, {"role": "assistant", "content": m.content}, result]}, tools=tools)
    assert again.content[0].text == "It is done."


@check("count_tokens")
def _():
    assert client.messages.count_tokens(model="agent", messages=messages, tools=tools).input_tokens > 10


@check("models")
def _():
    assert "all" in [m.id for m in client.models.list()]


@check("errors")
def _():
    e = fails(lambda: client.messages.create(**{**ask, "model": "none"}), anthropic.NotFoundError)
    assert "none" in e.message and e.request_id, e
    fails(lambda: client.messages.create(**{**ask, "tool_choice": {"type": "any"}}), anthropic.BadRequestError)
    e = fails(lambda: list(client.messages.create(**{**ask, "model": "failing"}, stream=True)), anthropic.APIError)
    assert "the engine stopped" in str(e), e
    keyed = anthropic.Anthropic(api_key="wrong", base_url=os.environ["KEYED"], max_retries=0)
    fails(lambda: keyed.messages.create(**ask), anthropic.AuthenticationError)
