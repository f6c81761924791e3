// cancel() at every moment. It never interrupts a step, and none follows for what was cancelled.
#include "engine/rig.h"

namespace {

// Step `number` tells that it runs and goes on until the test lets it.
void pause_at(Plan& plan, int number, Gate& reached, Gate& go) {
  plan.on_step = [&reached, &go, number](const Step& step) {
    if (step.number != number) return;
    reached.open();
    go.pass();
  };
}

// After whatever happened, the engine still answers exactly.
void check_alive(Rig& rig) {
  rig.submit(99, {4, 2, 4, 2, 4, 2}, length(6));
  rig.check_whole(99);
}

}  // namespace

TEST("cancel: while waiting behind another, which is not disturbed") {
  Gate reached, go;
  Rig rig;
  pause_at(rig.plan, 2, reached, go);
  rig.start();
  rig.submit(1, {1, 2}, length(5));
  rig.submit(2, {3, 4}, length(5));
  rig.submit(3, {5, 6}, length(5));
  reached.pass();
  rig.loop().cancel(2);
  CHECK_EQUAL(rig.plan.interrupts(), 0);
  go.open();
  rig.check_cancelled(2, 0);
  rig.check_whole(1);
  rig.check_whole(3);
  CHECK_EQUAL(rig.log.ended().front(), 2);
  CHECK_EQUAL(rig.plan.admissions(), (std::vector<llm::SequenceId>{1, 3}));
  rig.close();
}

TEST("cancel: while loading") {
  Gate go;
  Rig rig;
  rig.on_load = [&] { go.pass(); };
  rig.start();
  rig.submit(1, {1, 2});
  rig.submit(2, {3, 4});
  rig.loop().cancel(1);
  go.open();
  rig.check_cancelled(1, 0);
  rig.check_whole(2);
  CHECK_EQUAL(rig.plan.admissions(), (std::vector<llm::SequenceId>{2}));
  rig.close();
}

TEST("cancel: during the warm-up, which is not disturbed") {
  Gate reached, go;
  Rig rig;
  rig.warmup = {2, 1};
  pause_at(rig.plan, 1, reached, go);
  rig.start();
  rig.submit(1, {1, 2});
  reached.pass();
  rig.loop().cancel(1);
  CHECK_EQUAL(rig.plan.interrupts(), 0);
  go.open();
  rig.log.ready();
  rig.check_cancelled(1, 0);
  check_alive(rig);
  rig.close();
}

TEST("cancel: during prefill, whose next chunk is not computed") {
  Gate reached, go;
  Rig rig;
  pause_at(rig.plan, 2, reached, go);
  rig.start();
  rig.submit(1, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  rig.submit(2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  reached.pass();
  rig.loop().cancel(1);
  go.open();
  rig.check_cancelled(1, 0);
  rig.check_whole(2);
  CHECK_EQUAL(rig.plan.steps()[2].spans.front().sequence, 2);
  check_alive(rig);
  rig.close();
}

TEST("cancel: between admission and the start of the step") {
  Gate reached, go;
  Rig rig;
  rig.plan.on_admit = [&](llm::SequenceId id) {
    if (id != 1) return;
    reached.open();
    go.pass();
  };
  rig.start();
  rig.submit(1, {1, 2, 3});
  reached.pass();
  rig.loop().cancel(1);
  go.open();
  rig.check_cancelled(1, 1);
  check_alive(rig);
  rig.close();
}

TEST("cancel: during decode, twice") {
  Gate reached, go;
  Rig rig;
  pause_at(rig.plan, 4, reached, go);
  rig.start();
  rig.submit(1, {1, 2}, length(50));
  reached.pass();
  rig.loop().cancel(1);
  rig.loop().cancel(1);
  go.open();
  rig.check_cancelled(1, 4);
  CHECK(rig.log.end_of(1).timings.decode > 0);
  CHECK_EQUAL(rig.plan.steps().size(), size_t{4});
  check_alive(rig);
  rig.close();
}

TEST("cancel: in the step that ends the answer, which stays whole") {
  Gate reached, go;
  Rig rig;
  pause_at(rig.plan, 3, reached, go);
  rig.start();
  rig.submit(1, {1, 2}, length(3));
  reached.pass();
  rig.loop().cancel(1);
  go.open();
  rig.check_whole(1);
  check_alive(rig);
  rig.close();
}

TEST("cancel: after the end, and of ids that never were") {
  Rig rig;
  rig.start();
  rig.loop().cancel(12345);
  rig.submit(1, {1, 2});
  rig.check_whole(1);
  rig.loop().cancel(1);
  rig.loop().cancel(1);
  rig.loop().cancel(777);
  check_alive(rig);
  rig.submit(777, {5});  // that cancel came to nothing long ago
  rig.check_whole(777);
  CHECK_EQUAL(rig.plan.interrupts(), 0);
  rig.close();
}

TEST("cancel: of one of two in a step does not disturb the other; who waits takes its place") {
  Gate reached, go, all_there;
  Rig rig;
  rig.plan.max_sequences = 2;
  pause_at(rig.plan, 4, reached, go);
  rig.on_load = [&] { all_there.pass(); };
  rig.start();
  rig.submit(1, {1, 2}, length(9));
  rig.submit(2, {3, 4}, length(9));
  rig.submit(3, {5, 6}, length(9));
  all_there.open();
  reached.pass();
  rig.loop().cancel(1);
  rig.loop().cancel(4444);
  go.open();
  rig.check_cancelled(1, 4);  // its token of that step was computed all the same
  rig.check_whole(2);
  rig.check_whole(3);
  CHECK((rig.plan.steps()[4].spans == std::vector<StepSpan>{{2, 5, 1, 1}, {3, 0, 2, 1}}));
  CHECK_EQUAL(rig.plan.interrupts(), 0);
  CHECK_EQUAL(rig.plan.resets(), 0);
  rig.close();
}

TEST("cancel: of both of two in a step") {
  Gate reached, go, all_there;
  Rig rig;
  rig.plan.max_sequences = 2;
  pause_at(rig.plan, 3, reached, go);
  rig.on_load = [&] { all_there.pass(); };
  rig.start();
  for (int id = 1; id <= 3; ++id) rig.submit(id, {id, 4}, length(9));
  all_there.open();
  reached.pass();
  rig.loop().cancel(2);
  rig.loop().cancel(1);
  go.open();
  rig.check_cancelled(1, 3);
  rig.check_cancelled(2, 3);
  rig.check_whole(3);
  CHECK_EQUAL(rig.plan.interrupts(), 0);
  rig.close();
}

TEST("cancel: all that wait, in one go") {
  Gate reached, go;
  Rig rig;
  pause_at(rig.plan, 1, reached, go);
  rig.start();
  for (int id = 1; id <= 20; ++id) rig.submit(id, {id});
  reached.pass();
  for (int id = 2; id <= 20; ++id) rig.loop().cancel(id);
  go.open();
  rig.check_whole(1);
  for (int id = 2; id <= 20; ++id) rig.check_cancelled(id, 0);
  check_alive(rig);
  rig.close();
}
