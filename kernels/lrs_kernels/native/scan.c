/* A recurrence over a whole sequence, forward and backward, for one processor.
 *
 * Why C: a step of a small model is a few thousand numbers, and calling a library for each of its
 * products and activations costs more than the arithmetic. Here a thread takes some rows of the
 * batch of one member and walks through all T steps with them; weights stay in its cache, the state
 * never leaves it, and no thread waits for another until the end.
 *
 * Letters: P members, T time, B batch, G gates, H hidden size, R rank; W = G * H. Compiled for every
 * cell by itself (CELL is its header), for float and for double (REAL). All is summed in the same
 * order whatever the number of threads, so results do not depend on it. */
#include "real.h"

#include "activations.h"
#include "products.h"
#include "scan.h"

#include CELL

#include "passes.h"
#include "weights.h"

static int run(const Scan *s, int backward) {
    int64_t H = s->hidden, W = s->gates * H, tiles = (s->batch + s->tile - 1) / s->tile;
    /* Forward multiplies by the transpose: (H, W); backward by (W, H). */
    int64_t inner = backward ? W : H, columns = backward ? H : W, panels = panels_of(columns);
    int64_t packed_size = panels * inner * COLUMNS;
    int64_t scratch_size = s->tile * ((panels_of(W) + panels_of(H) * 2 + 3) * COLUMNS + 4 * H);
    int formed = s->weight && !s->mask;
    REAL *packed = numbers(s->members * packed_size);
    REAL *effective = formed ? 0 : numbers(s->members * W * H);
    const REAL *weight = formed ? s->weight : effective;
    int failed = packed == 0 || weight == 0;
    if (!failed) {
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
        {
            REAL *scratch = numbers(scratch_size);
            failed = scratch == 0;
            if (!formed) {
#pragma omp for schedule(static)
                for (int64_t i = 0; i < s->members * W; i++) form_row(s, i, effective + i * H);
            }
#pragma omp for schedule(static)
            for (int64_t i = 0; i < s->members * panels; i++)
                pack(weight + i / panels * W * H, backward ? H : 1, backward ? 1 : H, inner,
                     columns, i % panels * COLUMNS, packed + i * inner * COLUMNS);
#pragma omp for schedule(dynamic)
            for (int64_t i = 0; i < s->members * tiles; i++) {
                int64_t p = i / tiles, first = i % tiles * s->tile, left = s->batch - first;
                int64_t rows = left < s->tile ? left : s->tile;
                if (failed) continue;
                (backward ? backward_rows : forward_rows)(s, p, first, rows,
                                                          packed + p * packed_size, scratch);
            }
            free(scratch);
        }
    }
    free(effective);
    free(packed);
    return failed;
}

int NAME(forward)(const Scan *s) { return run(s, 0); }
int NAME(backward)(const Scan *s) { return run(s, 1); }
int NAME(weights)(const Scan *s, REAL *dw, REAL *d1, REAL *d2) {
    return weight_gradients(s, dw, d1, d2);
}
