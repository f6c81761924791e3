#include "engine/sampling/answer_marks.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/sampling/params.h"

namespace llm {
namespace {

constexpr int32_t kSpecial = 256;
constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();

bool is_space(int32_t symbol) { return symbol == ' ' || (symbol >= '\t' && symbol <= '\r'); }

// Whether what follows the first symbols of an opener stands in quotes.
bool quoted(const Symbols& opener, uint32_t matched) {
  return std::count(opener.begin(), opener.begin() + matched, '"') % 2 == 1;
}

template <class Add>
size_t each_symbols(const FlatSequences& flat, Add&& add) {
  size_t longest = 0;
  each_sequence(flat, [&](std::span<const Token> symbols) {
    add(Symbols(symbols.begin(), symbols.end()));
    longest = std::max(longest, symbols.size());
  });
  return longest;
}

}  // namespace

AnswerMarks::Pattern::Pattern(Symbols of) : symbols(std::move(of)), shorter(symbols.size()) {
  for (size_t i = 1; i < symbols.size(); ++i) {
    uint32_t length = shorter[i - 1];
    while (length > 0 && symbols[length] != symbols[i]) length = shorter[length - 1];
    shorter[i] = symbols[length] == symbols[i] ? length + 1 : 0;
  }
}

AnswerMarks::AnswerMarks(std::shared_ptr<const Vocabulary> vocabulary, const Marks& marks)
    : thinking_(marks.reasoning_open), may_think_(!marks.reasoning_open) {
  Shared shared{std::move(vocabulary),
                Pattern(marks.reasoning_begin),
                Pattern(marks.reasoning_end),
                marks.reasoning_again,
                marks.reasoning_budget,
                {},
                {},
                0};
  const size_t longest = each_symbols(marks.triggers, [&](Symbols symbols) { shared.triggers.emplace_back(symbols); });
  shared.longest = std::max(longest, each_symbols(marks.openers, [&](Symbols s) { shared.openers.push_back(s); }));
  matched_.resize(shared.triggers.size());
  opener_.resize(shared.openers.size());
  shared_ = std::make_shared<const Shared>(std::move(shared));
}

AnswerMarks::Seen AnswerMarks::take(Token token) {
  const bool thought = thinking_;
  const size_t count = symbols_of(token);
  const auto& triggers = shared_->triggers;
  for (size_t i = 0; i < count; ++i) {
    const int32_t next = symbol(token, i);
    if (thinking_) {
      if (!advance(shared_->end, ended_, next)) continue;
      thinking_ = false;
      may_think_ = shared_->again;
      look_anew();
      continue;
    }
    if (may_think_ && advance(shared_->begin, begun_, next)) {
      thinking_ = true;
      continue;
    }
    for (size_t k = 0; k < triggers.size(); ++k) {
      if (!advance(triggers[k], matched_[k], next)) continue;
      Seen seen{i + 1, 0};
      for (size_t had = i + 1; had < triggers[k].symbols.size() && seen.before < recent_.size(); ++seen.before) {
        had += symbols_of(recent_[recent_.size() - 1 - seen.before]);
      }
      return seen;
    }
    if (opening_ && advance_openers(next)) return {i + 1, opened_};
  }
  if (thought && thinking_) ++thought_;
  const bool begun = std::ranges::any_of(opener_, [](uint32_t matched) { return matched > 0 && matched != kNever; });
  opened_ = opening_ && begun ? opened_ + 1 : 0;
  // Tokens without symbols between others are none of a trigger.
  if (count > 0) recent_.push_back(token);
  const size_t wanted = std::max(shared_->longest, opened_);
  if (recent_.size() > 2 * wanted) recent_.erase(recent_.begin(), recent_.end() - static_cast<std::ptrdiff_t>(wanted));
  return {};
}

void AnswerMarks::restart() {
  called_ = true;
  recent_.clear();
  look_anew();
}

void AnswerMarks::look_anew() {
  opening_ = true;
  opened_ = 0;
  begun_ = ended_ = 0;
  std::ranges::fill(matched_, 0);
  std::ranges::fill(opener_, 0);
}

// True when the pattern is complete; then it is looked for anew.
bool AnswerMarks::advance(const Pattern& pattern, uint32_t& matched, int32_t symbol) {
  const auto& symbols = pattern.symbols;
  if (symbols.empty()) return false;
  while (matched > 0 && symbols[matched] != symbol) matched = pattern.shorter[matched - 1];
  if (symbols[matched] == symbol) ++matched;
  if (matched < symbols.size()) return false;
  matched = 0;
  return true;
}

// True when one is complete. White space before and in them, but for their quotes, does not count, and semicolons part
// calls.
bool AnswerMarks::advance_openers(int32_t symbol) {
  bool alive = false;
  for (size_t k = 0; k < opener_.size(); ++k) {
    const auto& opener = shared_->openers[k];
    uint32_t& matched = opener_[k];
    if (matched == kNever) continue;
    if (opener[matched] == symbol) {
      if (++matched == opener.size()) return true;
    } else if (!(is_space(symbol) && !quoted(opener, matched)) && !(matched == 0 && called_ && symbol == ';')) {
      matched = kNever;
      continue;
    }
    alive = true;
  }
  opening_ = alive;
  return false;
}

size_t AnswerMarks::symbols_of(Token token) const {
  const auto& [bytes, offsets, special, ends] = *shared_->vocabulary;
  const auto place = static_cast<size_t>(token);
  if (place >= special.size()) return 0;
  return special[place] != 0 ? 1 : offsets[place + 1] - offsets[place];
}

int32_t AnswerMarks::symbol(Token token, size_t i) const {
  const auto& vocabulary = *shared_->vocabulary;
  const auto place = static_cast<size_t>(token);
  return vocabulary.special[place] != 0 ? kSpecial + token : vocabulary.bytes[vocabulary.offsets[place] + i];
}

Token AnswerMarks::beginning(Token token, size_t most) const {
  const auto& [bytes, offsets, special, ends] = *shared_->vocabulary;
  if (special[static_cast<size_t>(token)] != 0) return token;
  const auto* const wanted = bytes.data() + offsets[static_cast<size_t>(token)];
  Token best = token;
  size_t length = 0;
  for (size_t i = 0; i < special.size(); ++i) {
    const size_t own = offsets[i + 1] - offsets[i];
    if (special[i] != 0 || own <= length || own > most) continue;
    if (!std::equal(wanted, wanted + own, bytes.data() + offsets[i])) continue;
    best = static_cast<Token>(i);
    length = own;
  }
  return best;
}

}  // namespace llm
