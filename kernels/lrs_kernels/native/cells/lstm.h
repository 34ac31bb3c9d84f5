/* LSTM; kept are i, f, g, o. */
INLINE void lstm_row(int64_t H, REAL *restrict z, REAL *restrict state, REAL *restrict cell) {
    REAL *restrict i = z, *restrict f = z + H, *restrict g = z + 2 * H, *restrict o = z + 3 * H;
    gate(i, 2 * H);
    squash(g, H);
    gate(o, H);
    EACH state[j] = cell[j] = f[j] * cell[j] + i[j] * g[j];
    squash(state, H);
    EACH state[j] *= o[j];
}

INLINE void lstm_row_back(int64_t H, const REAL *restrict saved, const REAL *restrict cell,
                          const REAL *restrict before, REAL kept, const REAL *restrict d,
                          REAL *restrict dc, REAL *restrict dz) {
    const REAL *restrict i = saved, *restrict f = saved + H, *restrict g = saved + 2 * H,
               *restrict o = saved + 3 * H;
    REAL *restrict di = dz, *restrict df = dz + H, *restrict dg = dz + 2 * H,
         *restrict do_ = dz + 3 * H;
    memcpy(do_, cell, H * sizeof(REAL));
    squash(do_, H);
    EACH {
        REAL ij = i[j], fj = f[j], gj = g[j], oj = o[j], squashed = do_[j];
        REAL dcj = dc[j] + d[j] * oj * (1 - squashed * squashed);
        di[j] = dcj * gj * ij * (1 - ij);
        df[j] = dcj * kept * before[j] * fj * (1 - fj);
        dg[j] = dcj * ij * (1 - gj * gj);
        do_[j] = d[j] * squashed * oj * (1 - oj);
        dc[j] = dcj * fj * kept;
    }
}

INLINE void forward_row(const Scan *s, int64_t H, Row row) {
    lstm_row(H, row.z, row.state, row.cell);
}

INLINE REAL backward_row(const Scan *s, int64_t H, BackRow row) {
    lstm_row_back(H, row.saved, row.cell, row.cell_before, row.kept, row.d, row.dc, row.dz);
    return 0;
}
