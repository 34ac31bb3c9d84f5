/* Products of small matrices: a packed panel of COLUMNS columns times a few rows at a time. */
INLINE void add_products(int count, const REAL *a, int64_t by_row, const REAL *panel, vec *left,
                         vec *right) {
    vec p = *(const vec *)panel, q = *(const vec *)(panel + LANES);
#pragma GCC unroll 12
    for (int r = 0; r < count; r++) {
        vec s = a[r * by_row] - (vec){0};
        left[r] += s * p;
        right[r] += s * q;
    }
}

/* `count` rows of C = S + A (count, K), strided, times a panel (K, COLUMNS). */
INLINE void block(int count, int64_t inner, const REAL *a, int64_t by_row, int64_t by_k,
                  const REAL *panel, const REAL *start, int64_t lds, REAL *c, int64_t ldc) {
    vec left[ROWS], right[ROWS];
#pragma GCC unroll 12
    for (int r = 0; r < count; r++) {
        left[r] = *(const vec *)(start + r * lds);
        right[r] = *(const vec *)(start + r * lds + LANES);
    }
    /* Low blocks gain a tenth from two products at a time; high ones would run out of registers. */
    if (count > 4) {
        for (int64_t k = 0; k < inner; k++)
            add_products(count, a + k * by_k, by_row, panel + k * COLUMNS, left, right);
    } else {
#pragma GCC unroll 2
        for (int64_t k = 0; k < inner; k++)
            add_products(count, a + k * by_k, by_row, panel + k * COLUMNS, left, right);
    }
#pragma GCC unroll 12
    for (int r = 0; r < count; r++) {
        *(vec *)(c + r * ldc) = left[r];
        *(vec *)(c + r * ldc + LANES) = right[r];
    }
}

/* C (rows, panels * COLUMNS) = S + A (rows, K), strided, times the packed matrix. Rows go in blocks
 * of nearly equal height, ROWS at most: with 6 of them, 8 go as 4 and 4, since 6 and 2 would leave the
 * arithmetic units idle. */
#define CASE(n) case n: block(n, inner, from, by_row, by_k, panel, begin, lds, to, ldc); break;
INLINE void multiply_strided(int64_t rows, int64_t panels, int64_t inner, const REAL *a,
                             int64_t by_row, int64_t by_k, const REAL *packed, const REAL *start,
                             int64_t lds, REAL *c, int64_t ldc) {
    for (int64_t j = 0; j < panels; j++, start += COLUMNS, c += COLUMNS) {
        const REAL *panel = packed + j * inner * COLUMNS;
        int64_t blocks = (rows + ROWS - 1) / ROWS;
        for (int64_t r = 0, count; r < rows; r += count, blocks--) {
            count = (rows - r + blocks - 1) / blocks;
            const REAL *from = a + r * by_row;
            const REAL *begin = start + r * lds;
            REAL *to = c + r * ldc;
            switch (count) {
#if ROWS == 12
                CASE(12)
                CASE(11)
                CASE(10)
                CASE(9)
                CASE(8)
                CASE(7)
#endif
                CASE(6)
                CASE(5)
                CASE(4)
                CASE(3)
                CASE(2)
                default: block(1, inner, from, by_row, by_k, panel, begin, lds, to, ldc);
            }
        }
    }
}

/* C += the same for A with adjacent columns; or C = s + it, for one row s. */
static void multiply(int64_t rows, int64_t panels, int64_t inner, const REAL *a, int64_t lda,
                     const REAL *packed, REAL *c, int64_t ldc) {
    multiply_strided(rows, panels, inner, a, lda, 1, packed, c, ldc, c, ldc);
}

static void multiply_from(const REAL *s, int64_t rows, int64_t panels, int64_t inner, const REAL *a,
                          int64_t lda, const REAL *packed, REAL *c, int64_t ldc) {
    multiply_strided(rows, panels, inner, a, lda, 1, packed, s, 0, c, ldc);
}

/* And for A', given as A (K, rows). */
static void multiply_transposed(int64_t rows, int64_t panels, int64_t inner, const REAL *a,
                                int64_t lda, const REAL *packed, REAL *c, int64_t ldc) {
    multiply_strided(rows, panels, inner, a, 1, lda, packed, c, ldc, c, ldc);
}

