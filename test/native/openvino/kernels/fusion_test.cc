// Products and what stands between them become one operation, which computes what the graph did; the rest stays.
#include "openvino/kernels/fusion.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <openvino/op/ops.hpp>

#include "kernels/huge_memory.h"
#include "kernels/some_threads.h"
#include "openvino/attention/block_attention.h"
#include "openvino/core.h"
#include "openvino/kernels/fused_steps.h"
#include "tap.h"

namespace {

using Value = ov::Output<ov::Node>;
using Parameter = ov::op::v0::Parameter;
using Sigmoid = ov::op::v0::Sigmoid;

constexpr size_t kWidth = 64;

// The seed decides the numbers.
std::shared_ptr<llm::SharedWeights> weights(size_t rows, size_t columns, uint32_t seed) {
  std::vector<uint8_t> values(rows * columns);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>((i * 2654435761U + seed * 97) >> 7);
  std::vector<uint16_t> scales(rows * columns / 32, 0x1000);  // 2^-11
  llm::WeightSource source{rows, columns, 32, 8, true, values.data(), reinterpret_cast<uint8_t*>(scales.data())};
  auto shared = std::make_shared<llm::SharedWeights>();
  shared->use = {llm::kernels().front(), 0};
  shared->id = std::to_string(seed);
  auto& packed = shared->parts.emplace_back(source);
  const auto memory = std::make_shared<llm::HugeMemory>(packed.bytes());
  packed.pack(source, memory->data(), 0, packed.blocks());
  packed.place(memory->data());
  shared->memory = memory;
  return shared;
}

Value product(const Value& input, size_t rows, uint32_t seed) {
  const auto columns = input.get_partial_shape()[2].get_length();
  return std::make_shared<llm::CompressedMatMul>(input, weights(rows, static_cast<size_t>(columns), seed))->output(0);
}

Value numbers(const std::vector<float>& values, const ov::Shape& shape) {
  return ov::op::v0::Constant::create(ov::element::f32, shape, values)->output(0);
}

Value scalar(float value) { return numbers({value}, {1, 1, 1}); }

Value row(float first) {
  std::vector<float> values(kWidth);
  for (size_t i = 0; i < kWidth; ++i) values[i] = first + static_cast<float>(i % 7) / 8;
  return numbers(values, {kWidth});
}

template <class Op>
Value two(const Value& a, const Value& b) {
  return std::make_shared<Op>(a, b)->output(0);
}

Value add(const Value& a, const Value& b) { return two<ov::op::v1::Add>(a, b); }
Value times(const Value& a, const Value& b) { return two<ov::op::v1::Multiply>(a, b); }
Value power(const Value& a, float b) { return two<ov::op::v1::Power>(a, scalar(b)); }

Value last_axis() { return ov::op::v0::Constant::create(ov::element::i64, {1}, {-1})->output(0); }

Value mean_of_squares(const Value& x) {
  const auto mean = std::make_shared<ov::op::v1::ReduceMean>(power(x, 2), last_axis(), true);
  return add(mean, scalar(1e-2F));
}

Value rms_of_heads(const Value& x) {
  std::vector<float> weight(16, 1.25F);
  return times(numbers(weight, {16}), times(x, power(mean_of_squares(x), -0.5F)));
}

Value rms(const Value& x) {
  const auto root = std::make_shared<ov::op::v0::Sqrt>(mean_of_squares(x));
  return times(row(1), times(x, two<ov::op::v1::Divide>(scalar(1), root)));
}

using Norm = std::function<Value(const Value&)>;

const std::vector<Norm> kNorms = {
    rms,
    [](const Value& x) { return times(times(x, power(mean_of_squares(x), -0.5F)), row(1)); },
    [](const Value& x) { return times(times(power(power(mean_of_squares(x), 0.5F), -1), x), row(1)); },
    [](const Value& x) {
      const auto squares = std::make_shared<ov::op::v1::ReduceMean>(times(x, x), last_axis(), true);
      const auto root = std::make_shared<ov::op::v0::Sqrt>(add(scalar(1e-2F), squares));
      return times(two<ov::op::v1::Divide>(x, root), row(1));
    },
    [](const Value& x) {
      const auto mvn = std::make_shared<ov::op::v6::MVN>(x, last_axis(), true, 1e-2F, ov::op::MVNEpsMode::INSIDE_SQRT);
      return add(times(mvn, row(1)), row(-1));
    },
};

using Build = std::function<ov::OutputVector(const Value& x)>;

std::shared_ptr<ov::Model> model_of(const Build& build) {
  const auto x = std::make_shared<Parameter>(ov::element::f32, ov::PartialShape{-1, -1, kWidth});
  return std::make_shared<ov::Model>(build(x), ov::ParameterVector{x});
}

template <class Op>
size_t count(const ov::Model& model) {
  size_t found = 0;
  for (const auto& node : model.get_ops()) found += ov::is_type<Op>(node) ? 1 : 0;
  return found;
}

ov::Tensor some_rows(size_t rows, bool in_one) {
  ov::Tensor x(ov::element::f32, in_one ? ov::Shape{1, rows, kWidth} : ov::Shape{rows, 1, kWidth});
  for (size_t i = 0; i < x.get_size(); ++i) x.data<float>()[i] = std::sin(static_cast<float>(i) * 0.7F) + 0.2F;
  return x;
}

void append(std::vector<float>& all, const ov::Tensor& tensor) {
  all.insert(all.end(), tensor.data<const float>(), tensor.data<const float>() + tensor.get_size());
}

std::vector<float> results(const std::shared_ptr<ov::Model>& model, const ov::Tensor& x) {
  auto request =
      llm::core().compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();
  request.set_input_tensor(x);
  request.infer();
  std::vector<float> all;
  for (size_t i = 0; i < model->outputs().size(); ++i) append(all, request.get_output_tensor(i));
  return all;
}

void check_near(const std::shared_ptr<ov::Model>& fused, const std::function<std::shared_ptr<ov::Model>()>& plain,
                const std::vector<size_t>& rows, bool in_one) {
  for (const size_t some : rows) {
    const auto x = some_rows(some, in_one);
    const auto before = results(plain(), x);
    const auto after = results(fused, x);
    CHECK_EQUAL(after.size(), before.size());
    for (size_t i = 0; i < after.size(); ++i) {
      if (!(std::fabs(after[i] - before[i]) <= 1e-4F * (1 + std::fabs(before[i])))) {
        throw tap::Mismatch("value " + std::to_string(i) + ": " + std::to_string(after[i]) + ", not " +
                            std::to_string(before[i]));
      }
    }
  }
}

// Returns the graph after fusing.
std::shared_ptr<ov::Model> check_same(const Build& build, size_t programs) {
  const auto fused = model_of(build);
  CHECK_EQUAL(llm::fuse_steps(*fused).size(), programs);
  CHECK_EQUAL(count<llm::FusedSteps>(*fused), programs);
  check_near(fused, [&] { return model_of(build); }, {1, 3, 600}, true);
  return fused;
}

// As after paging: each token is a sequence of its own, so nothing is moved by transposing heads.
std::shared_ptr<ov::Model> paged(const Build& build) {
  const auto x = std::make_shared<Parameter>(ov::element::f32, ov::PartialShape{-1, 1, kWidth});
  return std::make_shared<ov::Model>(build(x), ov::ParameterVector{x});
}

constexpr int64_t kHeads = 4;
constexpr int64_t kHead = 16;

Value integers(const std::vector<int64_t>& values) {
  return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values)->output(0);
}

