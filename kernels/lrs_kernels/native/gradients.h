/* All that does not depend on the order of the steps: the products of dz. Sums run over the rows of
 * a batch in blocks, from the last steps to the first, a chunk of them at a time: in one order,
 * whatever the number of threads, and whether a chunk comes just after its steps or after all. */

/* dz of some rows of a member in some steps, side by side in memory: (steps, rows, W). */
typedef struct {
    int64_t p, first, rows, start, steps;
    const REAL *dz, *operand; /* for the products with the input, and with the state */
} Chunk;

/* Rows of a block: CHUNK at most, and blocks of nearly equal size. */
static int64_t block_rows(const Scan *s) {
    int64_t blocks = (s->batch + CHUNK - 1) / CHUNK;
    return (s->batch + blocks - 1) / blocks;
}

/* Steps of a chunk. Rows that are only a part of a batch lie apart from one step to the next. */
static int64_t chunk_steps(const Scan *s) {
    return s->batch <= CHUNK ? CHUNK / s->batch : 1;
}

static int wants_states(const Scan *s) { return s->dw || s->dw1; }

/* Where the panels of a member lie: first those of dL/dW, then those of dL/dW_ih. */
typedef struct {
    int64_t of_states, all;
} Panels;

static Panels panels_wanted(const Scan *s) {
    int64_t of_states = wants_states(s) ? panels_of(s->hidden) : 0;
    return (Panels){of_states, of_states + (s->dw_ih ? panels_of(s->inputs) : 0)};
}

enum { APART = (CHUNK + 1) * COLUMNS }; /* packed panels; CHUNK alone would put all in one place */

/* Sums of so many panels, and what is multiplied. */
static int64_t sums_size(const Scan *s, int64_t count) {
    return count * (s->gates * s->hidden * COLUMNS + APART);
}

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

/* What the rows of a chunk were multiplied by, as panels: the states before the step, and the layer's
 * input. */
static void pack_seen(const Scan *s, Chunk c, int64_t first, int64_t count, REAL *to) {
    int64_t H = s->hidden, B = s->batch, T = s->steps, p = c.p;
    int64_t end = first + count, middle = panels_wanted(s).of_states;
    int64_t of_states = (end < middle ? end : middle) - first; /* of these panels; may be negative */
    for (int64_t t = c.start; t < c.start + c.steps; t++)
        for (int64_t b = c.first; b < c.first + c.rows; b++, to += COLUMNS) {
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
        }
}

/* to += the sum of some rows, as many columns at a time as sums fit into registers. */
static void add_rows(int64_t count, int64_t width, const REAL *rows, int64_t ld, REAL *to) {
    int64_t j = 0;
    for (; j + 4 * LANES <= width; j += 4 * LANES) {
        vec sums[4];
        memcpy(sums, to + j, sizeof sums);
        for (int64_t k = 0; k < count; k++)
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++) sums[v] += *(const vec *)(rows + k * ld + j + v * LANES);
        memcpy(to + j, sums, sizeof sums);
    }
    for (; j < width; j++)
        for (int64_t k = 0; k < count; k++) to[j] += rows[k * ld + j];
}

static void start_sums(const Scan *s, int64_t p, int64_t first, int64_t count, REAL *sums) {
    int64_t H = s->hidden, W = s->gates * H;
    memset(sums, 0, W * count * COLUMNS * sizeof(REAL));
    if (first) return;
    if (s->db_ih) memset(s->db_ih + p * W, 0, W * sizeof(REAL));
    if (s->d_bias) memset(s->d_bias + p * H, 0, H * sizeof(REAL));
}

/* A chunk's part of some panels: dz' times all states and inputs. That of the biases goes with the
 * first ones. */
static void add_chunk(const Scan *s, Chunk c, int64_t first, int64_t count, REAL *sums) {
    int64_t H = s->hidden, W = s->gates * H, rows = c.steps * c.rows, width = count * COLUMNS;
    int64_t of_states = panels_wanted(s).of_states;
    REAL *seen = sums + W * width;
    pack_seen(s, c, first, count, seen);
    for (int64_t j = 0; j < count; j++)
        multiply_transposed(W, 1, rows, first + j < of_states ? c.operand : c.dz, W,
                            seen + j * APART, sums + j * COLUMNS, width);
    if (first) return;
    if (s->db_ih) add_rows(rows, W, c.dz, W, s->db_ih + c.p * W);
    if (s->d_bias) add_rows(rows, H, c.operand + W - H, W, s->d_bias + c.p * H);
}

/* The sums to their places; dL/dW (W, H) of the member goes to dw. */
static void end_sums(const Scan *s, int64_t p, int64_t first, int64_t count, const REAL *sums,
                     REAL *dw) {
    int64_t H = s->hidden, I = s->inputs, W = s->gates * H, width = count * COLUMNS;
    int64_t of_states = panels_wanted(s).of_states;
    for (int64_t j = 0; j < count; j++) {
        int64_t place = first + j, states = place < of_states, columns = states ? H : I;
        int64_t from = (states ? place : place - of_states) * COLUMNS, left = columns - from;
        REAL *to = (states ? dw : s->dw_ih + p * W * I) + from;
        for (int64_t c = 0; c < W; c++)
            memcpy(to + c * columns, sums + c * width + j * COLUMNS,
                   (left < COLUMNS ? left : COLUMNS) * sizeof(REAL));
    }
}
