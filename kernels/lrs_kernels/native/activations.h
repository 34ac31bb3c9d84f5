/* tanh and the logistic function of many numbers, in place. NaN passes through. */
#if REAL_IS_DOUBLE
static void squash(REAL *x, int64_t count) {
    for (int64_t j = 0; j < count; j++) x[j] = tanh(x[j]);
}
static void gate(REAL *x, int64_t count) {
    for (int64_t j = 0; j < count; j++) x[j] = 1.0 / (1.0 + exp(-x[j]));
}
#else
/* In vectors by hand: of `x > limit ? limit : x` compilers make three instructions where one does. */
#ifdef __SSE__
#include <immintrin.h>
#endif

typedef int32_t ints __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

INLINE vec all(float value) { return value - (vec){0}; }

/* The lesser and the greater; b where one of them is NaN. */
#if defined(__AVX512F__)
INLINE vec lesser(vec a, vec b) { return _mm512_min_ps(a, b); }
INLINE vec greater(vec a, vec b) { return _mm512_max_ps(a, b); }
#elif defined(__AVX__)
INLINE vec lesser(vec a, vec b) { return _mm256_min_ps(a, b); }
INLINE vec greater(vec a, vec b) { return _mm256_max_ps(a, b); }
#else
INLINE vec choose(ints is_a, vec a, vec b) { return (vec)((is_a & (ints)a) | (~is_a & (ints)b)); }
INLINE vec lesser(vec a, vec b) { return choose(a < b, a, b); }
INLINE vec greater(vec a, vec b) { return choose(a > b, a, b); }
#endif

INLINE vec clamp(vec x, float limit) { return greater(all(-limit), lesser(all(limit), x)); }

/* 2^n and e^r - 1 with x = n ln 2 + r, |r| <= ln 2 / 2. Keeping the 1 apart keeps all digits of
 * tanh near zero. The polynomial of degree 6 is one of least relative error, 1.7e-8. Adding
 * 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits, ready to become an exponent. */
INLINE vec split_exp(vec x, vec *power) {
    vec shifted = x * 1.44269504f + 12582912.0f;
    vec r = (shifted - 12582912.0f) * -0.69314718f + x;
    *power = (vec)(((ints)shifted + 127) << 23);
    vec p = r * 0.0013882521f + 0.0083665205f;
    p = p * r + 0.0416672f;
    p = p * r + 0.16666543f;
    p = p * r + 0.49999997f;
    return p * r * r + r;
}

INLINE vec squash_vector(vec x) {
    vec power, rest = split_exp(clamp(x + x, 40.0f), &power);
    vec minus_one = power * rest + (power - 1.0f); /* e^(2x) - 1 */
    return minus_one / (minus_one + 2.0f);
}

INLINE vec gate_vector(vec x) {
    vec power, rest = split_exp(clamp(-x, 87.0f), &power);
    return 1.0f / (1.0f + (power * rest + power));
}

/* A function of vectors for any count, two of them at a time, since one is a long chain of sums: the
 * last numbers go through a vector that they do not fill. */
#define FOR_ANY_COUNT(name, of_vector)                                                             \
    INLINE void name(float *x, int64_t count) {                                                    \
        int64_t j = 0;                                                                             \
        _Pragma("GCC unroll 2")                                                                    \
        for (; j + LANES <= count; j += LANES) *(vec *)(x + j) = of_vector(*(const vec *)(x + j)); \
        if (j == count) return;                                                                    \
        float last[LANES] = {0};                                                                   \
        memcpy(last, x + j, (count - j) * sizeof(float));                                          \
        *(vec *)last = of_vector(*(const vec *)last);                                              \
        memcpy(x + j, last, (count - j) * sizeof(float));                                          \
    }
FOR_ANY_COUNT(squash, squash_vector)
FOR_ANY_COUNT(gate, gate_vector)
#endif
