#!/usr/bin/env python3
"""Writes the cases of Tests/GoldenTests/goldens whose embedding or head is trained, saved as PEFT's modules_to_save.

    peer/bin/python Tools/goldens/embeddings.py [case ...]

Folders and keys are those of make.py, the run has 20 steps. A trained matrix has the name that it has in PEFT's file,
base_model.model.model.embed_tokens.weight or base_model.model.lm_head.weight; one matrix in both places has the first name alone.
The cases "embeddings-new-rows" extend the vocabulary: base/ is the base before that, initial.<name> the matrices after it, which adapter/
holds too; logits_base are those of the extended base. There the old rows are not trained: their gradients are zero, also in grad.<name>.
"""
import sys

import torch
from make import OUT, add_lora, make_base, measure, save_adapter, save_expected, trained
from peft import PeftModel
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

STEPS, WARM_UP, NEW_ROWS = 20, 4, 7
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BOTH = ["embed_tokens", "lm_head"]
UNTIED = dict(
    seed=31, dtype=torch.bfloat16, shard="1GB", rank=2, alpha=4, rslora=False, targets=["q_proj", "v_proj", "o_proj"],
    config=dict(vocab_size=40, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, head_dim=8,
                rms_norm_eps=1e-5, tie_word_embeddings=False, rope_parameters=dict(rope_theta=10000.0, rope_type="default")))
TIED = dict(
    seed=32, dtype=torch.float16, shard="1GB", rank=2, alpha=3, rslora=False, targets=ALL,
    config=dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
                rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=dict(rope_theta=500000.0, rope_type="default")))
# PEFT has no adapter without LoRA: one pair of zeros, which is not trained.
ALONE = dict(rank=1, alpha=1, targets=["model.layers.0.self_attn.q_proj"], zeros=True)
CASES = {
    "embeddings-untied": dict(UNTIED, saved=BOTH),
    "embeddings-parted": dict(TIED, saved=BOTH),
    "embeddings-tied": dict(TIED, saved=BOTH, together=True),
    "embeddings-input": dict(UNTIED, seed=33, saved=["embed_tokens"]),
    "embeddings-new-rows": dict(UNTIED, seed=34, saved=BOTH, new_rows=True),
    "embeddings-new-rows-tied": dict(TIED, seed=35, saved=BOTH, together=True, new_rows=True),
    "embeddings-alone": dict(UNTIED, seed=36, saved=BOTH, **ALONE),
}


def extend(model):
    """New rows at the end of embedding and head, each the mean of all old ones, summed in float64 and rounded once."""
    count = model.config.vocab_size
    model.resize_token_embeddings(count + NEW_ROWS, mean_resizing=False)
    with torch.no_grad():
        for module in [model.get_input_embeddings(), model.get_output_embeddings()]:
            module.weight[count:] = module.weight[:count].double().mean(0).float()


def keep_rows(matrix, count):
    """Lets only the rows from `count` on be learnt; returns what must follow every step."""
    old = matrix.detach()[:count].clone()

    def hook(gradient):
        gradient = gradient.clone()
        gradient[:count] = 0
        return gradient

    def restore():
        # Without gradients AdamW's moments of these rows are zero and a step only decays them: to undo the step is to have no decay.
        with torch.no_grad():
            matrix[:count] = old

    matrix.register_hook(hook)
    return restore


def make(name, case):
    folder = OUT / name
    model = make_base(folder, case)
    count = model.config.vocab_size
    if case.get("new_rows"):
        extend(model)
    model = add_lora(model, case, modules_to_save=list(case["saved"]), ensure_weight_tying=case.get("together", False))
    if case.get("zeros"):
        for parameter, values in model.named_parameters():
            if "lora_" in parameter:
                values.requires_grad_(False).zero_()
    matrices = {name: values for name, values in trained(model).items() if "lora_" not in name}
    if case.get("new_rows"):
        restores = [keep_rows(values, count) for values in matrices.values()]
    else:
        restores = []
        with torch.no_grad():
            for values in matrices.values():
                values.add_(0.02 * torch.randn_like(values))
    initial = {"initial." + name: values.detach().clone() for name, values in matrices.items()} if restores else {}
    save_adapter(model, folder / "adapter")
    expected = {**measure(model, STEPS, WARM_UP, lambda: [restore() for restore in restores]), **initial}
    check(folder, model.config.vocab_size, expected)
    save_expected(expected, folder)


def check(folder, vocabulary, expected):
    """PEFT reads what it wrote, and the batch has repeated tokens and new ones."""
    base = LlamaForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, attn_implementation="eager")
    count = base.config.vocab_size
    base.resize_token_embeddings(vocabulary, mean_resizing=False)
    model = PeftModel.from_pretrained(base, folder / "adapter")
    with torch.no_grad():
        assert torch.equal(model(input_ids=expected["tokens"]).logits, expected["logits_adapter"])
    stored = load_file(folder / "adapter" / "adapter_model.safetensors")
    for key, initial in expected.items():
        if key.startswith("initial."):
            name = key.removeprefix("initial.")
            assert torch.equal(stored[name], initial)
            assert torch.equal(expected["final." + name][:count], initial[:count]) and not expected["grad." + name][:count].any()
            assert not torch.equal(expected["final." + name][count:], initial[count:])
    for tokens in [expected["tokens"][:, 1:], expected["labels"][expected["labels"] > 0], expected["run_tokens"]]:
        assert len(tokens.unique()) < tokens.numel() and (tokens >= count).any() == (vocabulary > count)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name, CASES[name])
