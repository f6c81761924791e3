#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/half.h"
#include "kernels/huge_memory.h"
#include "kernels/kernel.h"
#include "kernels/matmul.h"
#include "kernels/packed_weights.h"
#include "kernels/some_threads.h"
#include "tap.h"

using llm::Kernel;
using llm::PackedWeights;
using llm::WeightSource;

namespace {

struct Shape {
  size_t rows;
  size_t columns;
  size_t group;
  int bits;
  bool is_signed = false;
  WeightSource::ZeroPoints kind = WeightSource::ZeroPoints::kLikeValues;
  bool one_zero_point = false;
};

// Random weights, which lie at odd addresses as constants of a model do; with them the weights in double.
struct Weights {
  WeightSource source;
  std::vector<uint8_t> values;
  std::vector<uint8_t> scales;
  std::vector<uint8_t> zero_points;
  std::vector<double> dense;
  std::unique_ptr<PackedWeights> packed;
  std::unique_ptr<llm::HugeMemory> memory;

  Weights(const Shape& shape, uint32_t seed, int scale_exponent = -6) {
    std::mt19937 random(seed);
    const size_t groups = shape.columns / shape.group;
    const size_t scale_count = shape.rows * groups;
    values.resize(1 + shape.rows * shape.columns * static_cast<size_t>(shape.bits) / 8);
    scales.resize(1 + 2 * scale_count);
    zero_points.resize(2 + 2 * scale_count);
    for (auto& byte : values) byte = static_cast<uint8_t>(random());
    for (auto& byte : zero_points) byte = static_cast<uint8_t>(random());
    for (size_t i = 0; i < scale_count; ++i) {
      const auto half = static_cast<uint16_t>((15 + scale_exponent) << 10 | (random() & 0x3ff));
      std::memcpy(&scales[1 + 2 * i], &half, 2);
      if (shape.kind != WeightSource::ZeroPoints::kF16) continue;
      const auto zero = static_cast<uint16_t>(17 << 10 | (random() & 0x3ff));  // 4 to 8, and no integers
      std::memcpy(&zero_points[1 + 2 * i], &zero, 2);
    }
    source = {shape.rows,          shape.columns,   shape.group,
              shape.bits,          shape.is_signed, values.data() + 1,
              scales.data() + 1,   shape.kind,      zero_points.data() + 1,
              shape.one_zero_point};
    CHECK(llm::can_pack(source));
    for (size_t row = 0; row < shape.rows; ++row) {
      for (size_t column = 0; column < shape.columns; ++column) {
        const size_t index = row * groups + column / shape.group;
        dense.push_back(scale(index) * (stored(values, row * shape.columns + column) - zero(index)));
      }
    }
    packed = std::make_unique<PackedWeights>(source);
    memory = std::make_unique<llm::HugeMemory>(packed->bytes());
    packed->place(memory->data());
    const size_t half = packed->blocks() / 2;
    packed->pack(source, memory->data(), half, packed->blocks());
    packed->pack(source, memory->data(), 0, half);
  }

  double stored(const std::vector<uint8_t>& from, size_t index) const {
    if (source.bits == 8) return source.is_signed ? static_cast<int8_t>(from[1 + index]) : from[1 + index];
    const int value = from[1 + index / 2] >> (index % 2 * 4) & 15;
    return source.is_signed && value > 7 ? value - 16 : value;
  }
  double half(const std::vector<uint8_t>& from, size_t index) const {
    uint16_t bits;
    std::memcpy(&bits, &from[1 + 2 * index], 2);
    return llm::half_to_float(bits);
  }
  double scale(size_t index) const { return half(scales, index); }
  double zero(size_t index) const {
    if (source.kind == WeightSource::ZeroPoints::kNone) return 0;
    if (source.one_zero_point) index = 0;
    return source.kind == WeightSource::ZeroPoints::kF16 ? half(zero_points, index) : stored(zero_points, index);
  }
};

std::vector<float> activations(size_t count, uint32_t seed, float size = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, size);
  std::vector<float> x(count);
  for (auto& value : x) value = normal(random);
  return x;
}

std::vector<float> product(const Kernel& kernel, const Weights& weights, const std::vector<float>& x, size_t span,
                           size_t threads = 1) {
  const size_t rows = x.size() / weights.source.columns;
  std::vector<float> out(rows * weights.source.rows, -1);
  const llm::Product one{weights.packed.get(), out.data()};
  llm::multiply(kernel, {&one, 1}, x.data(), rows, span, SomeThreads(threads));
  return out;
}

