#include "openvino/runners/kv_pool.h"

#include "openvino/core.h"

namespace llm {
namespace {

struct Layout {
  std::string name;
  ov::element::Type type;
  ov::Shape block;  // [1, KV heads, rows, width]
  size_t bytes;     // of a block
};

Failure odd(const std::string& name, const ov::PartialShape& shape, size_t block_tokens) {
  return {ERR_UNSUPPORTED_MODEL, "expected the KV cache " + name + " to be [blocks, heads, rows, width] in blocks of " +
                                     std::to_string(block_tokens) + " tokens, found " + shape.to_string()};
}

std::vector<Layout> layouts(const ov::CompiledModel& compiled, size_t block_tokens) {
  std::vector<Layout> found;
  for (const auto& input : compiled.inputs()) {
    const std::string& name = input.get_any_name();
    if (name.rfind("key_cache.", 0) != 0 && name.rfind("value_cache.", 0) != 0) continue;
    const auto& shape = input.get_partial_shape();
    const auto type = input.get_element_type();
    if (shape.rank().is_dynamic() || shape.size() != 4 || type.is_dynamic()) throw odd(name, shape, block_tokens);
    Layout layout{name, type, {1}, 0};
    for (size_t i = 1; i < 4; ++i) {
      if (shape[i].is_dynamic()) throw odd(name, shape, block_tokens);
      layout.block.push_back(static_cast<size_t>(shape[i].get_length()));
    }
    const size_t bits = ov::shape_size(layout.block) * type.bitwidth();
    // Blocks of another size than ours would overlap. A GPU's keys have their tokens on the last axis.
    const bool transposed = block_tokens == KvPool::kGpuBlockTokens && name[0] == 'k';
    const size_t rows = layout.block[transposed ? 3 : 2];
    if (rows < block_tokens || bits == 0 || bits % 8 != 0) throw odd(name, shape, block_tokens);
    layout.bytes = bits / 8;
    found.push_back(std::move(layout));
  }
  return found;
}

}  // namespace

size_t KvPool::block_bytes(const ov::CompiledModel& compiled, size_t block_tokens) {
  size_t bytes = 0;
  for (const auto& layout : layouts(compiled, block_tokens)) bytes += layout.bytes;
  if (bytes == 0) throw Failure(ERR_UNSUPPORTED_MODEL, "the compiled graph has no KV cache among its inputs");
  return bytes;
}

std::string KvPool::precision(const ov::CompiledModel& compiled, size_t block_tokens) {
  std::string precision;
  for (const auto& layout : layouts(compiled, block_tokens)) {
    const auto type = layout.type.get_type_name();
    if (precision.find(type) == std::string::npos) precision += (precision.empty() ? "" : "/") + type;
  }
  return precision;
}

KvPool::KvPool(const ov::CompiledModel& compiled, size_t block_tokens, size_t blocks, std::unique_ptr<KvMemory> memory)
    : memory_(std::move(memory)) {
  for (auto& layout : layouts(compiled, block_tokens)) {
    ov::Shape shape = layout.block;
    shape[0] = blocks;
    caches_.push_back({layout.name, memory_->create(layout.type, shape)});
  }
}

void KvPool::bind(ov::InferRequest& request) const {
  for (const auto& cache : caches_) request.set_tensor(cache.name, cache.tensor);
}

void KvPool::copy(BlockCopy copy) {
  for (auto& cache : caches_) {
    memory_->copy(cache.tensor, static_cast<size_t>(copy.from), static_cast<size_t>(copy.to));
  }
}

}  // namespace llm
