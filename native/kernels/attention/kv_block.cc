#include "kernels/attention/kv_block.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/half.h"

namespace llm {
namespace {

constexpr size_t kLanes = 8;

struct Range {
  float least;
  float scale;
};

// Codes of so many bits, and where they lie; see kv_block.h.
template <int Bits>
struct Codes {
  static constexpr size_t kOfWord = 32 / Bits;
  static constexpr float kLevels = (1 << Bits) - 1;
  static constexpr int kZero = 1 << (Bits - 1);  // what is taken from a level

  static Range range_of(float least, float most) {
    const float scale = (most - least) / kLevels;
    if (!std::isfinite(scale)) {
      return {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::quiet_NaN()};
    }
    return {least, scale};
  }

  // 0 where there is no range. What is no number becomes 0, too: its range says what it is.
  static int32_t level(float value, float least, float inverse) {
    const float exact = (value - least) * inverse + 0.5F;
    const float bounded = exact > 0.F ? (exact < kLevels ? exact : kLevels) : 0.F;
    return static_cast<int32_t>(bounded);
  }

  static size_t byte_of(size_t code) { return code % 2 * 2 + code / 2 * Bits / 8; }
  static int shift_of(size_t code) { return static_cast<int>(code / 2 * Bits % 8); }

  static int32_t get(const uint8_t* word, size_t code) {
    return (((word[byte_of(code)] >> shift_of(code)) & ((1 << Bits) - 1)) ^ kZero);
  }
  static void set(uint8_t* word, size_t code, int32_t level) {
    uint8_t& byte = word[byte_of(code)];
    const int mask = ((1 << Bits) - 1) << shift_of(code);
    byte = static_cast<uint8_t>((byte & ~mask) | ((level ^ kZero) << shift_of(code)));
  }
};

inline float inverse_of(float scale) { return scale > 0.F ? 1.F / scale : 0.F; }

inline void extend(float value, float& low, float& high) {
  low = value < low ? value : low;
  high = value > high ? value : high;
}

template <int Bits>
class CodedBlock {
  using C = Codes<Bits>;

 public:
  CodedBlock(uint8_t* block, size_t width, size_t parameters)
      : words_(block),
        width_(width),
        scales_(reinterpret_cast<float*>(block + kBlockTokens * width * Bits / 8)),
        leasts_(scales_ + parameters) {}

  void append_keys(const KvRows& added) {
    for (size_t channel = 0; channel < width_; channel += kLanes) {
      float low[kLanes];
      float high[kLanes];
      float check[kLanes] = {};  // 0, or no number once one is not finite
      for (size_t lane = 0; lane < kLanes; ++lane) low[lane] = high[lane] = added.rows[channel + lane];
      for (size_t token = 0; token < added.count; ++token) {
        const float* row = added.rows + token * added.stride + channel;
        for (size_t lane = 0; lane < kLanes; ++lane) {
          extend(row[lane], low[lane], high[lane]);
          check[lane] += row[lane] - row[lane];
        }
      }
      for (size_t lane = 0; lane < kLanes; ++lane) {
        low[lane] += check[lane];
        if (added.first == 0) {
          set_range(channel + lane, C::range_of(low[lane], high[lane]));
        } else {
          widen_range(channel + lane, added.first, low[lane], high[lane]);
        }
      }
      float inverse[kLanes];
      for (size_t lane = 0; lane < kLanes; ++lane) inverse[lane] = inverse_of(scales_[channel + lane]);
      for (size_t token = 0; token < added.count; ++token) {
        const float* row = added.rows + token * added.stride + channel;
        int32_t levels[kLanes];
        for (size_t lane = 0; lane < kLanes; ++lane) {
          levels[lane] = C::level(row[lane], leasts_[channel + lane], inverse[lane]);
        }
        for (size_t lane = 0; lane < kLanes; ++lane) {
          const size_t at = channel + lane;
          C::set(key_word(at, added.first + token), at % C::kOfWord, levels[lane]);
        }
      }
    }
  }

  void append_values(const KvRows& added) {
    for (size_t token = 0; token < added.count; ++token) {
      const float* row = added.rows + token * added.stride;
      float low[kLanes];
      float high[kLanes];
      float check[kLanes] = {};  // as above
      for (size_t lane = 0; lane < kLanes; ++lane) low[lane] = high[lane] = row[lane];
      for (size_t channel = 0; channel < width_; channel += kLanes) {
        for (size_t lane = 0; lane < kLanes; ++lane) {
          extend(row[channel + lane], low[lane], high[lane]);
          check[lane] += row[channel + lane] - row[channel + lane];
        }
      }
      for (size_t lane = 1; lane < kLanes; ++lane) {
        extend(low[lane], low[0], high[0]);
        extend(high[lane], low[0], high[0]);
        check[0] += check[lane];
      }
      const Range range = C::range_of(low[0] + check[0], high[0]);
      const float inverse = inverse_of(range.scale);
      const size_t place = added.first + token;
      set_range(place, range);
      for (size_t channel = 0; channel < width_; ++channel) {
        C::set(value_word(channel, place), place % C::kOfWord, C::level(row[channel], range.least, inverse));
      }
    }
  }

