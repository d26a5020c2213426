#!/usr/bin/env python3
"""Writes Tests/AdaptersTests/goldens with PyTorch, transformers and PEFT: adapters of every kind that Puna folds into a base.

    peer/bin/python Tools/goldens/adapters.py

base/ and tied/ are two bases in float32; every other folder is an adapter as PEFT saves it, with merged.safetensors beside it: the
weights that `merge_and_unload` changed, in float32. The weights are random; every number comes from the seeds below.
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parents[2] / "Tests" / "AdaptersTests" / "goldens"
SHAPE = dict(vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=4,
             max_position_embeddings=32, bos_token_id=1, eos_token_id=2, initializer_range=0.2)


def make_base(name, tied):
    torch.manual_seed(21)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=tied))
    with torch.no_grad():
        for parameter, values in model.named_parameters():
            if "norm" in parameter:
                values.add_(0.3 * torch.randn_like(values))
    model.save_pretrained(OUT / name)
    (OUT / name / "generation_config.json").unlink()


def load(base):
    return LlamaForCausalLM.from_pretrained(OUT / base, dtype=torch.float32)


def make(name, base="base", rows=None, targets=("q_proj", "v_proj"), then=None, dtype=torch.float32, **settings):
    torch.manual_seed(22)
    folder = OUT / name
    model = load(base)
    if rows:
        model.resize_token_embeddings(rows, mean_resizing=False)
    targets = targets if isinstance(targets, str) else list(targets)
    lora = LoraConfig(**{**dict(r=2, lora_alpha=3, target_modules=targets, task_type="CAUSAL_LM"), **settings})
    model = get_peft_model(model, lora)
    with torch.no_grad():
        for parameter, values in model.named_parameters():
            if values.requires_grad:
                values.add_(0.2 * torch.randn_like(values))
            if "lora_" in parameter:
                values.copy_(values.to(dtype))
    # PEFT looks at the base for the size of its vocabulary.
    model.peft_config["default"].base_model_name_or_path = str(OUT / base)
    model.save_pretrained(folder)
    path = folder / "adapter_config.json"
    configuration = json.loads(path.read_text().replace(str(OUT), ".."))
    # PEFT writes sets as they come.
    for key, value in configuration.items():
        if key.endswith("_modules") and isinstance(value, list):
            configuration[key] = sorted(value)
    path.write_text(json.dumps(configuration, indent=2, sort_keys=True))
    (folder / "README.md").unlink()
    merged = dict(model.merge_and_unload().state_dict())
    stored = dict(load(base).state_dict())
    changed = {key: value.clone() for key, value in merged.items() if key not in stored or not torch.equal(value, stored[key])}
    save_file(changed, folder / "merged.safetensors")
    if then:
        then(folder)


def convert(folder, rename=lambda name: name, dtype=torch.float32, **members):
    """As another version would have saved it: adapter_model.bin, other names, other keys."""
    path = folder / "adapter_model.safetensors"
    torch.save({rename(name): value.to(dtype) for name, value in load_file(path).items()}, folder / "adapter_model.bin")
    path.unlink()
    path = folder / "adapter_config.json"
    configuration = json.loads(path.read_text())
    configuration.update(members)
    path.write_text(json.dumps({key: value for key, value in configuration.items() if value != "gone"}, indent=2, sort_keys=True))


def first_version(folder):
    new = ["alpha_pattern", "rank_pattern", "use_rslora", "use_dora", "layers_to_transform", "layers_pattern", "loftq_config", "peft_version"]
    convert(folder, lambda name: name.replace("lora_A.weight", "lora_A.default.weight").replace("lora_B.weight", "lora_B.default.weight"),
            enable_lora=None, merge_weights=False, fan_in_fan_out=True, **dict.fromkeys(new, "gone"))


def early_dora(folder):
    convert(folder, lambda name: name.replace("base_model.model.", "").replace("magnitude_vector", "magnitude_vector.default.weight"))


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    make_base("base", tied=False)
    make_base("tied", tied=True)
    make("plain", bias="all")
    make("first-version", then=first_version)
    make("half", dtype=torch.bfloat16, then=lambda folder: convert(folder, dtype=torch.bfloat16))
    make("patterns", targets=r".*\.(0\.self_attn\.q|1\.mlp\.down)_proj", use_rslora=True, rank_pattern={"down_proj": 3},
         alpha_pattern={"layers.0.self_attn.q_proj": 5})
    make("layers", targets=("k_proj", "up_proj", "model.layers.0.mlp.gate_proj"), layers_to_transform=[1], exclude_modules=["up_proj"])
    make("no-effect", lora_alpha=0)
    make("mica", init_lora_weights="mica")
    make("dora", targets=("q_proj", "down_proj", "lm_head"), use_dora=True, use_rslora=True)
    make("early-dora", targets=("o_proj",), use_dora=True, then=early_dora)
    make("vocabulary", targets=("embed_tokens", "lm_head", "o_proj"), rank_pattern={"embed_tokens": 3})
    make("saved", modules_to_save=["embed_tokens", "lm_head", "norm"])
    make("larger", rows=14, modules_to_save=["embed_tokens", "lm_head"])
    make("larger-untrained", rows=14)
    make("saved-attention", targets="all-linear", modules_to_save=["self_attn"])
    make("tied-saved", base="tied", modules_to_save=["embed_tokens", "lm_head"])
    make("tied-together", base="tied", modules_to_save=["embed_tokens"], ensure_weight_tying=True)
    make("tied-embedding", base="tied", modules_to_save=["embed_tokens"])
    # PEFT reads what it wrote.
    for folder in OUT.iterdir():
        if (folder / "adapter_config.json").exists() and not folder.name.startswith("larger") and folder.name != "early-dora":
            PeftModel.from_pretrained(load("tied" if folder.name.startswith("tied") else "base"), folder)
