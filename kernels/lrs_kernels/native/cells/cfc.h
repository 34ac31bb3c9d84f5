/* CfC; what is kept of a step are g, h and f, what stands first in z. */
INLINE void cfc_row(const Scan *s, int64_t H, REAL *restrict z, REAL span, REAL *restrict state,
                    REAL *restrict time) {
    REAL *restrict g = z, *restrict h = z + H, *restrict f = z + 2 * H, *restrict b = z + 3 * H;
    if (time) memcpy(time, f, H * sizeof(REAL));
    if (s->gates == 4) EACH f[j] = span * f[j] + b[j];
    else if (s->spans) EACH f[j] *= span;
    squash(z, 2 * H);
    gate(f, H);
    if (s->variant == VARIANT_NO_GATE) EACH state[j] = g[j] + h[j] * f[j];
    else EACH state[j] = g[j] + f[j] * (h[j] - g[j]);
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

INLINE void forward_row(const Scan *s, int64_t H, Row row) {
    cfc_row(s, H, row.z, row.span, row.state, row.time);
}

INLINE REAL backward_row(const Scan *s, int64_t H, BackRow row) {
    return cfc_row_back(s, H, row.saved, row.span, row.d, row.time, row.dz);
}
