"""Chooses what tests may ask test-nano, and writes items.json and the pictures.

Items are held-out ones that a trained folder of train.py answers with a margin: at every token of the answer the
right one is at least MARGIN nats above all others, so that quantization and another order of sums cannot change it.
"turn" items are second questions of a conversation. The model did not learn those: the answer is the one that it
gives, and differs from that to the question alone, which shows that it has read the first turn.

usage: items.py DATA.json MODEL_FOLDER OUT_FOLDER
"""
import json
import math
import os
import random
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402

from data import HEIGHT, KINDS, WIDTH, gaps, held_out, picture, sums  # noqa: E402
from train import END, judge, pixels_of, rows  # noqa: E402

MARGIN = 1.5
COUNT = 32  # items of a skill
BATCH = 100


def written(skill):
    """The held-out questions of a skill as text, in the order of DATA.json."""
    if skill == "fill":
        return [{"prompt": head, "suffix": tail, "answer": middle} for head, tail, middle in gaps() if held_out(head)]
    return [{"prompt": q, "answer": str(v) if skill == "ask" else f"{e} = \\boxed{{{v}}}"}
            for q, e, v in sums() if held_out(q)]


def judged(model, pairs):
    """The margin of each pair; None for a wrong answer."""
    margins = []
    for i in range(0, len(pairs), BATCH):
        right, margin = judge(model, rows(pairs[i:i + BATCH]))
        margins += [m if ok else None for ok, m in zip(right, margin)]
    return margins


def chosen(items, margins):
    """COUNT of the items with a margin, spread over the list."""
    sure = [{**item, "margin": round(m, 2)} for item, m in zip(items, margins) if m is not None and m >= MARGIN]
    print(len(sure), "of", len(items), "have the margin", flush=True)
    count = min(COUNT, len(sure))
    return [sure[i * len(sure) // count] for i in range(count)]


def second_turns(model, texts, pairs):
    """Second questions, in the format of chosen."""
    digits = {}
    for text, (_, answer) in zip(texts, pairs):
        if len(text["answer"]) == len(answer):
            digits |= dict(zip(answer, text["answer"]))
    rng, found = random.Random(11), []
    for _ in range(300):
        a, b = rng.sample(range(len(pairs)), 2)
        # The beginning of the text comes once.
        ids, answer, margin = pairs[a][0] + pairs[a][1] + [END] + pairs[b][0][1:], "", math.inf
        while len(answer) < 4:
            with torch.no_grad():
                two = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(2)
            margin = min(margin, (two.values[0] - two.values[1]).item())
            ids = ids + [two.indices[0].item()]
            if ids[-1] not in digits:
                break
            answer += digits[ids[-1]]
        if ids[-1] == END and answer not in ("", texts[b]["answer"]):
            before = [texts[a]["prompt"], texts[a]["answer"]]
            found.append(({"before": before, "prompt": texts[b]["prompt"], "answer": answer}, margin))
    return chosen([item for item, _ in found], [margin for _, margin in found])


def main():
    source, folder, out = sys.argv[1:4]
    with open(source) as file:
        data = json.load(file)
    torch.set_num_threads(1)
    model = transformers.LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    items = []

    def add(skill, found):
        items.extend({"skill": skill, **item} for item in found)

    for skill in ("ask", "solve", "fill"):
        texts, pairs = written(skill), data[skill]["held"]
        assert len(texts) == len(pairs)
        print(skill, end=": ")
        add(skill, chosen(texts, judged(model, pairs)))

    print("turn", end=": ")
    add("turn", second_turns(model, written("ask"), data["ask"]["held"]))

    os.makedirs(out, exist_ok=True)
    for kind, (colour, shape) in enumerate(KINDS):
        name, best = f"{colour}-{shape}.png", None
        for seed in range(20):
            image = picture(colour, shape, random.Random(2 * 10**6 + seed))
            batch = rows([(data["see"]["prompt"], data["see"]["answers"][kind])])
            batch |= {"pixel_values": pixels_of(image)[None], "image_sizes": torch.tensor([[HEIGHT, WIDTH]])}
            (right,), (margin,) = judge(model, batch)
            if right and margin >= MARGIN and (best is None or margin > best):
                best = margin
                image.save(os.path.join(out, name), optimize=True)
        if best is not None:
            items.append({"skill": "see", "prompt": "What is it?", "image": name, "answer": f"a {colour} {shape}",
                          "margin": round(best, 2)})
        else:
            print("no picture of a", colour, shape)
    with open(os.path.join(out, "items.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n]\n")


if __name__ == "__main__":
    main()
