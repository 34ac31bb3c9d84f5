/* The four cells: one row of one step, forward and backward. */
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
