#include "engine/sampling/logits.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "engine/failure.h"

// A pass is compiled twice where compilers can: for x86-64-v2, the least that OpenVINO runs on (without saying so they
// write for less), and for AVX2. No FMA: both give the same numbers, so an answer does not depend on the processor.
#if defined(__GNUC__) && defined(__x86_64__)
#define FOR_X86_64_V2 __attribute__((target("sse4.1")))
#define FOR_AVX2 __attribute__((target("avx2")))
#define INLINE inline __attribute__((always_inline))
#define HAS_AVX2 (__builtin_cpu_supports("avx2") != 0)
#else
#define FOR_X86_64_V2
#define FOR_AVX2
#define INLINE inline
#define HAS_AVX2 false
#endif

namespace llm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Integers in the order of floats, and back: NaN lies beyond the infinity of its sign. A maximum of floats would have
// to be taken in the order of the row, for the sake of NaN and of zeros with signs; one of integers need not.
constexpr int32_t turned(int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }
constexpr int32_t key_of(float value) { return turned(std::bit_cast<int32_t>(value)); }

// 2^n * e^r with |r| ≤ ln(2) / 2: the polynomial and the two parts of ln(2) are of Cephes' expf (Moshier). One function
// of operations that vector registers have, so that a row takes no longer than its reading. The least exponent
// is a minimum of integers, and what lies below it is masked: choices between floats keep compilers from vectors.
INLINE float exponential_of(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer, in the low bits
  constexpr auto kMost = std::bit_cast<int32_t>(static_cast<float>(-kLeastExponent));
  const int32_t size = std::bit_cast<int32_t>(x) & 0x7fffffff;  // of a negative number, or 0
  const int32_t keep = -static_cast<int32_t>(size <= kMost);
  const float bounded = -std::bit_cast<float>(size < kMost ? size : kMost);
  const float shifted = bounded * 1.44269504088896341F + kRound;
  const float n = shifted - kRound;
  const float r = (bounded - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const int32_t power = (std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound) + 127) << 23;
  return std::bit_cast<float>(std::bit_cast<int32_t>(p * std::bit_cast<float>(power)) & keep);
}

INLINE LogitRange range_in(std::span<const float> logits) {
  int32_t most = key_of(-kInfinity);
  int32_t least = key_of(kInfinity);
  for (const float value : logits) {
    const int32_t key = key_of(value);
    most = key > most ? key : most;
    least = key < least ? key : least;
  }
  const bool sound = least >= key_of(-kInfinity) && most > key_of(-kInfinity) && most < key_of(kInfinity);
  return {std::bit_cast<float>(turned(most)), sound};
}

// Exponentials first, then their sums: loops of one kind of work become vectors.
INLINE double sum_in(std::span<const float> logits, float max, float scale) {
  constexpr size_t kBlock = 64 * kLogitLanes;  // whose sums floats hold well
  float block[kBlock];
  double sum = 0;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, logits.size() - begin);
    const float* from = logits.data() + begin;
    for (size_t i = 0; i < count; ++i) block[i] = exponential_of((from[i] - max) * scale);
    std::fill(block + count, block + kBlock, 0.0F);
    float lanes[kLogitLanes] = {};
    for (size_t i = 0; i < kBlock; i += kLogitLanes) {
      for (size_t lane = 0; lane < kLogitLanes; ++lane) lanes[lane] += block[i + lane];
    }
    for (const float lane : lanes) sum += lane;
  }
  return sum;
}

struct Passes {
  LogitRange (*range)(std::span<const float>);
  double (*sum)(std::span<const float>, float, float);
};

FOR_X86_64_V2 LogitRange range_v2(std::span<const float> logits) { return range_in(logits); }
FOR_X86_64_V2 double sum_v2(std::span<const float> logits, float max, float scale) {
  return sum_in(logits, max, scale);
}
FOR_AVX2 LogitRange range_avx2(std::span<const float> logits) { return range_in(logits); }
FOR_AVX2 double sum_avx2(std::span<const float> logits, float max, float scale) { return sum_in(logits, max, scale); }

const Passes& passes() {
  static const Passes chosen = HAS_AVX2 ? Passes{range_avx2, sum_avx2} : Passes{range_v2, sum_v2};
  return chosen;
}

}  // namespace

LogitRange range_of(std::span<const float> logits) { return passes().range(logits); }

float sound_max(std::span<const float> logits) {
  const auto [max, sound] = range_of(logits);
  if (!sound) throw Failure(ERR_NON_FINITE, "the model computed logits that are NaN or infinite");
  return max;
}

float exponential(float x) { return exponential_of(x); }

double sum_of_exponentials(std::span<const float> logits, float max, float scale) {
  return passes().sum(logits, max, scale);
}

bool any_at_least(const float* logits, float bound) {
  int found = 0;
  for (size_t lane = 0; lane < kLogitLanes; ++lane) found += logits[lane] >= bound ? 1 : 0;
  return found > 0;
}

}  // namespace llm
