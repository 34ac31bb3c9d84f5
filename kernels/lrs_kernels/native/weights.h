/* Recurrent weights: formed before a pass, and the gradients of their factors after it. Both are a
 * gate's at a time, in memory for one thread: a packed matrix, and sums whose rows are padded. */
static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t factor_scratch(const Scan *s) {
    int64_t side = largest(s->hidden, s->rank);
    return s->rank ? 2 * side * panels_of(side) * COLUMNS : 0;
}

/* The effective matrix of a gate of a member: W, or W1 W2, times the mask. */
static void form(const Scan *s, int64_t gate, REAL *matrix, REAL *scratch) {
    int64_t H = s->hidden, R = s->rank, panels = panels_of(H), ld = panels * COLUMNS;
    REAL *packed = scratch, *sums = scratch + R * ld;
    const REAL *rows = s->weight ? s->weight + gate * H * H : sums, *mask = s->mask;
    int64_t by_row = s->weight ? H : ld;
    if (!s->weight) {
        pack_matrix(s->w2 + gate * R * H, H, 1, R, H, packed);
        memset(sums, 0, H * ld * sizeof(REAL));
        multiply(H, panels, R, s->w1 + gate * H * R, R, packed, sums, ld);
    }
    for (int64_t i = 0; i < H; i++, rows += by_row, matrix += H) {
        memcpy(matrix, rows, H * sizeof(REAL));
        if (mask) EACH matrix[j] *= mask[(gate * H + i) * H + j];
    }
}

/* dL/dW of a gate of a member, masked in place, and from there to d1 = dW W2' and d2 = W1' dW where
 * there are factors. Both are made in rows of rank r, the first as d1' = W2 dW': a panel is wider than
 * most ranks. */
static void finish(const Scan *s, int64_t gate, REAL *dw, REAL *scratch) {
    int64_t H = s->hidden, R = s->rank, panels = panels_of(H), ld = panels * COLUMNS;
    if (s->mask)
        for (int64_t i = 0; i < H * H; i++) dw[i] *= s->mask[gate * H * H + i];
    if (!R) return;
    REAL *packed = scratch, *sums = packed + H * ld, *d1 = s->dw1 + gate * H * R;
    pack_matrix(dw, 1, H, H, H, packed);
    memset(sums, 0, R * ld * sizeof(REAL));
    multiply(R, panels, H, s->w2 + gate * R * H, H, packed, sums, ld);
    for (int64_t i = 0; i < H; i++)
        for (int64_t k = 0; k < R; k++) d1[i * R + k] = sums[k * ld + i];
    pack_matrix(dw, H, 1, H, H, packed);
    memset(sums, 0, R * ld * sizeof(REAL));
    multiply_transposed(R, panels, H, s->w1 + gate * H * R, R, packed, sums, ld);
    for (int64_t k = 0; k < R; k++)
        memcpy(s->dw2 + (gate * R + k) * H, sums + k * ld, H * sizeof(REAL));
}
