// The grammars of an engine: compiled on a thread of their own, so that a hostile one delays neither JavaScript nor the
// answers that are computed, and kept for the requests to come.
#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "engine/failure.h"
#include "engine/sampling/constraint.h"
#include "engine/sampling/grammar.h"
#include "engine/worker_threads.h"

namespace llm {

// What became of a request's grammar. Read it when it is done.
struct Compilation {
  std::vector<std::shared_ptr<Constraint>> constraints;  // one an answer
  std::optional<Failure> failure;                        // why there are none
  std::atomic<bool> done = false;
};

class Grammars {
 public:
  // Of sources, the longest that is compiled: what is longer is no grammar that a person wrote.
  static constexpr size_t kMostSourceBytes = size_t{1} << 20;
  static constexpr size_t kCacheBytes = size_t{64} << 20;

  // `factory` may be null. `changed` is called on other threads, when a compilation or a mask is done; it must not
  // throw.
  Grammars(GrammarCompilerFactory factory, std::function<void()> changed, size_t cache_bytes = kCacheBytes)
      : factory_(std::move(factory)), changed_(std::move(changed)), cache_bytes_(cache_bytes) {}
  ~Grammars() { stop(); }

  // The tokens that grammars are about. Once, by the thread that calls compile(), before it.
  void learn(Vocabulary vocabulary);
  // One thread; the grammar may be none where the marks limit the reasoning. A grammar that was compiled before is
  // copied.
  std::shared_ptr<Compilation> compile(Grammar grammar, Marks marks, size_t answers);
  // Engine's thread: has the masks made of what follows an answer and each of its drafts.
  void start_masks(Constraint& constraint, std::span<const Token> drafts) {
    constraint.start(drafts, mask_makers_, changed_);
  }
  // Waits for what is computed now; nothing else is done any more.
  void stop() {
    compiler_thread_.stop();
    mask_makers_.stop();
  }

 private:
  struct Compiled {
    Grammar grammar;
    std::unique_ptr<GrammarMatcher> beginning;
    size_t bytes;
  };

  const GrammarMatcher& compiled(const Grammar& grammar);
  std::shared_ptr<Constraint> constraint(const Grammar& grammar, const Marks& marks);

  const GrammarCompilerFactory factory_;
  const std::function<void()> changed_;
  const size_t cache_bytes_;

  std::shared_ptr<const Vocabulary> vocabulary_;  // posting the first compilation hands it over

  // Of the compiler's thread.
  std::unique_ptr<GrammarCompiler> compiler_;
  std::list<Compiled> cache_;  // the newest use first
  size_t cached_bytes_ = 0;

  WorkerThreads compiler_thread_{1};
  // Two, so that one mask that takes long does not delay the other answers' masks.
  WorkerThreads mask_makers_{2};
};

}  // namespace llm
