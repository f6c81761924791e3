#include "openvino/runners/continuation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "openvino/runners/logit_difference.h"

namespace llm {
namespace {

constexpr size_t kLength = 8;
// Rounding differs from step to step; a forgotten state moves logits by a good part of their range.
constexpr double kNoise = 8;
constexpr double kLeast = 1e-4;  // of the largest logit: what f32 may do

// The logits after the last of the pieces.
std::vector<float> logits_after(Runner& runner, std::span<const Token> tokens, std::span<const size_t> pieces) {
  constexpr SequenceId kProbe = 0;
  runner.reset();
  runner.admit(kProbe, Rope::kShort, tokens, tokens.size(), 0);
  std::vector<float> logits;
  size_t position = 0;
  for (const size_t count : pieces) {
    const Span span{kProbe, tokens.subspan(position, count), position, 1};
    runner.start({&span, 1});
    const Rows rows = runner.wait();
    logits.assign(rows.row(0).begin(), rows.row(0).end());
    position += count;
  }
  runner.drop(kProbe);
  runner.reset();
  return logits;
}

}  // namespace

bool continues_with_many(Runner& runner, size_t vocabulary) {
  std::array<Token, kLength> tokens{};
  for (size_t i = 0; i < kLength; ++i) tokens[i] = static_cast<Token>((7 + 13 * i) % vocabulary);
  std::array<size_t, kLength> ones{};
  ones.fill(1);
  const std::array<size_t, 1> all{kLength};
  const std::array<size_t, 3> pieces{1, 2, 5};
  const auto whole = logits_after(runner, tokens, all);
  const auto token_by_token = logits_after(runner, tokens, ones);
  double largest = 0;
  for (const float logit : whole) largest = std::max(largest, std::abs(static_cast<double>(logit)));
  const double rounding = std::max(kNoise * logit_difference(whole, token_by_token), kLeast * largest);
  for (size_t count = 1; count <= pieces.size(); ++count) {
    const auto first = std::span(pieces).first(count);
    const size_t length = std::accumulate(first.begin(), first.end(), size_t{0});
    const auto text = std::span<const Token>(tokens).first(length);
    const std::array<size_t, 1> at_once{length};
    // Not finite is not equal.
    const auto differs = logit_difference(logits_after(runner, text, at_once), logits_after(runner, text, first));
    if (!(differs <= rounding)) return false;
  }
  return true;
}

}  // namespace llm
