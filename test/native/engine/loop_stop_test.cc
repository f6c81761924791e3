// stop() and destruction at every moment. Steps that "compute for long" end only when they are interrupted.
#include "engine/rig.h"

namespace {

// Step `number` tells that it runs and goes on until it is interrupted.
void block_at(Plan& plan, int number, Gate& reached) {
  plan.on_step = [&plan, &reached, number](const Step& step) {
    if (step.number != number) return;
    reached.open();
    plan.block_until_interrupted();
  };
}

}  // namespace

TEST("stop: idle, and twice") {
  Rig rig;
  rig.start();
  rig.log.ready();
  rig.loop().stop();
  rig.loop().stop();
  rig.log.wait_closed();
  rig.loop().stop();
  rig.loop().cancel(1);
  rig.close();
}

TEST("stop: twice during a step interrupts it once") {
  Gate reached, go;
  Rig rig;
  rig.plan.on_step = [&](auto&) {
    reached.open();
    go.pass();
  };
  rig.start();
  rig.submit(1, {1, 2});
  reached.pass();
  rig.loop().stop();
  rig.loop().stop();
  CHECK_EQUAL(rig.plan.interrupts(), 1);
  go.open();
  rig.log.wait_closed();
  rig.check_cancelled(1, 0);
  rig.close();
}

TEST("stop: while loading") {
  Gate go;
  Rig rig;
  rig.warmup = {4};
  rig.on_load = [&] { go.pass(); };
  rig.start();
  rig.submit(1, {1, 2});
  rig.submit(2, {1, 2});
  rig.loop().cancel(2);
  rig.loop().stop();
  go.open();
  rig.log.wait_closed();
  CHECK(!rig.log.has_ready());
  CHECK(!rig.log.has_failed());
  CHECK(rig.plan.steps().empty());  // not even the warm-up
  rig.check_cancelled(1, 0);
  rig.check_cancelled(2, 0);
  rig.close();
}

TEST("stop: while loading something that then fails") {
  Gate go;
  Rig rig;
  rig.on_load = [&] {
    go.pass();
    throw llm::Failure(llm::ERR_MODEL_INVALID, "no");
  };
  rig.start();
  rig.submit(1, {1, 2});
  rig.loop().stop();
  go.open();
  rig.log.wait_closed();
  CHECK(!rig.log.has_failed());  // nobody is interested any more
  rig.check_cancelled(1, 0);
  rig.close();
}

TEST("stop: during the warm-up, in the middle of a step") {
  Gate reached;
  Rig rig;
  rig.warmup = {4, 1};
  block_at(rig.plan, 1, reached);
  rig.start();
  rig.submit(1, {1, 2});
  reached.pass();
  rig.loop().stop();
  rig.log.wait_closed();
  CHECK(!rig.log.has_ready());
  CHECK(!rig.log.has_failed());
  CHECK_EQUAL(rig.plan.steps().size(), size_t{1});
  rig.check_cancelled(1, 0);
  rig.close();
}

TEST("stop: during prefill, with others waiting") {
  Gate reached;
  Rig rig;
  block_at(rig.plan, 2, reached);
  rig.start();
  rig.submit(1, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  rig.submit(2, {1});
  rig.submit(3, {1});
  reached.pass();
  rig.submit(4, {1});
  rig.loop().stop();
  rig.log.wait_closed();
  for (int id = 1; id <= 4; ++id) rig.check_cancelled(id, 0);
  rig.close();
}

TEST("stop: during decode, after a cancel of the same") {
  Gate reached;
  Rig rig;
  rig.plan.max_sequences = 2;
  block_at(rig.plan, 6, reached);
  Gate both;
  rig.on_load = [&] { both.pass(); };
  rig.start();
  rig.submit(1, {1, 2}, length(50));
  rig.submit(2, {3, 4}, length(50));
  both.open();
  reached.pass();
  rig.loop().cancel(1);
  rig.loop().stop();
  rig.log.wait_closed();
  rig.check_cancelled(1, 5);
  rig.check_cancelled(2, 5);
  rig.close();
}

TEST("stop: between admission and the start of the step") {
  Gate reached, go;
  Rig rig;
  rig.plan.on_admit = [&](auto) {
    reached.open();
    go.pass();
  };
  rig.plan.on_step = [&](auto&) { rig.plan.block_until_interrupted(); };
  rig.start();
  rig.submit(1, {1, 2});
  reached.pass();
  rig.loop().stop();
  go.open();
  rig.log.wait_closed();
  rig.check_cancelled(1, 0);
  rig.close();
}

TEST("stop: after the end of all requests") {
  Rig rig;
  rig.start();
  rig.submit(1, {1, 2});
  rig.check_whole(1);
  rig.loop().stop();
  rig.log.wait_closed();
  rig.check_whole(1);
  rig.close();
}

TEST("destruction: without stop, in the middle of a step and before anything was loaded") {
  {
    Gate reached;
    Rig rig;
    block_at(rig.plan, 3, reached);
    rig.start();
    rig.submit(1, {1, 2}, length(50));
    rig.submit(2, {1, 2}, length(50));
    reached.pass();
    rig.close();
    rig.check_cancelled(1, 2);
    rig.check_cancelled(2, 0);
  }
  for (int i = 0; i < 20; ++i) {
    Rig rig;
    rig.start();
    rig.submit(1, {1, 2}, length(50));
    rig.close();
  }
}