Value reshaped(const Value& x, const std::vector<int64_t>& sizes) {
  return std::make_shared<ov::op::v1::Reshape>(x, integers(sizes), true)->output(0);
}

Value heads_first(const Value& x) {
  return std::make_shared<ov::op::v1::Transpose>(x, integers({0, 2, 1, 3}))->output(0);
}

Value slice(const Value& x, int64_t from, int64_t to, int64_t axis) {
  return std::make_shared<ov::op::v8::Slice>(x, integers({from}), integers({to}), integers({1}), integers({axis}))
      ->output(0);
}

// Some angles, [rows, 1, 1, kHead], alike for both halves: OpenVINO looks at one alone.
Value angles(const Value& x, int64_t from) {
  const auto half = std::make_shared<ov::op::v0::Cos>(slice(x, from, from + kHead / 2, 2));
  const auto both = std::make_shared<ov::op::v0::Tile>(half, integers({1, 1, 2}));
  return reshaped(both, {-1, 1, 1, kHead});
}

using Halves = std::function<ov::OutputVector(const Value& x)>;

Value rotated(const Value& x, const Value& cosines, const Value& sines, const Halves& halves, float sign = -1) {
  const auto parts = halves(x);
  const auto turned =
      std::make_shared<ov::op::v0::Concat>(ov::OutputVector{times(parts[1], scalar(sign)), parts[0]}, -1);
  return add(times(x, cosines), times(sines, turned));
}

