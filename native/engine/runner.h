// A runner only computes: tokens in, rows of logits out. The one loop (loop.h) does everything else, for all of them.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "engine/event.h"
#include "engine/failure.h"
#include "engine/rope.h"
#include "engine/types.h"

namespace llm {

// A stretch of one sequence's tokens for the next step.
struct Span {
  SequenceId sequence = 0;
  std::span<const Token> tokens;
  size_t position = 0;  // of the first token; everything before it is in the KV cache
  size_t rows =
      0;  // logits are wanted for this many of its last tokens: 0, 1, or more for scoring and draft verification
};

// Rows of logits in the order of the spans, row-major [count, width]; valid until the next start().
struct Rows {
  const float* data = nullptr;
  size_t count = 0;
  size_t width = 0;
  std::span<const float> row(size_t index) const { return {data + index * width, width}; }
};

// Used by the engine's thread alone, but for interrupt().
class Runner {
 public:
  virtual ~Runner() = default;
  virtual RunnerInfo info() const = 0;

  // Makes room in the KV cache for a sequence with these tokens, which will have at most `max_length`. Returns how many
  // leading ones are in the cache already, computed with the same factors; always less than tokens.size(), because the
  // last one's logits are wanted. Returns nullopt, and the sequence is not admitted, when there is no room now, or when
  // fewer than `spare` blocks would be left.
  virtual std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t max_length,
                                      size_t spare) = 0;

  // Makes room for `length` tokens of an admitted sequence. False, with nothing changed, when there is none now.
  virtual bool reserve(SequenceId sequence, size_t length) = 0;

  // Begins a step over admitted sequences, all with the same factors, and returns; at least one span, at least one
  // token in each, no more than there is room for.
  virtual void start(std::span<const Span> spans) = 0;

  // Ends the step. Throws Interrupted after interrupt(), anything else when the step failed; after a throw, only
  // reset().
  virtual Rows wait() = 0;

  // Any thread, once: makes the step that runs or starts next throw Interrupted soon. For good: the runner computes
  // nothing more. InferRequest::cancel() ruins the compiled model (OpenVINO 2026.4.1, CPU): nodes of the graph, which
  // all requests share, keep the shapes of the step that was cut short. Later steps fail ("different elements number in
  // input and output buffers") or would use stale memory; neither reset_state(), a new request nor inferences of other
  // shapes mend it. So only the end of an engine interrupts a step. A cancelled request waits for its step, and the
  // prefill chunk is small for large models (`prefillChunk` in lib/devices/).
  virtual void interrupt() noexcept = 0;

  // Forgets a sequence; what it left in the KV cache may serve a later prompt.
  virtual void drop(SequenceId sequence) noexcept = 0;

  // After a throw: all sequences must be admitted and computed anew.
  virtual void reset() = 0;

  // What only some runners can. A new capability gets a default here and a line in ForwardingRunner; then only the
  // runners that have it change.

  // Takes back the tokens from `length` on: the next span begins there. Only where info().can_trim.
  virtual void trim(SequenceId /*sequence*/, size_t /*length*/) { throw cannot("trim"); }

  // `child` becomes an admitted sequence with what the parent has computed. Only where info().can_fork.
  virtual void fork(SequenceId /*parent*/, SequenceId /*child*/, size_t /*max_length*/) { throw cannot("fork"); }

  // After the first step: what it read of the model's file is in the kernels' own form now, so pages of the file may
  // leave memory. What is read again comes again.
  virtual void give_back_file() noexcept {}

  // Once after the first answer, when there is nothing to compute: leaves on the disk what makes the next start short.
  virtual void keep() noexcept {}

  // Nothing where the cache is not made of blocks.
  virtual KvUse kv() const { return {}; }

 private:
  Failure cannot(const char* what) const {
    return {ERR_ENGINE, "the " + info().runner + " runner cannot " + what + " a sequence"};
  }
};

// Makes the runner on the engine's thread (reads and compiles a model); reports progress and warnings to the sink.
using RunnerFactory = std::function<std::unique_ptr<Runner>(const EngineConfig&, const EventSink&)>;

}  // namespace llm
