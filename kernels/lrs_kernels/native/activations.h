/* tanh and the logistic function, written so that the compiler makes vectors of them. */
#if REAL_IS_DOUBLE
INLINE REAL squash(REAL x) { return tanh(x); }
INLINE REAL gate(REAL x) { return 1.0 / (1.0 + exp(-x)); }
#else
/* 2^n and e^r - 1 with x = n ln 2 + r, |r| <= ln 2 / 2. Keeping the 1 apart keeps all digits of
 * tanh near zero. Taylor's series of degree 7 is exact to half a unit in the last place here. Adding
 * 1.5 * 2^23 rounds to an integer and leaves it in the lowest bits, ready to become an exponent. */
INLINE float split_exp(float x, float *power) {
    float shifted = fmaf(x, 1.44269504f, 12582912.0f);
    union { float value; uint32_t bits; } scale = {.value = shifted};
    float r = fmaf(shifted - 12582912.0f, -0.69314718f, x);
    scale.bits = (scale.bits + 127) << 23;
    *power = scale.value;
    float p = fmaf(r, 1.0f / 5040, 1.0f / 720);
    p = fmaf(p, r, 1.0f / 120);
    p = fmaf(p, r, 1.0f / 24);
    p = fmaf(p, r, 1.0f / 6);
    p = fmaf(p, r, 0.5f);
    return fmaf(p * r, r, r);
}
/* Written so that NaN passes through: a comparison with NaN is false. */
INLINE float clamp(float x, float limit) {
    x = x > limit ? limit : x;
    return x < -limit ? -limit : x;
}
INLINE float squash(float x) {
    float power, rest = split_exp(clamp(x + x, 40.0f), &power);
    float minus_one = fmaf(power, rest, power - 1.0f); /* e^(2x) - 1 */
    return minus_one / (minus_one + 2.0f);
}
INLINE float gate(float x) {
    float power, rest = split_exp(clamp(-x, 87.0f), &power);
    return 1.0f / (1.0f + fmaf(power, rest, power));
}
#endif
