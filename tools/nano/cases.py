"""Writes the held-out items as cases of `bise eval`, a file for each skill: ask, solve, fill, see.

usage: cases.py OUT_FOLDER [COUNT]
"""
import base64
import io
import json
import os
import random
import sys

from data import KINDS, gaps, held_out, picture, sums


def main():
    out = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    asked = [(q, v) for q, _, v in sums() if held_out(q)]
    cases = {
        "ask": [{"prompt": q, "expected": str(v)} for q, v in asked],
        "solve": [{"prompt": q, "numeric": v} for q, v in asked],
        "fill": [{"prompt": head, "suffix": tail, "expected": middle} for head, tail, middle in gaps() if held_out(head)],
    }
    cases = {skill: random.Random(7).sample(list_, min(count, len(list_))) for skill, list_ in cases.items()}
    cases["see"] = []
    rng = random.Random(3 * 10**6)  # other pictures than those of the training and of items.py
    for i in range(count):
        colour, shape = KINDS[i % len(KINDS)]
        buffer = io.BytesIO()
        picture(colour, shape, rng).save(buffer, "PNG")
        url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        question = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": url}]
        cases["see"].append({"messages": [{"role": "user", "content": question}], "expected": f"a {colour} {shape}"})
    os.makedirs(out, exist_ok=True)
    for skill, lines in cases.items():
        with open(os.path.join(out, skill + ".jsonl"), "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    main()
