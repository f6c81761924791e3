// Which block of the KV cache holds which tokens of which sequence: block tables, sharing and the prefix cache. Counts
// only; the memory is the runner's. Pure, single-threaded; nothing allocates after the constructor but admit()
// and fork().
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/event.h"
#include "engine/rope.h"
#include "engine/types.h"

namespace llm {

using Block = int32_t;

// All rows of `from` are to be copied to `to` before the next step writes there.
struct BlockCopy {
  Block from, to;
};

class BlockManager {
 public:
  // A pool of `blocks` blocks of `block_tokens` tokens each. Of the hashes that find cached blocks only `hash_bits` are
  // used: fewer is for tests, which then see collisions.
  BlockManager(size_t blocks, size_t block_tokens, int hash_bits = 64);

  // Gives a sequence the cached blocks that begin its tokens, and room for all of `tokens`. Returns how many leading
  // tokens need no computation: at most tokens.size() - 1. Sequences share no blocks across the border of `rope`. Whole
  // blocks are shared; of a block that matches in part the matching rows are copied (see copies). Returns nullopt, with
  // nothing changed, when after it fewer than `spare` blocks would be free or evictable. `max_length` is the most
  // tokens that the sequence will ever have.
  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t max_length,
                              size_t spare);

  // Room for `length` tokens. False, with nothing changed, when blocks run out. What is about to be written (from the
  // sequence's length on) is the sequence's own afterwards: a block shared with a fork is copied.
  bool reserve(SequenceId sequence, size_t length);

  // Says which tokens are written behind the sequence's length. Room must have been reserved since the last trim() or
  // fork() of the sequence.
  void append(SequenceId sequence, std::span<const Token> tokens);

  // Forgets the tokens from `length` on. Room that was the sequence's own stays.
  void trim(SequenceId sequence, size_t length);

  // Offers the sequence's full blocks to later prompts: to be called when the tokens appended so far are computed.
  void publish(SequenceId sequence);

  // Publishes `parent`; `child` becomes a sequence with the same tokens, sharing their blocks. Needs no block.
  void fork(SequenceId parent, SequenceId child, size_t max_length);

  // Its blocks are free at once, but what they hold stays in the prefix cache until they are needed: least recently
  // used first, and of one sequence the last block first. The begun last block is cached as well.
  void drop(SequenceId sequence);

  // Forgets everything, the prefix cache too: the contents are not to be trusted any more.
  void clear();

  Rope rope(SequenceId sequence) const { return tables_.at(sequence).root == kNone ? Rope::kShort : Rope::kLong; }
  size_t length(SequenceId sequence) const { return tables_.at(sequence).tokens.size(); }
  std::span<const Block> blocks(SequenceId sequence) const { return tables_.at(sequence).blocks; }  // the block table

  // Not yet carried out. To be carried out in this order, before anything is written to a block.
  std::span<const BlockCopy> copies() const { return copies_; }
  void copies_done() { copies_.clear(); }

  KvUse use() const;

  // For tests: throws std::logic_error in words when a block is lost or owned twice, or when a count or link is wrong.
  // Slow.
  void check() const;

 private:
  static constexpr Block kNone = -1;
  // What the first blocks go on from: nothing. There is one for each set of factors, because their keys differ.
  static constexpr Block kShortRoot = kNone;
  static constexpr Block kLongRoot = -2;
  static constexpr Block root_of(Rope rope) { return rope == Rope::kShort ? kShortRoot : kLongRoot; }

  // A block is free (in free_), held (references), cached (registered, no references, in the list of least recent use),
  // or held and registered. What is registered forms a tree: a full block's children go on where it ends.
  struct Slot {
    int32_t references = 0;
    int32_t rows = 0;  // registered tokens; 0 = not registered
    uint64_t hash = 0;
    Block parent = kNone;
    Block child = kNone;                           // the first of its children
    Block next_child = kNone, last_child = kNone;  // siblings
    Block next_in_bucket = kNone;                  // full blocks only
    Block older = kNone, newer = kNone;            // while cached
  };
  struct Table {
    Block root = kShortRoot;
    std::vector<Block> blocks;
    std::vector<Token> tokens;
    size_t published = 0;  // leading blocks that are registered
  };
  struct Match {
    Block block = kNone;
    size_t rows = 0;
  };

  size_t available() const { return free_.size() + cached_; }
  size_t blocks_for(size_t tokens) const { return (tokens + block_tokens_ - 1) / block_tokens_; }
  std::span<const Token> registered(Block block) const;
  uint64_t hash(Block parent, std::span<const Token> tokens) const;
  Block find(Block parent, std::span<const Token> tokens) const;
  Match longest_beginning(Block parent, std::span<const Token> tokens) const;
  void enroll(Block block, Block parent, std::span<const Token> tokens);
  void withdraw(Block block);
  Block take();
  void hold(Block block);
  void release(Block block);
  void unlink_cached(Block block);
  // Of a sequence's block `index`.
  static Block predecessor(const Table& table, size_t index) {
    return index == 0 ? table.root : table.blocks[index - 1];
  }
  Block first_child(Block parent) const {
    if (parent == kShortRoot) return short_child_;
    return parent == kLongRoot ? long_child_ : slot(parent).child;
  }
  Block& first_child(Block parent) {
    if (parent == kShortRoot) return short_child_;
    return parent == kLongRoot ? long_child_ : slot(parent).child;
  }
  Slot& slot(Block block) { return slots_[static_cast<size_t>(block)]; }
  const Slot& slot(Block block) const { return slots_[static_cast<size_t>(block)]; }

  const size_t block_tokens_;
  const uint64_t hash_mask_;
  std::vector<Slot> slots_;
  std::vector<Token> tokens_;   // of registered blocks, block_tokens_ each
  std::vector<Block> buckets_;  // first full block of each hash
  std::vector<Block> free_;     // the last is taken next, so that memory never touched is touched last
  Block short_child_ = kNone, long_child_ = kNone;  // of the roots
  Block oldest_ = kNone, newest_ = kNone;
  size_t cached_ = 0;
  size_t evictions_ = 0;
  std::unordered_map<SequenceId, Table> tables_;
  std::vector<BlockCopy> copies_;
};

}  // namespace llm
