/* What a product's terms cover. */
#ifndef PUNA_GEMM_TERMS_H
#define PUNA_GEMM_TERMS_H
#include "include/gemm.h"

static inline int puna_term_depth(const puna_gemm_term *term) { return term->transposed ? term->weight->rows : term->weight->columns; }
static inline int puna_term_width(const puna_gemm_term *term) { return term->transposed ? term->weight->columns : term->weight->rows; }
static inline int puna_term_covers(const puna_gemm_term *term, int column) {
  return column >= term->n_begin && column - term->n_begin < puna_term_width(term);
}

/* The next column after `column` where the set of terms changes, at most `end`. */
static inline int puna_next_cut(const puna_gemm_term *terms, int term_count, int column, int end) {
  for (int i = 0; i < term_count; i++) {
    int begin = terms[i].n_begin, stop = begin + puna_term_width(&terms[i]);
    if (begin > column && begin < end) end = begin;
    if (stop > column && stop < end) end = stop;
  }
  return end;
}
#endif
