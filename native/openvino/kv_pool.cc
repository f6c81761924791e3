#include "kv_pool.h"

#include <cstring>
#include <limits>

#include "core.h"

namespace llm {
namespace {

// Begin of each tensor, in bytes; a multiple of what every kernel's loads and every page size want.
constexpr size_t kAlignment = 65536;

struct Layout {
  std::string name;
  ov::element::Type type;
  ov::Shape block;  // [1, KV heads, rows, width]
  size_t bytes;     // of a block
};

Failure odd(const std::string& name, const ov::PartialShape& shape) {
  return {"ERR_UNSUPPORTED_MODEL", "expected the KV cache " + name + " to be [blocks, heads, at least " +
                                       std::to_string(KvPool::kBlockTokens) + " rows, width], found " +
                                       shape.to_string()};
}

std::vector<Layout> layouts(const ov::CompiledModel& compiled) {
  std::vector<Layout> found;
  for (const auto& input : compiled.inputs()) {
    const std::string& name = input.get_any_name();
    if (name.rfind("key_cache.", 0) != 0 && name.rfind("value_cache.", 0) != 0) continue;
    const auto& shape = input.get_partial_shape();
    const auto type = input.get_element_type();
    if (shape.rank().is_dynamic() || shape.size() != 4 || type.is_dynamic()) throw odd(name, shape);
    Layout layout{name, type, {1}, 0};
    for (size_t i = 1; i < 4; ++i) {
      if (shape[i].is_dynamic()) throw odd(name, shape);
      layout.block.push_back(static_cast<size_t>(shape[i].get_length()));
    }
    const size_t bits = ov::shape_size(layout.block) * type.bitwidth();
    // Blocks of another size than ours would overlap.
    if (layout.block[2] < KvPool::kBlockTokens || bits == 0 || bits % 8 != 0) throw odd(name, shape);
    layout.bytes = bits / 8;
    found.push_back(std::move(layout));
  }
  return found;
}

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

size_t total_bytes(const std::vector<Layout>& caches, size_t blocks) {
  size_t total = 0;
  for (const auto& cache : caches) {
    if (blocks > (std::numeric_limits<size_t>::max() / 2 - total) / cache.bytes) throw std::bad_alloc();
    total += aligned(blocks * cache.bytes);
  }
  return total;
}

}  // namespace

size_t KvPool::block_bytes(const ov::CompiledModel& compiled) {
  size_t bytes = 0;
  for (const auto& layout : layouts(compiled)) bytes += layout.bytes;
  if (bytes == 0) throw Failure("ERR_UNSUPPORTED_MODEL", "the compiled graph has no KV cache among its inputs");
  return bytes;
}

KvPool::KvPool(const ov::CompiledModel& compiled, size_t blocks) : memory_(total_bytes(layouts(compiled), blocks)) {
  std::byte* begin = memory_.data();
  for (auto& layout : layouts(compiled)) {
    ov::Shape shape = layout.block;
    shape[0] = blocks;
    caches_.push_back({layout.name, ov::Tensor(layout.type, shape, begin), layout.bytes});
    begin += aligned(blocks * layout.bytes);
  }
}

void KvPool::bind(ov::InferRequest& request) const {
  for (const auto& cache : caches_) request.set_tensor(cache.name, cache.tensor);
}

void KvPool::copy(BlockCopy copy) {
  std::byte* begin = memory_.data();
  for (const auto& cache : caches_) {
    const auto at = [&](Block block) { return begin + static_cast<size_t>(block) * cache.block_bytes; };
    std::memcpy(at(copy.to), at(copy.from), cache.block_bytes);
    begin += aligned(cache.tensor.get_byte_size());
  }
}

}  // namespace llm
