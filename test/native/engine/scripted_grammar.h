// A grammar engine that stands in for a library: its grammars say which tokens may come at each place.
#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/sampling/grammar.h"

// A source such as "1|2 5 * 7": one place after another, of each the tokens that it allows. `*` allows every token but
// the end token, `$` the end token. Nothing can follow the last place, nor an end token.
class ScriptedGrammars {
 public:
  // All may be called on other threads, and throw.
  std::function<void(const llm::Grammar&)> on_compile = [](auto&) {};
  std::function<void(const std::string& source, size_t place)> on_mask = [](auto&, auto) {};
  std::function<void(const std::string& source, size_t place)> on_accept = [](auto&, auto) {};
  size_t bytes = 1;  // of each
  std::atomic<int> compiled = 0, masks = 0;

  llm::GrammarCompilerFactory compilers() {
    return [this](const llm::Vocabulary& vocabulary) { return std::make_unique<Compiler>(*this, vocabulary); };
  }

  // Tokens without bytes, so each is a symbol of its own; the last one ends an answer.
  static llm::Vocabulary vocabulary(size_t tokens = 32) {
    return {
        {}, std::vector<uint32_t>(tokens + 1), std::vector<uint8_t>(tokens, 1), {static_cast<llm::Token>(tokens) - 1}};
  }

 private:
  using Places = std::vector<std::vector<bool>>;

  class Matcher : public llm::GrammarMatcher {
   public:
    Matcher(ScriptedGrammars& of, std::string source, std::shared_ptr<const Places> places, llm::Token end)
        : of_(of), source_(std::move(source)), places_(std::move(places)), end_(end) {}

    void mask(llm::TokenMask mask) override {
      ++of_.masks;
      of_.on_mask(source_, taken_.size());
      std::fill(mask.begin(), mask.end(), 0);
      const auto& allowed = places_->at(taken_.size());
      for (size_t token = 0; token < allowed.size(); ++token) {
        if (allowed[token]) mask[token / 32] |= uint32_t{1} << token % 32;
      }
    }
    size_t fitting(std::span<const llm::Token> tokens) override {
      size_t count = 0;
      bool over = ended();
      for (; count < tokens.size() && !over; ++count) {
        const size_t place = taken_.size() + count;
        if (place == places_->size() || !places_->at(place).at(static_cast<size_t>(tokens[count]))) break;
        over = tokens[count] == end_;
      }
      return count;
    }
    void accept(llm::Token token) override {
      of_.on_accept(source_, taken_.size());
      if (fitting({&token, 1}) == 0) throw std::logic_error("accept of a token that the mask does not allow");
      taken_.push_back(token);
    }
    void rollback(size_t tokens) override { taken_.resize(taken_.size() - tokens); }
    void forced(size_t most, std::vector<llm::Token>& tokens) override {
      for (size_t place = taken_.size(); place < places_->size() && tokens.size() < most; ++place) {
        const auto& allowed = places_->at(place);
        const auto first = std::find(allowed.begin(), allowed.end(), true);
        if (std::count(first, allowed.end(), true) != 1) return;
        tokens.push_back(static_cast<llm::Token>(first - allowed.begin()));
      }
    }
    bool accepting() override { return ended() || places_->at(taken_.size()).at(static_cast<size_t>(end_)); }
    bool ended() override { return taken_.size() == places_->size() || (!taken_.empty() && taken_.back() == end_); }
    std::unique_ptr<llm::GrammarMatcher> fork() const override { return std::make_unique<Matcher>(*this); }
    size_t bytes() const override { return of_.bytes; }

   private:
    ScriptedGrammars& of_;
    std::string source_;
    std::shared_ptr<const Places> places_;
    llm::Token end_;
    std::vector<llm::Token> taken_;
  };

  class Compiler : public llm::GrammarCompiler {
   public:
    Compiler(ScriptedGrammars& of, const llm::Vocabulary& vocabulary)
        : of_(of), tokens_(vocabulary.special.size()), end_(vocabulary.end_tokens.front()) {}

    std::unique_ptr<llm::GrammarMatcher> compile(const llm::Grammar& grammar) override {
      ++of_.compiled;
      of_.on_compile(grammar);
      Places places;
      std::istringstream source(grammar.source);
      for (std::string place; source >> place;) places.push_back(allowed(place));
      return std::make_unique<Matcher>(of_, grammar.source, std::make_shared<const Places>(std::move(places)), end_);
    }

   private:
    std::vector<bool> allowed(const std::string& place) const {
      std::vector<bool> tokens(tokens_);
      std::istringstream choices(place);
      for (std::string choice; std::getline(choices, choice, '|');) {
        for (size_t token = 0; token < tokens_; ++token) {
          const bool end = static_cast<llm::Token>(token) == end_;
          if (choice == "*" ? !end : choice == "$" ? end : std::stoul(choice) == token) tokens[token] = true;
        }
      }
      return tokens;
    }

    ScriptedGrammars& of_;
    size_t tokens_;
    llm::Token end_;
  };
};
