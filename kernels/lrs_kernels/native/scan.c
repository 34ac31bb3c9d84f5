/* The four recurrences over a whole sequence, forward and backward, for one processor.
 *
 * Why C: a step of a small model is a few thousand numbers, and calling a library for each of its
 * products and activations costs more than the arithmetic. Here a thread takes some rows of the
 * batch of one member and walks through all T steps with them; weights stay in its cache, the state
 * never leaves it, and nobody waits for anybody until the end.
 *
 * Letters: P members, T time, B batch, G gates, H hidden size; W = G * H. Compiled twice, for float
 * and for double (REAL). Every row is summed in the same order whatever the number of threads, so
 * results do not depend on it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

typedef REAL vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
enum { LANES = VECTOR_BYTES / sizeof(REAL), COLUMNS = 2 * LANES, ROWS = 6 };
enum { CFC, LSTM, GRU, RNN };
enum { VARIANT_DEFAULT, VARIANT_NO_GATE, VARIANT_TANH, VARIANT_RELU };

#define INLINE static inline __attribute__((always_inline))

typedef struct {
    int64_t members, steps, batch, hidden, gates, cell, variant, threads, tile;
    const REAL *weight;                       /* (P, W, H) */
    const REAL *h0, *c0, *bias;               /* (P, B, H), (P, B, H), (P, H) */
    const REAL *spans;                        /* (P, T, B) */
    const uint8_t *resets;                    /* (P, T, B) */
    const REAL *x;                            /* (P, T, B, W), strided */
    int64_t x_p, x_t, x_b;
    REAL *y, *saved, *cells, *c_n, *time;     /* (P, T, B, H or W) */
    const REAL *dy;                           /* (P, T, B, H), strided, or null */
    int64_t dy_p, dy_t, dy_b;
    const REAL *dh_n, *dc_n;                  /* (P, B, H) or null */
    REAL *dz, *dz_recurrent, *dh0, *dc0, *d_spans;
} Scan;

/* ---- activations --------------------------------------------------------------------------- */

#if REAL_IS_DOUBLE
INLINE REAL squash(REAL x) { return tanh(x); }
INLINE REAL gate(REAL x) { return 1.0 / (1.0 + exp(-x)); }
#else
/* 2^n and e^r - 1 with x = n ln 2 + r, |r| <= ln 2 / 2. Keeping the 1 apart keeps all digits of
 * tanh near zero. Taylor's series of degree 7 is exact to half a unit in the last place here. Adding
 * 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits, ready to become an exponent. */
INLINE float split_exp(float x, float *power) {
    float shifted = fmaf(x, 1.44269504f, 12582912.0f);
    union { float value; uint32_t bits; } scale = {.value = shifted};
    float r = fmaf(shifted - 12582912.0f, -0.69314718f, x);
    scale.bits = (scale.bits + 127) << 23;
    *power = scale.value;
    float p = fmaf(r, 1.0f / 5040, 1.0f / 720);
    p = fmaf(p, r, 1.0f / 120);
    p = fmaf(p, r, 1.0f / 24);
    p = fmaf(p, r, 1.0f / 6);
    p = fmaf(p, r, 0.5f);
    return fmaf(p * r, r, r);
}
/* Written so that NaN passes through: a comparison with NaN is false. */
INLINE float clamp(float x, float limit) {
    x = x > limit ? limit : x;
    return x < -limit ? -limit : x;
}
INLINE float squash(float x) {
    float power, rest = split_exp(clamp(x + x, 40.0f), &power);
    float minus_one = fmaf(power, rest, power - 1.0f); /* e^(2x) - 1 */
    return minus_one / (minus_one + 2.0f);
}
INLINE float gate(float x) {
    float power, rest = split_exp(clamp(-x, 87.0f), &power);
    return 1.0f / (1.0f + fmaf(power, rest, power));
}
#endif

/* ---- products ------------------------------------------------------------------------------ */

INLINE void add_products(int count, const REAL *a, int64_t lda, const REAL *panel, vec *left,
                         vec *right) {
    vec p = *(const vec *)panel, q = *(const vec *)(panel + LANES);
#pragma GCC unroll 6
    for (int r = 0; r < count; r++) {
        vec s = a[r * lda] - (vec){0};
        left[r] += s * p;
        right[r] += s * q;
    }
}

/* `count` rows of C (stride ldc) += rows of A (stride lda, K long) times a panel (K, COLUMNS). */
INLINE void block(int count, int64_t inner, const REAL *a, int64_t lda, const REAL *panel, REAL *c,
                  int64_t ldc) {
    vec left[ROWS], right[ROWS];
#pragma GCC unroll 6
    for (int r = 0; r < count; r++) {
        left[r] = *(const vec *)(c + r * ldc);
        right[r] = *(const vec *)(c + r * ldc + LANES);
    }
    /* Low blocks gain a tenth from two products at a time; high ones would run out of registers. */
    if (count > 4) {
        for (int64_t k = 0; k < inner; k++)
            add_products(count, a + k, lda, panel + k * COLUMNS, left, right);
    } else {
#pragma GCC unroll 2
        for (int64_t k = 0; k < inner; k++)
            add_products(count, a + k, lda, panel + k * COLUMNS, left, right);
    }
#pragma GCC unroll 6
    for (int r = 0; r < count; r++) {
        *(vec *)(c + r * ldc) = left[r];
        *(vec *)(c + r * ldc + LANES) = right[r];
    }
}