ov::OutputVector split(const Value& x) {
  return std::make_shared<ov::op::v1::VariadicSplit>(x, integers({3}), integers({kHead / 2, -1}))->outputs();
}

ov::OutputVector sliced(const Value& x) { return {slice(x, 0, kHead / 2, 3), slice(x, kHead / 2, 1 << 30, -1)}; }

// Returns the graph after fusing.
std::shared_ptr<ov::Model> check_same_paged(const Build& build, size_t programs) {
  const auto fused = paged(build);
  CHECK_EQUAL(llm::fuse_steps(*fused).size(), programs);
  check_near(fused, [&] { return paged(build); }, {1, 5, 300}, false);
  return fused;
}

}  // namespace

TEST("fusion: a layer becomes one operation, whatever the way in which its norms are written") {
  for (const auto& norm : kNorms) {
    const auto fused = check_same(
        [&](const Value& x) -> ov::OutputVector {
          const auto sum = add(x, add(product(norm(x), kWidth, 1), row(0.5F)));
          return {add(product(product(norm(sum), 2 * kWidth, 2), kWidth, 3), sum)};
        },
        1);
    CHECK_EQUAL(fused->get_ops().size(), size_t{3});  // with the parameter and the result
  }
}

TEST("fusion: an operation is done in bounded time, so it reads a bounded amount of weights") {
  // Sizes alone count: nothing is computed.
  const auto large = [](const Value& input, size_t rows, const char* id) {
    const auto columns = input.get_partial_shape()[2].get_length();
    auto shared = std::make_shared<llm::SharedWeights>();
    shared->id = id;
    shared->parts.emplace_back(llm::WeightSource{rows, static_cast<size_t>(columns), 32, 8, true});
    return std::make_shared<llm::CompressedMatMul>(input, shared)->output(0);
  };
  for (const size_t rows : {size_t{1} << 14, size_t{5} << 18}) {
    const auto model = model_of(
        [&](const Value& x) -> ov::OutputVector { return {add(large(large(rms(x), rows, "1"), kWidth, "2"), x)}; });
    CHECK_EQUAL(llm::fuse_steps(*model).size(), rows < (1 << 20) ? size_t{1} : size_t{2});
  }
}

TEST("fusion: what is read elsewhere is a result, too") {
  const auto fused = check_same(
      [](const Value& x) -> ov::OutputVector {
        const auto normed = rms(x);
        const auto inner = product(normed, kWidth, 1);
        return {add(inner, x), std::make_shared<Sigmoid>(inner), std::make_shared<Sigmoid>(normed)};
      },
      1);
  CHECK_EQUAL(count<ov::op::v0::Sqrt>(*fused), size_t{0});
}

TEST("fusion: no path leads out of an operation and back into it") {
  const auto fused = check_same(
      [](const Value& x) -> ov::OutputVector {
        const auto first = add(product(x, kWidth, 1), x);
        const auto second = product(std::make_shared<Sigmoid>(first), kWidth, 2);
        const auto third = add(product(std::make_shared<Sigmoid>(second), kWidth, 3), first);
        return {add(third, add(second, first))};
      },
      3);
  CHECK_EQUAL(count<Sigmoid>(*fused), size_t{2});
}

TEST("fusion: a path through another operation counts") {
  // Once the sum is one with the second product, what hangs on that hangs on the first one, too.
  for (const bool swapped : {false, true}) {
    check_same(
        [&](const Value& x) -> ov::OutputVector {
          const auto first = product(x, kWidth, 1);
          const auto second = product(std::make_shared<Sigmoid>(x), kWidth, 2);
          const auto outside = std::make_shared<Sigmoid>(swapped ? first : second);
          const auto both = add(first, second);
          return {first, second, outside, both, add(swapped ? second : first, outside)};
        },
        1);
  }
}

