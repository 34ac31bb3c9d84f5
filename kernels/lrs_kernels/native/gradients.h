/* All that does not depend on the order of the steps: the products of dz, after the way back. Each
 * sum has one order, whatever the number of threads. */

/* Where the panels of a member lie: first those of dL/dW, then those of dL/dW_ih. */
typedef struct {
    int64_t of_states, all;
} Panels;

static Panels panels_wanted(const Scan *s) {
    int64_t of_states = s->dw ? panels_of(s->hidden) : 0;
    return (Panels){of_states, of_states + (s->dw_ih ? panels_of(s->inputs) : 0)};
}

enum { APART = (CHUNK + 1) * COLUMNS }; /* packed panels; CHUNK alone would put all in one place */

/* Panels from `first` to `end` of a row of so many columns, zeros beyond the last one. */
INLINE void pack_row(const REAL *row, int64_t columns, int64_t first, int64_t end, REAL *to) {
    for (int64_t j = first; j < end; j++, to += APART) {
        int64_t left = columns - j * COLUMNS;
        if (left >= COLUMNS) memcpy(to, row + j * COLUMNS, COLUMNS * sizeof(REAL));
        else {
            memset(to, 0, COLUMNS * sizeof(REAL));
            memcpy(to, row + j * COLUMNS, left * sizeof(REAL));
        }
    }
}

/* What `count` rows of dz from `at` on were multiplied by, as panels: the states before the step,
 * and the layer's input. */
static void pack_seen(const Scan *s, int64_t p, int64_t at, int64_t count, int64_t first,
                      int64_t panels, REAL *packed) {
    int64_t H = s->hidden, B = s->batch, T = s->steps, t = at / B, b = at % B;
    int64_t end = first + panels, middle = panels_wanted(s).of_states;
    int64_t of_states = (end < middle ? end : middle) - first; /* of these panels; may be negative */
    for (REAL *to = packed; to < packed + count * COLUMNS; to += COLUMNS) {
        if (of_states > 0) {
            const REAL *row = t ? s->y + ((p * T + t - 1) * B + b) * H : s->h0 + (p * B + b) * H;
            if (s->resets && s->resets[(p * T + t) * B + b])
                for (int64_t j = 0; j < of_states; j++)
                    memset(to + j * APART, 0, COLUMNS * sizeof(REAL));
            else pack_row(row, H, first, first + of_states, to);
        }
        if (end > middle) {
            int64_t from = first > middle ? first : middle;
            const REAL *row = s->x + p * s->x_p + t * s->x_t + b * s->x_b;
            pack_row(row, s->inputs, from - middle, end - middle, to + (from - first) * APART);
        }
        if (++b == B) b = 0, t++;
    }
}

/* to += the sum of some rows. */
static void add_rows(int64_t count, int64_t width, const REAL *rows, int64_t ld, REAL *restrict to) {
    for (int64_t k = 0; k < count; k++, rows += ld)
        for (int64_t j = 0; j < width; j++) to[j] += rows[j];
}

/* Some panels of dL/dW and dL/dW_ih of a member: dz' times all states and inputs, CHUNK rows of both
 * at a time, so that what is multiplied stays in the cache. */
