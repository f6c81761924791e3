// How a block of the KV cache holds the keys or values of one KV head.
//
//   keys    u8, u4: words [width / codes of a word][32], then f32 scales [width] and least values [width]
//           f16, f32: [width][32]
//   values  u8, u4: words [32 / codes of a word][width], then f32 scales [32] and least values [32]
//           f16, f32: [32][width]
//
// A word of 32 bits holds the codes of neighbouring channels of one token's key, or of neighbouring tokens in one
// channel of the values: those that a sum of products runs over. Code i lies at bit 16 * (i % 2) + bits * (i / 2), so
// that one shift makes pairs of 16 bits of codes 2i and 2i + 1. It is u - 128 in u8 and u - 8 in u4, in two's
// complement, and stands for least + scale * u.
//
// Each channel of keys has a scale of its own, because some are a hundred times larger than others. Blocks have the
// same size as those of OpenVINO's paged attention, and keep their shape; only what lies where is different.
#pragma once
#include <cstddef>
#include <cstdint>

namespace llm {

inline constexpr size_t kBlockTokens = 32;

enum class KvType { kU8, kU4, kF16, kF32 };

// Bits of a code; 0 for numbers that are stored as they are.
constexpr size_t code_bits(KvType type) { return type == KvType::kU8 ? 8 : type == KvType::kU4 ? 4 : 0; }

// Codes of a word.
constexpr size_t word_codes(KvType type) { return 32 / code_bits(type); }

// Bytes of so many numbers, without their scales. Widths are multiples of 8.
constexpr size_t stored_bytes(KvType type, size_t count) {
  return code_bits(type) > 0 ? count * code_bits(type) / 8 : count * (type == KvType::kF16 ? 2 : 4);
}

constexpr size_t key_block_bytes(KvType type, size_t width) {
  return stored_bytes(type, kBlockTokens * width) + (code_bits(type) > 0 ? 2 * width * sizeof(float) : 0);
}

constexpr size_t value_block_bytes(KvType type, size_t width) {
  return stored_bytes(type, kBlockTokens * width) + (code_bits(type) > 0 ? 2 * kBlockTokens * sizeof(float) : 0);
}

// Tokens that are appended to a block: `count` rows of `width` numbers, the first one in place `first` of the block.
struct KvRows {
  const float* rows;
  size_t stride;  // numbers from row to row
  size_t count;
  size_t width;
  size_t first;
};

// A channel of keys in codes keeps its scale while the new tokens lie within its range; else the range grows, and what
// is stored is rounded once more. A channel of keys, or a token's values, that hold what is no finite number become no
// numbers.
void append_keys(KvType type, uint8_t* block, const KvRows& added);
void append_values(KvType type, uint8_t* block, const KvRows& added);

// A whole block of keys as [width][32].
void widen_keys(KvType type, const uint8_t* block, size_t width, float* out);

// The values of a block's first `count` tokens as [count][width].
void widen_values(KvType type, const uint8_t* block, size_t width, size_t count, float* out);

}  // namespace llm
