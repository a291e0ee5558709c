"""Writes random conversations, texts with a gap and strings, each with what mistral-common makes of it.

TestDifferential compares them with what this package makes:

    pip install mistral-common==1.13.1 opencv-python-headless sentencepiece
    python differential.py 120000 1 TOKENIZER... > /tmp/lines
    BISE_DIFFERENTIAL=/tmp/lines go test -run TestDifferential ./engine/prompt

The arguments are the number of lines, a seed and tokenizer files. Left out are
the few things that cannot be told apart once a request is read (one empty text
chunk from an empty string, arguments that are null from those that are "null"),
and half a surrogate pair in JSON, at which the SentencePiece library fails; here
it reads as U+FFFD, as with Tekken.
"""

import base64
import io
import json
import random
import string
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
from mistral_common.protocol.fim.request import FIMRequest  # noqa: E402
from mistral_common.protocol.instruct.request import ChatCompletionRequest  # noqa: E402
from mistral_common.protocol.instruct.validator import ValidationMode  # noqa: E402
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer  # noqa: E402
from PIL import Image  # noqa: E402

WORDS = """the quick brown fox Hello World camelCase HTTPServer snake_case func main() { return x } if (a<b) && c != d
    naïve ÀÉÎÕÜ Straße ǅungla ʰʰ ﬁn ΣΊΣΥΦΟΣ ПРИВЕТ İstanbul 東京タワー 서울 हिन्दी العربية עברית ไทย 🙂 👩‍👩‍👧‍👦 🇫🇷 é̂ ½ ٣ ⅷ ² 1234567890 3.14
    <s> </s> [INST] [/INST] [TOOL_CALLS] [REF] [/REF] [REFERENCE_DOC_3] [REFERENCE_DOC_12] <unk> <0x0A> ▁ ▁▁ [IMG] <think> ☺
    "quoted" \\n \\u00e9 // /* */ ... --- === '' 's n't I'LL http://a.b/c?d=e&f {"a": [1, 2.50, null]} [1,2] true null NaN 1e400 -0 1E5 {}""".split()
SPACES = [" ", " ", " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", " \n", "", "\u00a0", "\u3000", "\u2028", "\0", "\x7f", "\x85"]
RANGES = [(0, 0x7F), (0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x5FF), (0x600, 0x1FFF), (0x2000, 0x2FFF), (0x3040, 0x9FFF), (0xA000, 0xD7FF),
          (0xE000, 0xFFFF), (0x10000, 0x143FA), (0x1D400, 0x1E5FF), (0x1F300, 0x1FAFF), (0x2EBF0, 0x2EE5D), (0xE0000, 0x10FFFF)]


