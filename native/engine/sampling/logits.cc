#include "engine/sampling/logits.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "engine/failure.h"

// Integer minima and maxima are of x86-64-v2, which is the least that OpenVINO runs on; without saying so compilers
// write for less.
#if defined(__GNUC__) && defined(__x86_64__)
#define X86_64_V2 __attribute__((target("sse4.1")))
#else
#define X86_64_V2
#endif

namespace llm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Integers in the order of floats, and back: NaN lies beyond the infinity of its sign. A maximum of floats would have
// to be taken in the order of the row, for the sake of NaN and of zeros with signs; one of integers need not.
constexpr int32_t turned(int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }
constexpr int32_t key_of(float value) { return turned(std::bit_cast<int32_t>(value)); }

// 2^n * e^r with |r| ≤ ln(2) / 2: the polynomial and the two parts of ln(2) are of Cephes' expf (Moshier). One function
// of operations that vector registers have, so that a row takes no longer than its reading.
X86_64_V2 inline float exponential_of(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer, in the low bits
  const float bounded = x < static_cast<float>(kLeastExponent) ? static_cast<float>(kLeastExponent) : x;
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
  return x < static_cast<float>(kLeastExponent) ? 0.0F : p * std::bit_cast<float>(power);
}

}  // namespace

X86_64_V2 LogitRange range_of(std::span<const float> logits) {
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

float sound_max(std::span<const float> logits) {
  const auto [max, sound] = range_of(logits);
  if (!sound) throw Failure(ERR_NON_FINITE, "the model computed logits that are NaN or infinite");
  return max;
}

X86_64_V2 float exponential(float x) { return exponential_of(x); }

X86_64_V2 double sum_of_exponentials(std::span<const float> logits, float max, float scale) {
  constexpr size_t kBlock = 256 * kLogitLanes;  // whose sums floats hold well
  double sum = 0;
  size_t i = 0;
  const size_t whole = logits.size() - logits.size() % kLogitLanes;
  while (i < whole) {
    float lanes[kLogitLanes] = {};
    for (const size_t end = std::min(whole, i + kBlock); i < end; i += kLogitLanes) {
      for (size_t lane = 0; lane < kLogitLanes; ++lane) lanes[lane] += exponential_of((logits[i + lane] - max) * scale);
    }
    for (const float lane : lanes) sum += lane;
  }
  for (; i < logits.size(); ++i) sum += exponential_of((logits[i] - max) * scale);
  return sum;
}

bool any_at_least(const float* logits, float bound) {
  int found = 0;
  for (size_t lane = 0; lane < kLogitLanes; ++lane) found += logits[lane] >= bound ? 1 : 0;
  return found > 0;
}

}  // namespace llm
