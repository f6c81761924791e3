// How far two computations of the same logits are apart.
#pragma once
#include <cmath>
#include <cstddef>
#include <vector>

namespace llm {

// The largest distance between logits of one token; NaN when one of them is not finite. Both have the same length.
inline double logit_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double differs = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(differs <= most)) most = differs;
    if (std::isnan(most)) break;
  }
  return most;
}

}  // namespace llm
