// The KV pool on memory that is not ours, as a GPU's: a double records what is asked of it.
#include "openvino/runners/kv_pool.h"

#include <openvino/op/ops.hpp>

#include "engine/failure.h"
#include "openvino/core.h"
#include "tap.h"

namespace {

using llm::KvPool;

// Host tensors, and a list of what was copied.
class RecordingMemory : public llm::KvMemory {
 public:
  struct Log {
    std::vector<ov::Tensor> tensors;
    std::vector<std::pair<size_t, size_t>> copies;
  };
  explicit RecordingMemory(Log& log) : log_(log) {}

  ov::Tensor create(const ov::element::Type& type, const ov::Shape& shape) override {
    return log_.tensors.emplace_back(type, shape);
  }
  void copy(ov::Tensor& tensor, size_t from, size_t to) override {
    log_.copies.emplace_back(from, to);
    ov::Coordinate begin(tensor.get_shape().size(), 0), end(tensor.get_shape());
    const auto part = [&](size_t block) {
      begin[0] = block;
      end[0] = block + 1;
      return ov::Tensor(tensor, begin, end);
    };
    part(from).copy_to(part(to));
  }

 private:
  Log& log_;
};

// Caches of one layer as a GPU lays them out, behind operations that keep them inputs of the compiled graph.
ov::CompiledModel compiled(const ov::PartialShape& keys, const ov::PartialShape& values) {
  ov::ParameterVector inputs;
  ov::ResultVector outputs;
  for (const auto& [name, shape] : {std::pair{"key_cache.0", keys}, std::pair{"value_cache.0", values}}) {
    auto input = std::make_shared<ov::op::v0::Parameter>(ov::element::f16, shape);
    input->output(0).set_names({name});
    auto used = std::make_shared<ov::op::v0::Relu>(input);
    used->output(0).set_names({std::string("used.") + name});
    inputs.push_back(input);
    outputs.push_back(std::make_shared<ov::op::v0::Result>(used));
  }
  return llm::core().compile_model(std::make_shared<ov::Model>(outputs, inputs), "CPU");
}

const llm::KvLayout kGpu{16, true};
const llm::KvLayout kCpu{32, false};
const ov::PartialShape kKeys{-1, 2, 8, 16};  // [blocks, KV heads, head size, tokens]
const ov::PartialShape kValues{-1, 2, 16, 8};

TEST("KvPool: tensors of a GPU's blocks, in the memory that is given") {
  const auto model = compiled(kKeys, kValues);
  CHECK_EQUAL(KvPool::block_bytes(model, kGpu), size_t{2 * 2 * 8 * 16 * 2});
  CHECK_EQUAL(KvPool::precision(model, kGpu), std::string("f16"));
  RecordingMemory::Log log;
  KvPool pool(model, kGpu, 5, std::make_unique<RecordingMemory>(log));
  CHECK_EQUAL(log.tensors.size(), size_t{2});
  const bool shapes =
      log.tensors[0].get_shape() == ov::Shape{5, 2, 8, 16} && log.tensors[1].get_shape() == ov::Shape{5, 2, 16, 8};
  CHECK(shapes);
  auto request = ov::CompiledModel(model).create_infer_request();
  pool.bind(request);
  CHECK(request.get_tensor("key_cache.0").data() == log.tensors[0].data());
  CHECK(request.get_tensor("value_cache.0").data() == log.tensors[1].data());
}

TEST("KvPool: a block is copied in every tensor, and nothing else") {
  const auto model = compiled(kKeys, kValues);
  RecordingMemory::Log log;
  KvPool pool(model, kGpu, 4, std::make_unique<RecordingMemory>(log));
  constexpr size_t values = 2 * 8 * 16;  // of a block
  for (auto& tensor : log.tensors) {
    auto* data = tensor.data<ov::float16>();
    for (size_t i = 0; i < 4 * values; ++i) data[i] = static_cast<float>(i / values);
  }
  pool.copy({.from = 1, .to = 3});
  CHECK_EQUAL(log.copies.size(), size_t{2});
  for (auto& tensor : log.tensors) {
    const auto* data = tensor.data<ov::float16>();
    for (size_t block = 0; block < 4; ++block) {
      const float expected = block == 3 ? 1.0F : static_cast<float>(block);
      CHECK_EQUAL(static_cast<float>(data[block * values]), expected);
      CHECK_EQUAL(static_cast<float>(data[(block + 1) * values - 1]), expected);
    }
  }
}

TEST("KvPool: caches that are not made of the device's blocks are refused") {
  const auto refused = [](const ov::PartialShape& keys, const ov::PartialShape& values, const llm::KvLayout& layout) {
    try {
      KvPool::block_bytes(compiled(keys, values), layout);
      return std::string("taken");
    } catch (const llm::Failure& failure) {
      return std::string(name_of(failure.code()));
    }
  };
  CHECK_EQUAL(refused(kKeys, kValues, kCpu), std::string("ERR_UNSUPPORTED_MODEL"));
  CHECK_EQUAL(refused({-1, 2, 16, 8}, kValues, kGpu), std::string("ERR_UNSUPPORTED_MODEL"));
  CHECK_EQUAL(refused(kKeys, {-1, 2, 8, 16}, kGpu), std::string("ERR_UNSUPPORTED_MODEL"));
  CHECK_EQUAL(refused(kKeys, {-1, -1, 16, 8}, kGpu), std::string("ERR_UNSUPPORTED_MODEL"));
  CHECK_EQUAL(refused(kKeys, kValues, kGpu), std::string("taken"));
}

TEST("KvMemory of the host: a block is copied, whatever the width of its numbers") {
  const auto memory = llm::host_memory();
  auto tensor = memory->create(ov::element::u4, {3, 2, 4, 8});
  constexpr size_t bytes = 2 * 4 * 8 / 2;
  auto* data = static_cast<uint8_t*>(tensor.data());
  for (size_t i = 0; i < 3 * bytes; ++i) data[i] = static_cast<uint8_t>(i / bytes + 1);
  memory->copy(tensor, 0, 2);
  CHECK_EQUAL(int{data[0]}, 1);
  CHECK_EQUAL(int{data[bytes]}, 2);
  CHECK_EQUAL(int{data[2 * bytes]}, 1);
  CHECK_EQUAL(int{data[3 * bytes - 1]}, 1);
}

}  // namespace
