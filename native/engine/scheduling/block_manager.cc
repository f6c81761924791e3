#include "engine/scheduling/block_manager.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace llm {

BlockManager::BlockManager(size_t blocks, size_t block_tokens, int hash_bits)
    : block_tokens_(block_tokens),
      hash_mask_(hash_bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << hash_bits) - 1),
      slots_(blocks),
      tokens_(blocks * block_tokens),
      buckets_(std::bit_ceil(std::max<size_t>(1, blocks)), kNone) {
  free_.reserve(blocks);
  copies_.reserve(64);
  clear();
}

void BlockManager::clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  std::fill(buckets_.begin(), buckets_.end(), kNone);
  free_.clear();
  for (size_t block = slots_.size(); block-- > 0;) free_.push_back(static_cast<Block>(block));
  short_child_ = long_child_ = oldest_ = newest_ = kNone;
  cached_ = 0;
  tables_.clear();
  copies_.clear();
}

std::optional<size_t> BlockManager::admit(SequenceId sequence, Rope rope, std::span<const Token> tokens,
                                          size_t max_length, size_t spare) {
  const size_t reusable = tokens.size() - 1;
  Table table;
  table.root = root_of(rope);
  table.blocks.reserve(blocks_for(max_length));
  size_t from_cache = 0;
  Block parent = table.root;
  while ((table.blocks.size() + 1) * block_tokens_ <= reusable) {
    const Block block = find(parent, tokens.subspan(table.blocks.size() * block_tokens_, block_tokens_));
    if (block == kNone) break;
    if (slot(block).references == 0) ++from_cache;
    table.blocks.push_back(block);
    parent = block;
  }
  const size_t whole = table.blocks.size() * block_tokens_;
  const Match part =
      longest_beginning(parent, tokens.subspan(whole, std::min(block_tokens_, reusable - std::min(reusable, whole))));
  const size_t wanted = blocks_for(tokens.size()) - table.blocks.size();
  if (available() < from_cache + wanted + spare) return std::nullopt;

  for (const Block block : table.blocks) hold(block);
  for (size_t i = 0; i < wanted; ++i) {
    const Block block = take();
    // The source may be this very block, or be taken for something else: copies come before all writes, in order.
    if (i == 0 && part.rows > 0 && part.block != block) copies_.push_back({part.block, block});
    table.blocks.push_back(block);
  }
  table.published = whole / block_tokens_;
  table.tokens.reserve(max_length);
  table.tokens.assign(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(whole + part.rows));
  tables_.insert_or_assign(sequence, std::move(table));
  return whole + part.rows;
}

bool BlockManager::reserve(SequenceId sequence, size_t length) {
  Table& table = tables_.at(sequence);
  const size_t begun = table.tokens.size() / block_tokens_;
  const size_t more = blocks_for(length) - std::min(blocks_for(length), table.blocks.size());
  bool copies = false;
  if (table.tokens.size() % block_tokens_ != 0 && length > table.tokens.size()) {
    Slot& last = slot(table.blocks[begun]);
    copies = last.references > 1 || last.child != kNone;
    if (!copies && last.rows > 0 && available() >= more) withdraw(table.blocks[begun]);
  }
  if (available() < more + (copies ? 1 : 0)) return false;
  if (copies) {
    const Block shared = table.blocks[begun];
    const Block own = take();
    copies_.push_back({shared, own});
    table.blocks[begun] = own;
    release(shared);
  }
  for (size_t i = 0; i < more; ++i) table.blocks.push_back(take());
  return true;
}

void BlockManager::append(SequenceId sequence, std::span<const Token> tokens) {
  Table& table = tables_.at(sequence);
  table.tokens.insert(table.tokens.end(), tokens.begin(), tokens.end());
}

void BlockManager::trim(SequenceId sequence, size_t length) {
  Table& table = tables_.at(sequence);
  table.tokens.resize(length);
  table.published = std::min(table.published, length / block_tokens_);
  // Behind the end only the sequence's own blocks stay as room: others read what the rest holds.
  for (size_t i = table.blocks.size(); i-- > blocks_for(length);) {
    const Block block = table.blocks[i];
    if (slot(block).rows == 0 && slot(block).references == 1) continue;
    table.blocks.erase(table.blocks.begin() + static_cast<std::ptrdiff_t>(i));
    release(block);
  }
}

void BlockManager::publish(SequenceId sequence) {
  Table& table = tables_.at(sequence);
  for (; (table.published + 1) * block_tokens_ <= table.tokens.size(); ++table.published) {
    Block& block = table.blocks[table.published];
    const Block before = predecessor(table, table.published);
    const auto tokens = std::span<const Token>(table.tokens).subspan(table.published * block_tokens_, block_tokens_);
    const Block twin = find(before, tokens);
    if (twin == kNone) {
      enroll(block, before, tokens);
    } else {
      // One of the two is enough; and whoever holds a registered block holds its parent, too.
      hold(twin);
      release(block);
      block = twin;
    }
  }
}