/* C (rows, panels * COLUMNS) += A (rows, K) times the packed matrix. Rows go in blocks of nearly
 * equal height: 8 as 4 and 4, since blocks of 6 and 2 would leave the arithmetic units idle. */
static void multiply(int64_t rows, int64_t panels, int64_t inner, const REAL *a, int64_t lda,
                     const REAL *packed, REAL *c, int64_t ldc) {
    for (int64_t j = 0; j < panels; j++, c += COLUMNS) {
        const REAL *panel = packed + j * inner * COLUMNS;
        int64_t blocks = (rows + ROWS - 1) / ROWS;
        for (int64_t r = 0, count; r < rows; r += count, blocks--) {
            count = (rows - r + blocks - 1) / blocks;
            const REAL *from = a + r * lda;
            REAL *to = c + r * ldc;
            switch (count) {
                case 6: block(6, inner, from, lda, panel, to, ldc); break;
                case 5: block(5, inner, from, lda, panel, to, ldc); break;
                case 4: block(4, inner, from, lda, panel, to, ldc); break;
                case 3: block(3, inner, from, lda, panel, to, ldc); break;
                case 2: block(2, inner, from, lda, panel, to, ldc); break;
                default: block(1, inner, from, lda, panel, to, ldc);
            }
        }
    }
}

static int64_t panels_of(int64_t columns) { return (columns + COLUMNS - 1) / COLUMNS; }

/* One panel of M (inner, columns), element (k, c) at m[k * by_k + c * by_c]; zeros beyond. */
static void pack(const REAL *m, int64_t by_k, int64_t by_c, int64_t inner, int64_t columns,
                 int64_t first, REAL *panel) {
    int64_t width = columns - first < COLUMNS ? columns - first : COLUMNS;
    for (int64_t k = 0; k < inner; k++)
        for (int64_t c = 0; c < COLUMNS; c++)
            panel[k * COLUMNS + c] = c < width ? m[k * by_k + (first + c) * by_c] : 0;
}

/* ---- one row of one step -------------------------------------------------------------------- */

#define EACH for (int64_t j = 0; j < H; j++)

INLINE void cfc_row(const Scan *s, int64_t H, REAL *restrict z, REAL span, REAL *restrict state,
                    REAL *restrict time) {
    REAL *restrict g = z, *restrict h = z + H, *restrict f = z + 2 * H, *restrict b = z + 3 * H;
    if (time) memcpy(time, f, H * sizeof(REAL));
    if (s->gates == 4) EACH f[j] = span * f[j] + b[j];
    else if (s->spans) EACH f[j] *= span;
    for (int64_t j = 0; j < 2 * H; j++) z[j] = squash(z[j]);
    EACH f[j] = gate(f[j]);
    if (s->variant == VARIANT_NO_GATE) EACH state[j] = g[j] + h[j] * f[j];
    else EACH state[j] = g[j] + f[j] * (h[j] - g[j]);
}

INLINE void lstm_row(int64_t H, REAL *restrict z, REAL *restrict state, REAL *restrict cell) {
    REAL *restrict i = z, *restrict f = z + H, *restrict g = z + 2 * H, *restrict o = z + 3 * H;
    EACH {
        REAL ij = gate(i[j]), fj = gate(f[j]), gj = squash(g[j]), oj = gate(o[j]);
        i[j] = ij, f[j] = fj, g[j] = gj, o[j] = oj;
        REAL cj = fj * cell[j] + ij * gj;
        cell[j] = cj;
        state[j] = oj * squash(cj);
    }
}

/* z holds the products plus the inputs of r and z, and m = W_n h + b_n; n is written behind them. */
INLINE void gru_row(int64_t H, REAL *restrict products, const REAL *restrict x_n,
                    REAL *restrict state) {
    REAL *restrict r = products, *restrict z = products + H, *restrict m = products + 2 * H,
         *restrict n = products + 3 * H;
    EACH {
        REAL rj = gate(r[j]), zj = gate(z[j]), nj = squash(x_n[j] + rj * m[j]);
        r[j] = rj, z[j] = zj, n[j] = nj;
        state[j] = nj + zj * (state[j] - nj);
    }
}

INLINE void rnn_row(const Scan *s, int64_t H, const REAL *restrict z, REAL *restrict state) {
    if (s->variant == VARIANT_RELU) EACH state[j] = z[j] < 0 ? 0 : z[j];
    else EACH state[j] = squash(z[j]);
}