class Maker:
    """Makes requests that are mostly good for a tokenizer, and sometimes anything."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def aim(self, tokenizer):
        version = 0 if self.chance(0.1) else int(tokenizer.version.value[1:])
        self.calls = version != 1
        self.both = version == 0 or version >= 7
        self.thinks = {"assistant": version == 0 or version >= 13, "system": version in (0, 13)}
        self.sees = {"user": version == 0 or tokenizer.instruct_tokenizer.image_encoder is not None, "tool": version in (0, 15)}
        self.effort = version in (0, 15)

    def chance(self, p):
        return self.r.random() < p

    def char(self):
        return chr(self.r.randint(*self.r.choice(RANGES)))

    def string(self, most=8):
        parts = []
        for _ in range(self.r.randint(0, most)):
            kind = self.r.random()
            if kind < 0.75:
                parts.append(self.r.choice(WORDS))
            elif kind < 0.9:
                parts.append("".join(self.char() for _ in range(self.r.randint(1, 5))))
            else:
                parts.append(self.r.choice([self.r.choice(WORDS)[0], " ", "\n", self.char()]) * self.r.randint(1, 60))
            parts.append(self.r.choice(SPACES))
        return "".join(parts)

    def value(self, depth=0):
        kind = self.r.randint(0, 8 if depth < 3 else 5)
        if kind == 0:
            return self.string(2)
        if kind == 1:
            return self.r.choice([None, True, False])
        if kind == 2:
            return self.r.randint(-10, 10) * 10 ** self.r.choice([0, 0, 3, 15, 30])
        if kind in (3, 4):
            return self.r.choice([0.0, -0.0, 1.0, 1e16, 1e15, 1e-4, 1e-5, 123456.789, self.r.random() * 10 ** self.r.randint(-20, 25)])
        if kind == 5:
            return self.r.choice(["", "a", [], {}])
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.r.randint(0, 3))]
        return {self.string(1): self.value(depth + 1) for _ in range(self.r.randint(0, 3))}

    def json(self):
        text = json.dumps(self.r.choice([self.value(), {"a": self.value()}]), ensure_ascii=self.chance(0.5), indent=self.r.choice([None, None, 1]))
        if self.chance(0.1):
            at = self.r.randint(0, len(text))
            text = text[:at] + self.r.choice(["", " ", ",", '"', "}", "\\", "01", "\ufeff", "\\ud83d", "-"]) + text[at + self.r.randint(0, 1):]
        return text

    def schema(self, depth=0):
        s = {}
        for _ in range(self.r.randint(0, 3)):
            k = self.r.choice(["type", "properties", "required", "enum", "description", "minimum", "maxLength", "items", "anyOf", "default",
                               "additionalProperties", "multipleOf", "x-other", "uniqueItems", "not", "const", "dependencies", "format"])
            if self.chance(0.08):
                s[k] = self.value(2)
            elif k == "type":
                s[k] = self.r.choice(["object", "string", "number", ["string", "null"], "integer"])
            elif k in ("properties", "dependencies"):
                s[k] = {self.r.choice(string.ascii_letters): self.schema(depth + 1) if depth < 3 else True for _ in range(self.r.randint(0, 2))}
            elif k == "required":
                s[k] = self.r.sample(["a", "b", "c"], self.r.randint(0, 3))
            elif k in ("enum", "anyOf"):
                s[k] = [self.schema(3) if k == "anyOf" else self.value(2) for _ in range(self.r.randint(1, 3))]
            elif k in ("minimum", "maxLength", "multipleOf"):
                s[k] = self.r.choice([1, 1, 1, 2.0, 10**20, 0, 0.5, -1])
            elif k in ("items", "additionalProperties", "not"):
                s[k] = self.schema(depth + 1) if depth < 3 else self.chance(0.5)
            elif k == "uniqueItems":
                s[k] = self.chance(0.5)
            elif k in ("description", "format"):
                s[k] = self.string(3)
            else:
                s[k] = self.value(2)
        return s

    def tool(self):
        f = {"name": self.name(), "parameters": self.schema()}
        if self.chance(0.7):
            f["description"] = self.string(4)
        if self.chance(0.2):
            f["strict"] = True
        return {"type": "function", "function": f}

    def name(self):
        if self.chance(0.02):
            return self.r.choice(["", "a b", "é", "x" * 65, "a.b"])
        return "".join(self.r.choices(string.ascii_letters + string.digits + "_-", k=self.r.randint(1, 12)))

    def id(self):
        if self.chance(0.03):
            return self.r.choice(["abc", "null", "abcdefghi-", "a b c d e"])
        return "".join(self.r.choices(string.ascii_letters + string.digits, k=9))

    def picture(self):
        size = (self.r.randint(1, 90), self.r.randint(1, 90))
        if self.chance(0.05):
            size = self.r.choice([(1600, 30), (20, 1700), (1025, 1), (1541, 700)])
        out = io.BytesIO()
        Image.new("RGB", size).save(out, "PNG")
        return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()}}

    def chunk(self, role):
        kind = self.r.random()
        if kind < 0.3 and self.sees.get(role) or kind < 0.01:
            return self.picture()
        if kind < 0.4 and self.thinks.get(role) or kind < 0.02:
            return {"type": "thinking", "thinking": self.string(4), "closed": self.chance(0.8)}
        return {"type": "text", "text": self.string(4) if self.chance(0.9) else ""}

    def content(self, role):
        if self.chance(0.75):
            return self.string() if self.chance(0.95) else ""
        chunks = [self.chunk(role) for _ in range(self.r.randint(0, 4))]
        if len(chunks) == 1 and chunks[0].get("text") == "":
            chunks[0]["text"] = "x"
        return chunks

    def assistant(self, calls=0):
        m = {"role": "assistant"}
        if not calls or self.both and self.chance(0.3):
            m["content"] = self.content("assistant") or "x"
        elif self.chance(0.5):
            m["content"] = self.r.choice(["", None])
        if calls:
            m["tool_calls"] = []
            for _ in range(calls):
                args = self.r.choice([self.json, self.json, lambda: json.dumps({"a": self.value()}), lambda: self.string(3), lambda: ""])()
                if self.chance(0.1):
                    args = {"a": self.value()}
                m["tool_calls"].append({"id": self.id(), "type": "function", "function": {"name": self.name(), "arguments": args}})
        return m

    def result(self, call):
        m = {"role": "tool", "content": self.json() if self.chance(0.5) else self.content("tool"), "tool_call_id": call["id"]}
        if self.chance(0.5):
            m["name"] = call["function"]["name"]
        return m

    def request(self):
        messages = []
        if self.chance(0.4):
            messages.append({"role": "system", "content": self.content("system")})
        for _ in range(self.r.randint(1, 3)):
            for _ in range(1 + self.chance(0.1)):
                messages.append({"role": "user", "content": self.content("user")})
            if self.chance(0.06):
                messages.append({"role": "system", "content": self.content("system")})
            while self.calls and self.chance(0.3):
                call = self.assistant(self.r.choice([1, 1, 1, 2, 3]))
                results = [self.result(c) for c in call["tool_calls"]]
                if self.chance(0.3):
                    self.r.shuffle(results)
                if self.chance(0.04):
                    results.pop()
                messages += [call, *results]
            for _ in range(1 + self.chance(0.1)):
                messages.append(self.assistant())
        end = self.r.random()
        if end < 0.1:
            messages[-1]["prefix"] = True
        elif end < 0.95:
            while messages[-1]["role"] == "assistant":
                messages.pop()
        if self.chance(0.1):  # anything at all
            at = self.r.randrange(len(messages)) if messages else 0
            change = self.r.randint(0, 4)
            if change == 0:
                messages.insert(at, {"role": (role := self.r.choice(["user", "system", "assistant"])), "content": self.content(role)})
            elif change == 1 and messages:
                messages.pop(at)
            elif change == 2:
                self.r.shuffle(messages)
            elif change == 3:
                messages.insert(at, self.result({"id": self.id(), "function": {"name": "f"}}))
            elif messages and messages[at]["role"] == "assistant":
                messages[at]["prefix"] = True
        r = {"messages": messages}
        if self.chance(0.4):
            r["tools"] = [self.tool() for _ in range(self.r.randint(0, 3))]
        if self.chance(0.3 if self.effort else 0.01):
            r["reasoning_effort"] = self.r.choice(["none", "high", "low"])
        return r


def attempt(encode):
    try:
        return {"tokens": encode().tokens}
    except Exception as e:  # whatever it is, the request is refused
        return {"refused": f"{type(e).__name__}: {e}"[:200]}


def main(count, seed, *files):
    tokenizers = [(f, MistralTokenizer.from_file(f, mode=ValidationMode.serving)) for f in files]
    make = Maker(int(seed))
    for _ in range(int(count)):
        file, t = make.r.choice(tokenizers)
        line = {"tokenizer": str(Path(file).absolute())}
        make.aim(t)
        kind = make.r.random()
        if kind < 0.6:
            line["request"] = make.request()
            line |= attempt(lambda: t.encode_chat_completion(ChatCompletionRequest.model_validate({"model": "m", **line["request"]})))
        elif kind < 0.75:
            line |= {"prompt": make.string(), "suffix": make.string()}
            line |= attempt(lambda: t.encode_fim(FIMRequest(prompt=line["prompt"], suffix=line["suffix"])))
        else:
            line["text"] = make.string(20)
            line["tokens"] = t.instruct_tokenizer.tokenizer.encode(line["text"], bos=False, eos=False)
        if not line.get("refused", "").startswith("RuntimeError: Unable to cast Python instance"):
            print(json.dumps(line))


main(*sys.argv[1:])
