#include "engine/sampling/logits.h"

#include <bit>
#include <cstdint>
#include <limits>

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

bool any_above(const float* logits, float bound) {
  int above = 0;
  for (size_t lane = 0; lane < kLogitLanes; ++lane) above += logits[lane] > bound ? 1 : 0;
  return above > 0;
}

}  // namespace llm
