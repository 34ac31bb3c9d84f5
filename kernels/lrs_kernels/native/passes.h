/* Some rows of one member through all steps, forward and backward. The cell's header brings
 * `forward_row` and `backward_row`; HAS_C, SAVED, JOINS_LATE and VARIANT_... come from its
 * descriptor. */
static void start_row(const Scan *s, const REAL *x, int64_t p, REAL *row) {
    int64_t H = s->hidden, W = s->gates * H, from_x = JOINS_LATE ? W - H : W;
    memcpy(row, x, from_x * sizeof(REAL));
    if (!JOINS_LATE) return;
    if (s->bias) memcpy(row + from_x, s->bias + p * H, H * sizeof(REAL));
    else memset(row + from_x, 0, H * sizeof(REAL));
}

/* Steps whose inputs are projected at once, so that few rows still fill the arithmetic units. */
static int64_t steps_at_once(int64_t rows) { return rows < 2 * ROWS ? 8 * ROWS / rows : 1; }

static int64_t width_of_z(const Scan *s) { /* with a block to spare */
    return panels_of(s->gates * s->hidden) * COLUMNS + s->hidden + COLUMNS;
}

static int64_t forward_scratch(const Scan *s) {
    int64_t projected = s->w_ih ? s->tile * steps_at_once(s->tile) : 0;
    if (s->w_ih && projected < 8 * ROWS) projected = 8 * ROWS; /* of a last, smaller tile */
    return s->tile * (2 * s->hidden + width_of_z(s)) + projected * s->inputs +
           (projected + 1) * width_of_z(s);
}

static void forward_rows(const Scan *s, int64_t p, int64_t first, int64_t rows, const REAL *packed,
                         const REAL *packed_ih, REAL *scratch) {
    int64_t H = s->hidden, W = s->gates * H, T = s->steps, B = s->batch, S = SAVED * H;
    int64_t panels = panels_of(W), ldz = width_of_z(s), at_once = steps_at_once(rows);
    REAL *state = scratch, *cell = state + rows * H, *own = cell + rows * H, *z = own;
    REAL *projected = own + rows * ldz, *seen = projected + (rows * at_once + 1) * ldz;
    memcpy(state, s->h0 + (p * B + first) * H, rows * H * sizeof(REAL));
    if (s->c0) memcpy(cell, s->c0 + (p * B + first) * H, rows * H * sizeof(REAL));
    memset(z, 0, rows * ldz * sizeof(REAL));
    if (s->w_ih) memset(projected, 0, (rows * at_once + 1) * ldz * sizeof(REAL));
    for (int64_t t = 0; t < T; t++) {
        int64_t at = (p * T + t) * B + first, by_row = s->x_b;
        const REAL *x = s->x + p * s->x_p + t * s->x_t + first * s->x_b;
        if (s->w_ih) {
            if (t % at_once == 0)
                project(s, p, first, rows, t, T - t < at_once ? T - t : at_once, packed_ih, seen,
                        projected, ldz);
            x = projected + t % at_once * rows * ldz, by_row = ldz;
            if (!JOINS_LATE) z = projected + t % at_once * rows * ldz;
        }
        for (int64_t r = 0; r < rows; r++) {
            if (z != x) start_row(s, x + r * by_row, p, z + r * ldz);
            if (s->resets && s->resets[at + r]) {
                memset(state + r * H, 0, H * sizeof(REAL));
                memset(cell + r * H, 0, H * sizeof(REAL));
            }
        }
        multiply(rows, panels, H, state, H, packed, z, ldz);
        for (int64_t r = 0; r < rows; r++) {
            REAL *row = z + r * ldz, *h = state + r * H, *c = cell + r * H;
            REAL span = s->spans ? s->spans[at + r] : 1;
            REAL *time = s->time ? s->time + (at + r) * H : 0;
            forward_row(s, H, (Row){row, x + r * by_row, span, h, c, time});
            memcpy(s->y + (at + r) * H, h, H * sizeof(REAL));
            if (s->saved) memcpy(s->saved + (at + r) * S, row, S * sizeof(REAL));
            if (s->cells) memcpy(s->cells + (at + r) * H, c, H * sizeof(REAL));
        }
    }
    if (s->h_n) memcpy(s->h_n + (p * B + first) * H, state, rows * H * sizeof(REAL));
    if (s->c_n) memcpy(s->c_n + (p * B + first) * H, cell, rows * H * sizeof(REAL));
}

/* Some rows of a member on the way back: what is carried from step to step. */
typedef struct {
    int64_t p, first, rows;
    REAL *d, *flow, *dc; /* dL/dh_t, room for dL/dh_{t-1}, dL/dc_t */
} Carried;

