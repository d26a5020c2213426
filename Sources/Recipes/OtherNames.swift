extension Recipe {
  /// What other tools call the keys of a recipe, for "did you mean": PEFT and transformers, alpaca-lora, torchtune, axolotl, LLaMA-Factory,
  /// litgpt, mlx-lm.
  static let otherNames: [String: String] = [
    "model": "base", "base_model": "base", "model_name_or_path": "base", "base_model_name_or_path": "base", "pretrained_model": "base",
    "tokenizer_path": "tokenizer", "tokenizer_name_or_path": "tokenizer", "output_dir": "output", "adapter_path": "output",

    "data_path": "data.train", "dataset": "data.train", "datasets": "data.train", "train_file": "data.train", "path": "data.train",
    "val_set_size": "data.validation", "val_size": "data.validation", "validation_file": "data.validation",
    "validation_split_percentage": "data.validation", "val_split_fraction": "data.validation",
    "cutoff_len": "data.max_length", "max_seq_length": "data.max_length", "max_seq_len": "data.max_length",
    "sequence_len": "data.max_length", "block_size": "data.max_length", "prompt_template": "data.template",
    "prompt_template_name": "data.template", "train_on_inputs": "data.train_on_prompt", "train_on_input": "data.train_on_prompt",
    "mask_prompt": "data.train_on_prompt", "packing": "training.micro_batch_tokens",

    "r": "lora.rank", "lora_r": "lora.rank", "lora_rank": "lora.rank", "lora_alpha": "lora.alpha", "scale": "lora.alpha",
    "lora_dropout": "lora.dropout", "lora_target": "lora.target_modules", "lora_target_modules": "lora.target_modules",
    "lora_attn_modules": "lora.target_modules", "use_rslora": "lora.rslora", "peft_path": "lora.start_from",
    "resume_adapter_file": "lora.start_from", "modules_to_save": "lora.train_embeddings",
    "lora_modules_to_save": "lora.train_embeddings", "additional_target": "lora.train_embeddings",
    "ensure_weight_tying": "lora.train_embeddings.tie", "resize_vocab": "vocabulary", "resize_token_embeddings": "vocabulary",

    "lr": "training.learning_rate", "num_epochs": "training.epochs", "num_train_epochs": "training.epochs", "iters": "training.max_steps",
    "max_iters": "training.max_steps", "lr_scheduler": "training.schedule", "lr_scheduler_type": "training.schedule",
    "lr_schedule": "training.schedule", "warmup_ratio": "training.warmup_steps", "warmup": "training.warmup_steps",
    "num_warmup_steps": "training.warmup_steps", "min_lr_ratio": "training.final_learning_rate_ratio",
    "global_batch_size": "training.batch_size", "micro_batch_size": "training.micro_batch_tokens",
    "per_device_train_batch_size": "training.micro_batch_tokens", "gradient_accumulation_steps": "training.micro_batch_tokens",
    "grad_accumulation_steps": "training.micro_batch_tokens", "gradient_checkpointing": "training.recompute",
    "grad_checkpoint": "training.recompute", "max_grad_norm": "training.clip_gradient_norm", "grad_clip": "training.clip_gradient_norm",
    "adam_epsilon": "training.epsilon", "eps": "training.epsilon", "wd": "training.weight_decay", "adam_betas": "training.betas",

    "dtype": "compute.precision", "bf16": "compute.precision", "fp16": "compute.precision", "num_threads": "compute.threads",
    "eval_steps": "evaluate_every", "eval_every": "evaluate_every", "steps_per_eval": "evaluate_every", "save_steps": "save_every",
    "early_stopping_patience": "early_stopping.patience", "early_stop_patience": "early_stopping.patience",
    "early_stopping_threshold": "early_stopping.minimum_improvement", "min_delta": "early_stopping.minimum_improvement",
    "sample_prompts": "samples", "eval_prompts": "samples",
    "save_interval": "save_every", "save_total_limit": "keep_checkpoints",
  ]
}
