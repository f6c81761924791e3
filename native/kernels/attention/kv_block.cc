#include "kernels/attention/kv_block.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/half.h"

namespace llm {
namespace {

constexpr float kLevels = 255.F;
constexpr size_t kLanes = 8;

struct Range {
  float least;
  float scale;
};

Range range_of(float least, float most) {
  const float scale = (most - least) / kLevels;
  if (!std::isfinite(scale)) return {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::quiet_NaN()};
  return {least, scale};
}

// 0 where there is no range. What is no number becomes 0, too: its range says what it is.
inline uint8_t level(float value, float least, float inverse) {
  const float exact = (value - least) * inverse + 0.5F;
  const float bounded = exact > 0.F ? (exact < kLevels ? exact : kLevels) : 0.F;
  return static_cast<uint8_t>(static_cast<int32_t>(bounded));
}

inline float inverse_of(float scale) { return scale > 0.F ? 1.F / scale : 0.F; }

// Of eight channels, what they hold beside the new tokens.
void widen_ranges(uint8_t* stored, size_t first, float* least, float* scale, const float* low, const float* high) {
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const float old_least = least[lane];
    const float old_scale = scale[lane];
    const float old_most = old_least + kLevels * old_scale;
    if (low[lane] >= old_least && high[lane] <= old_most) continue;
    const auto smaller = low[lane] < old_least ? low[lane] : old_least;
    const auto larger = high[lane] > old_most ? high[lane] : old_most;
    // What is no number is neither smaller nor larger.
    const bool finite = std::isfinite(low[lane]) && std::isfinite(high[lane]);
    const Range range = range_of(finite ? smaller : std::numeric_limits<float>::quiet_NaN(), larger);
    const float inverse = inverse_of(range.scale);
    uint8_t* channel = stored + lane * kBlockTokens;
    for (size_t token = 0; token < first; ++token) {
      const float value = old_least + old_scale * static_cast<float>(channel[token]);
      channel[token] = level(value, range.least, inverse);
    }
    least[lane] = range.least;
    scale[lane] = range.scale;
  }
}

inline void extend(float value, float& low, float& high) {
  low = value < low ? value : low;
  high = value > high ? value : high;
}

void append_u8_keys(uint8_t* block, const KvRows& added) {
  auto* scales = reinterpret_cast<float*>(block + kBlockTokens * added.width);
  float* leasts = scales + added.width;
  for (size_t channel = 0; channel < added.width; channel += kLanes) {
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
    uint8_t* stored = block + channel * kBlockTokens;
    for (size_t lane = 0; lane < kLanes; ++lane) low[lane] += check[lane];
    if (added.first == 0) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const Range range = range_of(low[lane], high[lane]);
        leasts[channel + lane] = range.least;
        scales[channel + lane] = range.scale;
      }
    } else {
      widen_ranges(stored, added.first, leasts + channel, scales + channel, low, high);
    }
    float inverse[kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) inverse[lane] = inverse_of(scales[channel + lane]);
    for (size_t token = 0; token < added.count; ++token) {
      const float* row = added.rows + token * added.stride + channel;
      for (size_t lane = 0; lane < kLanes; ++lane) {
        stored[lane * kBlockTokens + added.first + token] = level(row[lane], leasts[channel + lane], inverse[lane]);
      }
    }
  }
}

void append_u8_values(uint8_t* block, const KvRows& added) {
  auto* scales = reinterpret_cast<float*>(block + kBlockTokens * added.width);
  float* leasts = scales + kBlockTokens;
  for (size_t token = 0; token < added.count; ++token) {
    const float* row = added.rows + token * added.stride;
    float low[kLanes];
    float high[kLanes];
    float check[kLanes] = {};  // as above
    for (size_t lane = 0; lane < kLanes; ++lane) low[lane] = high[lane] = row[lane];
    for (size_t channel = 0; channel < added.width; channel += kLanes) {
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
    const Range range = range_of(low[0] + check[0], high[0]);
    const float inverse = inverse_of(range.scale);
    scales[added.first + token] = range.scale;
    leasts[added.first + token] = range.least;
    uint8_t* stored = block + (added.first + token) * added.width;
    for (size_t channel = 0; channel < added.width; ++channel) {
      stored[channel] = level(row[channel], range.least, inverse);
    }
  }
}

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

}  // namespace

void append_keys(KvType type, uint8_t* block, const KvRows& added) {
  if (type == KvType::kU8) return append_u8_keys(block, added);
  if (type == KvType::kF16) return append_plain_keys<uint16_t>(block, added, float_to_half);
  append_plain_keys<float>(block, added, [](float value) { return value; });
}

void append_values(KvType type, uint8_t* block, const KvRows& added) {
  if (type == KvType::kU8) return append_u8_values(block, added);
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

}  // namespace llm
