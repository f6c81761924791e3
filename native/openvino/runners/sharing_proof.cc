#include "openvino/runners/sharing_proof.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include "openvino/core.h"
#include "openvino/runners/logit_difference.h"

namespace llm {
namespace {

// Far more than the other, so that the padding moves a position by much.
constexpr size_t kLong = 9, kShort = 2;
// Rounding differs from step to step; a wrong position or mask moves logits by a good part of their range.
constexpr double kNoise = 8;
constexpr double kLeast = 1e-4;  // of the largest logit: what f32 may do

using Logits = std::vector<std::vector<float>>;

std::vector<Token> text(size_t length, size_t first, size_t vocabulary) {
  std::vector<Token> tokens(length);
  for (size_t i = 0; i < length; ++i) tokens[i] = static_cast<Token>((first + 13 * i) % vocabulary);
  return tokens;
}

void step(Runner& runner, std::span<const Span> spans, Logits& logits) {
  runner.start(spans);
  const Rows rows = runner.wait();
  for (size_t i = 0; i < spans.size(); ++i) logits.emplace_back(rows.row(i).begin(), rows.row(i).end());
}

// The logits of two texts, of what follows them, and of a fork of the first one. Sequences come, are forked and leave:
// the last step is the shorter text's alone, whose row lay between those of the others.
Logits together(Runner& runner, size_t shorter, size_t vocabulary) {
  const auto a = text(kLong + 2, 7, vocabulary), b = text(shorter + 3, 5, vocabulary);
  const std::span<const Token> first(a), second(b);
  Logits logits;
  runner.reset();
  const auto prompt = [&](SequenceId id, std::span<const Token> tokens) {
    runner.admit(id, Rope::kShort, tokens, tokens.size() + 4, 0);
    const Span span{id, tokens, 0, 1};
    step(runner, {&span, 1}, logits);
  };
  prompt(1, first.first(kLong));
  prompt(2, second.first(shorter));
  const auto next = [](SequenceId id, std::span<const Token> tokens, size_t position) {
    return Span{id, tokens.subspan(position, 1), position, 1};
  };
  step(runner, std::vector{next(1, first, kLong), next(2, second, shorter)}, logits);
  runner.fork(1, 3, kLong + 4);
  step(runner, std::vector{next(3, first, kLong + 1), next(2, second, shorter + 1), next(1, first, kLong + 1)}, logits);
  runner.drop(1);
  runner.drop(3);
  step(runner, std::vector{next(2, second, shorter + 2)}, logits);
  runner.drop(2);
  runner.reset();
  return logits;
}
// Of these, the same tokens behind the same ones: the fork and what it was forked from.
constexpr size_t kFork = 4, kForked = 6;
// Those of the second text: of its prompt, and of the token after that.
constexpr size_t kSecond[] = {1, 3};

// The same of the second text, token by token from the beginning.
Logits token_by_token(Runner& runner, size_t shorter, size_t vocabulary) {
  const auto tokens = text(shorter + std::size(kSecond) - 1, 5, vocabulary);
  Logits logits;
  runner.reset();
  runner.admit(2, Rope::kShort, tokens, tokens.size(), 0);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Span span{2, std::span(tokens).subspan(i, 1), i, 1};
    Logits row;
    step(runner, {&span, 1}, row);
    if (i + 1 >= shorter) logits.push_back(std::move(row.front()));
  }
  runner.drop(2);
  runner.reset();
  return logits;
}

double largest(const Logits& logits) {
  double most = 0;
  for (const auto& row : logits) {
    for (const float logit : row) most = std::max(most, std::abs(static_cast<double>(logit)));
  }
  return most;
}

}  // namespace

SharingProof prove_sharing(Runner& runner, const std::function<void(Sharing)>& set, size_t vocabulary, Sharing most) {
  SharingProof proof;
  const auto compute = [&](Sharing sharing, size_t shorter) {
    set(sharing);
    try {
      return together(runner, shorter, vocabulary);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      proof.reason = plain_words(error);
      runner.reset();
      return Logits{};
    }
  };
  const auto finish = [&](Sharing sharing) {
    set(proof.sharing = sharing);
    return proof;
  };
  const Logits alone = compute(Sharing::kNone, kShort);
  if (alone.empty()) return finish(Sharing::kNone);
  // In f32, what is right differs by less than this, and what rounding does needs not be measured.
  const double least = kLeast * largest(alone);
  std::optional<double> rounding;
  const auto near = [&](double difference) {
    if (difference <= least) return true;
    if (!std::isfinite(difference)) return false;
    if (!rounding) {
      set(Sharing::kNone);
      const Logits steps = token_by_token(runner, kShort, vocabulary);
      double noise = 0;
      for (size_t i = 0; i < steps.size(); ++i) noise = std::max(noise, logit_difference(alone[kSecond[i]], steps[i]));
      rounding = kNoise * noise;
    }
    return difference <= *rounding;
  };
  const auto equal = [&](const Logits& a, const Logits& b) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (!near(logit_difference(a[i], b[i]))) return false;
    }
    return !a.empty();
  };
  proof.forks = near(logit_difference(alone[kFork], alone[kForked]));
  if (!proof.forks) {
    proof.reason = "copies of its states give other logits";
    return finish(Sharing::kNone);
  }
  if (most == Sharing::kNone) return finish(Sharing::kNone);
  if (most == Sharing::kPadded) {
    const Logits padded = compute(Sharing::kPadded, kShort);
    if (equal(padded, alone)) return finish(Sharing::kPadded);
    if (!padded.empty()) proof.reason = "the logits of padded sequences differ";
  }
  const std::string reason = proof.reason;
  const Logits beside = compute(Sharing::kEqual, kLong);
  if (!beside.empty()) {
    if (equal(beside, compute(Sharing::kNone, kLong))) {
      proof.reason = reason;
      return finish(Sharing::kEqual);
    }
    proof.reason = "the logits of sequences of equal length differ";
  }
  return finish(Sharing::kNone);
}

}  // namespace llm
