"""Checks the starter with PyTorch, transformers and PEFT.

    python check.py perplexity --base ../../Sources/CStarter/weights
    python check.py prose --base ../../Sources/CStarter/weights
    python check.py quickstart --base ../../Sources/CStarter/weights [--output ADAPTER] [key=value ...]

`perplexity`: the model against the unigram statistics of the training text, on the same held-out documents.
`prose`: questions of every topic asked as the training text asks them, answered exactly.
`quickstart`: recipes/quickstart.yaml done with PEFT; the held-out instructions answered exactly, before and after.
"""

import argparse
import json
import math
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import yaml
from transformers import LlamaForCausalLM

ROOT = Path(__file__).resolve().parents[2]
HELD_OUT_SEED, HELD_OUT_DOCUMENTS = 2, 400
HEADER = "Below is an instruction that describes a task"
WITHOUT_INPUT = (HEADER + ". Write a response that appropriately completes the request.\n\n"
                 "### Instruction:\n{instruction}\n\n### Response:")
WITH_INPUT = (HEADER + ", paired with an input that provides further context. Write a response that appropriately completes the request."
              "\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:")


def perplexity(model, tokenizer):
    """Held-out documents come from a seed of their own; one that occurs in the training text, or is longer than 512 tokens, is left out."""
    from text import Writer
    from train import LENGTH, PIECES, STAGES, encoded as with_ends
    counts, seen, told = np.ones(PIECES), set(), set()
    for stage in STAGES:
        writer, count = Writer(stage.seed, **stage.text), 0
        while count < stage.rows * LENGTH * stage.schedule:
            document = writer.document()
            seen.add(document)
            ids, _ = with_ends(tokenizer, document)
            count += len(ids)
            counts += np.bincount(ids, minlength=PIECES)
    unigram = np.log(counts / counts.sum())
    writer, documents, loss, unigram_loss, targets = Writer(HELD_OUT_SEED), 0, 0.0, 0.0, 0
    while documents < HELD_OUT_DOCUMENTS:
        document = writer.document()
        row, _ = with_ends(tokenizer, document)
        if document in seen or len(row) > 512:
            continue
        x = torch.tensor([row])
        with torch.no_grad():
            loss += model(input_ids=x, labels=x).loss.item() * (len(row) - 1)
        unigram_loss -= unigram[row[1:]].sum()
        targets += len(row) - 1
        documents += 1
    print(f"{documents} held-out documents, {targets} tokens: perplexity {math.exp(loss / targets):.2f}, "
          f"of the unigram statistics {math.exp(unigram_loss / targets):.1f}")


@torch.no_grad()
def prose(model, tokenizer):
    import knowledge as k
    rng, topics = random.Random(5), {}
    for item in k.facts() + [maker(rng) for maker in k.SKILLS for _ in range(30)]:
        topics.setdefault(item.topic, []).append(item)
    right = asked = 0
    for topic, items in sorted(topics.items()):
        sample = rng.sample(items, min(6, len(items)))
        good = 0
        for item in sample:
            text = f'Rosa asked: "{rng.choice(item.questions)}" The teacher answered: "'
            prompt = [1] + tokenizer.encode(text)
            out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), max_new_tokens=20,
                                 do_sample=False, pad_token_id=2)[0].tolist()
            answer = tokenizer.decode(out[1:])[len(text):].split('."')[0]
            good += answer == (k.capital(item.answer) if item.stop else item.answer)
        print(f"{topic}: {good} of {len(sample)}")
        right, asked = right + good, asked + len(sample)
    print(f"{right} of {asked} questions in prose answered exactly")


def encoded(tokenizer, row):
    """Token ids and the length of their prompt: one text, encoded once; the answer begins where the encodings part."""
    prompt = (WITH_INPUT if row["input"] else WITHOUT_INPUT).format(**row)
    alone, whole = [1] + tokenizer.encode(prompt), [1] + tokenizer.encode(prompt + row["output"]) + [2]
    common = 0
    while common < len(alone) and alone[common] == whole[common]:
        common += 1
    return whole, common, alone


