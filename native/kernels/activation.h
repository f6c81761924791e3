// Activation functions of rows of activations, all f32, each value by itself.
#pragma once
#include <cstddef>
#include <cstdint>

namespace llm {

enum class Activation : uint8_t {
  kGelu,      // v * (1 + erf(v / sqrt 2)) / 2
  kGeluTanh,  // v * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3))) / 2
  kSilu,      // v / (1 + exp(-v))
  kRelu,      // max(v, 0)
};

// out[i] = f(x[i]), within 5e-7 of |x[i]|; out may be x. What is no number stays so.
void activate(Activation activation, const float* x, size_t count, float* out);

// out[i] = a[i] * b[i]; out may be a or b.
void times(const float* a, const float* b, size_t count, float* out);

}  // namespace llm
