/* Elman network; nothing is kept but the states. */
INLINE void rnn_row(const Scan *s, int64_t H, const REAL *restrict z, REAL *restrict state) {
    if (s->variant == VARIANT_RELU) EACH state[j] = z[j] < 0 ? 0 : z[j];
    else {
        memcpy(state, z, H * sizeof(REAL));
        squash(state, H);
    }
}

INLINE void rnn_row_back(const Scan *s, int64_t H, const REAL *restrict y, const REAL *restrict d,
                         REAL *restrict dz) {
    if (s->variant == VARIANT_RELU) EACH dz[j] = y[j] > 0 ? d[j] : 0;
    else EACH dz[j] = d[j] * (1 - y[j] * y[j]);
}

INLINE void forward_row(const Scan *s, int64_t H, Row row) { rnn_row(s, H, row.z, row.state); }

INLINE REAL backward_row(const Scan *s, int64_t H, BackRow row) {
    rnn_row_back(s, H, row.state, row.d, row.dz);
    return 0;
}
