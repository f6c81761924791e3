// exp() as kernels/silu.h describes it, which the compiler makes vectors of by itself. Included within the namespace of
// each kernel for x86-64. Sums are kept in sixteen lanes, which compilers may not choose by themselves.

LLM_ISA inline float sum_of_lanes(const float* lanes) {
  float eight[8];
  for (int i = 0; i < 8; ++i) eight[i] = lanes[i] + lanes[i + 8];
  return ((eight[0] + eight[4]) + (eight[2] + eight[6])) + ((eight[1] + eight[5]) + (eight[3] + eight[7]));
}

LLM_ISA float exponentials(float* scores, size_t count, float most) {
  float lanes[16] = {};
  float last[16];
  for (size_t i = 0; i < count; i += 16) {
    // A rest is computed as sixteen, of which the others are nothing.
    const size_t here = count - i < 16 ? count - i : 16;
    float* values = scores + i;
    if (here < 16) {
      for (size_t j = 0; j < 16; ++j) last[j] = j < here ? values[j] : -HUGE_VALF;
      values = last;
    }
    for (size_t j = 0; j < 16; ++j) {
      float t = values[j] - most;
      const bool nothing = t < kLeastExponent;  // what is no number is not less
      t = nothing ? kLeastExponent : t;
      const float rounded = t * kLog2E + kRounder;
      const float n = rounded - kRounder;
      float r = t - n * kLn2High;
      r = r - n * kLn2Low;
      float series = kSeries[0];
      series = series * r + kSeries[1];
      series = series * r + kSeries[2];
      series = series * r + kSeries[3];
      series = series * r + kSeries[4];
      series = series * r + kSeries[5];
      series = series * r + 1.F;
      series = series * r + 1.F;
      const float power = std::bit_cast<float>((std::bit_cast<uint32_t>(rounded) + kExponentBias) << 23);
      const float value = nothing ? 0.F : series * power;
      values[j] = value;
      lanes[j] += value;
    }
    if (here < 16) {
      for (size_t j = 0; j < here; ++j) scores[i + j] = last[j];
    }
  }
  return sum_of_lanes(lanes);
}
