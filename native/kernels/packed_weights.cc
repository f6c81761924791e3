#include "kernels/packed_weights.h"

#include <algorithm>
#include <cstring>

#include "kernels/half.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace llm {
namespace {

constexpr size_t kRows = PackedWeights::kBlockRows;
constexpr size_t kLine = PackedWeights::kLine;

size_t padded_group(const WeightSource& source) { return (source.group + 31) / 32 * 32; }

uint16_t read_half(const uint8_t* from, size_t index) {
  uint16_t half;
  std::memcpy(&half, from + 2 * index, sizeof half);
  return half;
}

uint32_t nibble(const uint8_t* from, size_t index) { return from[index / 2] >> (index % 2 * 4) & 15U; }

// What makes a signed value unsigned; flips the top bit, which is the same as adding half of the range.
uint32_t bias(const WeightSource& source) { return !source.is_signed ? 0 : source.bits == 4 ? 8 : 128; }

uint16_t zero_point(const WeightSource& source, size_t index) {
  if (source.one_zero_point) index = 0;
  switch (source.kind) {
    case WeightSource::ZeroPoints::kNone:
      return half_of_integer(bias(source));
    case WeightSource::ZeroPoints::kF16:
      return read_half(source.zero_points, index);
    case WeightSource::ZeroPoints::kLikeValues:
      break;
  }
  const uint32_t stored = source.bits == 4 ? nibble(source.zero_points, index) : source.zero_points[index];
  return half_of_integer(stored ^ bias(source));
}

// 8 inputs of one row as the 4 bytes of a line: input j in the low half of byte j, input j + 4 in its high half.
uint32_t interleave(uint32_t nibbles) {
  uint64_t bytes = nibbles;
  bytes = (bytes | bytes << 16) & 0x0000ffff0000ffffU;
  bytes = (bytes | bytes << 8) & 0x00ff00ff00ff00ffU;
  bytes = (bytes | bytes << 4) & 0x0f0f0f0f0f0f0f0fU;
  return static_cast<uint32_t>(bytes | bytes >> 28);
}

// A row's next 4 bytes of `count` that a line takes, 0 where there are none; what is signed becomes unsigned.
template <int Bits>
uint32_t line_of_row(const uint8_t* from, size_t count, uint32_t flip) {
  uint32_t word = 0;
  std::memcpy(&word, from, std::min<size_t>(count, sizeof word));
  return Bits == 4 ? interleave(word ^ flip) : word ^ flip;
}

// 16 bytes of a row for four lines.
template <int Bits>
void four_lines(const uint8_t* from, uint32_t flip, uint8_t* to) {
#if defined(__SSE2__) || defined(_M_X64)
  __m128i x =
      _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), _mm_set1_epi32(static_cast<int>(flip)));
  if constexpr (Bits == 4) {
    const __m128i halves = _mm_set1_epi8(15);
    const __m128i even = _mm_and_si128(x, halves);
    const __m128i odd = _mm_and_si128(_mm_srli_epi16(x, 4), halves);
    __m128i first = _mm_unpacklo_epi8(even, odd);  // one input in each byte
    __m128i second = _mm_unpackhi_epi8(even, odd);
    first = _mm_or_si128(first, _mm_srli_epi64(first, 28));
    second = _mm_or_si128(second, _mm_srli_epi64(second, 28));
    x = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(first), _mm_castsi128_ps(second), _MM_SHUFFLE(2, 0, 2, 0)));
  }
  alignas(16) uint32_t words[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(words), x);
  for (size_t i = 0; i < 4; ++i) std::memcpy(to + i * kLine, &words[i], sizeof words[i]);
#else
  for (size_t i = 0; i < 4; ++i) {
    const uint32_t word = line_of_row<Bits>(from + 4 * i, 4, flip);
    std::memcpy(to + i * kLine, &word, sizeof word);
  }
#endif
}

// `count` bytes of a row for the lines of a group, whose bytes past those stay 0.
template <int Bits>
void pack_row(const uint8_t* from, size_t count, uint32_t flip, uint8_t* to) {
  for (; count >= 16; count -= 16, from += 16, to += 4 * kLine) four_lines<Bits>(from, flip, to);
  for (; count > 0; to += kLine) {
    const uint32_t word = line_of_row<Bits>(from, count, flip);
    std::memcpy(to, &word, sizeof word);
    const size_t taken = std::min<size_t>(count, 4);
    count -= taken;
    from += taken;
  }
}

}  // namespace

