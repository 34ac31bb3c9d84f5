/* Numbers, vectors of them, and memory for them. REAL is float or double. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ROWS of a product at a time: two vectors of sums each, in 32 registers or 16. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS 12
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define ROWS 6
#else
#define VECTOR_BYTES 16
#define ROWS 6
#endif

typedef REAL vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef REAL four
    __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
enum { LANES = VECTOR_BYTES / sizeof(REAL), COLUMNS = 2 * LANES, CHUNK = 64 };

#define INLINE static inline __attribute__((always_inline))
/* A step for each of the H hidden units; wherever it stands, H is in sight. */
#define EACH for (int64_t j = 0; j < H; j++)

/* So many numbers and a few more, so that what lies behind them is aligned too. */
static int64_t whole(int64_t count) { return (count + 31) / 32 * 32; }

/* Memory for so many numbers, aligned for vectors; free() takes it back. */
static REAL *numbers(int64_t count) {
    return aligned_alloc(64, (count * sizeof(REAL) + 63) / 64 * 64);
}
