// A vocabulary of a few words, and special tokens behind them.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/sampling/answer_marks.h"

class WordVocabulary {
 public:
  // The last token ends answers.
  WordVocabulary(std::vector<std::string> words, const std::vector<std::string>& special)
      : texts_(std::move(words)), words_(texts_.size()) {
    texts_.insert(texts_.end(), special.begin(), special.end());
    llm::Vocabulary made;
    made.offsets.push_back(0);
    for (const auto& text : texts_) {
      made.bytes.insert(made.bytes.end(), text.begin(), text.end());
      made.offsets.push_back(static_cast<uint32_t>(made.bytes.size()));
      made.special.push_back(made.special.size() >= words_ ? 1 : 0);
    }
    made.end_tokens = {static_cast<llm::Token>(texts_.size()) - 1};
    vocabulary = std::make_shared<const llm::Vocabulary>(std::move(made));
  }

  llm::Token of(const std::string& text) const {
    return static_cast<llm::Token>(std::find(texts_.begin(), texts_.end(), text) - texts_.begin());
  }
  llm::Symbols letters(const std::string& text) const { return {text.begin(), text.end()}; }
  llm::Symbols special(const std::string& text) const { return {256 + of(text)}; }
  // Each behind its length.
  static std::vector<int32_t> flat(const std::vector<llm::Symbols>& sequences) {
    std::vector<int32_t> all;
    for (const auto& sequence : sequences) {
      all.push_back(static_cast<int32_t>(sequence.size()));
      all.insert(all.end(), sequence.begin(), sequence.end());
    }
    return all;
  }

  std::shared_ptr<const llm::Vocabulary> vocabulary;

 private:
  std::vector<std::string> texts_;
  size_t words_;
};
