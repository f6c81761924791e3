#include "kernels/experts.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "kernels/huge_memory.h"
#include "kernels/some_threads.h"
#include "tap.h"

using llm::Kernel;
using llm::PackedWeights;

namespace {

constexpr size_t kExperts = 6;
constexpr size_t kColumns = 64;
constexpr size_t kInner = 96;
constexpr size_t kOutputs = 48;
constexpr size_t kEach = 3;

// Random 4-bit weights in groups of 32 with zero points.
struct Matrix {
  std::vector<uint8_t> values;
  std::vector<uint8_t> scales;
  std::vector<uint8_t> zero_points;
  std::unique_ptr<PackedWeights> packed;
  std::unique_ptr<llm::HugeMemory> memory;

  Matrix(size_t rows, size_t columns, uint32_t seed) {
    std::mt19937 random(seed);
    const size_t groups = rows * columns / 32;
    values.resize(rows * columns / 2);
    zero_points.resize(groups / 2);
    for (auto* bytes : {&values, &zero_points}) {
      for (auto& byte : *bytes) byte = static_cast<uint8_t>(random());
    }
    for (size_t i = 0; i < groups; ++i) {
      const auto half = static_cast<uint16_t>(10 << 10 | (random() & 0x3ff));
      scales.push_back(static_cast<uint8_t>(half & 255));
      scales.push_back(static_cast<uint8_t>(half >> 8));
    }
    const llm::WeightSource source{rows,
                                   columns,
                                   32,
                                   4,
                                   false,
                                   values.data(),
                                   scales.data(),
                                   llm::WeightSource::ZeroPoints::kLikeValues,
                                   zero_points.data()};
    packed = std::make_unique<PackedWeights>(source);
    memory = std::make_unique<llm::HugeMemory>(packed->bytes());
    packed->pack(source, memory->data(), 0, packed->blocks());
    packed->place(memory->data());
  }
};

struct Mixture {
  Matrix gate{kExperts * kInner, kColumns, 1};
  Matrix up{kExperts * kInner, kColumns, 2};
  Matrix down{kExperts * kOutputs, kInner, 3};
  // Used where it is set.
  std::vector<float> inner_bias;
  std::vector<float> output_bias;
  llm::ExpertBiases biases{nullptr, nullptr, 1.702F, 2.5F};

  llm::Experts experts() const {
    return {kExperts, gate.packed.get(), up.packed.get(), down.packed.get(), inner_bias.empty() ? nullptr : &biases};
  }

  void add_biases() {
    std::mt19937 random(9);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < 2 * kExperts * kInner; ++i) inner_bias.push_back(normal(random));
    for (size_t i = 0; i < kExperts * kOutputs; ++i) output_bias.push_back(normal(random));
    biases.inner = inner_bias.data();
    biases.outputs = output_bias.data();
  }
};

struct Rows {
  std::vector<float> x;
  std::vector<int32_t> chosen;
  std::vector<float> weights;
  size_t count;

  explicit Rows(size_t rows) : x(rows * kColumns), count(rows) {
    std::mt19937 random(4);
    std::normal_distribution<float> normal;
    for (auto& value : x) value = normal(random);
    for (size_t row = 0; row < rows; ++row) {
      const auto first = static_cast<int32_t>(random() % kExperts);
      for (int32_t i = 0; i < static_cast<int32_t>(kEach); ++i) {
        chosen.push_back((first + 5 * i) % static_cast<int32_t>(kExperts));
        weights.push_back(0.1F + static_cast<float>(random() % 100) / 100);
      }
    }
  }

  Rows only(size_t row) const {
    Rows one(1);
    one.x.assign(x.begin() + static_cast<ptrdiff_t>(row * kColumns),
                 x.begin() + static_cast<ptrdiff_t>((row + 1) * kColumns));
    one.chosen.assign(chosen.begin() + static_cast<ptrdiff_t>(row * kEach),
                      chosen.begin() + static_cast<ptrdiff_t>((row + 1) * kEach));
    one.weights.assign(weights.begin() + static_cast<ptrdiff_t>(row * kEach),
                       weights.begin() + static_cast<ptrdiff_t>((row + 1) * kEach));
    return one;
  }
};

std::vector<float> computed(const Kernel& kernel, const Mixture& mixture, const Rows& rows, size_t span,
                            size_t threads = 1) {
  std::vector<float> out(rows.count * kOutputs, -1);
  llm::multiply_experts(kernel, mixture.experts(), {rows.chosen.data(), rows.weights.data(), kEach}, rows.x.data(),
                        rows.count, out.data(), span, SomeThreads(threads));
  return out;
}

double product(const PackedWeights& weights, size_t row, const float* x) {
  double sum = 0;
  for (size_t column = 0; column < weights.columns(); ++column) sum += double{weights.at(row, column)} * x[column];
  return sum;
}