TEST("fusion: what only looks like a norm stays") {
  const std::vector<Norm> others = {
      [](const Value& x) { return times(times(x, power(mean_of_squares(x), -0.25F)), row(1)); },
      [](const Value& x) { return times(times(x, power(add(power(x, 2), scalar(1)), -0.5F)), row(1)); },
      [](const Value& x) { return times(times(x, power(mean_of_squares(add(x, scalar(1))), -0.5F)), row(1)); },
      [](const Value& x) {
        const auto mean = std::make_shared<ov::op::v1::ReduceMean>(
            power(x, 2), ov::op::v0::Constant::create(ov::element::i64, {1}, {1}), true);
        return times(times(x, power(add(mean, scalar(1e-2F)), -0.5F)), row(1));
      },
  };
  for (const auto& other : others) {
    check_same([&](const Value& x) -> ov::OutputVector { return {product(other(x), kWidth, 1)}; }, 0);
  }
  check_same(
      [](const Value& x) -> ov::OutputVector {
        const auto mean = mean_of_squares(x);
        return {product(times(times(x, power(mean, -0.5F)), row(1)), kWidth, 1), mean};
      },
      0);
}

TEST("fusion: columns, norms of heads and positions are steps of a paged graph") {
  for (const Halves& halves : {Halves(split), Halves(sliced)}) {
    const auto fused = check_same_paged(
        [&](const Value& x) -> ov::OutputVector {
          const auto cosines = angles(x, 0);
          const auto sines = angles(x, 20);
          const auto both = product(rms(x), 2 * kWidth, 1);
          const auto heads = reshaped(slice(both, 0, kWidth, -1), {0, 0, kHeads, kHead});
          const auto normed = rms_of_heads(heads);
          const auto queries = rotated(heads_first(normed), cosines, sines, halves);
          const auto keys = rotated(heads_first(reshaped(slice(both, kWidth, 2 * kWidth, 2), {0, 0, kHeads, kHead})),
                                    cosines, sines, halves);
          const auto back = reshaped(heads_first(queries), {0, 0, kWidth});
          return {add(product(back, kWidth, 2), x), reshaped(heads_first(keys), {-1, kWidth})};
        },
        1);
    CHECK_EQUAL(count<ov::op::v0::Concat>(*fused) + count<ov::op::v1::Transpose>(*fused), size_t{0});
  }
}

TEST("fusion: attention over a cache is a step, which stores what the graph's own one does") {
  const auto attention = std::make_shared<llm::SharedAttention>();
  attention->kernel = &llm::portable_attention();
  attention->shape.heads = attention->shape.kv_heads = kHeads;
  attention->shape.key_width = attention->shape.value_width = kHead;
  attention->shape.key_type = attention->shape.value_type = llm::KvType::kF32;
  attention->shape.scale = 0.25F;
  attention->id = "0";
  const auto build = [&] {
    ov::ParameterVector all{std::make_shared<Parameter>(ov::element::f32, ov::PartialShape{-1, 1, kWidth})};
    const ov::PartialShape cache{-1, kHeads, 32, kHead};
    for (size_t i = 0; i < 2; ++i) all.push_back(std::make_shared<Parameter>(ov::element::f32, cache));
    for (size_t i = 0; i < 4; ++i) all.push_back(std::make_shared<Parameter>(ov::element::i32, ov::PartialShape{-1}));
    all.push_back(std::make_shared<Parameter>(ov::element::i32, ov::PartialShape{}));
    const Value x = all[0];
    const Value qkv = product(rms(x), 3 * kWidth, 1);
    ov::OutputVector inputs;
    for (int64_t i = 0; i < 3; ++i) {
      inputs.push_back(reshaped(slice(qkv, i * kWidth, (i + 1) * kWidth, -1), {-1, kWidth}));
    }
    inputs.insert(inputs.end(), all.begin() + 1, all.end());
    const Value seen = std::make_shared<llm::BlockAttention>(inputs, attention)->output(0);
    const Value back = product(reshaped(seen, {-1, 1, kWidth}), kWidth, 2);
    return std::make_shared<ov::Model>(ov::OutputVector{add(back, x)}, all);
  };
  // Two sequences: their prompts, and then a token of each.
  const auto run = [](const std::shared_ptr<ov::Model>& model) {
    auto request =
        llm::core().compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();
    const auto set = [&](size_t input, const std::vector<int32_t>& numbers) {
      ov::Tensor tensor(ov::element::i32, {numbers.size()});
      std::copy(numbers.begin(), numbers.end(), tensor.data<int32_t>());
      request.set_input_tensor(input, tensor);
    };
    std::vector<ov::Tensor> caches;
    for (size_t i = 0; i < 2; ++i) {
      caches.emplace_back(ov::element::f32, ov::Shape{4, kHeads, 32, kHead});
      std::fill_n(caches[i].data<float>(), caches[i].get_size(), 0.F);
      request.set_input_tensor(1 + i, caches[i]);
    }
    set(5, {0, 2, 1});
    set(6, {0, 1, 3});
    request.set_input_tensor(7, ov::Tensor(ov::element::i32, {}));
    std::vector<float> all;
    for (const bool first : {true, false}) {
      request.set_input_tensor(0, some_rows(first ? 43 : 2, false));
      set(3, first ? std::vector<int32_t>{0, 0} : std::vector<int32_t>{3, 40});
      set(4, first ? std::vector<int32_t>{0, 3, 43} : std::vector<int32_t>{0, 1, 2});
      request.infer();
      append(all, request.get_output_tensor());
    }
    for (const auto& cache : caches) append(all, cache);
    return all;
  };
  const auto fused = build();
  CHECK_EQUAL(llm::fuse_steps(*fused).size(), size_t{1});
  CHECK_EQUAL(count<llm::BlockAttention>(*fused), size_t{0});
  const auto before = run(build());
  const auto after = run(fused);
  CHECK_EQUAL(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i)
    CHECK(std::fabs(after[i] - before[i]) <= 1e-4F * (1 + std::fabs(before[i])));
}

