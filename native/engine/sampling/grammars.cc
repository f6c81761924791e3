#include "engine/sampling/grammars.h"

#include <algorithm>
#include <string>
#include <utility>

namespace llm {

void Grammars::learn(Vocabulary vocabulary) { vocabulary_ = std::make_shared<const Vocabulary>(std::move(vocabulary)); }

std::shared_ptr<Compilation> Grammars::compile(Grammar grammar, Marks marks, size_t answers) {
  auto compilation = std::make_shared<Compilation>();
  if (!factory_ && !grammar.none()) {
    compilation->failure.emplace(ERR_NOT_BUILT,
                                 "this addon was built without structured output: install Rust 1.87 or newer "
                                 "(https://rustup.rs) and run npm run build");
  } else if (grammar.source.size() > kMostSourceBytes) {
    compilation->failure.emplace(ERR_GRAMMAR, "the grammar has " + std::to_string(grammar.source.size()) +
                                                  " bytes, expected at most " + std::to_string(kMostSourceBytes));
  }
  if (compilation->failure) {
    compilation->done = true;
    return compilation;
  }
  compiler_thread_.post([this, compilation, answers, grammar = std::move(grammar), marks = std::move(marks)] {
    if (compilation.use_count() == 1) return;  // the request has ended meanwhile
    try {
      for (size_t i = 0; i < answers; ++i) compilation->constraints.push_back(constraint(grammar, marks));
    } catch (...) {
      compilation->failure = current_failure(ERR_GRAMMAR);
    }
    compilation->done = true;
    changed_();
  });
  return compilation;
}

std::shared_ptr<Constraint> Grammars::constraint(const Grammar& grammar, const Marks& marks) {
  const size_t tokens = vocabulary_->special.size();
  auto beginning = grammar.none() ? nullptr : compiled(grammar).fork();
  if (!marks.limit_reasoning() && !marks.wait()) return std::make_shared<Constraint>(std::move(beginning), tokens);
  return std::make_shared<Constraint>(std::move(beginning), AnswerMarks(vocabulary_, marks), marks.wait(),
                                      marks.free_again, marks.reasoning_closing, tokens);
}

// From the cache, if it is there.
const GrammarMatcher& Grammars::compiled(const Grammar& grammar) {
  const auto same = [&](const Compiled& one) {
    return one.grammar.kind == grammar.kind && one.grammar.source == grammar.source;
  };
  if (const auto found = std::find_if(cache_.begin(), cache_.end(), same); found != cache_.end()) {
    cache_.splice(cache_.begin(), cache_, found);
    return *found->beginning;
  }
  if (!compiler_) compiler_ = factory_(*vocabulary_);
  auto beginning = compiler_->compile(grammar);
  const size_t bytes = beginning->bytes() + grammar.source.size();
  cache_.push_front({grammar, std::move(beginning), bytes});
  cached_bytes_ += bytes;
  while (cached_bytes_ > cache_bytes_ && cache_.size() > 1) {  // the one that is used now stays
    cached_bytes_ -= cache_.back().bytes;
    cache_.pop_back();
  }
  return *cache_.front().beginning;
}

}  // namespace llm
