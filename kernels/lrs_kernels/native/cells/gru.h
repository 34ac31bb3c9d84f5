/* GRU; kept are r, z, m = W_n h + b_n, and n. */
/* z holds the products plus the inputs of r and z, and m = W_n h + b_n; n is written behind them. */
INLINE void gru_row(int64_t H, REAL *restrict products, const REAL *restrict x_n,
                    REAL *restrict state) {
    REAL *restrict r = products, *restrict z = products + H, *restrict m = products + 2 * H,
         *restrict n = products + 3 * H;
    gate(r, 2 * H);
    EACH n[j] = x_n[j] + r[j] * m[j];
    squash(n, H);
    EACH state[j] = n[j] + z[j] * (state[j] - n[j]);
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

INLINE void forward_row(const Scan *s, int64_t H, Row row) {
    gru_row(H, row.z, row.x + 2 * H, row.state);
}

INLINE REAL backward_row(const Scan *s, int64_t H, BackRow row) {
    gru_row_back(H, row.saved, row.before, row.kept, row.d, row.dz, row.dz_recurrent, row.through);
    return 0;
}
