// exp() for SiLU, in single steps that every kernel does alike: exp(t) = 2^n * exp(r), where n is the whole number next
// to t / ln 2 and r = t - n ln 2 lies within ±0.35; exp(r) is its Taylor series up to r^7 / 7!, whose rest is below
// 6e-9 there. All products but the last are fused with a sum.
#pragma once
#include <cstdint>

namespace llm {

// exp() of what is beyond is taken at the limit: infinity at the upper one, where n is 128, and nothing beside 1 at the
// lower one.
inline constexpr float kMostExponent = 89.F;
inline constexpr float kLeastExponent = -87.F;

inline constexpr float kLog2E = 0x1.715476p+0F;
// ln 2 in two parts: n times the first one is exact.
inline constexpr float kLn2High = 0x1.62e4p-1F;
inline constexpr float kLn2Low = 0x1.7f7d1cp-20F;

// Added to a number below 2^22, it leaves the next whole one in the lowest bits.
inline constexpr float kRounder = 0x1.8p+23F;
inline constexpr uint32_t kExponentBias = 127;

// 1 / k!, from k = 7 down to 2; those of r and 1 are 1.
inline constexpr float kSeries[6] = {1.F / 5040, 1.F / 720, 1.F / 120, 1.F / 24, 1.F / 6, 1.F / 2};

}  // namespace llm
