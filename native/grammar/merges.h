// From bytes to tokens, for what a grammar forces.
#pragma once
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/sampling/grammar.h"

namespace llm {

// Byte-pair encoding without a list of merges: of all neighbours whose bytes together are a token, the two with the
// lowest id are joined first. Ids of trained vocabularies ascend in the order of their merges, so this finds what the
// tokenizer itself would, but where its pre-tokenizer splits runs of white space in its own way: 46 of 50 pieces of
// JSON and prose on the tokenizers of SmolLM2 and Phi-3; taking the longest token at each place finds 33. The true
// encoder is in JavaScript, which is not asked while tokens are computed. Where the two differ the text is the same.
class Merges {
 public:
  // Special tokens are never found.
  explicit Merges(const Vocabulary& vocabulary);

  // Tokens with these bytes, or with the first ones of many: nobody asks for more at once, and to find them all would
  // take seconds. Bytes that no token has are left out. May be called by several threads.
  std::vector<uint32_t> tokenize(std::string_view bytes) const;

 private:
  static constexpr size_t kMostBytesAtOnce = 4096;
  // A merge never looks further than this, so that a long text does not take long.
  static constexpr size_t kMostBytes = 64;

  void tokenize_piece(std::string_view piece, std::vector<uint32_t>& tokens) const;

  std::vector<uint8_t> bytes_;
  std::unordered_map<std::string_view, uint32_t> tokens_;  // views into bytes_
};

}  // namespace llm
