// How a block of the KV cache holds the keys or values of one KV head.
//
//   keys    u8: [width][32] integers, then f32 scales [width] and least values [width]
//           f16, f32: [width][32]
//   values  u8: [32][width] integers, then f32 scales [32] and least values [32]
//           f16, f32: [32][width]
//
// A stored integer u is least + scale * u. Keys lie channel by channel, so that the products of a query with all tokens
// of a block are sums of whole vectors; each channel has a scale of its own, because some channels of keys are a
// hundred times larger than others. Blocks have the same size as those of OpenVINO's paged attention, and keep their
// shape; only what lies where is different.
#pragma once
#include <cstddef>
#include <cstdint>

namespace llm {

inline constexpr size_t kBlockTokens = 32;

enum class KvType { kU8, kF16, kF32 };
inline constexpr size_t kKvTypes = 3;

// Bytes of one element. Widths are multiples of 8.
constexpr size_t element_bytes(KvType type) { return type == KvType::kU8 ? 1 : type == KvType::kF16 ? 2 : 4; }

constexpr size_t key_block_bytes(KvType type, size_t width) {
  return kBlockTokens * width * element_bytes(type) + (type == KvType::kU8 ? 2 * width * sizeof(float) : 0);
}

constexpr size_t value_block_bytes(KvType type, size_t width) {
  return kBlockTokens * width * element_bytes(type) + (type == KvType::kU8 ? 2 * kBlockTokens * sizeof(float) : 0);
}

// Tokens that are appended to a block: `count` rows of `width` numbers, the first one in place `first` of the block.
struct KvRows {
  const float* rows;
  size_t stride;  // numbers from row to row
  size_t count;
  size_t width;
  size_t first;
};

// A channel of u8 keys keeps its scale while the new tokens lie within its range; else the range grows, and what is
// stored is rounded once more. A channel of keys, or a token's values, that hold what is no finite number become no
// numbers.
void append_keys(KvType type, uint8_t* block, const KvRows& added);
void append_values(KvType type, uint8_t* block, const KvRows& added);

}  // namespace llm
