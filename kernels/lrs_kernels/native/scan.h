/* What a call is told: sizes, and where everything lies. `call.py` has the same fields. */

typedef struct {
    int64_t members, steps, batch, hidden, gates, rank, inputs, variant, threads, tile;
    const REAL *weight;                       /* dense (P, W, H), or null where there are factors */
    const REAL *w1, *w2, *mask;               /* (P, W, R), (P, G, R, H); (P, W, H) or null */
    const REAL *h0, *c0;                      /* (P, B, H) */
    const REAL *spans;                        /* (P, T, B) */
    const uint8_t *resets;                    /* (P, T, B) */
    const REAL *bias;                         /* (P, H) */
    const REAL *w_ih, *b_ih;                  /* (P, W, I), (P, W) or null; null where x is (.., W) */
    REAL *y, *saved, *cells, *time;           /* (P, T, B, H), saved (P, T, B, SAVED H), or null */
    const REAL *dh_n, *dc_n;                  /* (P, B, H) or null */
    const REAL *x;                            /* (P, T, B, I or W), strided */
    int64_t x_p, x_t, x_b;
    const REAL *dy;                           /* (P, T, B, H), strided, or null */
    int64_t dy_p, dy_t, dy_b;
    REAL *h_n, *c_n;                          /* (P, B, H) or null */
    REAL *packed;                             /* for weights that stay; null for those of this call */
    int64_t ready;                            /* whether they are there from a call before */
    REAL *dz, *dz_recurrent;                  /* (P, T, B, W), or null where nobody wants them */
    REAL *dh0, *dc0, *d_spans;                /* (P, B, H) or null, (P, T, B) */
    REAL *dw, *dw1, *dw2;                     /* (P, W, H), or (P, W, R), (P, G, R, H), or null */
    REAL *d_bias, *dx;                        /* (P, H), (P, T, B, I) or null */
    REAL *dw_ih, *db_ih;                      /* (P, W, I), (P, W) or null */
} Scan;

/* Where the way back writes dz of its first step, that of the recurrent products too in a cell that
 * JOINS_LATE, and how far the next one is. */
typedef struct {
    REAL *dz, *operand;
    int64_t by_step;
} Dz;

/* A row of a step on the way forward: `z` holds the pre-activations (of a gate that JOINS_LATE the
 * product alone) and a block to spare behind them, and becomes what is kept; states are updated. */
typedef struct {
    REAL *z;
    const REAL *x;
    REAL span;
    REAL *state, *cell, *time;
} Row;

/* And on the way back: from `d` = dL/dh_t and `dc` = dL/dc_t, which becomes dL/dc_{t-1}, to `dz`
 * and, in a cell that JOINS_LATE, `dz_recurrent`. `through` starts at zero and takes what flows to
 * h_{t-1} beside the products. `kept` is 0 where the state was reset before this step. A function
 * of a cell returns dL/d(dt) where `time` is there. */
typedef struct {
    REAL span, kept;
    const REAL *saved, *state, *before, *cell, *cell_before, *time, *d;
    REAL *dc, *dz, *dz_recurrent, *through;
} BackRow;
