/* The layer's input: projected before the steps that read it, and its gradient after all of them.
 * That way neither the projection nor a library's product of it goes through memory. */

/* W_ih x + b of some rows in `count` steps from t on, into z (count * rows, ldz). The rows of x go
 * into `seen` first: far apart, as in a batch that has time within it, they would fight for the same
 * places in the first-level cache. A row before them is room for the biases. */
static void project(const Scan *s, int64_t p, int64_t first, int64_t rows, int64_t t, int64_t count,
                    const REAL *packed, REAL *seen, REAL *z, int64_t ldz) {
    int64_t I = s->inputs, W = s->gates * s->hidden, row = 0;
    REAL *bias = seen - ldz;
    if (s->b_ih) memcpy(bias, s->b_ih + p * W, W * sizeof(REAL));
    for (int64_t k = t; k < t + count; k++)
        for (int64_t r = first; r < first + rows; r++, row++)
            memcpy(seen + row * I, s->x + p * s->x_p + k * s->x_t + r * s->x_b, I * sizeof(REAL));
    multiply_from(bias, row, panels_of(W), I, seen, I, packed, z, ldz);
}

/* dx = dz W_ih of some rows from `at` on of all (P T B, I). */
static void input_gradient(const Scan *s, int64_t at, int64_t rows, const REAL *dz,
                           const REAL *packed, REAL *scratch) {
    int64_t I = s->inputs, W = s->gates * s->hidden, panels = panels_of(I), ld = panels * COLUMNS;
    REAL *dx = s->dx + at * I, *to = ld == I ? dx : scratch;
    memset(to, 0, rows * ld * sizeof(REAL));
    multiply(rows, panels, W, dz, W, packed, to, ld);
    if (to == dx) return;
    for (int64_t r = 0; r < rows; r++) memcpy(dx + r * I, to + r * ld, I * sizeof(REAL));
}
