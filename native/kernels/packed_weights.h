// Compressed weights of a matrix product, in the order in which the kernels read them.
//
// Sixteen output rows make a block, the inputs of one scale make a group. A group of a block is a run of lines of 64
// bytes, then its scales and zero points, f16, 16 of each:
//
//   4 bits: a line holds 8 inputs of 16 rows; the low half of byte 4 r + j holds input j of row r, its high half
//           input j + 4
//   8 bits: a line holds 4 inputs of 16 rows; byte 4 r + j holds input j of row r
//
// The stored values are unsigned: a signed one is kept with half of its range added, and so is its zero point.
// A weight is scale * (value - zero point).
#pragma once
#include <cstddef>
#include <cstdint>

namespace llm {

// Weights as OpenVINO keeps them: row-major, 4-bit values two to a byte with the low half first. Nothing is aligned.
struct WeightSource {
  enum class ZeroPoints { kNone, kLikeValues, kF16 };

  size_t rows = 0;     // outputs
  size_t columns = 0;  // inputs; even when bits is 4
  size_t group = 0;    // inputs per scale: a multiple of 32 that divides columns, or all columns
  int bits = 4;        // 4 or 8
  bool is_signed = false;
  const uint8_t* values = nullptr;       // [rows, columns]
  const uint8_t* scales = nullptr;       // f16 [rows, columns / group]
  ZeroPoints kind = ZeroPoints::kNone;   // none means 0 for signed values, and for unsigned ones too
  const uint8_t* zero_points = nullptr;  // [rows, columns / group], or one for all
  bool one_zero_point = false;
  // Row r is row first_row + r * row_step of what is stored: every second one where two matrices lie row by row in
  // turn.
  size_t first_row = 0;
  size_t row_step = 1;
};

// Whether both are the same weights in memory, read in the same way.
bool same_matrix(const WeightSource& a, const WeightSource& b);

// Whether PackedWeights takes them; `source.values` and the like are not looked at.
bool can_pack(const WeightSource& source);

class PackedWeights {
 public:
  static constexpr size_t kBlockRows = 16;
  static constexpr size_t kLine = 64;
  // Of this layout; another one whenever it changes, so that files of packed weights made before are not used.
  static constexpr uint64_t kLayout = 1;

  // The measures alone; place() says where the weights are.
  explicit PackedWeights(const WeightSource& source);

  // `bytes()` bytes, aligned to lines, that stay as long as this is used.
  void place(const uint8_t* memory) { data_ = memory; }

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  int bits() const { return bits_; }
  size_t group() const { return group_; }  // inputs per scale, with the padding of the last group
  size_t groups() const { return groups_; }
  size_t padded_columns() const { return group_ * groups_; }  // a multiple of 32
  size_t blocks() const { return (rows_ + kBlockRows - 1) / kBlockRows; }
  size_t group_bytes() const { return group_ * kBlockRows * static_cast<size_t>(bits_) / 8 + kLine; }
  size_t block_bytes() const { return group_bytes() * groups_; }
  size_t bytes() const { return block_bytes() * blocks(); }
  const uint8_t* block(size_t index) const { return data_ + index * block_bytes(); }

  // Packs these blocks of the source that the constructor was given the measures of into `memory`, which has `bytes()`
  // zero bytes for all blocks. Any thread; blocks are independent.
  void pack(const WeightSource& source, uint8_t* memory, size_t first, size_t last) const;

  // A row as f32, as OpenVINO decompresses it: `columns()` numbers. Any thread.
  void unpack(size_t row, float* to) const;

  // The weight as f32, for tests and for exactness.
  float at(size_t row, size_t column) const;

 private:
  size_t rows_;
  size_t columns_;
  int bits_;
  size_t group_;
  size_t groups_;
  const uint8_t* data_ = nullptr;
};

}  // namespace llm
