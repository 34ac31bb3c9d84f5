/* y (rows, columns) = x (rows, inner) w + b, element (k, c) of w at w[k * by_k + c * by_c]; b may be
 * null. Every number is b + x_0 w_0 + x_1 w_1 + ..., in this order, whatever the number of rows and
 * wherever its row stands. */
static int linear(int64_t rows, int64_t inner, int64_t columns, const REAL *x, const REAL *w,
                  int64_t by_k, int64_t by_c, const REAL *b, REAL *y) {
    REAL *panel = numbers((inner + rows + 1) * COLUMNS);
    REAL *start = panel + inner * COLUMNS, *spare = start + COLUMNS;
    if (panel == 0) return 1;
    for (int64_t first = 0; first < columns; first += COLUMNS) {
        int64_t left = columns - first, width = left < COLUMNS ? left : COLUMNS;
        /* The last columns may not fill a panel, and then what is beyond them must go elsewhere. */
        REAL *to = width < COLUMNS ? spare : y + first;
        int64_t by_row = width < COLUMNS ? COLUMNS : columns;
        pack(w, by_k, by_c, inner, columns, first, panel);
        memset(start, 0, COLUMNS * sizeof(REAL));
        if (b) memcpy(start, b + first, width * sizeof(REAL));
        for (int64_t r = 0; r < rows; r++) memcpy(to + r * by_row, start, COLUMNS * sizeof(REAL));
        multiply(rows, 1, inner, x, inner, panel, to, by_row);
        for (int64_t r = 0; to == spare && r < rows; r++)
            for (int64_t c = 0; c < width; c++) y[r * columns + first + c] = spare[r * COLUMNS + c];
    }
    free(panel);
    return 0;
}
