/* What a call is told: sizes, and where everything lies. `scan.py` has the same fields. */
enum { CFC, LSTM, GRU, RNN };
enum { VARIANT_DEFAULT, VARIANT_NO_GATE, VARIANT_TANH, VARIANT_RELU };

typedef struct {
    int64_t members, steps, batch, hidden, gates, rank, cell, variant, threads, tile;
    const REAL *weight;                       /* dense (P, W, H), or null where there are factors */
    const REAL *w1, *w2, *mask;               /* (P, W, R), (P, G, R, H); (P, W, H) or null */
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
