#include "engine/drafting/prompt_lookup.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace llm {
namespace {

constexpr size_t kLongest = 32;  // a longer match tells no more
constexpr size_t kChain = 64;    // occurrences that are looked at, so that a step's time has a bound
constexpr size_t kFewestHeadBits = 8;
constexpr double kMemory = 48;  // observations
constexpr double kPriorWeight = 4;
// Of a draft after a match of a class of lengths, before anything was seen: hopeful where the match is long, so that a
// text which copies gains from its first step.
constexpr std::array<double, 9> kPrior{0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9, 0.95};

// 1, 2, 3, 4, 5-8, 9-16, 17-32, more.
size_t class_of(size_t length) {
  return length <= 4 ? length : std::min<size_t>(std::bit_width(length - 1) + 2, kPrior.size() - 1);
}

constexpr uint32_t kGolden = 2654435769U;  // 2^32 / golden ratio: spreads keys over the high bits

size_t single(Token token) { return static_cast<uint32_t>(token) * kGolden >> 20; }  // of 4096

// How many tokens before `position` equal the last ones; at most `limit`.
size_t match_length(std::span<const Token> tokens, size_t position, size_t limit) {
  const size_t most = std::min(position, limit);
  size_t length = 0;
  while (length < most && tokens[position - 1 - length] == tokens[tokens.size() - 1 - length]) ++length;
  return length;
}

}  // namespace

PromptLookup::PromptLookup(size_t max_ngram, size_t max_tokens, size_t max_length)
    : max_ngram_(std::clamp<size_t>(max_ngram, 1, kLongest)),
      max_tokens_(max_tokens),
      max_length_(max_length),
      heads_(std::make_unique_for_overwrite<uint32_t[]>(
          std::max(std::bit_ceil(max_length), size_t{1} << kFewestHeadBits))),
      older_(std::make_unique_for_overwrite<uint32_t[]>(max_length)) {
  for (size_t i = 0; i < rates_.size(); ++i) rates_[i] = {kPrior[i] * kPriorWeight, kPriorWeight};
}

size_t PromptLookup::bucket(Token first, Token second) const {
  const uint32_t hash = (static_cast<uint32_t>(first) * kGolden >> 7 ^ static_cast<uint32_t>(second)) * kGolden;
  return hash >> (32 - head_bits_);
}

// Every position but the last, which has no token yet: the last n-gram does not find itself.
void PromptLookup::index(std::span<const Token> tokens) {
  if (tokens.size() > size_t{1} << head_bits_) {
    head_bits_ = std::max<size_t>(kFewestHeadBits, std::bit_width(tokens.size() - 1));
    std::fill_n(heads_.get(), size_t{1} << head_bits_, 0);
    indexed_ = 1;
  }
  for (; indexed_ < tokens.size(); ++indexed_) {
    const auto position = static_cast<uint32_t>(indexed_);
    singles_[single(tokens[indexed_ - 1])] = position;
    if (indexed_ == 1) continue;
    uint32_t& head = heads_[bucket(tokens[indexed_ - 2], tokens[indexed_ - 1])];
    older_[indexed_] = head;
    head = position;
  }
}

// The longest match up to max_ngram_; of equally long ones what is being followed (a copy stays with its source), else
// the newest.
PromptLookup::Match PromptLookup::find(std::span<const Token> tokens) const {
  const size_t end = tokens.size();
  size_t best = 0;
  size_t start = 0;
  const auto consider = [&](size_t position, size_t shortest) {
    const size_t length = match_length(tokens, position, max_ngram_);
    if (length < shortest || length <= best) return;
    best = length;
    start = position;
  };
  if (last_.start != 0) consider(last_.start + (end - last_.end), 1);
  if (max_ngram_ > 1) {
    size_t position = heads_[bucket(tokens[end - 2], tokens[end - 1])];
    for (size_t looked = 0; position != 0 && best < max_ngram_ && looked < kChain; ++looked) {
      consider(position, 2);
      position = older_[position];
    }
  }
  if (const uint32_t newest = singles_[single(tokens[end - 1])]; best == 0 && newest != 0) consider(newest, 1);
  return {start, end, best == 0 ? 0 : match_length(tokens, start, kLongest)};
}

std::span<const Token> PromptLookup::propose(std::span<const Token> tokens, size_t limit, size_t rows,
                                             const StepCosts& costs) {
  if (tokens.size() > max_length_) throw std::logic_error("the sequence is longer than its prompt lookup was made for");
  if (tokens.size() < 2) return {};
  observe(tokens);
  index(tokens);
  last_ = find(tokens);
  if (last_.length == 0) return {};
  const size_t most = std::min(limit, max_tokens_);

  // A match that overlaps the end is a period: the text before it goes on in the same way, with more tokens to follow.
  const size_t period = last_.end - last_.start;
  const size_t periods = std::min((most + period - 1) / period, last_.length / period + 1);
  const size_t start = last_.end - std::max<size_t>(periods, 1) * period;

  // Tokens of the whole step per millisecond: others wait for these rows too.
  const double quiet = costs.of(rows);
  double likely = 1;
  double gain = 0;
  double best = quiet > 0 ? static_cast<double>(rows) / quiet : 0;
  size_t count = 0;
  for (size_t draft = 1; draft <= std::min(most, last_.end - start); ++draft) {
    likely *= chance(last_.length + draft - 1);
    gain += likely;
    const double rate = quiet > 0 ? (static_cast<double>(rows) + gain) / costs.of(rows + draft) : gain;
    if (rate <= best) continue;
    best = rate;
    count = draft;
  }
  return tokens.subspan(start, count);
}

void PromptLookup::verified(size_t proposed, size_t accepted) {
  if (proposed == 0) return;
  for (size_t i = 0; i < accepted; ++i) learn(last_.length + i, true);
  if (accepted < proposed) learn(last_.length + accepted, false);
  last_.length = 0;
}

// A draft that was withheld is verified by what the text became: that costs nothing, so a text that begins to repeat
// itself is noticed without trying.
void PromptLookup::observe(std::span<const Token> tokens) {
  if (last_.length == 0) return;
  for (size_t i = 0; last_.end + i < tokens.size() && last_.start + i < last_.end; ++i) {
    const bool accepted = tokens[last_.end + i] == tokens[last_.start + i];
    learn(last_.length + i, accepted);
    if (!accepted) break;
  }
}

void PromptLookup::learn(size_t length, bool accepted) {
  Rate& rate = rates_[class_of(length)];
  rate.accepted += (accepted ? 1 : 0) - rate.accepted / kMemory;
  rate.seen += 1 - rate.seen / kMemory;
}

double PromptLookup::chance(size_t length) const {
  const Rate& rate = rates_[class_of(length)];
  return rate.accepted / rate.seen;
}

}  // namespace llm
