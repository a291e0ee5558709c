"""Trains test-nano on one core and writes it as a Hugging Face folder.

A decoder of Mistral's architecture with Pixtral's tower, about 1.8 million parameters, float32, AdamW with a cosine
schedule, fixed seeds. What step n learns depends on n alone, so that a stopped run goes on where it was
(a checkpoint lies beside OUT every 200 steps) and two runs see the same batches.

usage: train.py DATA.json TEKKEN.json OUT [STEPS]
"""
import json
import math
import os
import random
import shutil
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import transformers  # noqa: E402

from data import HEIGHT, KINDS, WIDTH, picture  # noqa: E402

BATCH = 64
RATE = 2e-3
END = 2  # </s>
# What the steps of a round of ten learn.
ROUND = ("ask", "see", "solve", "see", "fill", "ask", "see", "solve", "see", "ask")
# CLIP's mean and deviation, which Pixtral's pictures are normalised with.
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


def config():
    return transformers.LlavaConfig(
        text_config=transformers.MistralConfig(
            vocab_size=1024, hidden_size=160, intermediate_size=448, num_hidden_layers=4, num_attention_heads=4,
            num_key_value_heads=2, head_dim=32, max_position_embeddings=4096, rms_norm_eps=1e-5, sliding_window=None,
            rope_theta=10000.0, tie_word_embeddings=False, bos_token_id=1, eos_token_id=END, pad_token_id=None),
        vision_config=transformers.PixtralVisionConfig(
            hidden_size=96, intermediate_size=192, num_hidden_layers=3, num_attention_heads=4, head_dim=24,
            num_channels=3, image_size=1024, patch_size=16, rope_theta=10000.0, hidden_act="silu"),
        image_token_index=10, image_seq_length=1, vision_feature_layer=-1, vision_feature_select_strategy="full",
        projector_hidden_act="gelu", multimodal_projector_bias=True)


def rows(pairs):
    """Pads (prompt, answer) pairs to ids and labels [batch, length]; only the answer and its end are learnt."""
    length = max(len(prompt) + len(answer) for prompt, answer in pairs) + 1
    ids = torch.full((len(pairs), length), END)
    labels = torch.full((len(pairs), length), -100)
    for row, (prompt, answer) in enumerate(pairs):
        whole = prompt + answer + [END]
        ids[row, :len(whole)] = torch.tensor(whole)
        labels[row, len(prompt):len(whole)] = torch.tensor(answer + [END])
    return {"input_ids": ids, "labels": labels}


def pixels_of(image):
    return (torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255 - MEAN) / DEVIATION


def pixels(kind, rng):
    return pixels_of(picture(*KINDS[kind], rng))


def pictures(see, count, rng):
    kinds = [rng.randrange(len(KINDS)) for _ in range(count)]
    batch = rows([(see["prompt"], see["answers"][kind]) for kind in kinds])
    batch["pixel_values"] = torch.stack([pixels(kind, rng) for kind in kinds])
    batch["image_sizes"] = torch.tensor([[HEIGHT, WIDTH]] * count)
    return batch


def judge(model, batch):
    """Returns for each row whether every token of the answer is the likeliest one, and the smallest margin in nats."""
    labels = batch.pop("labels")[:, 1:]
    with torch.no_grad():
        logits = model(**batch).logits[:, :-1].float()
    two = logits.topk(2, dim=-1)
    right = (two.indices[..., 0] == labels) | (labels < 0)
    margin = (two.values[..., 0] - two.values[..., 1]).masked_fill(labels < 0, math.inf).amin(1)
    return right.all(1).tolist(), margin.tolist()


def score(model, data, count):
    """Returns the share of held-out items answered exactly by greedy decoding, by skill."""
    model.eval()
    result = {}
    for name in ("ask", "solve", "fill"):
        held = random.Random(7).sample(data[name]["held"], min(count, len(data[name]["held"])))
        right = sum((judge(model, rows(held[i:i + 200]))[0] for i in range(0, len(held), 200)), [])
        result[name] = sum(right) / len(right)
    right = []
    for i in range(0, count, 100):
        right += judge(model, pictures(data["see"], min(100, count - i), random.Random(10**6 + i)))[0]
    result["see"] = sum(right) / len(right)
    model.train()
    return result


def main():
    source, tekken, out = sys.argv[1:4]
    steps = int(sys.argv[4]) if len(sys.argv) > 4 else 6000
    with open(source) as file:
        data = json.load(file)
    torch.set_num_threads(1)
    torch.manual_seed(3)
    model = transformers.LlavaForConditionalGeneration(config()).float()
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    checkpoint, first = out + ".checkpoint", 0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
        print("going on at step", first, flush=True)
    began = time.process_time()
    for step in range(first, steps):
        warm, cosine = min(1, (step + 1) / 100), 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = RATE * warm * (0.02 + 0.98 * cosine)
        rng, skill = random.Random(5 * 10**6 + step), ROUND[step % len(ROUND)]
        if skill == "see":
            batch = pictures(data["see"], BATCH // 2, rng)
        else:
            batch = rows(rng.choices(data[skill]["train"], k=BATCH * 2 if skill == "ask" else BATCH))
        labels = batch.pop("labels")
        # Only the rows of the answers are projected to the vocabulary.
        hidden = model.model(**batch).last_hidden_state[:, :-1]
        wanted = labels[:, 1:] >= 0
        loss = F.cross_entropy(model.lm_head(hidden[wanted]), labels[:, 1:][wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step == 19:
            print(f"20 steps in {time.process_time() - began:.1f} CPU seconds", flush=True)
        if step % 200 == 199 or step == steps - 1:
            shares = " ".join(f"{name} {share:.3f}" for name, share in score(model, data, 200).items())
            print(f"step {step + 1} loss {loss.item():.3f} {shares} cpu {time.process_time() - began:.0f} s", flush=True)
            saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(saved, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)
    shutil.rmtree(out, ignore_errors=True)
    model.save_pretrained(out)
    shutil.copy(tekken, os.path.join(out, "tekken.json"))
    print("held out:", score(model, data, 1000))


if __name__ == "__main__":
    main()
