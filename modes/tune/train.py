# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "torch>=2.4", "transformers>=4.48", "peft>=0.14", "accelerate>=1.0", "gguf>=0.10", "sentencepiece", "protobuf", "numpy",
# ]
# ///
"""Trains a LoRA adapter. bise tune starts this program in the folder of a job: job.json, train.tokens and
train.index, valid.tokens and valid.index. A token is an int32; its complement (~id) is one that is not trained.

It writes events to stdout, one JSON object on each line, and everything else to stderr. When stdin ends it
saves and exits, and so it does when bise is killed. checkpoint/ is complete at every moment.
"""
import errno
import inspect
import json
import math
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of stdin is the signal
events = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what libraries print is not an event
stop = threading.Event()
step = 0


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), file=events, flush=True)


def wait_for_stop():
    while os.read(0, 4096):
        pass
    stop.set()


def choose_device(torch):
    if torch.cuda.is_available():
        return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32, torch.cuda.get_device_name()
    return "cpu", torch.float32, "CPU"


def probe():
    """Reports what the training would run on. Missing packages are an error."""
    import importlib.util

    missing = [m for m in ("accelerate", "gguf", "peft", "numpy", "torch", "transformers") if importlib.util.find_spec(m) is None]
    if missing:
        raise ImportError("it lacks " + ", ".join(missing))
    import torch  # importing the others would take seconds

    device, dtype, name = choose_device(torch)
    memory = torch.cuda.mem_get_info()[1] if device == "cuda" else 0
    emit("probe", torch=torch.__version__, device=device, name=name, dtype=str(dtype).removeprefix("torch."), memory=memory)


def load_model(job, device, dtype):
    import transformers

    path, options = job["weights"], {"dtype": dtype, "low_cpu_mem_usage": True}
    if tuple(map(int, transformers.__version__.split(".")[:2])) < (4, 56):
        options["torch_dtype"] = options.pop("dtype")
    if not os.path.isdir(path):
        path, options["gguf_file"] = os.path.split(path)
    if job["four_bit"] and device == "cuda":
        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
        options["device_map"] = {"": 0}
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(path, **options)
    except ValueError as e:
        if "Unrecognized configuration class" not in str(e):
            raise
        model = transformers.AutoModelForImageTextToText.from_pretrained(path, **options)
    return model if "device_map" in options else model.to(device)


def read_sequences(name, numpy):
    tokens = numpy.fromfile(name + ".tokens", dtype="<i4")
    index = numpy.fromfile(name + ".index", dtype="<i8")
    return [tokens[a:b] for a, b in zip(index[:-1], index[1:])]


def pack(sequences, length):
    """Puts sequences into rows of at most length tokens, the longest first."""
    rows = []
    for s in sorted(sequences, key=len, reverse=True):
        row = next((r for r in rows if sum(map(len, r)) + len(s) <= length), None)
        if row is None:
            rows.append([s])
        else:
            row.append(s)
    return rows


def targets(s):
    """The number of tokens to learn; nothing predicts the first one."""
    return int((s[1:] >= 0).sum())


def row_loss(model, row, device, torch, keeps):
    """The sum of the losses of a row's trained tokens. Sequences do not attend to each other."""
    ids, labels, positions = [], [], []
    for s in row:
        s = torch.from_numpy(s.astype("int64"))
        ids.append(torch.where(s >= 0, s, -s - 1))
        labels.append(torch.cat([torch.where(s[1:] >= 0, s[1:], -100), torch.tensor([-100])]))
        positions.append(torch.arange(len(s)))
    ids, labels, positions = (torch.cat(x).to(device) for x in (ids, labels, positions))
    options = {}
    if len(row) > 1:
        of = torch.repeat_interleave(torch.arange(len(row)), torch.tensor([len(s) for s in row])).to(device)
        sees = (of[:, None] == of[None, :]).tril()
        kind = next(p.dtype for p in model.parameters() if p.dtype in (torch.float32, torch.bfloat16, torch.float16))
        mask = torch.zeros(sees.shape, dtype=kind, device=device).masked_fill(~sees, torch.finfo(kind).min)
        options["attention_mask"] = mask[None, None]
    keep = (labels >= 0).nonzero()[:, 0]
    if keeps:
        options["logits_to_keep"] = keep  # logits of other tokens would only take memory
    logits = model(input_ids=ids[None], position_ids=positions[None], use_cache=False, **options).logits[0]
    if not keeps:
        logits = logits[keep]
    return torch.nn.functional.cross_entropy(logits.float(), labels[keep], reduction="sum")


def rate(job, at, steps):
    """Linear warm-up, then a cosine to zero."""
    warm = max(1, round(job["warm_up"] * steps))
    return job["learning_rate"] * min((at + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(1, max(0, at - warm) / max(1, steps - warm)))))


