// Activation functions against their formulas in double.
#include "kernels/activation.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "tap.h"

namespace {

using llm::Activation;

double formula(Activation activation, double v) {
  switch (activation) {
    case Activation::kGelu:
      return v * std::erfc(-v / std::numbers::sqrt2) / 2;
    case Activation::kGeluTanh:
      return v * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v))) / 2;
    case Activation::kSilu:
      return v / (1 + std::exp(-v));
    case Activation::kRelu:
      return v > 0 ? v : 0;
  }
  return 0;
}

constexpr Activation kAll[] = {Activation::kGelu, Activation::kGeluTanh, Activation::kSilu, Activation::kRelu};

}  // namespace

TEST("activations: each is within 5e-7 of what it is of, and in place the same") {
  std::vector<float> x;
  for (int i = -150'001; i <= 150'001; ++i) x.push_back(static_cast<float>(i) / 10'000);  // no whole number of lanes
  for (const float far : {1e-30F, -1e-30F, 60.F, -60.F, 1e20F, -1e20F}) x.push_back(far);
  for (const auto activation : kAll) {
    std::vector<float> found(x.size() + 1, 7.F);
    llm::activate(activation, x.data(), x.size(), found.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double wanted = formula(activation, x[i]);
      CHECK(std::fabs(found[i] - wanted) <= 5e-7 * std::fabs(static_cast<double>(x[i])));
    }
    CHECK_EQUAL(found.back(), 7.F);
    auto own = x;
    llm::activate(activation, own.data(), own.size(), own.data());
    found.pop_back();
    CHECK(own == found);
  }
}

TEST("activations: what is no number stays so") {
  for (const auto activation : kAll) {
    float found = 0;
    const float x = std::numeric_limits<float>::quiet_NaN();
    llm::activate(activation, &x, 1, &found);
    CHECK(std::isnan(found));
  }
}
