/* Attention's backward pass; part of attention.inc.h. */
/* --- Backward (Dao et al.): p = exp(s − log_sum_exp), ds = p · (do · v − delta), dv = pᵀ do, dq = scale · ds k, dk = scale · dsᵀ q --- */

VECTOR_INLINE void delta_rows(const puna_attention_call *call, long index, const int bf16) {
  const puna_attention *attention = call->attention;
  const int begin = (int)index * PUNA_DELTA_ROWS, dimension = attention->head_dimension;
  const int end = begin + PUNA_DELTA_ROWS < attention->rows ? begin + PUNA_DELTA_ROWS : attention->rows;
  for (int row = begin; row < end; ++row) {
    for (int head = 0; head < attention->heads; ++head) {
      const size_t column = (size_t)head * (size_t)dimension;
      const void *o = element(call->saved_output, (size_t)row * call->output_stride + column, bf16);
      const void *d = element(call->d_output, (size_t)row * call->d_output_stride + column, bf16);
      vfloat sum = {0};
#define STEP(i, lanes) sum += v_load_element(o, (size_t)i, lanes, bf16) * v_load_element(d, (size_t)i, lanes, bf16)
      FOR_VECTORS(dimension, STEP);
#undef STEP
      call->delta[(size_t)row * (size_t)attention->heads + (size_t)head] = v_total(sum);
    }
  }
}

/* Statistics of a stack's rows, the logarithm in base 2; rows of padding get probability 0. */
VECTOR_INLINE void stack_statistics(const puna_attention_call *call, const puna_attention_tile *tile, int head, int padded_rows,
                                    float *log_sum_exp, float *delta) {
  const int group = call->group;
  int row = 0;
  for (int position = 0; position < tile->count; ++position) {
    const size_t at = (size_t)(tile->begin + position) * (size_t)call->attention->heads + (size_t)(head * group);
    for (int i = 0; i < group; ++i, ++row) {
      log_sum_exp[row] = call->log_sum_exp[at + (size_t)i] * 1.44269504088896341f;
      delta[row] = call->delta[at + (size_t)i];
    }
  }
  for (; row < padded_rows; ++row) {
    log_sum_exp[row] = INFINITY;
    delta[row] = 0;
  }
}

/* Probabilities and score gradients (without the scale) of one vector of a row.
   A probability below 2^-64 counts as none: beside those that make up the 1 it is lost in rounding, and its products with small gradients
   would be denormal numbers, which processors multiply a hundred times slower. */
VECTOR_INLINE void score_gradient(const float *scores, const float *dp, int column, const int limit, float factor, float log_sum_exp,
                                  float delta, vfloat *p, vfloat *ds) {
  *p = v_exp2(v_load(scores + column, VECTOR_FLOATS) * factor - log_sum_exp);
  *p = v_select(*p < 0x1p-64f, (vfloat){0}, *p);
  *ds = *p * (v_load(dp + column, VECTOR_FLOATS) - delta);
  if (limit < column + VECTOR_FLOATS) {
    *p = mask(*p, column, limit, 0);
    *ds = mask(*ds, column, limit, 0);
  }
}

/* Score gradients of a row as the left side of the product with the keys, over the scores they come from. */
VECTOR_INLINE void score_gradient_row(uint32_t *row, const float *dp, const int vectors, const int limit, float factor, float log_sum_exp,
                                      float delta, const int pairs) {
  for (int v = 0; v < vectors; ++v) {
    vfloat p, ds;
    score_gradient((const float *)row, dp, v * VECTOR_FLOATS, limit, factor, log_sum_exp, delta, &p, &ds);
    store_probabilities(row, v, ds, pairs);
  }
}