@torch.no_grad()
def exact(model, tokenizer, rows, show=0):
    right, wrong = Counter(), []
    for row in rows:
        _, _, prompt = encoded(tokenizer, row)
        out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), max_new_tokens=32,
                             do_sample=False, eos_token_id=2, pad_token_id=2)[0, len(prompt):].tolist()
        answer = tokenizer.decode([i for i in out if i > 2]).strip() if 2 in out else None
        right[answer == row["output"]] += 1
        if answer != row["output"]:
            wrong.append((row["instruction"], row["input"], row["output"], answer or "... " + tokenizer.decode(out)))
    for w in wrong[:show]:
        print("   ", *w, sep=" | ")
    return right[True] / len(rows)


def quickstart(model, tokenizer, recipe, output, show):
    from peft import LoraConfig, get_peft_model
    read = lambda path: json.loads((ROOT / path).read_text())
    train_rows, held_out = read(recipe["data"]["train"]), read(recipe["data"]["validation"])
    t, l = recipe["training"], recipe["lora"]
    print(f"before: {exact(model, tokenizer, held_out, 5):.1%} of {len(held_out)} answered exactly", flush=True)
    torch.manual_seed(t["seed"])
    model = get_peft_model(model, LoraConfig(r=l["rank"], lora_alpha=l["alpha"], lora_dropout=l["dropout"],
                                             target_modules=l["target_modules"], task_type="CAUSAL_LM"))
    model.print_trainable_parameters()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, betas=tuple(t["betas"]), eps=t["epsilon"], weight_decay=t["weight_decay"])
    data = [encoded(tokenizer, r) for r in train_rows]
    size, per_epoch = t["batch_size"], math.ceil(len(data) / t["batch_size"])
    steps, rng = t["epochs"] * per_epoch, random.Random(t["seed"])
    rows_seen = sum(len(d[0]) for d in data) * t["epochs"]
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{steps} steps, {rows_seen} tokens, {4 * parameters * rows_seen / 1e12:.1f} TFLOP without shared prefixes", flush=True)
    start, step = time.time(), 0
    for epoch in range(t["epochs"]):
        rng.shuffle(data)
        for b in range(0, len(data), size):
            batch = data[b:b + size]
            longest = max(len(ids) for ids, _, _ in batch)
            x = torch.tensor([ids + [2] * (longest - len(ids)) for ids, _, _ in batch])
            y = torch.tensor([[-100] * n + ids[n:] + [-100] * (longest - len(ids)) for ids, n, _ in batch])
            mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _, _ in batch])
            loss = model(input_ids=x, attention_mask=mask, labels=y).loss        # the mean over all supervised tokens
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, t["clip_gradient_norm"])
            w, low = t["warmup_steps"], t["final_learning_rate_ratio"]
            f = (step - w) / (steps - w)
            rate = (step + 1) / w if step < w else low + (1 - low) * (1 + math.cos(math.pi * f)) / 2
            for group in optimizer.param_groups:
                group["lr"] = t["learning_rate"] * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            if step % 25 == 0:
                print(f"step {step} loss {loss.item():.3f} {time.time() - start:.0f} s", flush=True)
        model.eval()
        print(f"after epoch {epoch + 1}: {exact(model, tokenizer, held_out, show if epoch + 1 == t['epochs'] else 0):.1%}", flush=True)
        model.train()
    if output:
        model.save_pretrained(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["perplexity", "prose", "quickstart"])
    parser.add_argument("overrides", nargs="*", help="as on Puna's command line: lora.rank=16")
    parser.add_argument("--base", type=Path, default=ROOT / "Sources/CStarter/weights")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--show", type=int, default=40, help="wrong answers to print")
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_intermixed_args()
    torch.set_num_threads(o.threads)
    model = LlamaForCausalLM.from_pretrained(o.base, dtype=torch.float32)
    tokenizer = spm.SentencePieceProcessor(model_file=str(o.base / "tokenizer.model"))
    if o.what == "perplexity":
        perplexity(model, tokenizer)
    elif o.what == "prose":
        prose(model, tokenizer)
    else:
        recipe = yaml.safe_load((ROOT / "recipes/quickstart.yaml").read_text())
        for override in o.overrides:
            path, value = override.split("=")
            *parents, key = path.split(".")
            section = recipe
            for parent in parents:
                section = section[parent]
            section[key] = yaml.safe_load(value)
        quickstart(model, tokenizer, recipe, o.output, o.show)
