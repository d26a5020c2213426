#include "CStarter.h"

/* #embed is C23; clang offers it in every C mode and says so. */
#pragma clang diagnostic ignored "-Wc23-extensions"

#define STARTER_FILE(identifier) static const unsigned char identifier[] __attribute__((aligned(64))) = {

STARTER_FILE(config)
#embed "weights/config.json"
};
STARTER_FILE(generation_config)
#embed "weights/generation_config.json"
};
STARTER_FILE(index_file)
#embed "weights/model.safetensors.index.json"
};
STARTER_FILE(shard_1)
#embed "weights/model-00001-of-00002.safetensors"
};
STARTER_FILE(shard_2)
#embed "weights/model-00002-of-00002.safetensors"
};
STARTER_FILE(tokenizer)
#embed "weights/tokenizer.model"
};

static const puna_starter_file files[] = {
    {"config.json", config, sizeof config},
    {"generation_config.json", generation_config, sizeof generation_config},
    {"model.safetensors.index.json", index_file, sizeof index_file},
    {"model-00001-of-00002.safetensors", shard_1, sizeof shard_1},
    {"model-00002-of-00002.safetensors", shard_2, sizeof shard_2},
    {"tokenizer.model", tokenizer, sizeof tokenizer},
};

int puna_starter_file_count(void) { return sizeof files / sizeof *files; }

const puna_starter_file *puna_starter_file_at(int index) {
  return index >= 0 && index < puna_starter_file_count() ? &files[index] : NULL;
}
