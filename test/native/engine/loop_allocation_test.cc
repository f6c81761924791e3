// The steady decoding of many sequences allocates nothing on the engine's thread. Every allocation of this binary is
// counted, per thread.
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>

#include "engine/event_log.h"
#include "engine/loop.h"
#include "engine/sampling/step_sampler.h"
#include "engine/scripted_runner.h"
#include "tap.h"

namespace {

thread_local size_t allocations = 0;

}  // namespace

// Other forms of new and delete call these, but for those of over-aligned types, which the engine has none of, and for
// the one that does not throw, of which AddressSanitizer would put its own beside our delete.
void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace llm;

constexpr SequenceId kSequences = 6;
constexpr size_t kFirst = 40, kLast = 240;  // steps: in between nobody begins or ends

// Counts the steps of a scripted runner and notes the engine's thread's allocations at two of them.
class CountedRunner : public ScriptedRunner {
 public:
  CountedRunner(Script script, std::optional<size_t>& found) : ScriptedRunner(std::move(script)), found_(found) {}
  void start(std::span<const Span> spans) override {
    if (++step_ == kFirst) before_ = allocations;
    if (step_ == kLast) found_ = allocations - before_;
    ScriptedRunner::start(spans);
  }

 private:
  std::optional<size_t>& found_;
  size_t step_ = 0;
  size_t before_ = 0;
};

// Allocations of the engine's thread between the two steps, of which there must be as many.
size_t allocations_of(const RequestParams& params) {
  std::optional<size_t> found;
  size_t tokens = 0;
  SequenceId left = kSequences;
  Gate all, ended;
  const EventSink sink = [&](const Event& event) {  // on the engine's thread
    if (const auto* some = std::get_if<Tokens>(&event)) tokens += some->tokens.size();
    if (std::holds_alternative<Finished>(event) && --left == 0) ended.open();
  };
  EngineConfig config;
  config.prefill_chunk = 64;
  const auto make = [&](const EngineConfig&, const EventSink&) {
    all.pass();  // so that all of them run from the first step on
    ScriptedRunner::Script script{.tokens = {2, 9, 0, 4, 7, 31, 12, 5, 5, 8}, .vocabulary = 50};
    script.max_sequences = static_cast<size_t>(kSequences);
    script.blocks = 2048;
    return std::make_unique<CountedRunner>(script, found);
  };
  {
    EngineLoop loop(config, make, sink);
    for (SequenceId id = 1; id <= kSequences; ++id) loop.submit({{id}, {static_cast<Token>(id), 7, 9}, params});
    all.open();
    ended.pass();
  }
  CHECK_EQUAL(tokens, static_cast<size_t>(kSequences * params.max_new_tokens));
  CHECK(found.has_value());
  return *found;
}

RequestParams answer(int32_t max_new_tokens) {
  RequestParams params;
  params.max_new_tokens = max_new_tokens;
  return params;
}

TEST("loop: two hundred steps of greedy decoding allocate nothing") {
  auto params = answer(260);
  params.stop_token_ids = {49};
  CHECK_EQUAL(allocations_of(params), size_t{0});
}

TEST("loop: two hundred steps of sampling allocate nothing") {
  auto params = answer(260);
  params.temperature = 0.8;
  params.top_k = 20;
  params.top_p = 0.9;
  CHECK_EQUAL(allocations_of(params), size_t{0});
}

TEST("loop: two hundred steps with every option of sampling allocate nothing") {
  auto params = answer(260);
  params.temperature = 0.8;
  params.top_p = 0.95;
  params.min_p = 0.001;
  params.typical_p = 0.99;
  params.epsilon = 1e-5;
  params.eta = 1e-5;
  params.xtc_probability = 0.5;
  params.repetition_penalty = 1.1;
  params.presence_penalty = 0.1;
  params.frequency_penalty = 0.01;
  params.dry_multiplier = 0.1;
  params.no_repeat_ngram_size = 60;
  params.bad_words_ids = {2, 3, 4};
  params.logit_bias = {1, 5};
  params.logit_bias_values = {1};
  params.suppress_tokens = {1};
  CHECK_EQUAL(allocations_of(params), size_t{0});
}

TEST("loop: two hundred steps of prompt lookup allocate nothing") {
  auto params = answer(600);
  params.lookup_ngram = 3;
  params.lookup_tokens = 1;
  CHECK_EQUAL(allocations_of(params), size_t{0});
}

}  // namespace
