// 10,000 random calls of the block manager.
#include "engine/block_cache.h"

namespace {

// Random calls in the order in which a loop may make them.
class Play {
 public:
  Play(unsigned seed, size_t blocks, int hash_bits) : cache_(blocks, hash_bits), random_(seed) {}

  void step() {
    const unsigned kind = below(1000);
    if (kind < 300) {
      submit();
    } else if (kind < 500) {
      compute();
    } else if (kind < 580) {
      if (const auto id = any()) cache_.publish(*id);
    } else if (kind < 650) {
      if (const auto id = any()) cache_.trim(*id, below(cache_.histories().at(*id).size() + 1));
    } else if (kind < 690) {
      if (const auto id = any(); id && cache_.histories().size() < 12) cache_.fork(*id, ++last_);
    } else if (kind < 710) {
      if (const auto id = any()) cache_.reserve(*id, below(kLongest));
    } else if (kind < 994) {
      if (const auto id = any()) end(*id);
    } else if (kind < 999) {
      exhaust();
    } else {
      cache_.clear();
    }
  }

  void end_all() {
    while (const auto id = any()) end(*id);
    CHECK_EQUAL(cache_.use().used, 0U);
  }

  size_t hits = 0, refused = 0, copied = 0;
  size_t evictions() const { return cache_.use().evictions; }

 private:
  size_t below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  std::optional<SequenceId> any() {
    if (cache_.histories().empty()) return std::nullopt;
    return std::next(cache_.histories().begin(), static_cast<std::ptrdiff_t>(below(cache_.histories().size())))->first;
  }

  Tokens some_tokens(size_t count) {
    Tokens tokens(count);
    for (Token& token : tokens) token = static_cast<Token>(below(3));
    return tokens;
  }

  // Mostly goes on where another sequence was.
  Tokens prompt() {
    Tokens beginning;
    if (!seen_.empty() && below(4) > 0) beginning = seen_[below(seen_.size())];
    beginning.resize(below(beginning.size() + 1));
    return joined(beginning, some_tokens(1 + below(6)));
  }

  bool submit() {
    Tokens tokens = prompt();
    tokens.resize(std::min(tokens.size(), kLongest / 2));
    const SequenceId id = ++last_;
    const auto cached = cache_.admit(id, tokens, below(3), below(3) == 0 ? llm::Rope::kLong : llm::Rope::kShort);
    if (!cached) {
      ++refused;
      return false;
    }
    hits += *cached > 0;
    to_compute_[id] = Tokens(tokens.begin() + static_cast<std::ptrdiff_t>(*cached), tokens.end());
    return true;
  }

  // A step of some sequences.
  void compute() {
    std::map<SequenceId, Tokens> spans;
    for (const auto& [id, history] : cache_.histories()) {
      if (below(3) == 0) continue;
      Tokens tokens = to_compute_.contains(id) ? to_compute_[id] : some_tokens(1 + below(6));
      to_compute_.erase(id);
      tokens.resize(std::min(tokens.size(), kLongest - history.size()));
      const size_t before = cache_.copies();
      if (tokens.empty()) continue;
      if (!cache_.reserve(id, history.size() + tokens.size())) {
        ++refused;
        continue;
      }
      copied += cache_.copies() - before;
      spans[id] = tokens;
    }
    cache_.write(spans);
  }

  void exhaust() {
    for (int i = 0; i < 50 && submit(); ++i) {
    }
  }

  void end(SequenceId id) {
    if (seen_.size() < 40) {
      seen_.push_back(cache_.histories().at(id));
    } else {
      seen_[below(seen_.size())] = cache_.histories().at(id);
    }
    cache_.drop(id);
    to_compute_.erase(id);
  }

  Cache cache_;
  std::mt19937 random_;
  SequenceId last_ = 0;
  std::vector<Tokens> seen_;
  std::map<SequenceId, Tokens> to_compute_;
};

}  // namespace

TEST("blocks: 10,000 random steps, and every sequence reads its own tokens") {
  for (const auto& [seed, blocks, bits] : {std::tuple{1U, 20U, 64}, {2U, 40U, 64}, {3U, 24U, 1}, {4U, 7U, 0}}) {
    Play play(seed, blocks, bits);
    for (int i = 0; i < 10000; ++i) play.step();
    play.end_all();
    CHECK(play.hits > 500 && play.refused > 500 && play.copied > 50 && play.evictions() > 500);
  }
}
