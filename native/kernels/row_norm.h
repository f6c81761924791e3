// Norms of rows of activations, and sums of rows: what stands between matrix products. All f32, in one order whatever
// the processor, the number of rows and the threads.
#pragma once
#include <cstddef>
#include <vector>

namespace llm {

// out = (x - mean) / sqrt(mean of squares + epsilon) * weight + bias, each row by itself. The mean is only taken away
// where the norm is centred; the squares are then of what is left.
struct RowNorm {
  std::vector<float> weight;  // [columns]
  std::vector<float> bias;    // [columns], or none
  float epsilon = 0;
  bool centred = false;
};

// x and out: [rows, norm.weight.size()].
void normalize(const RowNorm& norm, const float* x, size_t rows, float* out);

// out[i] = a[i] + b[i]; out may be a or b.
void add(const float* a, const float* b, size_t count, float* out);

}  // namespace llm