TEST("fusion: what only looks like rotary positions stays") {
  // Another sign, halves the other way round, and angles of heads instead of rows.
  const auto swapped = [](const Value& x) {
    auto parts = split(x);
    std::swap(parts[0], parts[1]);
    return parts;
  };
  const auto heads_of = [](const Value& x) {
    return heads_first(reshaped(product(x, kWidth, 1), {0, 0, kHeads, kHead}));
  };
  const std::vector<Build> others = {
      [&](const Value& x) -> ov::OutputVector { return {rotated(heads_of(x), angles(x, 0), angles(x, 9), split, 1)}; },
      [&](const Value& x) -> ov::OutputVector { return {rotated(heads_of(x), angles(x, 0), angles(x, 9), swapped)}; },
      [&](const Value& x) -> ov::OutputVector {
        const auto of_heads = numbers(std::vector<float>(kHeads * kHead, 0.5F), {1, kHeads, 1, kHead});
        return {rotated(heads_of(x), of_heads, angles(x, 9), split)};
      },
  };
  for (const auto& other : others) CHECK_EQUAL(count<ov::op::v0::Concat>(*check_same_paged(other, 0)), size_t{1});
}

TEST("fusion: in a graph of batches, heads that are transposed stay so") {
  const auto fused = check_same(
      [](const Value& x) -> ov::OutputVector {
        const auto heads = heads_first(reshaped(product(rms(x), kWidth, 1), {0, 0, kHeads, kHead}));
        return {product(reshaped(heads_first(heads), {0, 0, kWidth}), kWidth, 2), heads};
      },
      1);
  CHECK_EQUAL(count<ov::op::v1::Transpose>(*fused), size_t{2});
}

TEST("fusion: a sum that repeats one of its values is an error, never something else") {
  const ov::PartialShape shape{-1, -1, kWidth};
  const auto x = std::make_shared<Parameter>(ov::element::f32, shape);
  const auto y = std::make_shared<Parameter>(ov::element::f32, shape);
  const auto model =
      std::make_shared<ov::Model>(ov::OutputVector{add(product(x, kWidth, 1), y)}, ov::ParameterVector{x, y});
  CHECK_EQUAL(llm::fuse_steps(*model).size(), size_t{1});
  auto request = llm::core().compile_model(model, "CPU").create_infer_request();
  const auto fails = [&](const ov::Shape& second) {
    for (size_t i = 0; i < 2; ++i) {
      ov::Tensor tensor(ov::element::f32, i == 0 ? ov::Shape{2, 3, kWidth} : second);
      std::fill_n(tensor.data<float>(), tensor.get_size(), 1.F);
      request.set_input_tensor(i, tensor);
    }
    try {
      request.infer();
    } catch (const ov::Exception& error) {
      return std::string(error.what()).find("the same rows") != std::string::npos;
    }
    return false;
  };
  CHECK(!fails({2, 3, kWidth}));
  CHECK(fails({1, 3, kWidth}));
  CHECK(fails({3, 2, kWidth}));
}