def save(model, optimizer, at, torch):
    """Replaces the checkpoint in one rename."""
    new, old = "checkpoint.new", "checkpoint.old"
    for d in (new, old):
        shutil.rmtree(d, ignore_errors=True)
    try:
        model.save_pretrained(new, save_embedding_layers=False)
        torch.save({"optimizer": optimizer.state_dict(), "step": at}, os.path.join(new, "state.pt"))
    except Exception:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if os.path.exists("checkpoint"):
        os.rename("checkpoint", old)
    os.rename(new, "checkpoint")
    shutil.rmtree(old, ignore_errors=True)
    emit("saved", step=at)


def train():
    global step
    with open("job.json", encoding="utf-8") as f:
        job = json.load(f)
    emit("loading")
    import numpy
    import peft
    import torch

    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    device, dtype, name = choose_device(torch)
    model = load_model(job, device, dtype)
    keeps = "logits_to_keep" in inspect.signature(model.forward).parameters
    if not os.path.exists("checkpoint") and os.path.exists("checkpoint.old"):
        os.rename("checkpoint.old", "checkpoint")
    state = None
    if job["four_bit"] and device == "cuda":
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=job["checkpointing"])
    elif job["checkpointing"]:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if os.path.exists("checkpoint"):
        model = peft.PeftModel.from_pretrained(model, "checkpoint", is_trainable=True)
        state = torch.load("checkpoint/state.pt", weights_only=True, map_location=device)
    else:
        model = peft.get_peft_model(model, peft.LoraConfig(
            r=job["rank"], lora_alpha=2 * job["rank"], lora_dropout=0.0, bias="none", task_type="CAUSAL_LM",
            target_modules=r"(?!.*(vision|projector)).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"))
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=job["learning_rate"], weight_decay=job["weight_decay"])
    if state:
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    sequences, held = read_sequences("train", numpy), read_sequences("valid", numpy)[: job["valid_limit"]]
    steps = job["steps"]
    emit("loaded", device=name, dtype=str(dtype).removeprefix("torch."), step=step, steps=steps,
         parameters=sum(p.numel() for p in model.parameters()), trained=sum(p.numel() for p in learned))

    def validate():
        model.eval()
        total = count = 0
        with torch.no_grad():
            for row in pack(held, job["sequence_length"]):
                if stop.is_set():
                    return
                total += row_loss(model, row, device, torch, keeps).item()
                count += sum(map(targets, row))
        model.train()
        if count:
            emit("valid", step=step, loss=total / count)

    def order(n):
        """The nth sequence: every epoch has its own order, also after a restart."""
        epoch, at = divmod(n, len(sequences))
        if order.epoch != epoch:
            order.list = random.Random(job["seed"] * 1_000_003 + epoch).sample(range(len(sequences)), len(sequences))
            order.epoch = epoch
        return sequences[order.list[at]]

    order.epoch = -1
    validate()
    model.train()
    saved, at_save = time.monotonic(), step
    while step < steps and not stop.is_set():
        batch = [order(step * job["batch"] + k) for k in range(job["batch"])]
        count = sum(map(targets, batch))
        for group in optimizer.param_groups:
            group["lr"] = rate(job, step, steps)
        total = 0.0
        for row in pack(batch, job["sequence_length"]):
            loss = row_loss(model, row, device, torch, keeps)
            (loss / count).backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(learned, 1.0).item()
        if not math.isfinite(total) or not math.isfinite(norm):
            if step > at_save:
                save(model, optimizer, step, torch)  # the weights are those of before this step
            emit("error", kind="nan", step=step, message="the loss is not a number")
            return 1
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        emit("step", step=step, loss=total / count, tokens=sum(map(len, batch)))
        if time.monotonic() - saved >= job["save_seconds"] and step < steps:
            save(model, optimizer, step, torch)
            saved, at_save = time.monotonic(), step
    if step > at_save or not os.path.exists("checkpoint"):
        save(model, optimizer, step, torch)
    if step < steps:
        emit("stopped", step=step)
        return 0
    validate()
    emit("done", step=step)
    return 0


def kind_of(e):
    text = str(e).lower()
    if isinstance(e, ImportError):
        return "packages"
    if isinstance(e, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return "memory"
    if isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text:
        return "disk"
    return "internal"


def main():
    try:
        if "--probe" in sys.argv:
            probe()
            return 0
        threading.Thread(target=wait_for_stop, daemon=True).start()
        return train()
    except Exception as e:
        traceback.print_exc()
        lines = str(e).strip().splitlines()
        emit("error", kind=kind_of(e), step=step, message=f"{type(e).__name__}: {lines[0] if lines else ''}"[:400])
        return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the thread that reads stdin would keep the process
