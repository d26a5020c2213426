/* Gradients of trained rows of the embedding and of the head. */
#ifndef PUNA_VOCABULARY_H
#define PUNA_VOCABULARY_H
#include "context.h"

/* The gradient of a gather: g[tokens[i] − first] += dh[i] for every row i of dh [n, columns] whose token lies in first ..< first + count;
   g is [count, columns], contiguous. Rows are added in their order, whatever the number of threads. */
void puna_add_gathered(puna_context *context, const int32_t *tokens, int n, int columns, const float *dh, size_t dh_stride, int first,
                       int count, float *g);

/* y[j][i] = x[i][j] for the n rows and the given columns of x, elements of 2 or 4 bytes. Rows of y are filled with zeros up to the next
   multiple of 32 elements, as products require of their inputs. */
void puna_transpose(puna_context *context, int element_size, const void *x, size_t x_stride, int n, int columns, void *y, size_t y_stride);
#endif