void BlockManager::fork(SequenceId parent, SequenceId child, size_t max_length) {
  // Only a begun block may be shared and not registered: publishing one could swap the parent of another's blocks.
  publish(parent);
  const Table& from = tables_.at(parent);
  Table to;
  to.root = from.root;
  to.blocks.reserve(blocks_for(max_length));
  to.tokens.reserve(max_length);
  to.blocks.assign(from.blocks.begin(),
                   from.blocks.begin() + static_cast<std::ptrdiff_t>(blocks_for(from.tokens.size())));
  to.tokens.assign(from.tokens.begin(), from.tokens.end());
  to.published = from.published;
  for (const Block block : to.blocks) hold(block);
  tables_.insert_or_assign(child, std::move(to));
}

void BlockManager::drop(SequenceId sequence) {
  publish(sequence);
  const auto place = tables_.find(sequence);
  const Table& table = place->second;
  const size_t rest = table.tokens.size() % block_tokens_;
  if (rest > 0) {
    const Block last = table.blocks[table.published];
    const Block before = predecessor(table, table.published);
    const auto tokens = std::span<const Token>(table.tokens).last(rest);
    // It is registered already if it was full before a trim, or if a fork that shares it was dropped.
    if (slot(last).rows == 0 && longest_beginning(before, tokens).rows < rest) enroll(last, before, tokens);
  }
  for (size_t i = table.blocks.size(); i-- > 0;) release(table.blocks[i]);
  tables_.erase(place);
}

KvUse BlockManager::use() const {
  return {.blocks = slots_.size(),
          .block_tokens = block_tokens_,
          .used = slots_.size() - available(),
          .cached = cached_,
          .evictions = evictions_};
}

std::span<const Token> BlockManager::registered(Block block) const {
  return std::span<const Token>(tokens_).subspan(static_cast<size_t>(block) * block_tokens_,
                                                 static_cast<size_t>(slot(block).rows));
}

// Of all tokens up to the end of a block, made from its parent's.
uint64_t BlockManager::hash(Block parent, std::span<const Token> tokens) const {
  uint64_t hash = (parent < 0 ? static_cast<uint64_t>(kShortRoot - parent) : slot(parent).hash) ^ 0x9e3779b97f4a7c15ULL;
  for (const Token token : tokens) {
    hash = (hash ^ static_cast<uint32_t>(token)) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
  }
  return hash & hash_mask_;
}

// The full block with these tokens behind that parent. The hash only finds candidates.
Block BlockManager::find(Block parent, std::span<const Token> tokens) const {
  const uint64_t wanted = hash(parent, tokens);
  for (Block block = buckets_[wanted & (buckets_.size() - 1)]; block != kNone; block = slot(block).next_in_bucket) {
    if (slot(block).hash == wanted && slot(block).parent == parent && std::ranges::equal(registered(block), tokens)) {
      return block;
    }
  }
  return kNone;
}

BlockManager::Match BlockManager::longest_beginning(Block parent, std::span<const Token> tokens) const {
  Match best;
  for (Block block = first_child(parent); block != kNone && best.rows < tokens.size(); block = slot(block).next_child) {
    const auto there = registered(block);
    const auto differs = std::mismatch(tokens.begin(), tokens.end(), there.begin(), there.end());
    const auto rows = static_cast<size_t>(differs.first - tokens.begin());
    if (rows > best.rows) best = {block, rows};
  }
  return best;
}

void BlockManager::enroll(Block block, Block parent, std::span<const Token> tokens) {
  Slot& own = slot(block);
  own.rows = static_cast<int32_t>(tokens.size());
  own.parent = parent;
  std::ranges::copy(tokens,
                    tokens_.begin() + static_cast<std::ptrdiff_t>(block) * static_cast<std::ptrdiff_t>(block_tokens_));
  Block& first = first_child(parent);
  own.last_child = kNone;
  own.next_child = first;
  if (first != kNone) slot(first).last_child = block;
  first = block;
  if (tokens.size() < block_tokens_) return;
  own.hash = hash(parent, tokens);
  Block& bucket = buckets_[own.hash & (buckets_.size() - 1)];
  own.next_in_bucket = std::exchange(bucket, block);
}

// Takes a block without children out of the tree.
void BlockManager::withdraw(Block block) {
  Slot& own = slot(block);
  if (own.last_child != kNone) {
    slot(own.last_child).next_child = own.next_child;
  } else {
    first_child(own.parent) = own.next_child;
  }
  if (own.next_child != kNone) slot(own.next_child).last_child = own.last_child;
  if (static_cast<size_t>(own.rows) == block_tokens_) {
    Block* link = &buckets_[own.hash & (buckets_.size() - 1)];
    while (*link != block) link = &slot(*link).next_in_bucket;
    *link = own.next_in_bucket;
  }
  own.rows = 0;
  own.parent = own.next_child = own.last_child = own.next_in_bucket = kNone;
}

