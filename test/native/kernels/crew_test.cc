// Threads that stay together: each task is done once, whoever comes, and what a task throws arrives.
#include "kernels/crew.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "kernels/some_threads.h"
#include "tap.h"

namespace {

struct Counts {
  std::vector<std::atomic<int>> of;
  explicit Counts(size_t tasks) : of(tasks) {}
  static void count(void* context, size_t index) { ++static_cast<Counts*>(context)->of[index]; }
};

// Says that it has more threads than it has: members come one after the other.
class OneThread : public llm::Threads {
 public:
  size_t count() const override { return 3; }
  void run(size_t tasks, void (*task)(void*, size_t), void* context) const override {
    for (size_t i = 0; i < tasks; ++i) task(context, i);
  }
};

void check_calls(const llm::Threads& threads) {
  size_t calls = 0;
  llm::with_crew(threads, [&](const llm::Threads& crew) {
    for (size_t call = 0; call < 500; ++call) {
      Counts counts(call % 37);
      crew.run(counts.of.size(), Counts::count, &counts);
      bool once = true;
      for (const auto& count : counts.of) once = once && count == 1;
      calls += once ? 1 : 0;
    }
  });
  CHECK_EQUAL(calls, size_t{500});
}

}  // namespace

TEST("crew: each task of each call is done once") {
  for (const size_t threads : {1U, 2U, 5U}) check_calls(SomeThreads(threads));
}

TEST("crew: nobody waits for members who come too late") { check_calls(OneThread()); }

TEST("crew: what a task throws arrives, and the next call is computed") {
  const auto fail = [](void*, size_t index) {
    if (index == 7) throw std::runtime_error("seven");
  };
  std::string words;
  size_t done = 0;
  llm::with_crew(SomeThreads(3), [&](const llm::Threads& crew) {
    try {
      crew.run(20, fail, nullptr);
    } catch (const std::runtime_error& error) {
      words = error.what();
    }
    Counts counts(20);
    crew.run(counts.of.size(), Counts::count, &counts);
    for (const auto& count : counts.of) done += count == 1 ? 1 : 0;
  });
  CHECK_EQUAL(words, std::string("seven"));
  CHECK_EQUAL(done, size_t{20});
}

TEST("crew: what the work throws arrives, and all members leave") {
  std::string words;
  try {
    llm::with_crew(OneThread(), [](const llm::Threads&) { throw std::runtime_error("left"); });
  } catch (const std::runtime_error& error) {
    words = error.what();
  }
  CHECK_EQUAL(words, std::string("left"));
}