VECTOR_INLINE void backward_query_tile(const puna_attention_call *call, long index, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const puna_attention_tile *tile = &call->query_tiles[call->query_tile_count - 1 - index / call->head_count];
  const int head = call->head_begin + (int)(index % call->head_count), group = call->group, dimension = attention->head_dimension;
  const int rows = tile->count * group, padded_rows = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
  const int words = pairs ? dimension / 2 : dimension, dimension_vectors = (dimension + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
  const size_t columns = puna_padded_dimension(dimension);
  uint32_t *q = (uint32_t *)scratch, *d_output = q + (size_t)padded_rows * columns, *scores = d_output + (size_t)padded_rows * columns;
  float *dp = (float *)(scores + (size_t)padded_rows * PUNA_KEY_TILE), *dq = dp + (size_t)padded_rows * PUNA_KEY_TILE;
  float *log_sum_exp = dq + (size_t)padded_rows * columns, *delta = log_sum_exp + padded_rows;
  int *positions = (int *)(delta + padded_rows);
  const float factor = base2_scale(attention);

  prefetch_stack(call, tile, head, attention->q, attention->q_stride, bf16);
  prefetch_stack(call, tile, head, call->d_output, call->d_output_stride, bf16);
  memset(dq, 0, (size_t)padded_rows * columns * sizeof(float));
  stack_rows(call, tile, head, attention->q, attention->q_stride, padded_rows, (size_t)words, q, bf16, pairs);
  stack_rows(call, tile, head, call->d_output, call->d_output_stride, padded_rows, (size_t)words, d_output, bf16, pairs);
  stack_statistics(call, tile, head, padded_rows, log_sum_exp, delta);
  stack_positions(call, tile, padded_rows, positions);

  const int last = tile->first + tile->count - 1;
  for (int s = tile->segment; s >= 0; s = attention->segments[s].parent) {
    for (int t = call->places[s].key_tile_begin; t < call->places[s + 1].key_tile_begin; ++t) {
      const puna_attention_tile *keys = &call->key_tiles[t];
      const int most = visible_keys(keys, tile, last), vectors = (most + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
      if (most <= 0) break;
      const size_t key_columns = (size_t)padded_keys(keys);
      product(padded_rows, vectors, words, q, (size_t)words, 1, packed(call, head, 0, keys), key_columns, (float *)scores, PUNA_KEY_TILE, 0,
              pairs);
      product(padded_rows, vectors, words, d_output, (size_t)words, 1, packed(call, head, 2, keys), key_columns, dp, PUNA_KEY_TILE, 0,
              pairs);
      const int full = visible_keys(keys, tile, tile->first) == PUNA_KEY_TILE;
      for (int row = 0; row < padded_rows; ++row) {
        uint32_t *at = scores + (size_t)row * PUNA_KEY_TILE;
        const float *row_dp = dp + (size_t)row * PUNA_KEY_TILE;
        if (full) {
          score_gradient_row(at, row_dp, KEY_VECTORS, PUNA_KEY_TILE, factor, log_sum_exp[row], delta[row], pairs);
        } else {
          const int limit = visible_keys(keys, tile, positions[row]);
          score_gradient_row(at, row_dp, vectors, limit, factor, log_sum_exp[row], delta[row], pairs);
        }
      }
      product(padded_rows, dimension_vectors, pairs ? vectors * VECTOR_FLOATS / 2 : most, scores, PUNA_KEY_TILE, 1,
              packed(call, head, 1, keys), columns, dq, columns, 1, pairs);
    }
  }
  for (int position = 0, row = 0; position < tile->count; ++position) {
    for (int h = head * group; h < (head + 1) * group; ++h, ++row) {
      store_row(call->dq, (size_t)(tile->begin + position) * call->dq_stride + (size_t)h * (size_t)dimension, dq + (size_t)row * columns,
                dimension, attention->scale, bf16);
    }
  }
}

/* Two rows of probabilities as the transposed left side of a product over the rows: in pairs one word a column, else as they are. */
VECTOR_INLINE void store_row_pair(uint32_t *first, size_t pair_row, int v, vfloat p0, vfloat p1, const int pairs) {
#ifdef ISA_AVX512_BF16
  if (pairs) {
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(p1, p0);
    const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
                                                3, 18, 2, 17, 1, 16, 0);
    const __m512i words = _mm512_permutexvar_epi16(interleave, both);
    memcpy(first + pair_row * PUNA_KEY_TILE + (size_t)v * VECTOR_FLOATS, &words, sizeof words);
    return;
  }
#else
  (void)pairs;
#endif
  float *to = (float *)first + 2 * pair_row * PUNA_KEY_TILE + (size_t)v * VECTOR_FLOATS;
  v_store(to, p0, VECTOR_FLOATS);
  v_store(to + PUNA_KEY_TILE, p1, VECTOR_FLOATS);
}

/* Two rows of probabilities and score gradients, over the scores and products they come from: a pair lies at or before its rows. */
VECTOR_INLINE void score_gradient_pair(uint32_t *scores, uint32_t *dp, int row, const int vectors, const int limit0, const int limit1,
                                       float factor, const float *log_sum_exp, const float *delta, const int pairs) {
  const float *s = (const float *)scores + (size_t)row * PUNA_KEY_TILE, *d = (const float *)dp + (size_t)row * PUNA_KEY_TILE;
  for (int v = 0; v < vectors; ++v) {
    vfloat p[2], ds[2];
    score_gradient(s, d, v * VECTOR_FLOATS, limit0, factor, log_sum_exp[row], delta[row], &p[0], &ds[0]);
    score_gradient(s + PUNA_KEY_TILE, d + PUNA_KEY_TILE, v * VECTOR_FLOATS, limit1, factor, log_sum_exp[row + 1], delta[row + 1], &p[1],
                   &ds[1]);
    store_row_pair(scores, (size_t)row / 2, v, p[0], p[1], pairs);
    store_row_pair(dp, (size_t)row / 2, v, ds[0], ds[1], pairs);
  }
}

/* Adds one query tile's part to dk and dv [key tile, row, dimension] of the key tiles from `first` on. */
VECTOR_INLINE void add_query_tile(const puna_attention_call *call, int first, int end, const puna_attention_tile *tile, int head, float *dk,
                                  float *dv, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const int group = call->group, dimension = attention->head_dimension;
  const int rows = tile->count * group, padded_rows = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
  const size_t columns = puna_padded_dimension(dimension), stack = (size_t)padded_rows * columns;
  const int words = pairs ? dimension / 2 : dimension, dimension_vectors = (dimension + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
  uint32_t *q = (uint32_t *)scratch, *d_output = q + stack, *q_pairs = d_output + stack, *d_output_pairs = q_pairs + stack;
  uint32_t *scores = d_output_pairs + stack, *dp = scores + (size_t)padded_rows * PUNA_KEY_TILE;
  float *log_sum_exp = (float *)(dp + (size_t)padded_rows * PUNA_KEY_TILE), *delta = log_sum_exp + padded_rows;
  int *positions = (int *)(delta + padded_rows);
  const float factor = base2_scale(attention);

  /* As floats one copy serves both sides. */
  const size_t left_columns = pairs ? (size_t)words : columns;
  stack_rows(call, tile, head, attention->q, attention->q_stride, padded_rows, left_columns, q, bf16, pairs);
  stack_rows(call, tile, head, call->d_output, call->d_output_stride, padded_rows, left_columns, d_output, bf16, pairs);
  if (pairs) {
    stack_pairs(call, tile, head, attention->q, attention->q_stride, q_pairs);
    stack_pairs(call, tile, head, call->d_output, call->d_output_stride, d_output_pairs);
  }
  stack_statistics(call, tile, head, padded_rows, log_sum_exp, delta);
  stack_positions(call, tile, padded_rows, positions);

  for (int t = first; t < end; ++t, dk += PUNA_KEY_TILE * columns, dv += PUNA_KEY_TILE * columns) {
    const puna_attention_tile *keys = &call->key_tiles[t];
    const int most = visible_keys(keys, tile, tile->first + tile->count - 1), vectors = (most + VECTOR_FLOATS - 1) / VECTOR_FLOATS;
    if (most <= 0) return;
    const size_t key_columns = (size_t)padded_keys(keys);
    product(padded_rows, vectors, words, q, left_columns, 1, packed(call, head, 0, keys), key_columns, (float *)scores, PUNA_KEY_TILE, 0,
            pairs);
    product(padded_rows, vectors, words, d_output, left_columns, 1, packed(call, head, 2, keys), key_columns, (float *)dp, PUNA_KEY_TILE, 0,
            pairs);
    const int full = visible_keys(keys, tile, tile->first) == PUNA_KEY_TILE;
    for (int row = 0; row < padded_rows; row += 2) {
      if (full) {
        score_gradient_pair(scores, dp, row, KEY_VECTORS, PUNA_KEY_TILE, PUNA_KEY_TILE, factor, log_sum_exp, delta, pairs);
      } else {
        const int limit0 = visible_keys(keys, tile, positions[row]);
        const int limit1 = visible_keys(keys, tile, positions[row + 1]);
        score_gradient_pair(scores, dp, row, vectors, limit0, limit1, factor, log_sum_exp, delta, pairs);
      }
    }
    const long k = pairs ? (rows + 1) / 2 : rows;
    product(most, dimension_vectors, k, scores, 1, PUNA_KEY_TILE, pairs ? d_output_pairs : d_output, columns, dv, columns, 1, pairs);
    product(most, dimension_vectors, k, dp, 1, PUNA_KEY_TILE, pairs ? q_pairs : q, columns, dk, columns, 1, pairs);
  }
}

VECTOR_INLINE void backward_key_block(const puna_attention_call *call, long index, float *scratch, const int bf16, const int pairs) {
  const puna_attention *attention = call->attention;
  const int head = call->head_begin + (int)(index % call->head_count), dimension = attention->head_dimension;
  const int first = call->key_blocks[index / call->head_count];
  const puna_attention_place *place = &call->places[call->key_tiles[first].segment];
  const int end = first + PUNA_KEY_BLOCK < place[1].key_tile_begin ? first + PUNA_KEY_BLOCK : place[1].key_tile_begin;
  const size_t columns = puna_padded_dimension(dimension), block = (size_t)(end - first) * PUNA_KEY_TILE * columns;
  float *dk = scratch, *dv = dk + block;
  scratch = dv + block;

  /* The own segment's query tiles from the diagonal on, then the descendants'. */
  int t = place->query_tile_begin + call->key_tiles[first].first / call->query_tile, t_end = place[1].query_tile_begin;
  int descendant = place->descendant_begin;
  prefetch_stack(call, &call->query_tiles[t], head, attention->q, attention->q_stride, bf16);
  prefetch_stack(call, &call->query_tiles[t], head, call->d_output, call->d_output_stride, bf16);
  memset(dk, 0, 2 * block * sizeof(float));
  while (t < t_end) {
    const puna_attention_tile *tile = &call->query_tiles[t++];
    while (t == t_end && descendant < place[1].descendant_begin) {
      const puna_attention_place *next = &call->places[call->descendants[descendant++]];
      t = next->query_tile_begin;
      t_end = next[1].query_tile_begin;
    }
    if (t < t_end) {
      prefetch_stack(call, &call->query_tiles[t], head, attention->q, attention->q_stride, bf16);
      prefetch_stack(call, &call->query_tiles[t], head, call->d_output, call->d_output_stride, bf16);
    }
    add_query_tile(call, first, end, tile, head, dk, dv, scratch, bf16, pairs);
  }
  for (int t = first; t < end; ++t, dk += PUNA_KEY_TILE * columns, dv += PUNA_KEY_TILE * columns) {
    const puna_attention_tile *keys = &call->key_tiles[t];
    for (int row = 0; row < keys->count; ++row) {
      const size_t column = (size_t)head * (size_t)dimension, matrix_row = (size_t)(keys->begin + row);
      store_row(call->dk, matrix_row * call->dk_stride + column, dk + (size_t)row * columns, dimension, attention->scale, bf16);
      store_row(call->dv, matrix_row * call->dv_stride + column, dv + (size_t)row * columns, dimension, 1, bf16);
    }
  }
}
