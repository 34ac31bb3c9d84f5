/* Some rows of one member through all steps, forward and backward. */
static int64_t saved_width(const Scan *s) {
    return s->cell == GRU ? 4 * s->hidden : s->cell == RNN ? 0 : s->gates * s->hidden;
}

static void start_row(const Scan *s, int64_t p, int64_t t, int64_t b, REAL *row) {
    int64_t H = s->hidden, W = s->gates * H, from_x = s->cell == GRU ? 2 * H : W;
    memcpy(row, s->x + p * s->x_p + t * s->x_t + b * s->x_b, from_x * sizeof(REAL));
    if (s->cell != GRU) return;
    if (s->bias) memcpy(row + 2 * H, s->bias + p * H, H * sizeof(REAL));
    else memset(row + 2 * H, 0, H * sizeof(REAL));
}

static void forward_rows(const Scan *s, int64_t p, int64_t first, int64_t rows, const REAL *packed,
                         REAL *scratch) {
    int64_t H = s->hidden, W = s->gates * H, T = s->steps, B = s->batch, S = saved_width(s);
    int64_t panels = panels_of(W), ldz = panels * COLUMNS + H + COLUMNS; /* room for n of the GRU */
    REAL *state = scratch, *cell = state + rows * H, *z = cell + rows * H;
    memcpy(state, s->h0 + (p * B + first) * H, rows * H * sizeof(REAL));
    if (s->c0) memcpy(cell, s->c0 + (p * B + first) * H, rows * H * sizeof(REAL));
    memset(z, 0, rows * ldz * sizeof(REAL));
    for (int64_t t = 0; t < T; t++) {
        int64_t at = (p * T + t) * B + first;
        for (int64_t r = 0; r < rows; r++) {
            start_row(s, p, t, first + r, z + r * ldz);
            if (s->resets && s->resets[at + r]) {
                memset(state + r * H, 0, H * sizeof(REAL));
                memset(cell + r * H, 0, H * sizeof(REAL));
            }
        }
        multiply(rows, panels, H, state, H, packed, z, ldz);
        for (int64_t r = 0; r < rows; r++) {
            REAL *row = z + r * ldz, *h = state + r * H, *c = cell + r * H;
            REAL span = s->spans ? s->spans[at + r] : 1;
            const REAL *x = s->x + p * s->x_p + t * s->x_t + (first + r) * s->x_b;
            switch (s->cell) {
                case CFC: cfc_row(s, H, row, span, h, s->time ? s->time + (at + r) * H : 0); break;
                case LSTM: lstm_row(H, row, h, c); break;
                case GRU: gru_row(H, row, x + 2 * H, h); break;
                case RNN: rnn_row(s, H, row, h); break;
            }
            memcpy(s->y + (at + r) * H, h, H * sizeof(REAL));
            if (s->saved) memcpy(s->saved + (at + r) * S, row, S * sizeof(REAL));
            if (s->cells) memcpy(s->cells + (at + r) * H, c, H * sizeof(REAL));
        }
    }
    if (s->c_n) memcpy(s->c_n + (p * B + first) * H, cell, rows * H * sizeof(REAL));
}

static void backward_rows(const Scan *s, int64_t p, int64_t first, int64_t rows, const REAL *packed,
                          REAL *scratch) {
    int64_t H = s->hidden, W = s->gates * H, T = s->steps, B = s->batch, S = saved_width(s);
    int64_t panels = panels_of(H), ldd = (panels + 1) * COLUMNS, bytes = rows * H * sizeof(REAL);
    REAL *d = scratch, *flow = d + rows * ldd, *dc = flow + rows * ldd;
    REAL *operand = s->cell == GRU ? s->dz_recurrent : s->dz;
    memset(d, 0, rows * ldd * sizeof(REAL));
    if (s->dh_n)
        for (int64_t r = 0; r < rows; r++)
            memcpy(d + r * ldd, s->dh_n + (p * B + first + r) * H, H * sizeof(REAL));
    memset(dc, 0, bytes);
    if (s->dc_n) memcpy(dc, s->dc_n + (p * B + first) * H, bytes);
    for (int64_t t = T - 1; t >= 0; t--) {
        int64_t at = (p * T + t) * B + first, earlier = at - B;
        memset(flow, 0, rows * ldd * sizeof(REAL));
        for (int64_t r = 0; r < rows; r++) {
            REAL *dr = d + r * ldd, span = s->spans ? s->spans[at + r] : 1;
            REAL kept = s->resets && s->resets[at + r] ? 0 : 1;
            const REAL *saved = s->saved + (at + r) * S;
            int64_t initial = (p * B + first + r) * H;
            const REAL *h = t ? s->y + (earlier + r) * H : s->h0 + initial;
            if (s->dy) {
                const REAL *dy = s->dy + p * s->dy_p + t * s->dy_t + (first + r) * s->dy_b;
                EACH dr[j] += dy[j];
            }
            REAL *dz = s->dz + (at + r) * W;
            switch (s->cell) {
                case CFC: {
                    const REAL *time = s->time ? s->time + (at + r) * H : 0;
                    REAL by_span = cfc_row_back(s, H, saved, span, dr, time, dz);
                    if (time) s->d_spans[at + r] = by_span;
                    break;
                }
                case LSTM: {
                    const REAL *c = t ? s->cells + (earlier + r) * H : s->c0 + initial;
                    lstm_row_back(H, saved, s->cells + (at + r) * H, c, kept, dr, dc + r * H, dz);
                    break;
                }
                case GRU:
                    gru_row_back(H, saved, h, kept, dr, dz, operand + (at + r) * W, flow + r * ldd);
                    break;
                case RNN: rnn_row_back(s, H, s->y + (at + r) * H, dr, dz); break;
            }
        }
        multiply(rows, panels, W, operand + at * W, W, packed, flow, ldd);
        REAL *swap = d;
        d = flow, flow = swap;
        if (s->resets)
            for (int64_t r = 0; r < rows; r++)
                if (s->resets[at + r]) memset(d + r * ldd, 0, H * sizeof(REAL));
    }
    for (int64_t r = 0; r < rows; r++)
        memcpy(s->dh0 + (p * B + first + r) * H, d + r * ldd, H * sizeof(REAL));
    if (s->dc0) memcpy(s->dc0 + (p * B + first) * H, dc, bytes);
}