// NaN equals NaN, whatever its bits; 0 does not equal -0.
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i])) return false;
  }
  return true;
}

std::string describe(const Shape& s) {
  return std::to_string(s.rows) + " x " + std::to_string(s.columns) + ", group " + std::to_string(s.group) + ", " +
         (s.is_signed ? "i" : "u") + std::to_string(s.bits) + ", zero points " +
         std::to_string(static_cast<int>(s.kind)) + (s.one_zero_point ? ", one" : "");
}

using Zero = WeightSource::ZeroPoints;

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {16, 32, 32, 4},
      {17, 64, 32, 4},
      {1, 128, 128, 4},
      {33, 192, 64, 4, false, Zero::kF16},
      {40, 256, 128, 4, true, Zero::kNone},
      {31, 256, 64, 4, true, Zero::kLikeValues},
      {16, 256, 256, 4, false, Zero::kNone},
      {23, 96, 32, 4, false, Zero::kLikeValues, true},
      {20, 46, 46, 4, true, Zero::kNone},
      {50, 64, 64, 8},
      {19, 576, 576, 8, true, Zero::kNone},
      {21, 100, 100, 8, false, Zero::kLikeValues},
      {18, 33, 33, 8, true, Zero::kLikeValues},
      {16, 96, 32, 8, true, Zero::kNone},
      {16, 1, 1, 8},
  };
  return all;
}

const std::vector<size_t> kSpans = {0, 32, 64, llm::kWholeGroup};

}  // namespace

TEST("kernels: halves become floats as IEEE 754 says") {
  CHECK_EQUAL(llm::half_to_float(0x3c00), 1.F);
  CHECK_EQUAL(llm::half_to_float(0xc500), -5.F);
  CHECK_EQUAL(llm::half_to_float(0x7bff), 65504.F);
  CHECK_EQUAL(llm::half_to_float(0x0001), 0x1p-24F);
  CHECK_EQUAL(llm::half_to_float(0x83ff), -0x1.ff8p-15F);
  CHECK(std::isinf(llm::half_to_float(0x7c00)) && std::isnan(llm::half_to_float(0xfe00)));
  for (uint32_t i = 0; i < 2048; ++i) {
    CHECK_EQUAL(llm::half_to_float(llm::half_of_integer(i)), static_cast<float>(i));
  }
}

TEST("kernels: packed weights are the weights") {
  for (const auto& shape : shapes()) {
    const Weights weights(shape, 1);
    std::vector<float> unpacked(shape.columns);
    for (size_t row = 0; row < shape.rows; ++row) {
      weights.packed->unpack(row, unpacked.data());
      for (size_t column = 0; column < shape.columns; ++column) {
        const double expected = weights.dense[row * shape.columns + column];
        const float found = weights.packed->at(row, column);
        if (std::abs(found - expected) > 1e-6 || unpacked[column] != found) {
          throw tap::Mismatch(describe(shape) + ": row " + std::to_string(row) + ", column " + std::to_string(column));
        }
      }
    }
  }
}

TEST("kernels: what cannot be packed is refused") {
  const auto with = [](size_t columns, size_t group, int bits) {
    WeightSource source;
    source.rows = 4;
    source.columns = columns;
    source.group = group;
    source.bits = bits;
    return source;
  };
  CHECK(!llm::can_pack(with(128, 16, 4)));  // smaller than the span of an activation's scale
  CHECK(!llm::can_pack(with(96, 64, 4)));
  CHECK(!llm::can_pack(with(33, 33, 4)));  // rows that begin in the middle of a byte
  CHECK(!llm::can_pack(with(64, 64, 2)));
  CHECK(!llm::can_pack(with(0, 0, 4)));
  auto of_f16 = with(64, 64, 8);
  of_f16.kind = Zero::kF16;
  CHECK(llm::can_pack(of_f16));
  of_f16.is_signed = true;
  CHECK(!llm::can_pack(of_f16));
}

