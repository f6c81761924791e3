// The memory of a paged KV cache: for every layer a tensor of keys and one of values, cut into blocks.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "engine/scheduling/block_manager.h"
#include "openvino/runners/kv_memory.h"

namespace llm {

class KvPool {
 public:
  // Tokens of a block. The plugin fixes it; the compiled model's shapes do not tell: to the rows of keys they may add
  // some that hold scales and zero points, and a GPU keeps keys with tokens as the last axis.
  static constexpr size_t kCpuBlockTokens = 32;
  static constexpr size_t kGpuBlockTokens = 16;

  // Bytes that one block takes in all tensors together. Throws Failure ERR_UNSUPPORTED_MODEL when the compiled model's
  // caches are not made of blocks of so many tokens.
  static size_t block_bytes(const ov::CompiledModel& compiled, size_t block_tokens);

  // Element type of the keys, and of the values where that is another one: `u8`, `u8/u4`.
  static std::string precision(const ov::CompiledModel& compiled, size_t block_tokens);

  // Throws std::bad_alloc.
  KvPool(const ov::CompiledModel& compiled, size_t block_tokens, size_t blocks, std::unique_ptr<KvMemory> memory);

  // Makes the tensors the request's inputs.
  void bind(ov::InferRequest& request) const;

  // All layers; no step may run.
  void copy(BlockCopy copy);

 private:
  struct Cache {
    std::string name;
    ov::Tensor tensor;
  };

  std::unique_ptr<KvMemory> memory_;
  std::vector<Cache> caches_;
};

}  // namespace llm
