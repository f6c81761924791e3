// IEEE 754 binary16, in software: where no instruction for it may be assumed.
#pragma once
#include <bit>
#include <cstdint>

namespace llm {

inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16;
  const uint32_t exponent = half >> 10 & 31U;
  const uint32_t fraction = half & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112U) << 23 | fraction << 13);
}

// Exact for the integers that zero points are, 0 to 2047.
inline uint16_t half_of_integer(uint32_t value) {
  if (value == 0) return 0;
  const auto top = static_cast<uint32_t>(std::bit_width(value) - 1);
  return static_cast<uint16_t>((top + 15) << 10 | (value << (10 - top) & 0x3ffU));
}

}  // namespace llm