TEST("kernels: the portable one multiplies f32 activations as double does") {
  for (const auto& shape : shapes()) {
    const Weights weights(shape, 2);
    const auto x = activations(3 * shape.columns, 3);
    const auto found = product(llm::portable_kernel(), weights, x, 0);
    for (size_t i = 0; i < 3; ++i) {
      for (size_t row = 0; row < shape.rows; ++row) {
        double expected = 0;
        double size = 0;
        for (size_t c = 0; c < shape.columns; ++c) {
          const double term = weights.dense[row * shape.columns + c] * x[i * shape.columns + c];
          expected += term;
          size += std::abs(term);
        }
        const double difference = std::abs(found[i * shape.rows + row] - expected);
        // The zero point is taken off at the end, so the sum before that is larger than the result.
        if (difference > 2e-5 * (size + 0.1)) throw tap::Mismatch(describe(shape) + ": " + std::to_string(difference));
      }
    }
  }
}

TEST("kernels: int8 activations are exact where they can be") {
  // Integers up to 127 with a 127 in each span survive quantization.
  for (const auto& shape : shapes()) {
    const Weights weights(shape, 4);
    std::mt19937 random(5);
    std::vector<float> x(2 * shape.columns);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = i % shape.columns % 32 == 0 ? 127.F : static_cast<float>(random() % 255) - 127.F;
    const auto exact = product(llm::portable_kernel(), weights, x, 0);
    for (size_t span : {size_t{32}, size_t{64}, llm::kWholeGroup}) {
      const auto found = product(llm::portable_kernel(), weights, x, span);
      for (size_t i = 0; i < found.size(); ++i) {
        if (std::abs(found[i] - exact[i]) > 1e-4 * (std::abs(exact[i]) + 100)) throw tap::Mismatch(describe(shape));
      }
    }
  }
}

TEST("kernels: each instruction set gives the portable one's bits, for every scheme and 1 to 300 rows") {
  std::string ran;
  for (const Kernel* kernel : llm::kernels()) ran += std::string(ran.empty() ? "" : ", ") + kernel->name;
  std::printf("# kernels that this processor executes: %s\n", ran.c_str());
  for (const auto& shape : shapes()) {
    const Weights weights(shape, 6);
    const auto most = activations(300 * shape.columns, 7);
    for (size_t span : kSpans) {
      const auto expected = product(llm::portable_kernel(), weights, most, span);
      for (const Kernel* kernel : llm::kernels()) {
        for (size_t rows = 1; rows <= 300; rows += rows < 30 ? 1 : 67) {
          const std::vector<float> x(most.begin(), most.begin() + static_cast<ptrdiff_t>(rows * shape.columns));
          const std::vector<float> wanted(expected.begin(),
                                          expected.begin() + static_cast<ptrdiff_t>(rows * shape.rows));
          if (!same(product(*kernel, weights, x, span), wanted)) {
            throw tap::Mismatch(std::string(kernel->name) + ", " + describe(shape) + ", span " + std::to_string(span) +
                                ", rows " + std::to_string(rows));
          }
        }
      }
    }
  }
}

TEST("kernels: each instruction set gives the portable one's bits where a call takes the inputs in parts") {
  // Groups of which several fit a part and the last part has fewer, and groups that are larger than a part; 49 rows are
  // one more than the largest call.
  const std::vector<Shape> wide = {
      {16, 1536, 32, 4},
      {18, 1920, 96, 4, true},
      {16, 1408, 128, 4, false, Zero::kF16},
      {16, 1280, 640, 4},
      {16, 1088, 1088, 4, true},
      {16, 1088, 64, 8},
      {17, 1152, 576, 8},
      {16, 1120, 1120, 8, true},
      {20, 1055, 1055, 8, false, Zero::kLikeValues, true},
      {33, 512, 512, 4},
      {33, 544, 544, 8, false, Zero::kNone},
  };
  for (const auto& shape : wide) {
    const Weights weights(shape, 36);
    const auto most = activations(100 * shape.columns, 37);
    for (size_t span : {size_t{32}, size_t{64}, size_t{96}, size_t{512}, size_t{544}, llm::kWholeGroup}) {
      const auto expected = product(llm::portable_kernel(), weights, most, span);
      for (const Kernel* kernel : llm::kernels()) {
        if (kernel == &llm::portable_kernel()) continue;
        for (size_t rows : {1, 4, 5, 6, 7, 11, 16, 47, 48, 49, 100}) {
          const std::vector<float> x(most.begin(), most.begin() + static_cast<ptrdiff_t>(rows * shape.columns));
          const std::vector<float> wanted(expected.begin(),
                                          expected.begin() + static_cast<ptrdiff_t>(rows * shape.rows));
          if (!same(product(*kernel, weights, x, span), wanted)) {
            throw tap::Mismatch(std::string(kernel->name) + ", " + describe(shape) + ", span " + std::to_string(span) +
                                ", rows " + std::to_string(rows));
          }
        }
      }
    }
  }
}

