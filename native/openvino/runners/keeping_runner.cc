#include "openvino/runners/keeping_runner.h"

#include <thread>
#include <utility>

#include "openvino/runners/first_step.h"

namespace llm {
namespace {

// Requests that come meanwhile need the others.
class OneThread : public Threads {
 public:
  size_t count() const override { return 1; }
  void run(size_t tasks, void (*task)(void* context, size_t index), void* context) const override {
    for (size_t i = 0; i < tasks; ++i) task(context, i);
  }
};

class KeepingRunner : public ForwardingRunner {
 public:
  KeepingRunner(std::unique_ptr<Runner> runner, Keeping keeping, EventSink post)
      : post_(std::move(post)), keeping_(std::move(keeping)), runner_(std::move(runner)) {}

  ~KeepingRunner() override {
    if (writer_.joinable()) writer_.join();
  }

  void start(std::span<const Span> spans) override {
    is_first_ = keeping_.start && keeping_.start->logits.empty() && is_first_step(spans);
    runner_->start(spans);
  }

  Rows wait() override {
    const Rows rows = runner_->wait();
    if (std::exchange(is_first_, false)) keeping_.start->logits.assign(rows.row(0).begin(), rows.row(0).end());
    return rows;
  }

  void keep() noexcept override {
    keep_graph();
    if (!keeping_.builtin.unwritten || writer_.joinable()) return;
    try {
      writer_ = std::thread([this] { write_weights(); });
    } catch (const std::system_error& error) {
      warn("packed-cache", keeping_.packed_path, "packed weights", error.what());
    }
  }

 protected:
  Runner& inner() const override { return *runner_; }

 private:
  // Between two steps: what a step changes in the compiled model is not written meanwhile.
  void keep_graph() noexcept {
    auto compiled = std::exchange(keeping_.compiled, {});
    auto start = std::exchange(keeping_.start, std::nullopt);
    if (!start || !same_logits(start->logits, start->logits)) return;
    const auto error = write_graph_file(
        keeping_.graph_path, [&](std::ostream& file) { compiled.export_model(file); }, text_of(*start), OneThread());
    if (!error.empty()) warn("graph-cache", keeping_.graph_path, "compiled graph", error);
  }

  void write_weights() const noexcept {
    const auto& builtin = keeping_.builtin;
    const auto error = write_packed_file(keeping_.packed_path, builtin.identity, builtin.unwritten, OneThread());
    if (!error.empty()) warn("packed-cache", keeping_.packed_path, "packed weights", error);
  }

  void warn(const char* code, const std::string& path, const char* what, const std::string& error) const noexcept {
    post_(Warning{code, path + ": " + what + " cannot be kept for the next start (" + error + ")"});
  }

  EventSink post_;
  Keeping keeping_;
  std::unique_ptr<Runner> runner_;
  bool is_first_ = false;
  std::thread writer_;
};

}  // namespace

std::unique_ptr<Runner> keeping_runner(std::unique_ptr<Runner> runner, Keeping keeping, EventSink post) {
  return std::make_unique<KeepingRunner>(std::move(runner), std::move(keeping), std::move(post));
}

}  // namespace llm
