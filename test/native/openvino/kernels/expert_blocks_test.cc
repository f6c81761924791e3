#include "openvino/kernels/expert_blocks.h"

#include <cmath>
#include <openvino/op/ops.hpp>
#include <random>

#include "openvino/core.h"
#include "openvino/kernels/builtin_kernels.h"
#include "tap.h"

// gpt-oss's experts, with the tokens in two axes as they and AFMoE's have them; other forms: test/llm/experts.test.ts.

using ov::op::v0::Constant;
using ov::op::v0::Convert;
using Value = ov::Output<ov::Node>;

namespace {

constexpr size_t kExperts = 5;
constexpr size_t kColumns = 64;
constexpr size_t kInner = 32;
constexpr size_t kEach = 2;
constexpr size_t kTokens = 9;

Value integers(const std::vector<int64_t>& values) {
  return Constant::create(ov::element::i64, {values.size()}, values);
}

Value floats(std::mt19937& random, const ov::Shape& shape) {
  std::normal_distribution<float> normal;
  std::vector<float> values(ov::shape_size(shape));
  for (auto& value : values) value = normal(random);
  return Constant::create(ov::element::f32, shape, values);
}

Value stack(std::mt19937& random, size_t rows, size_t columns) {
  const ov::Shape stored{kExperts, rows, columns / 32, 32};
  const auto values = std::make_shared<Constant>(ov::element::i4, stored);
  auto* bytes = static_cast<uint8_t*>(const_cast<void*>(values->get_data_ptr()));
  for (size_t i = 0; i < values->get_byte_size(); ++i) bytes[i] = static_cast<uint8_t>(random());
  std::vector<float> scales(kExperts * rows * columns / 32);
  for (auto& scale : scales) scale = 0.02F + static_cast<float>(random() % 100) / 2000;
  const Value scaled = std::make_shared<ov::op::v1::Multiply>(
      std::make_shared<Convert>(values, ov::element::f16),
      Constant::create(ov::element::f16, {kExperts, rows, columns / 32, 1}, scales));
  const auto shape = integers({kExperts, static_cast<int64_t>(rows), static_cast<int64_t>(columns)});
  return std::make_shared<Convert>(std::make_shared<ov::op::v1::Reshape>(scaled, shape, false), ov::element::f32);
}

// What a graph may do otherwise, in which case it is not the same mixture.
struct Form {
  int64_t first_gate = 0;   // where gate and up begin
  double least = -1;        // of what is clamped to 1
  bool other_size = false;  // the products' tokens are in other axes than the router's
};

std::shared_ptr<ov::Model> mixture(const Form& form) {
  std::mt19937 random(3);
  const auto x = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::PartialShape{-1, kColumns});
  const auto chosen = std::make_shared<ov::op::v0::Parameter>(ov::element::i32, ov::PartialShape{-1, kEach});
  const auto weights = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::PartialShape{-1, kEach});
  const auto sizes = std::make_shared<ov::op::v3::ShapeOf>(chosen);
  const Value tokens =
      std::make_shared<ov::op::v8::Gather>(sizes, integers({0}), Constant::create(ov::element::i64, {}, {0}));
  const auto concat = [](const ov::OutputVector& parts) { return std::make_shared<ov::op::v0::Concat>(parts, 0); };

  const auto tiled = std::make_shared<ov::op::v0::Tile>(x, integers({kExperts, 1}));
  const auto stacked = std::make_shared<ov::op::v1::Reshape>(tiled, integers({kExperts, -1, kColumns}), false);
  const auto both = std::make_shared<ov::op::v1::Add>(
      std::make_shared<ov::op::v0::MatMul>(stacked, stack(random, 2 * kInner, kColumns), false, true),
      floats(random, {kExperts, 1, 2 * kInner}));
  const auto half = [&](int64_t first) {
    return std::make_shared<ov::op::v8::Slice>(both, integers({first}), integers({INT64_MAX}), integers({2}),
                                               integers({2}));
  };
  const auto scalar = [](float value) { return Constant::create(ov::element::f32, {1, 1, 1}, {value}); };
  const auto gate =
      std::make_shared<ov::op::v4::Swish>(std::make_shared<ov::op::v1::Minimum>(half(form.first_gate), scalar(1)),
                                          Constant::create(ov::element::f32, {}, {1.702F}));
  const auto up = std::make_shared<ov::op::v1::Add>(
      std::make_shared<ov::op::v0::Clamp>(half(1 - form.first_gate), form.least, 1), scalar(1));
  const auto down = std::make_shared<ov::op::v1::Add>(
      std::make_shared<ov::op::v0::MatMul>(std::make_shared<ov::op::v1::Multiply>(up, gate),
                                           stack(random, kColumns, kInner), false, true),
      floats(random, {kExperts, 1, kColumns}));
  const auto axes = form.other_size ? ov::OutputVector{integers({kExperts}), integers({1}), integers({-1})}
                                    : ov::OutputVector{integers({kExperts}), tokens, integers({-1})};
  auto pattern = axes;
  pattern.push_back(integers({kColumns}));
  const auto products = std::make_shared<ov::op::v1::Reshape>(down, concat(pattern), false);

  const auto zeros = std::make_shared<ov::op::v3::Broadcast>(Constant::create(ov::element::f32, {}, {0.F}),
                                                             concat({tokens, integers({kExperts})}));
  const auto cut = std::make_shared<ov::op::v8::Slice>(
      weights, integers({0, 0}), std::make_shared<ov::op::v3::ShapeOf>(chosen), integers({1, 1}), integers({0, 1}));
  const auto scattered = std::make_shared<ov::op::v3::ScatterElementsUpdate>(
      zeros, chosen, cut, Constant::create(ov::element::i32, {}, {1}));
  const auto transposed = std::make_shared<ov::op::v1::Transpose>(scattered, integers({1, 0}));
  const auto routed = std::make_shared<ov::op::v0::Unsqueeze>(
      std::make_shared<ov::op::v1::Reshape>(transposed, integers({kExperts, 0, 1}), true), integers({3}));
  const auto sum = std::make_shared<ov::op::v1::ReduceSum>(std::make_shared<ov::op::v1::Multiply>(products, routed),
                                                           integers({0}), false);
  return std::make_shared<ov::Model>(ov::OutputVector{sum}, ov::ParameterVector{x, chosen, weights});
}

