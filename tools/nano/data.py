"""Makes what test-nano is trained on: three skills small enough for 1.8 million parameters.

  sums      "What is 12 + 30?" -> "42", and with the instruction of `bise solve` -> "12 + 30 = \\boxed{42}"
  gaps      the missing expression of a one-line Go function, asked as fill-in-the-middle
  pictures  "What is it?" about a drawn shape -> "a red circle"

Prompts are encoded by `bise tokenize`, never here: the model learns exactly the token ids that bise sends.
One item in ten is held out, chosen by a checksum of its text, so that a change of order does not move it.

usage: data.py BISE TOKENIZER_MODEL OUT.json
  BISE             the program
  TOKENIZER_MODEL  a model with the same tokenizer and chat template, for `bise tokenize -m`
"""
import base64
import io
import json
import random
import subprocess
import sys
import zlib

from PIL import Image, ImageDraw

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (40, 70, 220),
    "yellow": (235, 210, 40),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle")
WIDTH, HEIGHT = 64, 64
KINDS = [(colour, shape) for colour in COLOURS for shape in SHAPES]
INSTRUCTION = "Reason step by step, and put the final answer within \\boxed{}."


def picture(colour, shape, rng):
    """Draws one shape of a colour somewhere on a light ground."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (rng.randint(225, 255),) * 3)
    draw = ImageDraw.Draw(image)
    size = rng.randint(14, 26)
    x, y = rng.randint(size + 1, WIDTH - size - 2), rng.randint(size + 1, HEIGHT - size - 2)
    fill = tuple(max(0, min(255, value + rng.randint(-15, 15))) for value in COLOURS[colour])
    if shape == "circle":
        draw.ellipse([x - size, y - size, x + size, y + size], fill=fill)
    elif shape == "square":
        draw.rectangle([x - size, y - size, x + size, y + size], fill=fill)
    else:
        draw.polygon([(x, y - size), (x - size, y + size), (x + size, y + size)], fill=fill)
    return image


def sums():
    for a in range(100):
        for b in range(100):
            yield f"What is {a} + {b}?", f"{a} + {b}", a + b
            if a >= b:
                yield f"What is {a} - {b}?", f"{a} - {b}", a - b


def gaps():
    names = "abcdefghkmnpqrstuvwxyz"
    for function, operator in (("Add", "+"), ("Sub", "-"), ("Mul", "*"), ("Div", "/")):
        for a in names:
            for b in names:
                if a != b:
                    for kind in ("int", "float64", "int64", "uint"):
                        head = f"func {function}({a}, {b} {kind}) {kind} {{\n\treturn "
                        yield head, "\n}\n", f"{a} {operator} {b}"
    for field in "Name Size Kind Path Line Port Host Time".split():
        for receiver in names:
            for kind in "User File Node Page Task Item".split():
                head = f"func ({receiver} *{kind}) Get{field}() string {{\n\treturn "
                yield head, "\n}\n", f"{receiver}.{field.lower()}"


def held_out(text):
    return zlib.crc32(text.encode()) % 10 == 0


def main():
    program, model, out = sys.argv[1:4]

    def tokens(lines):
        text = "\n".join(json.dumps(line) for line in lines) + "\n"
        done = subprocess.run([program, "tokenize", "-m", model, "--jsonl"], input=text, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return [json.loads(line)["tokens"] for line in done.stdout.splitlines()]

    def pairs(prompts, answers, keys):
        rows = zip(tokens(prompts), tokens([{"text": answer} for answer in answers]), keys)
        split = {"train": [], "held": []}
        for prompt, answer, key in rows:
            split["held" if held_out(key) else "train"].append([prompt, answer])
        return split

    def ask(text):
        return {"messages": [{"role": "user", "content": text}]}

    arithmetic, functions = list(sums()), list(gaps())
    buffer = io.BytesIO()
    picture("red", "circle", random.Random(0)).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    look = {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": url}]}]}
    data = {
        "ask": pairs([ask(q) for q, _, _ in arithmetic], [str(v) for _, _, v in arithmetic],
                     [q for q, _, _ in arithmetic]),
        "solve": pairs([ask(f"{q}\n\n{INSTRUCTION}") for q, _, _ in arithmetic],
                       [f"{e} = \\boxed{{{v}}}" for _, e, v in arithmetic], [q for q, _, _ in arithmetic]),
        "fill": pairs([{"prompt": head, "suffix": tail} for head, tail, _ in functions],
                      [middle for _, _, middle in functions], [head for head, _, _ in functions]),
        "see": {"prompt": tokens([look])[0], "answers": tokens([{"text": f"a {c} {s}"} for c, s in KINDS])},
    }
    with open(out, "w") as file:
        json.dump(data, file)
    for name in ("ask", "solve", "fill"):
        print(name, len(data[name]["train"]), "to learn,", len(data[name]["held"]), "held out; first:",
              data[name]["train"][0])
    print("see", data["see"]["prompt"], data["see"]["answers"][0])


if __name__ == "__main__":
    main()