TEST("steps: a row's results depend neither on other rows nor on threads, and memory is used again") {
  std::vector<llm::Step> steps(40);
  llm::RowNorm norm{std::vector<float>(kWidth, 1.5F), {}, 1e-5F, false};
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i].kind = i % 2 == 0 ? llm::Step::Kind::kNorm : llm::Step::Kind::kAdd;
    steps[i].norm = norm;
    steps[i].inputs = {i};
    if (i % 2 == 1) steps[i].inputs.push_back(i - 1);
    steps[i].outputs = {i + 1};
  }
  const llm::StepProgram program("0", 1, std::vector<size_t>(41, kWidth), {{40, true}}, steps);
  constexpr size_t kRows = 700;
  std::vector<float> x(kRows * kWidth);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<float>(i * i % 1000));
  const auto run = [&](size_t first, size_t rows, size_t threads) {
    std::vector<float> out(rows * kWidth);
    const float* from[] = {x.data() + first * kWidth};
    float* to[] = {out.data()};
    program.run(rows, from, {}, to, SomeThreads(threads));
    return out;
  };
  const auto all = run(0, kRows, 1);
  CHECK(all == run(0, kRows, 3));
  for (const size_t row : {0U, 7U, 699U}) {
    CHECK(run(row, 1, 1) == std::vector<float>(all.begin() + static_cast<ptrdiff_t>(row * kWidth),
                                               all.begin() + static_cast<ptrdiff_t>((row + 1) * kWidth)));
  }
}

TEST("fusion: activations, and products of values, are steps of a layer") {
  using ov::op::GeluApproximationMode;
  using Function = std::function<Value(const Value&)>;
  const auto gelu = [](GeluApproximationMode mode) {
    return [mode](const Value& x) { return std::make_shared<ov::op::v7::Gelu>(x, mode)->output(0); };
  };
  const std::vector<Function> functions = {
      gelu(GeluApproximationMode::ERF),
      gelu(GeluApproximationMode::TANH),
      [](const Value& x) { return std::make_shared<ov::op::v4::Swish>(x)->output(0); },
      [](const Value& x) { return std::make_shared<ov::op::v0::Relu>(x)->output(0); },
  };
  for (const auto& function : functions) {
    const auto plain = check_same(
        [&](const Value& x) -> ov::OutputVector {
          const auto inner = function(times(add(product(rms(x), kWidth, 1), row(-1)), scalar(0.5F)));
          return {add(product(inner, kWidth, 2), x)};
        },
        1);
    CHECK_EQUAL(plain->get_ops().size(), size_t{3});  // with the parameter and the result
    const auto gated = check_same(
        [&](const Value& x) -> ov::OutputVector {
          const auto normed = rms(x);
          const auto inner = times(function(product(normed, kWidth, 1)), product(normed, kWidth, 2));
          return {add(product(times(inner, row(0.5F)), kWidth, 3), x)};
        },
        1);
    CHECK_EQUAL(gated->get_ops().size(), size_t{3});
  }
}

TEST("fusion: factors of another shape, and activations of what no step made, stay") {
  const auto fused = check_same(
      [](const Value& x) -> ov::OutputVector {
        const auto inner = add(product(x, kWidth, 1), row(0));
        const auto of_rows = times(inner, slice(inner, 3, 4, 2));  // [rows, 1]
        return {of_rows, times(inner, x), std::make_shared<ov::op::v0::Relu>(x)};
      },
      1);
  CHECK_EQUAL(count<ov::op::v1::Multiply>(*fused), size_t{2});
  CHECK_EQUAL(count<ov::op::v0::Relu>(*fused), size_t{1});
}

TEST("fusion: what turns out to be a part of rotary positions is no step") {
  // Of one head the halves, and what turns them, look like columns and factors of what the product made.
  const Build build = [](const Value& x) -> ov::OutputVector {
    const auto head = heads_first(reshaped(product(x, kHead, 1), {0, 0, 1, kHead}));
    return {reshaped(rotated(head, angles(x, 0), angles(x, 20), split), {-1, kHead})};
  };
  check_same_paged(build, 1);
  const auto programs = llm::fuse_steps(*paged(build));
  CHECK_EQUAL(programs.front()->steps().size(), size_t{2});
}