bool same_matrix(const WeightSource& a, const WeightSource& b) {
  return a.values == b.values && a.scales == b.scales && a.zero_points == b.zero_points && a.rows == b.rows &&
         a.columns == b.columns && a.group == b.group && a.bits == b.bits && a.is_signed == b.is_signed &&
         a.first_row == b.first_row && a.row_step == b.row_step;
}

bool can_pack(const WeightSource& source) {
  if (source.rows == 0 || source.columns == 0 || source.group == 0) return false;
  if (source.bits != 8 && (source.bits != 4 || source.columns % 2 != 0)) return false;
  if (source.kind == WeightSource::ZeroPoints::kF16 && source.is_signed) return false;
  return source.group == source.columns || (source.group % 32 == 0 && source.columns % source.group == 0);
}

PackedWeights::PackedWeights(const WeightSource& source)
    : rows_(source.rows),
      columns_(source.columns),
      bits_(source.bits),
      group_(padded_group(source)),
      groups_(source.columns / source.group) {}

void PackedWeights::pack(const WeightSource& source, uint8_t* memory, size_t first, size_t last) const {
  const auto bits = static_cast<size_t>(bits_);
  const size_t row_bytes = source.group * bits / 8;  // of a group
  const uint32_t flip = !source.is_signed ? 0 : bits_ == 4 ? 0x88888888U : 0x80808080U;
  for (size_t block = first; block < last; ++block) {
    for (size_t group = 0; group < groups_; ++group) {
      uint8_t* to = memory + block * block_bytes() + group * group_bytes();
      uint8_t* tail = to + group_bytes() - kLine;
      for (size_t r = 0; r < kRows; ++r) {
        // Rows past the last repeat it; nobody reads what they give.
        const size_t row = source.first_row + std::min(block * kRows + r, rows_ - 1) * source.row_step;
        const size_t index = row * groups_ + group;
        const uint8_t* from = source.values + index * row_bytes;
        if (bits_ == 4) {
          pack_row<4>(from, row_bytes, flip, to + 4 * r);
        } else {
          pack_row<8>(from, row_bytes, flip, to + 4 * r);
        }
        const uint16_t scale = read_half(source.scales, index);
        const uint16_t zero = zero_point(source, index);
        std::memcpy(tail + 2 * r, &scale, sizeof scale);
        std::memcpy(tail + 2 * (kRows + r), &zero, sizeof zero);
      }
    }
  }
}

void PackedWeights::unpack(size_t row, float* to) const {
  const size_t r = row % kBlockRows;
  const size_t inputs = bits_ == 4 ? 8 : 4;  // of a row in a line
  const size_t width = columns_ / groups_;   // without the padding
  const uint8_t* lines = block(row / kBlockRows);
  for (size_t group = 0; group < groups_; ++group, lines += group_bytes(), to += width) {
    const uint8_t* tail = lines + group_bytes() - kLine;
    const float scale = half_to_float(read_half(tail, r));
    const float zero = half_to_float(read_half(tail, kBlockRows + r));
    for (size_t first = 0; first < width; first += inputs) {
      const uint8_t* line = lines + first / inputs * kLine + 4 * r;
      for (size_t i = 0; i < std::min(inputs, width - first); ++i) {
        const uint32_t value = bits_ == 8 ? line[i] : line[i % 4] >> (i / 4 * 4) & 15U;
        to[first + i] = scale * (static_cast<float>(value) - zero);
      }
    }
  }
}

float PackedWeights::at(size_t row, size_t column) const {
  const uint8_t* lines = block(row / kBlockRows) + column / group_ * group_bytes();
  const size_t r = row % kBlockRows;
  const size_t inner = column % group_;
  const uint8_t* tail = lines + group_bytes() - kLine;
  uint32_t value;
  if (bits_ == 4) {
    value = lines[inner / 8 * kLine + 4 * r + inner % 4] >> (inner / 4 % 2 * 4) & 15U;
  } else {
    value = lines[inner / 4 * kLine + 4 * r + inner % 4];
  }
  return half_to_float(read_half(tail, r)) *
         (static_cast<float>(value) - half_to_float(read_half(tail, kBlockRows + r)));
}

}  // namespace llm
