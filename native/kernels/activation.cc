#include "kernels/activation.h"

#include <algorithm>
#include <bit>

#include "kernels/silu.h"

namespace llm {
namespace {

// Values that are computed side by side: a fixed number of plain steps, which the compiler makes vectors of.
constexpr size_t kLanes = 16;

// See silu.h; here without fused steps, for which the lowest level of processors has no instruction.
inline float exponential(float t) {
  t = kMostExponent < t ? kMostExponent : t;
  t = kLeastExponent > t ? kLeastExponent : t;
  const float rounded = t * kLog2E + kRounder;
  const float n = rounded - kRounder;
  const float r = (t - n * kLn2High) - n * kLn2Low;
  float series = 0;
  for (const float coefficient : kSeries) series = series * r + coefficient;
  series = (series * r + 1.F) * r + 1.F;
  return series * std::bit_cast<float>((std::bit_cast<uint32_t>(rounded) + kExponentBias) << 23);
}

inline float silu(float value) { return value / (1.F + exponential(-value)); }

// (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u))
inline float gelu_tanh(float value) {
  constexpr float kTwice = 1.5957691216F;  // 2 sqrt(2 / pi)
  return value / (1.F + exponential(-kTwice * (value + 0.044715F * value * value * value)));
}

// erfc(z) for z >= 0 within 1.2e-7 of it: t exp(-z^2 + a polynomial of t), t = 1 / (1 + z / 2) (Press et al., Numerical
// Recipes, 6.2). Of what is far below 0, nothing is taken away from 1: so the result keeps its digits.
inline float gelu(float value) {
  constexpr float kCoefficients[] = {0.17087277F,  -0.82215223F, 1.48851587F, -1.13520398F, 0.27886807F,
                                     -0.18628806F, 0.09678418F,  0.37409196F, 1.00002368F,  -1.26551223F};
  const float z = 0.70710678F * (value < 0.F ? -value : value);
  const float t = 1.F / (1.F + 0.5F * z);
  float sum = 0;
  for (const float coefficient : kCoefficients) sum = sum * t + coefficient;
  const float half = 0.5F * t * exponential(sum - z * z);  // erfc(z) / 2
  return value * (value < 0.F ? half : 1.F - half);
}

inline float relu(float value) { return value < 0.F ? 0.F : value; }

template <class Function>
void each(const float* x, size_t count, float* out, const Function& function) {
  float lanes[kLanes];
  for (size_t i = 0; i < count; i += kLanes) {
    const size_t some = std::min(kLanes, count - i);
    std::fill_n(lanes, kLanes, 0.F);
    std::copy_n(x + i, some, lanes);
    for (float& lane : lanes) lane = function(lane);
    std::copy_n(lanes, some, out + i);
  }
}

}  // namespace

void activate(Activation activation, const float* x, size_t count, float* out) {
  switch (activation) {
    case Activation::kGelu:
      return each(x, count, out, gelu);
    case Activation::kGeluTanh:
      return each(x, count, out, gelu_tanh);
    case Activation::kSilu:
      return each(x, count, out, silu);
    case Activation::kRelu:
      return each(x, count, out, relu);
  }
}

void times(const float* a, const float* b, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = a[i] * b[i];
}

}  // namespace llm
