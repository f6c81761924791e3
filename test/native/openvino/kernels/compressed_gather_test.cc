#include "openvino/kernels/compressed_gather.h"

#include <openvino/op/ops.hpp>
#include <random>
#include <sstream>

#include "openvino/core.h"
#include "openvino/kept/graph_parts.h"
#include "openvino/kernels/builtin_kernels.h"
#include "openvino/kernels/kernel_info.h"
#include "tap.h"

using ov::op::v0::Constant;
using ov::op::v0::Convert;

namespace {

constexpr size_t kRows = 50;
constexpr size_t kColumns = 96;

// How a matrix is stored.
struct Scheme {
  ov::element::Type type;
  size_t group;
  bool zero_points;
};

std::shared_ptr<Constant> random_bytes(std::mt19937& random, const ov::element::Type& type, const ov::Shape& shape) {
  const auto constant = std::make_shared<Constant>(type, shape);
  auto* bytes = static_cast<uint8_t*>(const_cast<void*>(constant->get_data_ptr()));
  for (size_t i = 0; i < constant->get_byte_size(); ++i) bytes[i] = static_cast<uint8_t>(random());
  return constant;
}

// As exporters write it: f16 until the last conversion.
ov::Output<ov::Node> matrix(const Scheme& scheme, uint32_t seed) {
  std::mt19937 random(seed);
  const size_t groups = kColumns / scheme.group;
  const ov::Shape stored{kRows, groups, scheme.group};
  std::vector<float> scales(kRows * groups);
  for (auto& scale : scales) scale = 0.01F + static_cast<float>(random() % 1000) / 7777;
  ov::Output<ov::Node> value = std::make_shared<Convert>(random_bytes(random, scheme.type, stored), ov::element::f16);
  if (scheme.zero_points) {
    const auto zero = random_bytes(random, scheme.type, {kRows, groups, 1});
    value = std::make_shared<ov::op::v1::Subtract>(value, std::make_shared<Convert>(zero, ov::element::f16));
  }
  value = std::make_shared<ov::op::v1::Multiply>(value, Constant::create(ov::element::f16, {kRows, groups, 1}, scales));
  const auto shape = Constant::create(ov::element::i64, {2}, {kRows, kColumns});
  return std::make_shared<Convert>(std::make_shared<ov::op::v1::Reshape>(value, shape, false), ov::element::f32);
}

// Embeddings of tokens, and the products of a head with them.
std::shared_ptr<ov::Model> decoder(const ov::Output<ov::Node>& embedding, const ov::Output<ov::Node>& head) {
  const auto ids = std::make_shared<ov::op::v0::Parameter>(ov::element::i64, ov::PartialShape{-1, -1});
  ids->output(0).set_names({"ids"});
  const auto axis = Constant::create(ov::element::i32, {}, {0});
  const auto rows =
      std::make_shared<ov::op::v8::Gather>(embedding, std::make_shared<Convert>(ids, ov::element::i32), axis);
  const auto product = std::make_shared<ov::op::v0::MatMul>(rows, head, false, true);
  const auto model = std::make_shared<ov::Model>(ov::OutputVector{rows, product}, ov::ParameterVector{ids});
  model->output(0).set_names({"rows"});
  model->output(1).set_names({"logits"});
  return model;
}

std::vector<float> rows_of(ov::CompiledModel compiled, const std::vector<int64_t>& ids) {
  auto request = compiled.create_infer_request();
  ov::Tensor input(ov::element::i64, {1, ids.size()});
  std::copy(ids.begin(), ids.end(), input.data<int64_t>());
  request.set_tensor("ids", input);
  request.infer();
  const auto rows = request.get_tensor("rows");
  return {rows.data<float>(), rows.data<float>() + rows.get_size()};
}

const ov::AnyMap kExact{ov::hint::inference_precision(ov::element::f32)};
const std::vector<int64_t> kIds{49, 0, 17, 16, 15, 17};

llm::BuiltinLayers use_kernels(ov::Model& model) {
  const auto all = [](const std::string&) { return true; };
  return llm::use_builtin_kernels(model, all, {llm::kernels().front(), 0}, "", [](llm::Event) {});
}

size_t gathers_of(const ov::Model& model) {
  size_t count = 0;
  for (const auto& op : model.get_ops()) count += ov::is_type<llm::CompressedGather>(op) ? 1 : 0;
  return count;
}

}  // namespace

TEST("compressed gather: the rows are those that OpenVINO decompresses, to the bit") {
  for (const auto& scheme : {Scheme{ov::element::i8, 32, false}, Scheme{ov::element::u8, kColumns, true},
                             Scheme{ov::element::u4, 32, true}, Scheme{ov::element::i4, 96, false}}) {
    const auto weights = matrix(scheme, 1);
    const auto model = decoder(weights, weights);
    const auto expected = rows_of(llm::core().compile_model(model->clone(), "CPU", kExact), kIds);
    use_kernels(*model);
    CHECK_EQUAL(gathers_of(*model), size_t{1});
    CHECK(rows_of(llm::core().compile_model(model, "CPU", kExact), kIds) == expected);
  }
}

TEST("compressed gather: it reads the head's weights where they are the same matrix, and its own elsewhere") {
  const Scheme scheme{ov::element::i8, 32, false};
  const auto weights = matrix(scheme, 1);
  const auto with_tied = decoder(weights, weights);
  const size_t tied_estimate = llm::kernel_info(*with_tied).packed_bytes;
  const auto tied = use_kernels(*with_tied);
  CHECK_EQUAL(tied.layers.size(), size_t{1});
  CHECK_EQUAL(static_cast<size_t>(tied.packed.bytes), tied_estimate);
  const auto with_own = decoder(matrix(scheme, 2), weights);
  const size_t own_estimate = llm::kernel_info(*with_own).packed_bytes;
  const auto own = use_kernels(*with_own);
  CHECK_EQUAL(own.layers.size(), size_t{2});
  CHECK_EQUAL(own.packed.bytes, 2 * tied.packed.bytes);
  CHECK_EQUAL(static_cast<size_t>(own.packed.bytes), own_estimate);
}

TEST("compressed gather: what is compiled from an export gives the same rows") {
  const auto weights = matrix({ov::element::u8, kColumns, true}, 1);
  const auto model = decoder(matrix({ov::element::u8, kColumns, true}, 2), weights);
  const auto builtin = use_kernels(*model);
  const auto parts = llm::graph_parts(*model, builtin);
  CHECK(parts.has_value());
  auto compiled = llm::core().compile_model(model, "CPU", kExact);
  std::ostringstream file;
  compiled.export_model(file);
  const auto exported = file.str();
  CHECK(exported.size() < size_t{40000});  // without the weights
  const auto imported = llm::import_graph(exported, *parts, builtin.layers, "CPU", kExact);
  CHECK(rows_of(imported, kIds) == rows_of(compiled, kIds));
}

TEST("compressed gather: an index that names no row is an error") {
  const auto weights = matrix({ov::element::i8, 32, false}, 1);
  const auto model = decoder(weights, weights);
  use_kernels(*model);
  const auto compiled = llm::core().compile_model(model, "CPU", kExact);
  for (const int64_t id : {int64_t{kRows}, int64_t{-1}}) {
    bool thrown = false;
    try {
      rows_of(compiled, {0, id});
    } catch (const ov::Exception&) {
      thrown = true;
    }
    CHECK(thrown);
  }
}
