// Largest scores and exponentials. Included within the namespace of each kernel for x86-64, behind its vectors.

// 2^r for r within ±0.5 as a polynomial whose error is at most 9.2e-8 of it (least squares, weighed until the largest
// errors are alike); the last coefficient is 1.
constexpr float kPower[5] = {0x1.5bba14p-10F, 0x1.3cea88p-7F, 0x1.c6b752p-5F, 0x1.ebf9bcp-3F, 0x1.62e42ap-1F};
constexpr float kLeastPower = -125.F;  // 2^-125 is nothing beside a sum of at least 1

// For x from kLeastPower to 0. What is no number stays.
LLM_ISA inline Floats power_of_2(Floats x) {
  const Floats whole = next_whole(x);
  const Floats r = minus(x, whole);
  Floats power = every(kPower[0]);
  LLM_UNROLL
  for (int i = 1; i < 5; ++i) power = fma(power, r, every(kPower[i]));
  return times_power_of_2(fma(power, r, every(1)), whole);
}

LLM_ISA float largest_score(const float* scores, size_t count) {
  constexpr size_t kSets = 4;
  Floats most[kSets];
  LLM_UNROLL
  for (size_t set = 0; set < kSets; ++set) most[set] = every(-HUGE_VALF);
  size_t i = 0;
  for (; i + kSets * kLanes <= count; i += kSets * kLanes) {
    LLM_UNROLL
    for (size_t set = 0; set < kSets; ++set) {
      most[set] = larger(load_floats(scores + i + set * kLanes, kLanes), most[set]);
    }
  }
  for (; i + kLanes <= count; i += kLanes) most[0] = larger(load_floats(scores + i, kLanes), most[0]);
  float largest = largest_of(larger(larger(most[0], most[1]), larger(most[2], most[3])));
  for (; i < count; ++i) largest = scores[i] > largest ? scores[i] : largest;
  return largest;
}

LLM_ISA float exponentials(float* scores, size_t count, float most) {
  const Floats largest = every(most);
  const Floats log2e = every(kLog2E);
  const Floats least = every(kLeastPower);
  Floats sum = every(0);
  for (size_t i = 0; i < count; i += kLanes) {
    const Floats x = times(minus(load_floats(scores + i, kLanes), largest), log2e);
    const Floats power = zero_below(least, x, power_of_2(larger(least, x)));
    sum = plus(sum, power);
    store_floats(scores + i, power, kLanes);
  }
  return sum_of(sum);
}
