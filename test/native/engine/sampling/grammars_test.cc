// Compiled grammars are kept, and masks are made of what follows an answer and each of its guesses.
#include "engine/sampling/grammars.h"

#include <algorithm>

#include "engine/drafting/speculative_decoder.h"
#include "engine/event_log.h"
#include "engine/scripted_grammar.h"
#include "engine/scripted_runner.h"
#include "tap.h"

using llm::Token;
using Tokens = std::vector<Token>;

namespace {

// Compiles and waits for it.
class Service {
 public:
  explicit Service(ScriptedGrammars& scripted, size_t cache_bytes = llm::Grammars::kCacheBytes)
      : grammars(scripted.compilers(), [this] { changed(); }, cache_bytes) {
    grammars.learn(ScriptedGrammars::vocabulary());
  }
  std::shared_ptr<llm::Constraint> constraint(const std::string& source) {
    const auto compilation = grammars.compile({"regex", source}, {}, 1);
    wait([&] { return compilation->done.load(); });
    CHECK(!compilation->failure);
    return compilation->constraints.at(0);
  }
  void masks(llm::Constraint& constraint, const Tokens& drafts) {
    grammars.start_masks(constraint, drafts);
    wait([&] { return constraint.ready(); });
  }

 private:
  void changed() {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  template <class Done>
  void wait(Done done) {
    std::unique_lock lock(mutex_);
    CHECK(wake_.wait_for(lock, kDeadline, done));
  }

  std::mutex mutex_;
  std::condition_variable wake_;

 public:
  llm::Grammars grammars;
};

Tokens allowed(std::span<const uint32_t> mask) {
  Tokens tokens;
  for (Token token = 0; token < 32; ++token) {
    if ((mask[0] >> token & 1) != 0) tokens.push_back(token);
  }
  return tokens;
}

}  // namespace

TEST("grammars: each is compiled once, while it is kept") {
  ScriptedGrammars scripted;
  scripted.bytes = 1000;
  Service service(scripted, 2500);  // two of them
  service.constraint("1");
  service.constraint("2");
  service.constraint("1");
  CHECK_EQUAL(scripted.compiled.load(), 2);
  service.constraint("3");  // the second was not used for longest
  service.constraint("1");
  CHECK_EQUAL(scripted.compiled.load(), 3);
  service.constraint("2");
  CHECK_EQUAL(scripted.compiled.load(), 4);
}

TEST("grammars: one that is larger than the cache is compiled, and one that is refused is not kept") {
  ScriptedGrammars scripted;
  scripted.bytes = 1000;
  scripted.on_compile = [](const llm::Grammar& grammar) {
    if (grammar.source == "1") throw llm::Failure(llm::ERR_GRAMMAR, "no");
  };
  Service service(scripted, 10);
  service.constraint("2");
  service.constraint("2");
  CHECK_EQUAL(scripted.compiled.load(), 1);
  for (int i = 0; i < 2; ++i) {
    const auto compilation = service.grammars.compile({"regex", "1"}, {}, 1);
    service.constraint("2");  // behind it
    CHECK_EQUAL(std::string(compilation->failure.value().what()), "no");
  }
}

TEST("grammars: a mask for each guess, none of which is taken") {
  ScriptedGrammars scripted;
  Service service(scripted);
  const auto constraint = service.constraint("1|2 3|4 5|6 7");
  CHECK_EQUAL(constraint->fitting(Tokens{1, 4, 9, 7}), size_t{2});
  service.masks(*constraint, {1, 4});
  CHECK_EQUAL(constraint->fitting(Tokens{1}), size_t{0});  // their masks would be missing
  CHECK_EQUAL(allowed(constraint->mask(0)), (Tokens{1, 2}));
  CHECK_EQUAL(allowed(constraint->mask(1)), (Tokens{3, 4}));
  CHECK_EQUAL(allowed(constraint->mask(2)), (Tokens{5, 6}));
  constraint->accept(2);
  CHECK_EQUAL(constraint->fitting(Tokens{4, 5, 7}), size_t{3});
  service.masks(*constraint, {4, 5, 7});  // the last ends the answer
  CHECK_EQUAL(allowed(constraint->mask(3)), Tokens{});
  constraint->accept(4);
  CHECK(!constraint->ended());
}

TEST("grammars: what goes wrong while guesses are looked at is told when the masks are") {
  ScriptedGrammars scripted;
  scripted.on_accept = [](auto&, size_t place) {
    if (place == 1) throw llm::Failure(llm::ERR_GRAMMAR, "too much");
  };
  Service service(scripted);
  const auto constraint = service.constraint("1|2 3|4 5|6");
  service.masks(*constraint, {1, 3});
  std::string found;
  try {
    constraint->mask(0);
  } catch (const llm::Failure& failure) {
    found = failure.what();
  }
  CHECK_EQUAL(found, "too much");
}

TEST("grammars: guesses of prompt lookup are cut where the grammar refuses them") {
  ScriptedGrammars scripted;
  Service service(scripted);
  llm::ScriptedRunner runner({.tokens = {0}, .vocabulary = 32});
  llm::StepSampler sampler(32);
  llm::SpeculativeDecoder decoder(runner, sampler, nullptr);
  llm::RequestParams params;
  params.max_new_tokens = 20;
  params.lookup_ngram = 3;
  params.lookup_tokens = 8;
  for (const bool bound : {false, true}) {
    llm::Sequence sequence(1, {1, 2, 3, 4, 5, 6, 1, 2, 3}, params, llm::Clock::now());
    sequence.begin(llm::Clock::now(), 0);
    if (bound) sequence.constraint = service.constraint("4 5|7 7|8 9");
    llm::Sequence* const decoding[] = {&sequence};
    decoder.look_up(decoding, llm::StepCosts());  // nothing known: guesses cost nothing
    CHECK_EQUAL(sequence.drafts, size_t{bound ? 2U : 6U});
    CHECK(std::ranges::equal(std::span(sequence.tokens).last(sequence.drafts),
                             std::span<const Token>(Tokens{4, 5, 6, 1, 2, 3}).first(sequence.drafts)));
  }
}
