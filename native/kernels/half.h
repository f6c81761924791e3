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

// Rounds to the nearest, ties to even; what is too large becomes infinite.
inline uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000U);
  const uint32_t rest = bits & 0x7fffffffU;
  if (rest > 0x7f800000U) return static_cast<uint16_t>(sign | 0x7e00U);
  if (rest >= 0x477ff000U) return static_cast<uint16_t>(sign | 0x7c00U);  // 65520 and more
  if (rest < 0x38800000U) {                                               // below 2^-14: the sum rounds to 2^-24
    const float shifted = std::bit_cast<float>(rest) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000U));
  }
  return static_cast<uint16_t>(sign | ((rest + 0xfffU + (rest >> 13 & 1U) - 0x38000000U) >> 13));
}

}  // namespace llm
