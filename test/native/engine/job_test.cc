#include "engine/job.h"

#include "engine/event_log.h"
#include "tap.h"

namespace {

// The job's thread has ended: Closed was its last event, and all events were in order.
void check_sound(const EventLog& log) {
  CHECK(log.is_closed());
  CHECK_EQUAL(log.problems(), std::vector<std::string>{});
  CHECK(log.has_done() != log.has_failed());
}

llm::GraphInfo facts(int64_t vocabulary) {
  llm::GraphInfo facts;
  facts.vocabulary_size = vocabulary;
  return facts;
}

}  // namespace

TEST("job: its result is Done, then Closed comes") {
  EventLog log;
  {
    llm::JobThread job(
        [](auto&, const llm::EventSink& post) {
          post(llm::Progress{llm::Stage::kRead, 0, 2});
          post(llm::Progress{llm::Stage::kRead, 1, 2});
          return llm::Done{facts(42)};
        },
        log.sink());
    log.wait_closed();
  }
  CHECK_EQUAL(std::get<llm::GraphInfo>(log.done().result).vocabulary_size, 42);
  CHECK_EQUAL(log.progress().size(), size_t{2});
  check_sound(log);
}

TEST("job: a Failure keeps its code and words") {
  EventLog log;
  {
    llm::JobThread job([](auto&, auto&) -> llm::Done { throw llm::Failure(llm::ERR_CONVERT, "a.gguf: short"); },
                       log.sink());
  }
  CHECK_EQUAL(log.failed().code, llm::ERR_CONVERT);
  CHECK_EQUAL(log.failed().message, "a.gguf: short");
  check_sound(log);
}

TEST("job: any other exception gets a code") {
  const std::vector<std::pair<llm::JobWork, std::string>> cases{
      {[](auto&, auto&) -> llm::Done { throw std::runtime_error("words"); }, "ERR_ENGINE: words"},
      {[](auto&, auto&) -> llm::Done { throw std::bad_alloc(); }, "ERR_OUT_OF_MEMORY: out of memory"},
      {[](auto&, auto&) -> llm::Done { throw 7; }, "ERR_ENGINE: unknown error"},
  };
  for (const auto& [work, expected] : cases) {
    EventLog log;
    {
      llm::JobThread job(work, log.sink());
    }
    CHECK_EQUAL(std::string(name_of(log.failed().code)) + ": " + log.failed().message, expected);
    check_sound(log);
  }
}

TEST("job: cancel is seen by the work, which ends as cancelled") {
  Gate running, cancelled;
  EventLog log;
  {
    llm::JobThread job(
        [&](const std::atomic<bool>& flag, auto&) -> llm::Done {
          if (flag) throw std::runtime_error("cancelled too early");
          running.open();
          cancelled.pass();
          if (flag) throw llm::Interrupted();
          return llm::Done{};
        },
        log.sink());
    running.pass();
    job.stop();
    job.stop();
    cancelled.open();
    CHECK_EQUAL(log.failed().code, llm::ERR_CLOSED);
  }
  check_sound(log);
}

TEST("job: cancel after the end changes nothing") {
  EventLog log;
  {
    llm::JobThread job([](auto&, auto&) { return llm::Done{facts(1)}; }, log.sink());
    log.wait_closed();
    job.stop();
  }
  CHECK(log.has_done());
  check_sound(log);
}

TEST("job: destruction cancels the work that runs and waits for its end") {
  Gate running;
  EventLog log;
  bool ended = false;
  {
    llm::JobThread job(
        [&](const std::atomic<bool>& flag, auto&) -> llm::Done {
          running.open();
          const auto deadline = std::chrono::steady_clock::now() + kDeadline;
          while (!flag && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
          ended = true;
          if (flag) throw llm::Interrupted();
          return llm::Done{};
        },
        log.sink());
    running.pass();
  }
  CHECK(ended);
  CHECK_EQUAL(log.failed().code, llm::ERR_CLOSED);
  check_sound(log);
}

TEST("job: destruction right after construction") {
  for (int i = 0; i < 50; ++i) {
    EventLog log;
    {
      llm::JobThread job(
          [](const std::atomic<bool>& flag, auto&) {
            if (flag) throw llm::Interrupted();
            return llm::Done{};
          },
          log.sink());
    }
    check_sound(log);
  }
}
