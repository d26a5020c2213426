"""Makes the starter: text, tokenizer, model, and its folder in Hugging Face form.

    python train.py --output ../../Sources/CStarter/weights [--threads 1]

Needs torch 2.9 or later (for its Muon), transformers, sentencepiece and safetensors. Every random choice is seeded.
"""

import argparse
import io
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from text import SCHOOL, Writer, without_marks

MODEL_SEED = 3
PIECES = 2048
LENGTH = 256                                     # tokens in a row
CONFIG = dict(vocab_size=PIECES, hidden_size=192, intermediate_size=512, num_hidden_layers=6, num_attention_heads=6,
              num_key_value_heads=3, head_dim=32, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0,
              tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)


@dataclass
class Stage:
    """A part of the training, with text of its own; the learning rate warms up and falls as a cosine over `schedule` steps."""
    seed: int
    text: dict
    rows: int                                    # in a step
    steps: int
    schedule: int
    peak: float
    answer_weight: float = 1.0                   # what a token of an answer counts, against 1 for all others


# First stories and long exchanges; then shorter ones and smaller steps; then the answers and skills above all.
STAGES = [
    Stage(1, dict(short=0.0, skills=0.35, kinds=(18, 30, 32, 12, 8)), rows=32, steps=400, schedule=800, peak=4e-3),
    Stage(4, dict(skills=0.35, kinds=(18, 30, 32, 15, 5)), rows=16, steps=200, schedule=1000, peak=3e-3),
    Stage(5, dict(), rows=16, steps=600, schedule=600, peak=3e-3, answer_weight=5.0),
]


def train_tokenizer():
    """A SentencePiece model with LLaMA's settings: BPE, byte fallback, single digits, text left as it is."""
    writer = Writer(STAGES[0].seed, **STAGES[0].text)
    lines = [line for _ in range(12000) for line in without_marks(writer.document())[0].split("\n")] + SCHOOL * 300
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=PIECES, byte_fallback=True,
        character_coverage=1.0, required_chars="#", split_digits=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, allow_whitespace_only_pieces=True, unk_id=0, bos_id=1, eos_id=2,
        pad_id=-1, num_threads=1, minloglevel=1)
    return model.getvalue()


def encoded(tokenizer, document):
    """Token ids, and which of them belong to answers."""
    text, marks = without_marks(document)
    pieces, at, inside = tokenizer.encode(text, out_type=str), -1, []    # the first piece begins with a space that is not in the text
    for piece in pieces:
        end = at + (1 if piece.startswith("<0x") else len(piece))
        inside.append(any(marks[max(at, 0):end]))
        at = end
    return [1] + tokenizer.piece_to_id(pieces) + [2], [False] + inside + [False]


def tokens(tokenizer, stage):
    """The stage's training text: token ids, and which belong to answers."""
    writer, ids, answers = Writer(stage.seed, **stage.text), [], []
    count = stage.rows * LENGTH * stage.schedule
    while len(ids) < count:
        more, inside = encoded(tokenizer, writer.document())
        ids += more
        answers += inside
    return np.array(ids[:count], dtype=np.int64), np.array(answers[:count])


def train(model, tokenizer, stage, after_step):
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [torch.optim.Muon(matrices, lr=stage.peak, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
                  torch.optim.AdamW(others, lr=stage.peak, betas=(0.9, 0.95), weight_decay=0.01)]
    ids, answers = tokens(tokenizer, stage)
    rows = torch.from_numpy(ids).view(-1, LENGTH)
    weights = 1.0 + (stage.answer_weight - 1.0) * torch.from_numpy(answers).view(-1, LENGTH)[:, 1:].float()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(MODEL_SEED))
    for step in range(stage.steps):
        rate = stage.peak * min(1.0, (step + 1) / 60) * 0.5 * (1 + math.cos(math.pi * step / stage.schedule))
        chosen = order[step * stage.rows:(step + 1) * stage.rows]
        x, weight = rows[chosen], weights[chosen].flatten()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=x).logits[:, :-1]
        losses = F.cross_entropy(logits.reshape(-1, PIECES).float(), x[:, 1:].flatten(), reduction="none")
        ((losses * weight).sum() / weight.sum()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        after_step(step + 1, losses.mean().item())


def save(model, tokenizer, folder):
    """Two bf16 shards with an index, as transformers writes them; the tied head is not repeated."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {n: t.detach().to(torch.bfloat16).contiguous() for n, t in model.state_dict().items() if n != "lm_head.weight"}
    names = sorted(tensors, key=lambda n: (0 if "embed" in n else 2 if n == "model.norm.weight" else 1, n))
    half = sum(t.numel() for t in tensors.values()) / 2
    shards, filled = [{}, {}], 0
    for n in names:
        shards[int(filled >= half)][n] = tensors[n]
        filled += tensors[n].numel()
    where = {}
    for i, shard in enumerate(shards, 1):
        file = f"model-{i:05d}-of-00002.safetensors"
        save_file(shard, str(folder / file), metadata={"format": "pt"})
        where.update({n: file for n in shard})
    write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
    write("model.safetensors.index.json", {"metadata": {"total_size": 2 * sum(t.numel() for t in tensors.values())}, "weight_map": where})
    write("config.json", dict(CONFIG, architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", torch_dtype="bfloat16",
                              attention_bias=False, mlp_bias=False, attention_dropout=0.0, initializer_range=0.02, rope_scaling=None,
                              pretraining_tp=1, use_cache=True, transformers_version="4.46.0"))
    write("generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "do_sample": False, "transformers_version": "4.46.0"})
    (folder / "tokenizer.model").write_bytes(tokenizer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(MODEL_SEED)
    pieces = train_tokenizer()
    tokenizer = spm.SentencePieceProcessor(model_proto=pieces)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG, use_cache=False))
    for number, stage in enumerate(STAGES, 1):
        start = time.time()

        def after_step(step, loss):
            if step % 20 == 0:
                print(f"stage {number}, step {step} of {stage.steps}: loss {loss:.3f}, "
                      f"{step * stage.rows * LENGTH / (time.time() - start):.0f} tokens/s", flush=True)

        train(model, tokenizer, stage, after_step)
        save(model, pieces, o.output)