static int64_t by_row_of_d(const Scan *s) { return (panels_of(s->hidden) + 1) * COLUMNS; }

static int64_t carried_size(const Scan *s, int64_t rows) {
    return whole(rows * (2 * by_row_of_d(s) + s->hidden));
}

static Carried start_back(const Scan *s, int64_t p, int64_t first, int64_t rows, REAL *scratch) {
    int64_t H = s->hidden, B = s->batch, ldd = by_row_of_d(s), bytes = rows * H * sizeof(REAL);
    Carried by = {p, first, rows, scratch, scratch + rows * ldd, scratch + 2 * rows * ldd};
    memset(by.d, 0, rows * ldd * sizeof(REAL));
    if (s->dh_n)
        for (int64_t r = 0; r < rows; r++)
            memcpy(by.d + r * ldd, s->dh_n + (p * B + first + r) * H, H * sizeof(REAL));
    memset(by.dc, 0, bytes);
    if (s->dc_n) memcpy(by.dc, s->dc_n + (p * B + first) * H, bytes);
    return by;
}

/* Whether what a pass has kept lies beyond the caches of a core, in a population or a long sequence.
 * There a step fetches what the next one reads: the processor does not foresee rows that come from
 * the last to the first. Where it does lie in the caches, that would cost more than it earns. */
static int kept_far(const Scan *s) {
    int64_t of_row = (SAVED + 1) * s->hidden * sizeof(REAL);
    return s->members * s->steps * s->batch * of_row > 4 << 20;
}

static void ahead(const REAL *row, int64_t count) {
    for (int64_t j = 0; j < count; j += LANES) __builtin_prefetch(row + j);
}

/* From step `end` back to step `start`; dz of `start` lies where `into` says. */
static void back_steps(const Scan *s, Carried *by, int64_t start, int64_t end, Dz into,
                       const REAL *packed) {
    int64_t H = s->hidden, W = s->gates * H, T = s->steps, B = s->batch, S = SAVED * H;
    int64_t p = by->p, first = by->first, rows = by->rows;
    int64_t panels = panels_of(H), ldd = by_row_of_d(s), far = kept_far(s);
    for (int64_t t = end - 1; t >= start; t--) {
        int64_t at = (p * T + t) * B + first, earlier = at - B, place = (t - start) * into.by_step;
        REAL *d = by->d, *flow = by->flow, *dz = into.dz + place, *operand = into.operand + place;
        memset(flow, 0, rows * ldd * sizeof(REAL));
        for (int64_t r = 0; r < rows; r++) {
            REAL *dr = d + r * ldd, span = s->spans ? s->spans[at + r] : 1;
            REAL kept = s->resets && s->resets[at + r] ? 0 : 1;
            if (s->dy) {
                const REAL *dy = s->dy + p * s->dy_p + t * s->dy_t + (first + r) * s->dy_b;
                EACH dr[j] += dy[j];
            }
            int64_t now = (at + r) * H, then = (earlier + r) * H, initial = (p * B + first + r) * H;
            REAL by_span = backward_row(s, H, (BackRow){
                .span = span, .kept = kept, .saved = SAVED ? s->saved + (at + r) * S : 0,
                .state = s->y + now, .before = t ? s->y + then : s->h0 + initial,
                .cell = HAS_C ? s->cells + now : 0,
                .cell_before = !HAS_C ? 0 : t ? s->cells + then : s->c0 + initial,
                .time = s->time ? s->time + now : 0, .d = dr, .dc = by->dc + r * H,
                .dz = dz + r * W, .dz_recurrent = operand + r * W, .through = flow + r * ldd,
            });
            if (s->time) s->d_spans[at + r] = by_span;
            if (!far || t == 0) continue;
            if (SAVED) ahead(s->saved + (earlier + r) * S, S);
            if (s->dy) ahead(s->dy + p * s->dy_p + (t - 1) * s->dy_t + (first + r) * s->dy_b, H);
        }
        if (t == 0 && !s->dh0) return; /* nobody asks what would flow on to the initial state */
        multiply(rows, panels, W, operand, W, packed, flow, ldd);
        by->d = flow, by->flow = d;
        if (s->resets)
            for (int64_t r = 0; r < rows; r++)
                if (s->resets[at + r]) memset(flow + r * ldd, 0, H * sizeof(REAL));
    }
}

static void end_back(const Scan *s, Carried by) {
    int64_t H = s->hidden, at = by.p * s->batch + by.first, ldd = by_row_of_d(s);
    for (int64_t r = 0; s->dh0 && r < by.rows; r++)
        memcpy(s->dh0 + (at + r) * H, by.d + r * ldd, H * sizeof(REAL));
    if (s->dc0) memcpy(s->dc0 + at * H, by.dc, by.rows * H * sizeof(REAL));
}