  void widen_keys(float* out) {
    for (size_t channel = 0; channel < width_; ++channel) {
      for (size_t token = 0; token < kBlockTokens; ++token) {
        *out++ = number(channel, C::get(key_word(channel, token), channel % C::kOfWord));
      }
    }
  }

  void widen_values(size_t count, float* out) {
    for (size_t token = 0; token < count; ++token) {
      for (size_t channel = 0; channel < width_; ++channel) {
        *out++ = number(token, C::get(value_word(channel, token), token % C::kOfWord));
      }
    }
  }

 private:
  uint8_t* key_word(size_t channel, size_t token) const {
    return words_ + (channel / C::kOfWord * kBlockTokens + token) * 4;
  }
  uint8_t* value_word(size_t channel, size_t token) const {
    return words_ + (token / C::kOfWord * width_ + channel) * 4;
  }
  float number(size_t parameter, int32_t level) const {
    return leasts_[parameter] + scales_[parameter] * static_cast<float>(level);
  }
  void set_range(size_t parameter, const Range& range) {
    leasts_[parameter] = range.least;
    scales_[parameter] = range.scale;
  }

  // What a channel's `first` tokens hold beside new ones from `low` to `high`.
  void widen_range(size_t channel, size_t first, float low, float high) {
    const float old_least = leasts_[channel];
    const float old_scale = scales_[channel];
    const float old_most = old_least + C::kLevels * old_scale;
    if (low >= old_least && high <= old_most) return;
    const auto smaller = low < old_least ? low : old_least;
    const auto larger = high > old_most ? high : old_most;
    // What is no number is neither smaller nor larger.
    const bool finite = std::isfinite(low) && std::isfinite(high);
    const Range range = C::range_of(finite ? smaller : std::numeric_limits<float>::quiet_NaN(), larger);
    const float inverse = inverse_of(range.scale);
    for (size_t token = 0; token < first; ++token) {
      uint8_t* word = key_word(channel, token);
      const size_t code = channel % C::kOfWord;
      C::set(word, code,
             C::level(old_least + old_scale * static_cast<float>(C::get(word, code)), range.least, inverse));
    }
    set_range(channel, range);
  }

  uint8_t* words_;
  size_t width_;
  float* scales_;
  float* leasts_;
};

template <class Stored, class Convert>
void append_plain_keys(uint8_t* block, const KvRows& added, Convert convert) {
  auto* stored = reinterpret_cast<Stored*>(block);
  for (size_t token = 0; token < added.count; ++token) {
    const float* row = added.rows + token * added.stride;
    for (size_t channel = 0; channel < added.width; ++channel) {
      stored[channel * kBlockTokens + added.first + token] = convert(row[channel]);
    }
  }
}

void widen_plain(KvType type, const uint8_t* block, size_t count, float* out) {
  if (type == KvType::kF32) {
    std::memcpy(out, block, count * sizeof(float));
    return;
  }
  const auto* stored = reinterpret_cast<const uint16_t*>(block);
  for (size_t i = 0; i < count; ++i) out[i] = half_to_float(stored[i]);
}

}  // namespace

void append_keys(KvType type, uint8_t* block, const KvRows& added) {
  if (type == KvType::kU8) return CodedBlock<8>(block, added.width, added.width).append_keys(added);
  if (type == KvType::kU4) return CodedBlock<4>(block, added.width, added.width).append_keys(added);
  if (type == KvType::kF16) return append_plain_keys<uint16_t>(block, added, float_to_half);
  append_plain_keys<float>(block, added, [](float value) { return value; });
}

void append_values(KvType type, uint8_t* block, const KvRows& added) {
  if (type == KvType::kU8) return CodedBlock<8>(block, added.width, kBlockTokens).append_values(added);
  if (type == KvType::kU4) return CodedBlock<4>(block, added.width, kBlockTokens).append_values(added);
  for (size_t token = 0; token < added.count; ++token) {
    const float* row = added.rows + token * added.stride;
    const size_t place = (added.first + token) * added.width;
    if (type == KvType::kF32) {
      std::memcpy(reinterpret_cast<float*>(block) + place, row, added.width * sizeof(float));
      continue;
    }
    auto* stored = reinterpret_cast<uint16_t*>(block) + place;
    for (size_t channel = 0; channel < added.width; ++channel) stored[channel] = float_to_half(row[channel]);
  }
}

void widen_keys(KvType type, const uint8_t* block, size_t width, float* out) {
  auto* bytes = const_cast<uint8_t*>(block);
  if (type == KvType::kU8) return CodedBlock<8>(bytes, width, width).widen_keys(out);
  if (type == KvType::kU4) return CodedBlock<4>(bytes, width, width).widen_keys(out);
  widen_plain(type, block, kBlockTokens * width, out);
}

void widen_values(KvType type, const uint8_t* block, size_t width, size_t count, float* out) {
  auto* bytes = const_cast<uint8_t*>(block);
  if (type == KvType::kU8) return CodedBlock<8>(bytes, width, kBlockTokens).widen_values(count, out);
  if (type == KvType::kU4) return CodedBlock<4>(bytes, width, kBlockTokens).widen_values(count, out);
  widen_plain(type, block, count * width, out);
}

}  // namespace llm