static int64_t panels_of(int64_t columns) { return (columns + COLUMNS - 1) / COLUMNS; }

/* Numbers of two fours, by their places: 0 to 3 in the first, 4 to 7 in the second. */
#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#if REAL_IS_DOUBLE
typedef int64_t four_places __attribute__((vector_size(4 * sizeof(REAL))));
#else
typedef int32_t four_places __attribute__((vector_size(4 * sizeof(REAL))));
#endif
#define PICK(a, b, ...) __builtin_shuffle(a, b, (four_places){__VA_ARGS__})
#endif

/* Four rows of four numbers as rows of a panel. */
INLINE void transpose(const REAL *from, int64_t by_row, REAL *panel) {
    four a = *(const four *)from, b = *(const four *)(from + by_row);
    four c = *(const four *)(from + 2 * by_row), d = *(const four *)(from + 3 * by_row);
    four ab = PICK(a, b, 0, 4, 1, 5), cd = PICK(c, d, 0, 4, 1, 5);
    *(four *)panel = PICK(ab, cd, 0, 1, 4, 5);
    *(four *)(panel + COLUMNS) = PICK(ab, cd, 2, 3, 6, 7);
    ab = PICK(a, b, 2, 6, 3, 7), cd = PICK(c, d, 2, 6, 3, 7);
    *(four *)(panel + 2 * COLUMNS) = PICK(ab, cd, 0, 1, 4, 5);
    *(four *)(panel + 3 * COLUMNS) = PICK(ab, cd, 2, 3, 6, 7);
}

/* One panel of M (inner, columns), element (k, c) at m[k * by_k + c * by_c]; zeros beyond. */
static void pack(const REAL *m, int64_t by_k, int64_t by_c, int64_t inner, int64_t columns,
                 int64_t first, REAL *panel) {
    int64_t width = columns - first < COLUMNS ? columns - first : COLUMNS;
    m += first * by_c;
    if (by_c == 1 && width == COLUMNS) {
        for (int64_t k = 0; k < inner; k++)
            memcpy(panel + k * COLUMNS, m + k * by_k, COLUMNS * sizeof(REAL));
        return;
    }
    if (width < COLUMNS) memset(panel, 0, inner * COLUMNS * sizeof(REAL));
    if (by_c == 1) {
        for (int64_t k = 0; k < inner; k++)
            memcpy(panel + k * COLUMNS, m + k * by_k, width * sizeof(REAL));
        return;
    }
    /* A transposed matrix is adjacent along k: four by four where these are vectors of the processor,
     * and number by number what is left. */
    int quickly = by_k == 1 && sizeof(four) <= VECTOR_BYTES;
    int64_t fours = quickly ? width / 4 * 4 : 0, done = inner / 4 * 4;
    for (int64_t k = 0; k < done; k += 4)
        for (int64_t c = 0; c < fours; c += 4)
            transpose(m + c * by_c + k, by_c, panel + k * COLUMNS + c);
    for (int64_t c = 0; c < width; c++)
        for (int64_t k = c < fours ? done : 0; k < inner; k++)
            panel[k * COLUMNS + c] = m[k * by_k + c * by_c];
}

/* All panels of one matrix. */
static void pack_matrix(const REAL *m, int64_t by_k, int64_t by_c, int64_t inner, int64_t columns,
                        REAL *packed) {
    for (int64_t first = 0; first < columns; first += COLUMNS, packed += inner * COLUMNS)
        pack(m, by_k, by_c, inner, columns, first, packed);
}

/* Matrices (rows, columns) of P members as panels: transposed, or as they are. All threads of a team
 * share the work. */
static void pack_all(int64_t P, const REAL *m, int64_t rows, int64_t columns, int transposed,
                     REAL *packed) {
    int64_t inner = transposed ? columns : rows, panels = panels_of(transposed ? rows : columns);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < P * panels; i++)
        pack(m + i / panels * rows * columns, transposed ? 1 : columns, transposed ? columns : 1,
             inner, transposed ? rows : columns, i % panels * COLUMNS, packed + i * inner * COLUMNS);
}
