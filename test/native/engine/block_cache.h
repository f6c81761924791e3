// A block manager beside a model of the cache's memory: what a row holds depends on all tokens up to it, as keys and
// values do, so a sequence that reads a foreign, stale or overwritten row is found out.
#pragma once
#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <tuple>

#include "engine/scheduling/block_manager.h"
#include "tap.h"

using llm::Block;
using llm::SequenceId;
using llm::Token;
using Tokens = std::vector<Token>;

inline constexpr size_t kRows = 4;  // of a block
inline constexpr size_t kLongest = 64;

// from, from + 1, ...
inline Tokens count_up(size_t count, Token from = 0) {
  Tokens tokens(count);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

inline Tokens joined(Tokens first, const Tokens& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// A block manager and what a runner does with it; everything is checked after
// every call.
class Cache {
 public:
  explicit Cache(size_t blocks, int hash_bits = 64)
      : manager_(blocks, kRows, hash_bits), memory_(blocks, std::vector<uint64_t>(kRows)) {}

  // How many tokens were cached.
  std::optional<size_t> admit(SequenceId id, const Tokens& tokens, size_t spare = 0,
                              llm::Rope rope = llm::Rope::kShort) {
    const State before = state();
    const auto cached = manager_.admit(id, rope, tokens, kLongest, spare);
    if (cached) {
      ropes_[id] = rope;
      CHECK(manager_.rope(id) == rope);
      CHECK(*cached < tokens.size());
      CHECK_EQUAL(manager_.length(id), *cached);
      CHECK(room(id) >= tokens.size());
      CHECK(available() >= spare);
      histories_[id] = Tokens(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(*cached));
    } else {
      CHECK(state() == before);
    }
    verify();
    return cached;
  }

  bool reserve(SequenceId id, size_t length) {
    const State before = state();
    const bool fits = manager_.reserve(id, length);
    if (fits) {
      CHECK(room(id) >= length);
    } else {
      CHECK(state() == before);
    }
    verify();
    return fits;
  }

  // One step: room for all sequences, then what they are to compute is said,
  // then copies and writes happen.
  void write(const std::map<SequenceId, Tokens>& spans) {
    for (const auto& [id, tokens] : spans) manager_.append(id, tokens);
    copy(memory_);
    manager_.copies_done();
    for (const auto& [id, tokens] : spans) {
      Tokens& history = histories_[id];
      const size_t from = history.size();
      history.insert(history.end(), tokens.begin(), tokens.end());
      const auto rows = contents(history, ropes_.at(id));
      for (size_t i = from; i < rows.size(); ++i) row(memory_, id, i) = rows[i];
    }
    verify();
  }
  bool write(SequenceId id, const Tokens& tokens) {
    if (!reserve(id, manager_.length(id) + tokens.size())) return false;
    write({{id, tokens}});
    return true;
  }

  // A whole life: what was cached of the prompt.
  size_t serve(SequenceId id, const Tokens& tokens) {
    const auto cached = admit(id, tokens);
    CHECK(cached.has_value());
    CHECK(write(id, Tokens(tokens.begin() + static_cast<std::ptrdiff_t>(*cached), tokens.end())));
    drop(id);
    return *cached;
  }
  // Admitted and computed.
  size_t begin(SequenceId id, const Tokens& tokens) {
    const auto cached = admit(id, tokens);
    CHECK(cached.has_value());
    CHECK(write(id, Tokens(tokens.begin() + static_cast<std::ptrdiff_t>(*cached), tokens.end())));
    return *cached;
  }

  void trim(SequenceId id, size_t length) {
    manager_.trim(id, length);
    histories_[id].resize(length);
    verify();
  }
  void publish(SequenceId id) {
    manager_.publish(id);
    verify();
  }
  void fork(SequenceId parent, SequenceId child) {
    const size_t before = available();
    manager_.fork(parent, child, kLongest);
    CHECK(available() >= before);
    histories_[child] = Tokens(histories_[parent]);
    ropes_[child] = ropes_.at(parent);
    CHECK(manager_.rope(child) == ropes_[child]);
    verify();
  }
  void drop(SequenceId id) {
    manager_.drop(id);
    histories_.erase(id);
    verify();
  }
  void clear() {
    manager_.clear();
    histories_.clear();
    verify();
    CHECK_EQUAL(available(), memory_.size());
    CHECK_EQUAL(use().cached, 0U);
  }

  llm::KvUse use() const { return manager_.use(); }
  size_t available() const { return use().blocks - use().used; }
  size_t free() const { return available() - use().cached; }
  size_t room(SequenceId id) const { return manager_.blocks(id).size() * kRows; }
  std::vector<Block> table(SequenceId id) const { return {manager_.blocks(id).begin(), manager_.blocks(id).end()}; }
  size_t copies() const { return manager_.copies().size(); }
  llm::BlockCopy copy_at(size_t index) const { return manager_.copies()[index]; }
  const std::map<SequenceId, Tokens>& histories() const { return histories_; }

 private:
  using Memory = std::vector<std::vector<uint64_t>>;
  using State = std::tuple<size_t, size_t, size_t, size_t, std::vector<std::pair<SequenceId, std::vector<Block>>>>;

  State state() const {
    std::vector<std::pair<SequenceId, std::vector<Block>>> tables;
    for (const auto& [id, history] : histories_) tables.emplace_back(id, table(id));
    return {use().used, use().cached, use().evictions, copies(), tables};
  }

  static std::vector<uint64_t> contents(const Tokens& tokens, llm::Rope rope) {
    std::vector<uint64_t> rows;
    uint64_t value = rope == llm::Rope::kShort ? 1 : 2;
    for (const Token token : tokens) {
      value = (value ^ (static_cast<uint32_t>(token) + 1U)) * 0x100000001b3ULL + (value >> 29);
      rows.push_back(value);
    }
    return rows;
  }

  uint64_t& row(Memory& memory, SequenceId id, size_t index) const {
    return memory[static_cast<size_t>(manager_.blocks(id)[index / kRows])][index % kRows];
  }
  void copy(Memory& memory) const {
    for (const auto& [from, to] : manager_.copies()) {
      CHECK(from != to);
      memory[static_cast<size_t>(to)] = memory[static_cast<size_t>(from)];
    }
  }

  void verify() const {
    manager_.check();
    Memory memory = memory_;
    copy(memory);
    std::set<Block> held;
    for (const auto& [id, history] : histories_) {
      CHECK_EQUAL(manager_.length(id), history.size());
      held.insert(manager_.blocks(id).begin(), manager_.blocks(id).end());
      const auto rows = contents(history, ropes_.at(id));
      for (size_t i = 0; i < rows.size(); ++i) CHECK(row(memory, id, i) == rows[i]);
    }
    CHECK_EQUAL(use().used, held.size());
  }

  llm::BlockManager manager_;
  Memory memory_;
  std::map<SequenceId, Tokens> histories_;
  std::map<SequenceId, llm::Rope> ropes_;
};

inline size_t common(const Tokens& a, const Tokens& b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}
