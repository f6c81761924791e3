// What the others are compared with; slow.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/half.h"
#include "kernels/kernel.h"
#include "kernels/silu.h"

namespace llm {
namespace {

constexpr size_t kRows = PackedWeights::kBlockRows;

// Rounds to the nearest, ties to even, as the vector instructions do.
void quantize(const float* x, size_t columns, size_t group, size_t span, int8_t* values, float* scales, float* sums) {
  for (size_t g = 0; g < columns / group; ++g) {
    float sum = 0;
    for (size_t begin = g * group; begin < (g + 1) * group; begin += span) {
      const size_t end = std::min(begin + span, (g + 1) * group);
      float largest = 0;
      bool numbers = true;
      for (size_t i = begin; i < end; ++i) {
        largest = std::max(largest, std::fabs(x[i]));
        numbers = numbers && !std::isnan(x[i]);
      }
      const float scale = numbers ? largest / 127.F : std::numeric_limits<float>::quiet_NaN();
      const float inverse = largest > 0 ? 127.F / largest : 0.F;
      int32_t total = 0;
      for (size_t i = begin; i < end; ++i) {
        const float value = x[i] * inverse;
        values[i] = static_cast<int8_t>(std::isnan(value) ? -128.F : std::nearbyint(value));
        total += values[i];
      }
      for (size_t i = begin; i < end; i += 32) scales[i / 32] = scale;
      sum = std::fma(scale, static_cast<float>(total), sum);
    }
    sums[g] = sum;
  }
}

uint32_t stored(const PackedWeights& weights, const uint8_t* lines, size_t row, size_t inner) {
  if (weights.bits() == 8) return lines[inner / 4 * PackedWeights::kLine + 4 * row + inner % 4];
  return lines[inner / 8 * PackedWeights::kLine + 4 * row + inner % 4] >> (inner / 4 % 2 * 4) & 15U;
}

float half_at(const uint8_t* from, size_t index) {
  uint16_t half;
  std::memcpy(&half, from + 2 * index, sizeof half);
  return half_to_float(half);
}

// Adds what one group contributes to a product.
float add_group(const PackedWeights& weights, const uint8_t* lines, size_t row, const Activations& a, size_t line,
                size_t group, float total) {
  const size_t size = weights.group();
  const size_t from = line * a.columns + group * size;
  const uint8_t* tail = lines + weights.group_bytes() - PackedWeights::kLine;
  const float weight_scale = half_at(tail, row);
  if (a.values) {
    for (size_t begin = 0; begin < size; begin += a.span) {
      int32_t sum = 0;
      for (size_t i = begin; i < std::min(begin + a.span, size); ++i) {
        sum += static_cast<int32_t>(stored(weights, lines, row, i)) * a.values[from + i];
      }
      const float scale = a.scales[line * (a.columns / 32) + (group * size + begin) / 32];
      total = std::fma(static_cast<float>(sum) * scale, weight_scale, total);
    }
  } else {
    float product = 0;
    for (size_t i = 0; i < size; ++i) {
      product = std::fma(static_cast<float>(stored(weights, lines, row, i)), a.floats[from + i], product);
    }
    total = std::fma(product, weight_scale, total);
  }
  const float offset = half_at(tail, kRows + row) * weight_scale;
  return std::fma(-offset, a.sums[line * a.groups + group], total);
}

void multiply(const PackedWeights& weights, size_t block, const Activations& activations, size_t first_row,
              size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    for (size_t r = 0; r < kRows; ++r) {
      float total = 0;
      for (size_t group = 0; group < weights.groups(); ++group) {
        const uint8_t* lines = weights.block(block) + group * weights.group_bytes();
        total = add_group(weights, lines, r, activations, first_row + i, group, total);
      }
      out[i * kRows + r] = total;
    }
  }
}

float silu(float value) {
  float t = -value;
  t = kMostExponent < t ? kMostExponent : t;
  t = kLeastExponent > t ? kLeastExponent : t;
  const float rounded = std::fma(t, kLog2E, kRounder);
  const float n = rounded - kRounder;
  const float r = std::fma(-n, kLn2Low, std::fma(-n, kLn2High, t));
  float series = 0;
  for (const float coefficient : kSeries) series = std::fma(series, r, coefficient);
  series = std::fma(std::fma(series, r, 1.F), r, 1.F);
  const auto power = std::bit_cast<float>((std::bit_cast<uint32_t>(rounded) + kExponentBias) << 23);
  return value / std::fma(series, power, 1.F);
}

void gate(float* gates, const float* ups, size_t count) {
  for (size_t i = 0; i < count; ++i) gates[i] = silu(gates[i]) * ups[i];
}

constexpr Kernel kKernel{"portable", 1, quantize, multiply, gate};

}  // namespace

const Kernel& portable_kernel() { return kKernel; }

}  // namespace llm
