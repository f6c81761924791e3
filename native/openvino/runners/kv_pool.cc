#include "openvino/runners/kv_pool.h"

#include "openvino/core.h"

namespace llm {
namespace {

struct CacheShape {
  std::string name;
  ov::element::Type type;
  ov::Shape block;  // [1, KV heads, rows, width]
  size_t bytes;     // of a block
};

Failure odd(const std::string& name, const ov::PartialShape& shape, size_t block_tokens) {
  return {ERR_UNSUPPORTED_MODEL, "expected the KV cache " + name + " to be [blocks, heads, rows, width] in blocks of " +
                                     std::to_string(block_tokens) + " tokens, found " + shape.to_string()};
}

std::vector<CacheShape> caches_of(const ov::CompiledModel& compiled, const KvLayout& layout) {
  std::vector<CacheShape> found;
  for (const auto& input : compiled.inputs()) {
    const std::string& name = input.get_any_name();
    if (name.rfind("key_cache.", 0) != 0 && name.rfind("value_cache.", 0) != 0) continue;
    const auto& shape = input.get_partial_shape();
    const auto type = input.get_element_type();
    if (shape.rank().is_dynamic() || shape.size() != 4 || type.is_dynamic())
      throw odd(name, shape, layout.block_tokens);
    CacheShape cache{name, type, {1}, 0};
    for (size_t i = 1; i < 4; ++i) {
      if (shape[i].is_dynamic()) throw odd(name, shape, layout.block_tokens);
      cache.block.push_back(static_cast<size_t>(shape[i].get_length()));
    }
    const size_t bits = ov::shape_size(cache.block) * type.bitwidth();
    // Blocks of another size than ours would overlap.
    const bool transposed = layout.transposed_keys && name[0] == 'k';
    const size_t rows = cache.block[transposed ? 3 : 2];
    if (rows < layout.block_tokens || bits == 0 || bits % 8 != 0) throw odd(name, shape, layout.block_tokens);
    cache.bytes = bits / 8;
    found.push_back(std::move(cache));
  }
  return found;
}

}  // namespace

size_t KvPool::block_bytes(const ov::CompiledModel& compiled, const KvLayout& layout) {
  size_t bytes = 0;
  for (const auto& cache : caches_of(compiled, layout)) bytes += cache.bytes;
  if (bytes == 0) throw Failure(ERR_UNSUPPORTED_MODEL, "the compiled graph has no KV cache among its inputs");
  return bytes;
}

std::string KvPool::precision(const ov::CompiledModel& compiled, const KvLayout& layout) {
  std::string precision;
  for (const auto& cache : caches_of(compiled, layout)) {
    const auto type = cache.type.get_type_name();
    if (precision.find(type) == std::string::npos) precision += (precision.empty() ? "" : "/") + type;
  }
  return precision;
}

KvPool::KvPool(const ov::CompiledModel& compiled, const KvLayout& layout, size_t blocks,
               std::unique_ptr<KvMemory> memory)
    : memory_(std::move(memory)) {
  for (auto& cache : caches_of(compiled, layout)) {
    ov::Shape shape = cache.block;
    shape[0] = blocks;
    caches_.push_back({cache.name, memory_->create(cache.type, shape)});
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
