/* Recurrent weights: formed before a pass, and the gradients of their factors after it. */

/* Row i of the effective matrices of all members: W, or W1 W2, times the mask. */
static void form_row(const Scan *s, int64_t i, REAL *restrict row) {
    int64_t H = s->hidden, R = s->rank;
    if (s->weight) memcpy(row, s->weight + i * H, H * sizeof(REAL));
    else memset(row, 0, H * sizeof(REAL));
    for (int64_t k = 0; k < R; k++) {
        const REAL *restrict right = s->w2 + (i / H * R + k) * H;
        REAL left = s->w1[i * R + k];
        EACH row[j] += left * right[j];
    }
    if (s->mask) EACH row[j] *= s->mask[i * H + j];
}

/* From dL/dW of a gate of a member, masked in place, to d1 = dW W2' and d2 = W1' dW. */
static void factor_gradients(const Scan *s, int64_t gate, REAL *dw, REAL *d1, REAL *d2) {
    int64_t H = s->hidden, R = s->rank;
    const REAL *w2 = s->w2 + gate * R * H;
    REAL *to_w2 = d2 + gate * R * H;
    memset(to_w2, 0, R * H * sizeof(REAL));
    for (int64_t i = gate * H; i < (gate + 1) * H; i++) {
        REAL *restrict row = dw + i * H;
        for (int64_t k = 0; k < R; k++) {
            REAL *restrict to = to_w2 + k * H, left = s->w1[i * R + k];
            EACH to[j] += left * row[j];
            d1[i * R + k] = dot(H, row, w2 + k * H);
        }
    }
}