// One row, by all experts, with weights of 0 for those that were not chosen.
std::vector<double> dense(const Mixture& mixture, const Rows& rows, size_t row) {
  std::vector<double> weights(kExperts);
  for (size_t i = row * kEach; i < (row + 1) * kEach; ++i)
    weights[static_cast<size_t>(rows.chosen[i])] = rows.weights[i];
  std::vector<double> out(kOutputs);
  for (size_t expert = 0; expert < kExperts; ++expert) {
    std::vector<float> inner(kInner);
    for (size_t i = 0; i < kInner; ++i) {
      const float* x = rows.x.data() + row * kColumns;
      const double gate = product(*mixture.gate.packed, expert * kInner + i, x);
      const double up = product(*mixture.up.packed, expert * kInner + i, x);
      if (mixture.inner_bias.empty()) {
        inner[i] = static_cast<float>(gate / (1 + std::exp(-gate)) * up);
        continue;
      }
      const float* bias = mixture.inner_bias.data() + 2 * (expert * kInner + i);
      const auto& [unused, also_unused, alpha, limit] = mixture.biases;
      const double least = std::min<double>(gate + bias[0], limit);
      inner[i] = static_cast<float>((std::clamp<double>(up + bias[1], -limit, limit) + 1) * least /
                                    (1 + std::exp(-alpha * least)));
    }
    for (size_t i = 0; i < kOutputs; ++i) {
      const double bias = mixture.output_bias.empty() ? 0 : mixture.output_bias[expert * kOutputs + i];
      out[i] += weights[expert] * (product(*mixture.down.packed, expert * kOutputs + i, inner.data()) + bias);
    }
  }
  return out;
}

}  // namespace

TEST("experts: with f32 activations the sum is that of all experts in double, weighted with 0 where not chosen") {
  for (const bool biased : {false, true}) {
    Mixture mixture;
    if (biased) mixture.add_biases();
    CHECK(llm::fit_together(mixture.experts()));
    Rows rows(20);
    rows.chosen[1] = rows.chosen[2];  // named twice: the last weight counts
    const auto found = computed(*llm::kernels().front(), mixture, rows, 0, 2);
    for (size_t row = 0; row < rows.count; ++row) {
      const auto expected = dense(mixture, rows, row);
      for (size_t i = 0; i < kOutputs; ++i) {
        CHECK(std::abs(found[row * kOutputs + i] - expected[i]) < 1e-4 * (1 + std::abs(expected[i])));
      }
    }
  }
}

TEST("experts: each instruction set gives the portable one's bits, on any number of threads") {
  Mixture mixture;
  for (size_t count : {1, 9, 60, 130}) {
    if (count == 60) mixture.add_biases();
    const Rows rows(count);
    for (size_t span : {0, 32, 64}) {
      const auto expected = computed(llm::portable_kernel(), mixture, rows, span);
      for (const Kernel* kernel : llm::kernels()) {
        for (size_t threads : {1, 3}) CHECK(computed(*kernel, mixture, rows, span, threads) == expected);
      }
    }
  }
}

TEST("experts: a row gives alone what it gives among others") {
  const Mixture mixture;
  const Rows rows(60);
  for (size_t span : {0, 32}) {
    const auto together = computed(*llm::kernels().front(), mixture, rows, span, 3);
    for (size_t row : {0, 31, 59}) {
      const auto alone = computed(*llm::kernels().front(), mixture, rows.only(row), span);
      CHECK(std::equal(alone.begin(), alone.end(), together.begin() + static_cast<ptrdiff_t>(row * kOutputs)));
    }
  }
}

TEST("experts: those that were not chosen are not computed with") {
  Mixture mixture;
  const Rows one = Rows(8).only(3);
  const auto expected = computed(*llm::kernels().front(), mixture, one, 32);
  for (size_t expert = 0; expert < kExperts; ++expert) {
    if (std::find(one.chosen.begin(), one.chosen.end(), static_cast<int32_t>(expert)) != one.chosen.end()) continue;
    for (auto* matrix : {&mixture.gate, &mixture.up, &mixture.down}) {
      const size_t bytes = matrix->packed->bytes() / kExperts;
      std::memset(matrix->memory->data() + expert * bytes, 0xff, bytes);  // scales that are no numbers
    }
  }
  CHECK(computed(*llm::kernels().front(), mixture, one, 32) == expected);
}

TEST("experts: one that is not there is refused, and matrices that are no experts are seen") {
  const Mixture mixture;
  for (int32_t wrong : {-1, static_cast<int32_t>(kExperts)}) {
    Rows rows(2);
    rows.chosen[4] = wrong;
    bool refused = false;
    try {
      computed(*llm::kernels().front(), mixture, rows, 32);
    } catch (const std::out_of_range&) {
      refused = true;
    }
    CHECK(refused);
  }
  auto experts = mixture.experts();
  experts.count = 4;  // of 144 rows and 72 outputs
  CHECK(!llm::fit_together(experts));
  experts = mixture.experts();
  experts.down = experts.gate;
  CHECK(!llm::fit_together(experts));
}