static void gradient_panels(const Scan *s, int64_t p, int64_t first, int64_t count, REAL *scratch) {
    int64_t H = s->hidden, I = s->inputs, W = s->gates * H, all = s->steps * s->batch;
    int64_t of_states = panels_wanted(s).of_states, width = count * COLUMNS;
    const REAL *dz = s->dz + p * all * W;
    const REAL *operand = JOINS_LATE ? s->dz_recurrent + p * all * W : dz;
    REAL *sums = scratch, *seen = sums + W * width;
    memset(sums, 0, W * width * sizeof(REAL));
    for (int64_t at = 0; at < all; at += CHUNK) {
        int64_t rows = all - at < CHUNK ? all - at : CHUNK;
        pack_seen(s, p, at, rows, first, count, seen);
        for (int64_t j = 0; j < count; j++)
            multiply_transposed(W, 1, rows, (first + j < of_states ? operand : dz) + at * W, W,
                                seen + j * APART, sums + j * COLUMNS, width);
    }
    for (int64_t j = 0; j < count; j++) {
        int64_t place = first + j, states = place < of_states, columns = states ? H : I;
        int64_t from = (states ? place : place - of_states) * COLUMNS, left = columns - from;
        REAL *to = (states ? s->dw : s->dw_ih) + p * W * columns + from;
        for (int64_t c = 0; c < W; c++)
            memcpy(to + c * columns, sums + c * width + j * COLUMNS,
                   (left < COLUMNS ? left : COLUMNS) * sizeof(REAL));
    }
}

/* dL/db_ih and dL/db of a member. */
static void bias_gradients(const Scan *s, int64_t p) {
    int64_t H = s->hidden, W = s->gates * H, all = s->steps * s->batch;
    if (s->db_ih) {
        memset(s->db_ih + p * W, 0, W * sizeof(REAL));
        add_rows(all, W, s->dz + p * all * W, W, s->db_ih + p * W);
    }
    if (s->d_bias) {
        memset(s->d_bias + p * H, 0, H * sizeof(REAL));
        add_rows(all, H, s->dz_recurrent + p * all * W + W - H, W, s->d_bias + p * H);
    }
}

/* Gradients of all weights, biases and inputs of all members that are wanted, from those of their
 * products: dL/dW into dw, and from there into dw1 and dw2 where there are factors. */
static int products_of_dz(const Scan *s) {
    int64_t H = s->hidden, W = s->gates * H, I = s->inputs, P = s->members;
    int64_t all = s->steps * s->batch, panels = panels_wanted(s).all;
    /* A part for every thread where members do not divide evenly among them. */
    int64_t parts = P % s->threads ? s->threads : 1, each = (panels + parts - 1) / parts;
    int64_t size = each * (W * COLUMNS + APART), size_ih = W * panels_of(I) * COLUMNS;
    int64_t of_input = s->dx ? DX_ROWS * panels_of(I) * COLUMNS : 0;
    int64_t of_factors = s->dw ? factor_scratch(s) : 0;
    int64_t pieces = s->dx ? (all + DX_ROWS - 1) / DX_ROWS : 0;
    REAL *packed_ih = s->dx ? numbers(P * size_ih) : 0;
    int failed = s->dx && !packed_ih;
    if (failed) return failed;
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
    {
        REAL *scratch = numbers(largest(size, largest(of_input, of_factors)));
        failed = scratch == 0;
        if (s->dx) pack_all(P, s->w_ih, W, I, 0, packed_ih);
#pragma omp for schedule(dynamic) nowait
        for (int64_t i = 0; i < P * pieces; i++) {
            int64_t p = i / pieces, first = i % pieces * DX_ROWS, left = all - first;
            if (!failed)
                input_gradient(s, p, first, left < DX_ROWS ? left : DX_ROWS,
                               packed_ih + p * size_ih, scratch);
        }
#pragma omp for schedule(static) nowait
        for (int64_t p = 0; p < P; p++) bias_gradients(s, p);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < P * parts; i++) {
            int64_t first = i % parts * each, left = panels - first;
            if (!failed && left > 0)
                gradient_panels(s, i / parts, first, left < each ? left : each, scratch);
        }
#pragma omp for schedule(static)
        for (int64_t gate = 0; gate < (s->dw ? P * s->gates : 0); gate++) {
            REAL *of_gate = s->dw + gate * H * H;
            if (s->mask)
                for (int64_t i = 0; i < H * H; i++) of_gate[i] *= s->mask[gate * H * H + i];
            if (s->rank && !failed) factor_gradients(s, gate, s->dw1, s->dw2, scratch);
        }
        free(scratch);
    }
    free(packed_ih);
    return failed;
}
