"""Makes the starter: text, tokenizer, model, and its folder in Hugging Face form.

    python train.py --work FOLDER --output ../../Sources/CStarter/weights [--threads 1]

Needs torch, transformers, sentencepiece and safetensors. Every random choice is seeded.
"""

import argparse
import io
import json
import math
import time
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from text import SCHOOL, Writer, without_marks

TEXT_SEED, MODEL_SEED = 1, 3
PIECES = 2048
ANSWER_WEIGHT = 5.0                              # a token of an answer counts as five others
LENGTH, BATCH = 256, 16                          # tokens in a row, rows in a step
CONFIG = dict(vocab_size=PIECES, hidden_size=192, intermediate_size=512, num_hidden_layers=6, num_attention_heads=6,
              num_key_value_heads=3, head_dim=32, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0,
              tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)


def train_tokenizer(path):
    """A SentencePiece model with LLaMA's settings: BPE, byte fallback, single digits, text left as it is."""
    writer = Writer(TEXT_SEED)
    lines = [line for _ in range(12000) for line in without_marks(writer.document())[0].split("\n")] + SCHOOL * 300
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=PIECES, byte_fallback=True,
        character_coverage=1.0, required_chars="#", split_digits=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, allow_whitespace_only_pieces=True, unk_id=0, bos_id=1, eos_id=2,
        pad_id=-1, num_threads=1, minloglevel=1)
    path.write_bytes(model.getvalue())


def encoded(tokenizer, document):
    """Token ids, and which of them belong to answers."""
    text, marks = without_marks(document)
    pieces, at, inside = tokenizer.encode(text, out_type=str), -1, []    # the first piece begins with a space that is not in the text
    for piece in pieces:
        end = at + (1 if piece.startswith("<0x") else len(piece))
        inside.append(any(marks[max(at, 0):end]))
        at = end
    return [1] + tokenizer.piece_to_id(pieces) + [2], [False] + inside + [False]


def make_tokens(tokenizer, count, seed=TEXT_SEED):
    """`count` tokens of training text, and which belong to answers."""
    writer, ids, answers = Writer(seed), [], []
    while len(ids) < count:
        more, inside = encoded(tokenizer, writer.document())
        ids += more
        answers += inside
    return np.array(ids[:count], dtype=np.uint16), np.array(answers[:count])


def train(ids, answers, steps, peak, report, start_from=None):
    torch.manual_seed(MODEL_SEED)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG, use_cache=False))
    if start_from:
        model = LlamaForCausalLM.from_pretrained(start_from, dtype=torch.float32)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [torch.optim.Muon(matrices, lr=peak, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
                  torch.optim.AdamW(others, lr=peak, betas=(0.9, 0.95), weight_decay=0.01)]
    rows = torch.from_numpy(ids.astype(np.int64)).view(-1, LENGTH)
    weights = 1.0 + (ANSWER_WEIGHT - 1.0) * torch.from_numpy(answers).view(-1, LENGTH)[:, 1:].float()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(MODEL_SEED))
    start = time.time()
    for step in range(steps):
        warm = min(1.0, (step + 1) / 60)
        rate = warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        chosen = order[step * BATCH:(step + 1) * BATCH]
        x, weight = rows[chosen], weights[chosen].flatten()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=x).logits[:, :-1]
        losses = F.cross_entropy(logits.reshape(-1, PIECES).float(), x[:, 1:].flatten(), reduction="none")
        loss = (losses * weight).sum() / weight.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optimizers:
            for group in o.param_groups:
                group["lr"] = peak * rate
            o.step()
            o.zero_grad(set_to_none=True)
        of_answers = losses[weight > 1].mean().item()
        report(step, losses.mean().item(), of_answers, time.time() - start, model)
    return model


def save(model, tokenizer_path, folder):
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
    (folder / "tokenizer.model").write_bytes(tokenizer_path.read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--stop", type=int)      # only for trials
    parser.add_argument("--peak", type=float, default=4e-3)
    parser.add_argument("--start-from", type=Path, help="continue these weights on text from another seed")
    parser.add_argument("--text-seed", type=int, default=TEXT_SEED)
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    o.work.mkdir(parents=True, exist_ok=True)
    if not (o.work / "tokenizer.model").exists():
        train_tokenizer(o.work / "tokenizer.model")
    tokenizer = spm.SentencePieceProcessor(model_file=str(o.work / "tokenizer.model"))
    tokens = o.work / f"tokens-{o.steps}.npz"
    if not tokens.exists():
        ids, answers = make_tokens(tokenizer, o.steps * BATCH * LENGTH, o.text_seed)
        np.savez(tokens, ids=ids, answers=answers)
    loaded = np.load(tokens)
    ids, answers = loaded["ids"], loaded["answers"]

    def report(step, loss, of_answers, seconds, model):
        if step % 10 == 9:
            print(f"step {step + 1}/{o.steps} loss {loss:.3f}, of answers {of_answers:.3f}, {(step + 1) * BATCH * LENGTH / seconds:.0f} tokens/s", flush=True)
        if step % 100 == 99:
            save(model, o.work / "tokenizer.model", o.work / "checkpoint")
        if o.stop and step + 1 == o.stop:
            raise SystemExit

    save(train(ids, answers, o.steps, o.peak, report, o.start_from), o.work / "tokenizer.model", o.output)