INLINE REAL cfc_row_back(const Scan *s, int64_t H, const REAL *restrict saved, REAL span,
                         const REAL *restrict d, const REAL *restrict time, REAL *restrict dz) {
    const REAL *restrict g = saved, *restrict h = saved + H, *restrict f = saved + 2 * H;
    REAL *restrict dg = dz, *restrict dh = dz + H, *restrict df = dz + 2 * H,
         *restrict db = dz + 3 * H;
    int open = s->variant == VARIANT_NO_GATE;
    EACH {
        REAL gj = g[j], hj = h[j], fj = f[j], dj = d[j];
        dg[j] = dj * (open ? 1 : 1 - fj) * (1 - gj * gj);
        dh[j] = dj * fj * (1 - hj * hj);
        df[j] = dj * (open ? hj : hj - gj) * fj * (1 - fj);
    }
    REAL by_span = 0;
    if (time) EACH by_span += df[j] * time[j];
    if (s->gates == 4) memcpy(db, df, H * sizeof(REAL));
    if (s->spans) EACH df[j] *= span;
    return by_span;
}

INLINE void lstm_row_back(int64_t H, const REAL *restrict saved, const REAL *restrict cell,
                          const REAL *restrict before, REAL kept, const REAL *restrict d,
                          REAL *restrict dc, REAL *restrict dz) {
    const REAL *restrict i = saved, *restrict f = saved + H, *restrict g = saved + 2 * H,
               *restrict o = saved + 3 * H;
    REAL *restrict di = dz, *restrict df = dz + H, *restrict dg = dz + 2 * H,
         *restrict do_ = dz + 3 * H;
    EACH {
        REAL ij = i[j], fj = f[j], gj = g[j], oj = o[j], squashed = squash(cell[j]);
        REAL dcj = dc[j] + d[j] * oj * (1 - squashed * squashed);
        di[j] = dcj * gj * ij * (1 - ij);
        df[j] = dcj * kept * before[j] * fj * (1 - fj);
        dg[j] = dcj * ij * (1 - gj * gj);
        do_[j] = d[j] * squashed * oj * (1 - oj);
        dc[j] = dcj * fj * kept;
    }
}

/* `through` becomes what flows to h_{t-1} beside the products. */
INLINE void gru_row_back(int64_t H, const REAL *restrict saved, const REAL *restrict before,
                         REAL kept, const REAL *restrict d, REAL *restrict dz,
                         REAL *restrict dz_recurrent, REAL *restrict through) {
    const REAL *restrict r = saved, *restrict z = saved + H, *restrict m = saved + 2 * H,
               *restrict n = saved + 3 * H;
    EACH {
        REAL rj = r[j], zj = z[j], nj = n[j], dj = d[j];
        REAL dn = dj * (1 - zj) * (1 - nj * nj), dr = dn * m[j] * rj * (1 - rj);
        REAL du = dj * (kept * before[j] - nj) * zj * (1 - zj);
        dz[j] = dr, dz[j + H] = du, dz[j + 2 * H] = dn;
        dz_recurrent[j] = dr, dz_recurrent[j + H] = du, dz_recurrent[j + 2 * H] = dn * rj;
        through[j] = dj * zj;
    }
}

INLINE void rnn_row_back(const Scan *s, int64_t H, const REAL *restrict y, const REAL *restrict d,
                         REAL *restrict dz) {
    if (s->variant == VARIANT_RELU) EACH dz[j] = y[j] > 0 ? d[j] : 0;
    else EACH dz[j] = d[j] * (1 - y[j] * y[j]);
}

/* ---- some rows of one member, all steps ----------------------------------------------------- */

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

/* ---- all rows of all members ---------------------------------------------------------------- */

static int run(const Scan *s, int backward) {
    int64_t H = s->hidden, W = s->gates * H, tiles = (s->batch + s->tile - 1) / s->tile;
    /* Forward multiplies by the transpose: (H, W); backward by (W, H). */
    int64_t inner = backward ? W : H, columns = backward ? H : W, panels = panels_of(columns);
    int64_t packed_size = panels * inner * COLUMNS;
    int64_t scratch_size = s->tile * ((panels_of(W) + panels_of(H) * 2 + 3) * COLUMNS + 4 * H);
    REAL *packed = aligned_alloc(64, (s->members * packed_size * sizeof(REAL) + 63) / 64 * 64);
    int failed = packed == 0;
    if (failed) return 1;
#pragma omp parallel num_threads(s->threads) reduction(| : failed)
    {
        REAL *scratch = aligned_alloc(64, (scratch_size * sizeof(REAL) + 63) / 64 * 64);
        failed = scratch == 0;
#pragma omp for schedule(static)
        for (int64_t i = 0; i < s->members * panels; i++)
            pack(s->weight + i / panels * W * H, backward ? H : 1, backward ? 1 : H, inner, columns,
                 i % panels * COLUMNS, packed + i * inner * COLUMNS);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < s->members * tiles; i++) {
            int64_t p = i / tiles, first = i % tiles * s->tile, left = s->batch - first;
            int64_t rows = left < s->tile ? left : s->tile;
            if (failed) continue;
            (backward ? backward_rows : forward_rows)(s, p, first, rows, packed + p * packed_size,
                                                      scratch);
        }
        free(scratch);
    }
    free(packed);
    return failed;
}

int NAME(forward)(const Scan *s) { return run(s, 0); }
int NAME(backward)(const Scan *s) { return run(s, 1); }