// A block with one reference, for new contents. There must be one available.
Block BlockManager::take() {
  Block block;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    // Never one with children: who releases a block releases its parent after it.
    block = oldest_;
    unlink_cached(block);
    withdraw(block);
    ++evictions_;
  }
  slot(block).references = 1;
  return block;
}

void BlockManager::hold(Block block) {
  if (slot(block).references++ == 0) unlink_cached(block);
}

void BlockManager::release(Block block) {
  Slot& own = slot(block);
  if (--own.references > 0) return;
  if (own.rows == 0) {
    free_.push_back(block);
    return;
  }
  own.older = newest_;
  own.newer = kNone;
  (newest_ == kNone ? oldest_ : slot(newest_).newer) = block;
  newest_ = block;
  ++cached_;
}

void BlockManager::unlink_cached(Block block) {
  Slot& own = slot(block);
  (own.older == kNone ? oldest_ : slot(own.older).newer) = own.newer;
  (own.newer == kNone ? newest_ : slot(own.newer).older) = own.older;
  own.older = own.newer = kNone;
  --cached_;
}

void BlockManager::check() const {
  const auto expect = [](bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
  };
  const auto at = [](auto& list, Block block) -> auto& { return list[static_cast<size_t>(block)]; };
  std::vector<int32_t> references(slots_.size());
  for (const auto& [id, table] : tables_) {
    const size_t full = table.tokens.size() / block_tokens_;
    expect(table.blocks.size() >= blocks_for(table.tokens.size()), "a sequence has fewer blocks than its tokens need");
    expect(table.published <= full, "a block is published before it is full");
    for (size_t i = 0; i < table.blocks.size(); ++i) {
      const Slot& own = slot(table.blocks[i]);
      ++at(references, table.blocks[i]);
      expect(own.rows == 0 || own.parent == predecessor(table, i), "a block has a foreign parent");
      const auto tokens = std::span<const Token>(table.tokens).subspan(std::min(i, full) * block_tokens_);
      expect(i >= table.published || std::ranges::equal(registered(table.blocks[i]), tokens.first(block_tokens_)),
             "a published block is not registered with the sequence's tokens");
      expect(own.references == 1 || own.rows > 0 || (i == full && !tokens.empty()), "room is shared");
    }
  }
  std::vector<int> places(slots_.size());
  for (const Block block : free_) {
    ++at(places, block);
    expect(slot(block).rows == 0, "a free block is registered");
  }
  std::vector<size_t> age(slots_.size());
  size_t cached = 0;
  for (Block block = oldest_, before = kNone; block != kNone; before = block, block = slot(block).newer) {
    ++at(places, block);
    at(age, block) = ++cached;
    expect(cached <= slots_.size() && slot(block).older == before, "the list of cached blocks is broken");
    expect(slot(block).rows > 0, "a cached block is not registered");
    expect(slot(block).newer != kNone || newest_ == block, "the list of cached blocks has a wrong end");
  }
  expect(cached == cached_, "the count of cached blocks is wrong");

  std::vector<int> listed(slots_.size()), found(slots_.size());
  const auto list_children = [&](Block parent, Block first) {
    for (Block block = first, before = kNone; block != kNone; before = block, block = slot(block).next_child) {
      expect(++at(listed, block) == 1, "a block is a child twice");
      expect(slot(block).parent == parent && slot(block).last_child == before, "the list of children is broken");
    }
  };
  list_children(kShortRoot, short_child_);
  list_children(kLongRoot, long_child_);
  for (size_t i = 0; i < slots_.size(); ++i) list_children(static_cast<Block>(i), slots_[i].child);
  for (size_t i = 0; i < buckets_.size(); ++i) {
    for (Block block = buckets_[i]; block != kNone; block = slot(block).next_in_bucket) {
      expect(++at(found, block) == 1, "a block is in two buckets");
      expect(slot(block).hash == hash(slot(block).parent, registered(block)), "a block's hash is wrong");
      expect((slot(block).hash & (buckets_.size() - 1)) == i, "a block is in a foreign bucket");
    }
  }
  const auto full = static_cast<int32_t>(block_tokens_);
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& own = slots_[i];
    expect(own.references == references[i], "a block's references are counted wrong");
    expect(places[i] == (own.references == 0 ? 1 : 0), "a block is lost, or in two places");
    expect(listed[i] == (own.rows > 0 ? 1 : 0), "a block is in the tree and not registered, or the other way round");
    expect(found[i] == (own.rows == full ? 1 : 0), "a full block is not to be found, or another is");
    if (own.rows == 0 || own.parent < 0) continue;
    const Slot& parent = slot(own.parent);
    expect(parent.rows == full, "a block's parent is not a full block");
    expect(parent.references > 0 || (own.references == 0 && at(age, own.parent) > age[i]),
           "a block would lose its parent");
  }
}

}  // namespace llm