std::vector<float> answer(const std::shared_ptr<ov::Model>& model) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  ov::Tensor x(ov::element::f32, {kTokens, kColumns});
  ov::Tensor chosen(ov::element::i32, {kTokens, kEach});
  ov::Tensor weights(ov::element::f32, {kTokens, kEach});
  for (size_t i = 0; i < x.get_size(); ++i) x.data<float>()[i] = normal(random);
  for (size_t row = 0; row < kTokens; ++row) {
    for (size_t i = 0; i < kEach; ++i) {
      chosen.data<int32_t>()[row * kEach + i] = static_cast<int32_t>((row + 2 * i) % (kExperts - 1));  // never the last
      weights.data<float>()[row * kEach + i] = 0.2F + 0.5F * static_cast<float>(i);
    }
  }
  const ov::AnyMap exact{{"INFERENCE_PRECISION_HINT", "f32"}, {"DYNAMIC_QUANTIZATION_GROUP_SIZE", "0"}};
  auto request = llm::core().compile_model(model, "CPU", exact).create_infer_request();
  request.set_input_tensor(0, x);
  request.set_input_tensor(1, chosen);
  request.set_input_tensor(2, weights);
  request.infer();
  const auto out = request.get_output_tensor();
  CHECK(out.get_shape() == ov::Shape({kTokens, 1, kColumns}));
  return {out.data<float>(), out.data<float>() + out.get_size()};
}

}  // namespace

TEST("expert blocks: gpt-oss's experts, with clamped gates and biases, give what the plain graph gives") {
  const auto model = mixture({});
  const auto expected = answer(model);
  CHECK(llm::find_expert_blocks(*model).size() == 1);
  const auto all = [](const std::string&) { return true; };
  const auto builtin = llm::use_builtin_kernels(*model, all, {llm::kernels().front(), 0}, "", [](auto&&) {});
  CHECK(builtin.layers.size() == 1);
  const auto found = answer(model);
  CHECK(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    CHECK(std::abs(found[i] - expected[i]) < 1e-4 * (1 + std::abs(expected[i])));
}

TEST("expert blocks: what is computed otherwise is left alone") {
  CHECK(llm::find_expert_blocks(*mixture({.first_gate = 1})).empty());
  CHECK(llm::find_expert_blocks(*mixture({.least = -2})).empty());
  CHECK(llm::find_expert_blocks(*mixture({.other_size = true})).empty());
}
