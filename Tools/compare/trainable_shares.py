#!/usr/bin/env python3
"""Counts what LoRA and trained embeddings learn of LLaMA 7B and 13B, from PEFT's models without weights.

    python Tools/compare/trainable_shares.py

Needs torch, transformers and peft. Puna's share is of the parameters of base and LoRA. PEFT's print_trainable_parameters divides by a model
that holds every saved matrix twice, the base's and the trained copy. Where there is no LoRA PEFT's figure is that of the model that
can be made, with one pair of rank 1 on the first q_proj, frozen: its parameters are in PEFT's total and in no other number.
"""
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "7B": dict(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32),
    "13B": dict(hidden_size=5120, intermediate_size=13824, num_hidden_layers=40, num_attention_heads=40),
}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
SEVEN = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]
BOTH = ["embed_tokens", "lm_head"]
ROWS = [
    ("q, v", "7B", 32000, 8, ["q_proj", "v_proj"], None),
    ("input embedding", "7B", 49953, 0, None, ["embed_tokens"]),
    ("both, q, k, v, o", "7B", 49953, 8, ATTENTION, BOTH),
    ("both, all seven", "7B", 49953, 8, SEVEN, BOTH),
    ("both, all seven", "13B", 49953, 8, SEVEN, BOTH),
    ("both, all seven", "7B", 55296, 64, SEVEN, BOTH),
]


def count(size, vocabulary, rank, targets, saved):
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, tie_word_embeddings=False, **SHAPES[size]))
        base = model.num_parameters()
        targets = targets or ["model.layers.0.self_attn.q_proj"]
        model = get_peft_model(model, LoraConfig(r=rank or 1, target_modules=targets, modules_to_save=saved, task_type="CAUSAL_LM"))
    lora = [values for name, values in model.named_parameters() if "lora_" in name]
    if rank == 0:
        for values in lora:
            values.requires_grad_(False)
    trained, total = model.get_nb_trainable_parameters()
    return trained, base + (sum(values.numel() for values in lora) if rank else 0), total


def main():
    print(f"{'trained':<18}{'model':<6}{'tokens':>6}{'rank':>6}{'trained':>14}{'base and LoRA':>16}{'share':>10}{'in PEFT':>16}{'share':>10}")
    for name, size, vocabulary, rank, targets, saved in ROWS:
        trained, ours, theirs = count(size, vocabulary, rank, targets, saved)
        line = f"{name:<18}{size:<6}{vocabulary:>6}{rank or '-':>6}{trained:>14,}{ours:>16,}{trained / ours:>10.4%}"
        print(line + f"{theirs:>16,}{trained / theirs:>10.4%}")


if __name__ == "__main__":
    main()
