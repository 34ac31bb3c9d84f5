/* Recurrent weights: formed before a pass, and their gradients after it. */
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

/* The states that dz of steps from `at` on was multiplied by, as blocks of ROWS columns (K, ROWS). */
static void pack_seen(const Scan *s, int64_t p, int64_t at, int64_t count, REAL *blocks) {
    int64_t H = s->hidden, B = s->batch, T = s->steps;
    for (int64_t k = 0; k < count; k++) {
        int64_t t = (at + k) / B, b = (at + k) % B;
        const REAL *row = t ? s->y + ((p * T + t - 1) * B + b) * H : s->h0 + (p * B + b) * H;
        int64_t j = 0;
        for (REAL *to = blocks + k * ROWS; j < H; j += ROWS, to += CHUNK * ROWS) {
            int64_t width = H - j < ROWS ? H - j : ROWS;
            if (s->resets && s->resets[(p * T + t) * B + b]) memset(to, 0, ROWS * sizeof(REAL));
            else if (width == ROWS) memcpy(to, row + j, ROWS * sizeof(REAL));
            else memcpy(to, row + j, width * sizeof(REAL));
        }
    }
}

/* Some columns of W' (H, W) of a member: all states times all dz, CHUNK rows of both at a time, so
 * that what is multiplied stays in the first-level cache. */
static void gradient_columns(const Scan *s, int64_t p, int64_t first, int64_t panels, REAL *scratch,
                             REAL *dw) {
    int64_t H = s->hidden, W = s->gates * H, all = s->steps * s->batch;
    int64_t height = (H + ROWS - 1) / ROWS * ROWS, width = panels * COLUMNS;
    REAL *sums = scratch, *seen = sums + height * width, *panel = seen + height * CHUNK;
    const REAL *dz = s->dz + p * all * W;
    memset(scratch, 0, (height * width + height * CHUNK) * sizeof(REAL));
    for (int64_t at = 0; at < all; at += CHUNK) {
        int64_t count = all - at < CHUNK ? all - at : CHUNK;
        pack_seen(s, p, at, count, seen);
        for (int64_t j = 0; j < panels; j++) {
            pack(dz + at * W, W, 1, count, W, (first + j) * COLUMNS, panel);
            for (int64_t i = 0; i < height; i += ROWS)
                block(ROWS, count, seen + i * CHUNK, 1, ROWS, panel, sums + i * width + j * COLUMNS,
                      width);
        }
    }
    for (int64_t c = first * COLUMNS; c < W && c < (first + panels) * COLUMNS; c++)
        EACH dw[(p * W + c) * H + j] = sums[j * width + c - first * COLUMNS];
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

/* Gradients of the recurrent weights of all members from the gradient of their products, s->dz:
 * dL/dW into dw (P, W, H), and from there into d1 and d2 where there are factors. */
static int weight_gradients(const Scan *s, REAL *dw, REAL *d1, REAL *d2) {
    int64_t H = s->hidden, W = s->gates * H, panels = panels_of(W), gates = s->members * s->gates;
    /* A part for every thread where members do not divide evenly among them. */
    int64_t parts = s->members % s->threads ? s->threads : 1, each = (panels + parts - 1) / parts;
    int64_t size = (H + ROWS) * (each * COLUMNS + CHUNK) + CHUNK * COLUMNS;
    int failed = 0;
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
    {
        REAL *scratch = numbers(size);
        failed = scratch == 0;
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < s->members * parts; i++) {
            int64_t first = i % parts * each, left = panels - first;
            if (!failed && left > 0)
                gradient_columns(s, i / parts, first, left < each ? left : each, scratch, dw);
        }
#pragma omp for schedule(static)
        for (int64_t gate = 0; gate < gates; gate++) {
            REAL *of_gate = dw + gate * H * H;
            if (s->mask)
                for (int64_t i = 0; i < H * H; i++) of_gate[i] *= s->mask[gate * H * H + i];
            if (s->rank) factor_gradients(s, gate, dw, d1, d2);
        }
        free(scratch);
    }
    return failed;
}
