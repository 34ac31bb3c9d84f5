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

#include "inputs.h"
#include "linear.h"
#include "passes.h"
#include "weights.h"
#include "gradients.h"
#include "back.h"

/* Numbers of the packed weights of a member on the way forward: the recurrent ones, of which the
 * transpose (H, W) is multiplied, and those of the input. */
static int64_t size_of_recurrent(const Scan *s) {
    return panels_of(s->gates * s->hidden) * s->hidden * COLUMNS;
}

static int64_t size_of_input(const Scan *s) {
    return s->w_ih ? panels_of(s->gates * s->hidden) * s->inputs * COLUMNS : 0;
}

static int64_t packed_size(const Scan *s) {
    return s->members * (size_of_recurrent(s) + size_of_input(s));
}

static int forward(const Scan *s) {
    int64_t H = s->hidden, W = s->gates * H, P = s->members;
    int64_t tiles = (s->batch + s->tile - 1) / s->tile, formed = s->ready || (s->weight && !s->mask);
    int64_t size = size_of_recurrent(s), size_ih = size_of_input(s);
    int64_t scratch_size = largest(forward_scratch(s), factor_scratch(s));
    REAL *own = numbers((s->packed ? 0 : packed_size(s)) + (formed ? 0 : P * W * H));
    if (own == 0) return 1;
    REAL *packed = s->packed ? s->packed : own, *packed_ih = packed + P * size;
    REAL *effective = s->packed ? own : own + packed_size(s);
    const REAL *weight = formed ? s->weight : effective;
    int failed = 0;
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
    {
        REAL *scratch = numbers(scratch_size);
        failed = scratch == 0;
        if (!formed) {
#pragma omp for schedule(static)
            for (int64_t gate = 0; gate < P * s->gates; gate++)
                if (!failed) form(s, gate, effective + gate * H * H, scratch);
        }
        if (!s->ready) {
            pack_all(P, weight, W, H, 1, packed);
            if (s->w_ih) pack_all(P, s->w_ih, W, s->inputs, 1, packed_ih);
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < P * tiles; i++) {
            int64_t p = i / tiles, first = i % tiles * s->tile, left = s->batch - first;
            if (!failed)
                forward_rows(s, p, first, left < s->tile ? left : s->tile, packed + p * size,
                             packed_ih + p * size_ih, scratch);
        }
        free(scratch);
    }
    free(own);
    return failed;
}

/* What `limits.py` goes by: how many numbers an instruction takes, and whose processor this is. */
const int NAME(lanes) = LANES;
int NAME(intel)(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    return __builtin_cpu_is("intel") != 0;
#else
    return 0;
#endif
}

int64_t NAME(packed_size)(const Scan *s) { return packed_size(s); }
int NAME(forward)(const Scan *s) { return forward(s); }
int NAME(backward)(const Scan *s) { return back(s); }
int NAME(linear)(int64_t members, int64_t rows, int64_t inner, int64_t columns, const REAL *x,
                 const REAL *w, int64_t by_p, int64_t by_k, int64_t by_c, const REAL *b, REAL *y) {
    int failed = 0;
    for (int64_t p = 0; p < members; p++)
        failed |= linear(rows, inner, columns, x + p * rows * inner, w + p * by_p, by_k, by_c,
                         b ? b + p * columns : 0, y + p * rows * columns);
    return failed;
}
