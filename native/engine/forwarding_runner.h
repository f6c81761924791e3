// A runner that hands everything on to another one. Whoever changes a part of what a runner does overrides that part; a
// new method of Runner is forwarded here, once.
#pragma once
#include <optional>
#include <span>

#include "engine/runner.h"

namespace llm {

class ForwardingRunner : public Runner {
 public:
  RunnerInfo info() const override { return inner().info(); }
  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t max_length,
                              size_t spare) override {
    return inner().admit(sequence, rope, tokens, max_length, spare);
  }
  bool reserve(SequenceId sequence, size_t length) override { return inner().reserve(sequence, length); }
  void start(std::span<const Span> spans) override { inner().start(spans); }
  Rows wait() override { return inner().wait(); }
  void interrupt() noexcept override { inner().interrupt(); }
  void trim(SequenceId sequence, size_t length) override { inner().trim(sequence, length); }
  void fork(SequenceId parent, SequenceId child, size_t max_length) override {
    inner().fork(parent, child, max_length);
  }
  void drop(SequenceId sequence) noexcept override { inner().drop(sequence); }
  void reset() override { inner().reset(); }
  void give_back_file() noexcept override { inner().give_back_file(); }
  void keep() noexcept override { inner().keep(); }
  KvUse kv() const override { return inner().kv(); }

 protected:
  // The runner that computes now.
  virtual Runner& inner() const = 0;
};

}  // namespace llm