TEST("kernels: the largest values of every scheme do not overflow") {
  for (const auto& shape : shapes()) {
    Weights weights(shape, 8, 10);
    std::fill(weights.values.begin(), weights.values.end(), static_cast<uint8_t>(0xff));
    weights.packed->pack(weights.source, weights.memory->data(), 0, weights.packed->blocks());
    for (float value : {127.F, -127.F, 3e38F, 0.F}) {
      for (size_t rows : {4, 17}) {
        const std::vector<float> x(rows * shape.columns, value);
        for (size_t span : kSpans) {
          const auto expected = product(llm::portable_kernel(), weights, x, span);
          for (const Kernel* kernel : llm::kernels()) {
            if (!same(product(*kernel, weights, x, span), expected)) {
              throw tap::Mismatch(std::string(kernel->name) + ", " + describe(shape));
            }
          }
        }
      }
    }
  }
}

TEST("kernels: what is no number stays none, in its row alone") {
  const Weights weights({32, 128, 64, 4}, 9);
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto x = activations(4 * 128, 10);
    const auto good = x;
    x[2 * 128 + 70] = bad;
    for (const Kernel* kernel : llm::kernels()) {
      for (size_t span : kSpans) {
        const auto found = product(*kernel, weights, x, span);
        const auto expected = product(*kernel, weights, good, span);
        for (size_t i = 0; i < found.size(); ++i) {
          CHECK_EQUAL(std::isfinite(found[i]), i / 32 != 2);
          if (i / 32 != 2) CHECK_EQUAL(found[i], expected[i]);
        }
      }
    }
  }
}

TEST("kernels: a result does not depend on the number of threads or of rows") {
  const Weights weights({700, 512, 128, 4}, 11);
  const auto x = activations(130 * 512, 12);
  for (const Kernel* kernel : llm::kernels()) {
    if (kernel == &llm::portable_kernel()) continue;
    const auto alone = product(*kernel, weights, x, 32);
    for (size_t threads : {2, 3, 8}) CHECK(same(product(*kernel, weights, x, 32, threads), alone));
    for (size_t row : {0, 77, 129}) {
      const std::vector<float> one(x.begin() + static_cast<ptrdiff_t>(row * 512),
                                   x.begin() + static_cast<ptrdiff_t>((row + 1) * 512));
      const std::vector<float> wanted(alone.begin() + static_cast<ptrdiff_t>(row * 700),
                                      alone.begin() + static_cast<ptrdiff_t>((row + 1) * 700));
      CHECK(same(product(*kernel, weights, one, 32), wanted));
    }
  }
}

TEST("kernels: several matrices with one input give what each gives alone") {
  std::vector<std::unique_ptr<Weights>> weights;
  std::vector<std::vector<float>> out;
  std::vector<llm::Product> products;
  const size_t most = 53;
  for (uint32_t i = 0; i < 11; ++i) {
    weights.push_back(std::make_unique<Weights>(Shape{10 + 13 * i, 192, 64, i % 3 == 0 ? 8 : 4}, 20 + i));
    out.emplace_back(most * (10 + 13 * i));
    products.push_back({weights.back()->packed.get(), out.back().data()});
  }
  for (size_t rows : {size_t{3}, size_t{21}, most}) {
    const auto x = activations(rows * 192, 13);
    for (const Kernel* kernel : llm::kernels()) {
      llm::multiply(*kernel, products, x.data(), rows, 32, SomeThreads(3));
      for (size_t i = 0; i < out.size(); ++i) {
        out[i].resize(rows * weights[i]->source.rows);
        CHECK(same(out[i], product(*kernel, *weights[i], x, 32)));
        out[i].resize(most * weights[i]->source.rows);
      }
    }
  }
}

// One thread that computes something else in the middle of its tasks, as a thread of TBB may while it waits.
class InterruptedThreads : public llm::Threads {
 public:
  explicit InterruptedThreads(std::function<void()> other) : other_(std::move(other)) {}
  size_t count() const override { return 2; }
  void run(size_t tasks, void (*task)(void*, size_t), void* context) const override {
    for (size_t i = 0; i < tasks; ++i) {
      other_();
      task(context, i);
    }
  }

 private:
  std::function<void()> other_;
};

