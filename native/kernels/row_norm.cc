#include "kernels/row_norm.h"

#include <cmath>

namespace llm {
namespace {

// As many sums side by side as any processor's registers hold: so the order is the same for all.
constexpr size_t kLanes = 16;

template <class Term>
float sum(size_t count, const Term& term) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (size_t lane = 0; i < count; ++i, ++lane) lanes[lane] += term(i);
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

}  // namespace

void normalize(const RowNorm& norm, const float* x, size_t rows, float* out) {
  const size_t columns = norm.weight.size();
  const auto width = static_cast<float>(columns);
  const float* weight = norm.weight.data();
  for (; rows > 0; --rows, x += columns, out += columns) {
    const float mean = norm.centred ? sum(columns, [&](size_t i) { return x[i]; }) / width : 0.F;
    const float squares = sum(columns, [&](size_t i) { return (x[i] - mean) * (x[i] - mean); });
    const float scale = 1.F / std::sqrt(squares / width + norm.epsilon);
    for (size_t i = 0; i < columns; ++i) out[i] = (x[i] - mean) * scale * weight[i];
    if (!norm.bias.empty()) add(out, norm.bias.data(), columns, out);
  }
}

void add(const float* a, const float* b, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

}  // namespace llm