TEST("kernels: a thread may compute another product in the middle of one") {
  const Weights weights({700, 512, 128, 4}, 31);
  const Weights up({700, 512, 128, 4}, 32);
  const Weights others({40, 256, 64, 4}, 33);
  const auto x = activations(20 * 512, 34);
  const auto other_x = activations(5 * 256, 35);
  const Kernel& kernel = *llm::kernels().front();
  const auto expected = product(kernel, weights, x, 32);
  const auto other_expected = product(kernel, others, other_x, 32);
  size_t interruptions = 0;
  const InterruptedThreads threads([&] {
    ++interruptions;
    CHECK(same(product(kernel, others, other_x, 32), other_expected));
  });
  std::vector<float> found(expected.size());
  const llm::Product one{weights.packed.get(), found.data()};
  llm::multiply(kernel, {&one, 1}, x.data(), 20, 32, threads);
  CHECK(same(found, expected));
  CHECK(interruptions > 1);

  std::vector<float> gated(expected.size());
  llm::multiply_gated(kernel, *weights.packed, *up.packed, gated.data(), x.data(), 20, 32, SomeThreads(1));
  llm::multiply_gated(kernel, *weights.packed, *up.packed, found.data(), x.data(), 20, 32, threads);
  CHECK(same(found, gated));
}

TEST("kernels: a gate multiplies silu(gate) by up") {
  const Weights gate({90, 128, 32, 4}, 14);
  const Weights up({90, 128, 32, 4, false, Zero::kF16}, 15);
  const size_t rows = 29;
  const auto x = activations(rows * 128, 16, 3);
  const Kernel& kernel = *llm::kernels().front();
  std::vector<float> found(rows * 90);
  llm::multiply_gated(kernel, *gate.packed, *up.packed, found.data(), x.data(), rows, 32, SomeThreads(2));
  const auto gates = product(kernel, gate, x, 32);
  const auto ups = product(kernel, up, x, 32);
  for (size_t i = 0; i < found.size(); ++i) {
    const double expected = gates[i] / (1 + std::exp(-static_cast<double>(gates[i]))) * ups[i];
    CHECK(std::abs(found[i] - expected) <= 1e-6 * (1 + std::abs(expected)));
  }
}

TEST("kernels: each instruction set gates as the portable one does, to the bit, few rows and many") {
  const Weights gate({90, 640, 128, 4}, 38);
  const Weights up({90, 640, 128, 4, false, Zero::kF16}, 39);
  for (size_t rows : {4, 5, 16, 50}) {
    const auto x = activations(rows * 640, 40);
    std::vector<float> wanted(rows * 90);
    llm::multiply_gated(llm::portable_kernel(), *gate.packed, *up.packed, wanted.data(), x.data(), rows, 32,
                        SomeThreads(1));
    for (const Kernel* kernel : llm::kernels()) {
      std::vector<float> found(rows * 90);
      llm::multiply_gated(*kernel, *gate.packed, *up.packed, found.data(), x.data(), rows, 32, SomeThreads(3));
      CHECK(same(found, wanted));
    }
  }
}

TEST("kernels: every gate gives what the portable one gives, to the bit, and the portable one what silu is") {
  std::vector<float> values{0.F, -0.F, 1e-30F, -1e-30F, 1e-42F, 87.F, -87.F, 88.F, -88.F, 1e30F, -1e30F, 3.4e38F};
  for (float value = -95; value < 95; value += 0.00731F) values.push_back(value);
  values.resize(values.size() / 8 * 8);
  const auto ups = activations(values.size(), 17);
  auto wanted = values;
  llm::portable_kernel().gate(wanted.data(), ups.data(), wanted.size());
  for (const auto* kernel : llm::kernels()) {
    auto found = values;
    kernel->gate(found.data(), ups.data(), found.size());
    CHECK(same(found, wanted));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    const double expected = value / (1 + std::exp(-value)) * ups[i];
    CHECK(std::abs(wanted[i] - expected) <= 5e-7 * std::abs(expected) + 1e-36);
  }
}

TEST("kernels: a gate lets through what is no finite number") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const auto* kernel : llm::kernels()) {
    std::vector<float> values{std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1, 1, 1, 1, 1};
    const std::vector<float> ups{1, 1, 1, std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1, 1};
    kernel->gate(values.data(), ups.data(), values.size());
    for (size_t i = 0; i < values.size(); ++i) CHECK(std::isfinite(values[i]) == (i >= 6));
  }
}
