#include "engine/scheduling/step_costs.h"

#include <cmath>
#include <random>

#include "tap.h"

using llm::StepCosts;

namespace {

bool near(double found, double expected, double tolerance = 1e-9) {
  return std::abs(found - expected) <= tolerance * std::abs(expected);
}

// Reading, compiling and so on cost 10, a row 2.
double affine(size_t rows) { return 10 + 2 * static_cast<double>(rows); }

StepCosts learned(std::initializer_list<size_t> sizes) {
  StepCosts costs;
  for (size_t rows : sizes) costs.learn(rows, affine(rows));
  return costs;
}

}  // namespace

TEST("step costs: nothing is known at first, and then anything is within any time") {
  const StepCosts costs;
  CHECK_EQUAL(costs.of(1), 0.0);
  CHECK_EQUAL(costs.of(5000), 0.0);
  CHECK_EQUAL(costs.within(0, 77), size_t{77});
}

TEST("step costs: lines between and beyond the sizes that were learned") {
  const StepCosts costs = learned({2, 16, 128});
  for (size_t rows : {1, 2, 3, 9, 16, 17, 100, 128, 129, 3000}) CHECK(near(costs.of(rows), affine(rows)));
  StepCosts between = costs;  // a size between two of those that are kept bends neither
  for (int i = 0; i < 100; ++i) {
    for (size_t rows : {9, 14, 19, 100}) between.learn(rows, affine(rows));
  }
  for (size_t rows : {1, 8, 12, 16, 64, 100, 3000}) CHECK(near(between.of(rows), affine(rows)));
}

TEST("step costs: one size says the same of all, but no smaller step is cheaper by the row") {
  const StepCosts small = learned({1});
  CHECK_EQUAL(small.of(1), 12.0);
  CHECK_EQUAL(small.of(64), 12.0);
  StepCosts steep;  // a line through these would cost less than nothing at 1 row
  steep.learn(8, 10);
  steep.learn(16, 100);
  CHECK(near(steep.of(1), 10.0 / 8));
  CHECK(near(steep.of(4), 5));
}

TEST("step costs: never decreasing, where a larger step was cheaper both cost their mean") {
  StepCosts costs;
  costs.learn(1, 10);
  costs.learn(2, 16);
  costs.learn(4, 12);
  costs.learn(8, 30);
  CHECK_EQUAL(costs.of(1), 10.0);
  CHECK_EQUAL(costs.of(2), 14.0);
  CHECK_EQUAL(costs.of(3), 14.0);
  CHECK_EQUAL(costs.of(4), 14.0);
  CHECK(near(costs.of(8), 30));
  for (int i = 0; i < 5000; ++i) {  // it is so, not by chance
    costs.learn(2, 16);
    costs.learn(4, 12);
  }
  CHECK(near(costs.of(2), 14, 0.1));
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    costs.learn(1 + random() % 3000, static_cast<double>(random() % 100000) / 1000);
    if (i % 50 != 0) continue;
    for (size_t rows = 1; rows < 3000; rows += 1 + rows / 16) CHECK(costs.of(rows) <= costs.of(rows + 1) + 1e-12);
  }
}

TEST("step costs: one slow step changes little") {
  StepCosts costs = learned({1, 8});
  for (int i = 0; i < 20; ++i) {
    costs.learn(1, affine(1));
    costs.learn(8, affine(8));
  }
  costs.learn(8, 1e6);
  CHECK(costs.of(8) > affine(8) && costs.of(8) < 1.2 * affine(8));
  CHECK(costs.of(1) < 1.15 * affine(1));
  // A size whose very first step was slow recovers with the next.
  StepCosts unlucky = learned({1});
  unlucky.learn(4, 500);
  unlucky.learn(4, affine(4));
  CHECK(near(unlucky.of(4), affine(4)));
}

TEST("step costs: the sizes that are not computed follow the machine's speed") {
  StepCosts costs = learned({1, 4, 16});
  for (int round = 0; round < 20; ++round) {
    for (size_t rows : {1, 4, 16}) costs.learn(rows, affine(rows));
  }
  for (double speed : {2.0, 1.0, 0.5}) {
    for (int i = 0; i < 100; ++i) costs.learn(1, speed * affine(1));
    CHECK(near(costs.of(1), speed * affine(1), 0.05));
    CHECK(costs.of(16) / costs.of(1) > 0.6 * affine(16) / affine(1));
    CHECK(costs.of(16) / costs.of(1) < 1.6 * affine(16) / affine(1));
  }
}

TEST("step costs: any sizes, noise and hiccups end near the truth") {
  StepCosts costs;
  std::mt19937 random(11);
  for (int i = 0; i < 20000; ++i) {
    const size_t rows = 1 + (random() % (size_t{1} << (1 + random() % 11)));
    const double noise = 0.9 + static_cast<double>(random() % 200) / 1000;
    costs.learn(rows, affine(rows) * noise * (random() % 50 == 0 ? 10 : 1));
  }
  for (size_t rows : {1, 2, 3, 5, 8, 13, 30, 60, 100, 300, 700, 1500, 2048}) {
    CHECK(near(costs.of(rows), affine(rows), 0.25));
  }
}

TEST("step costs: the most rows within a time are those that cost no more, from 1 to the limit") {
  const StepCosts costs = learned({1, 8, 64, 512});
  CHECK_EQUAL(costs.within(affine(100) + 1e-6, 5000), size_t{100});
  CHECK_EQUAL(costs.within(affine(100) + 1.9, 5000), size_t{100});
  CHECK_EQUAL(costs.within(affine(100) + 1e-6, 40), size_t{40});
  CHECK_EQUAL(costs.within(affine(100), 1), size_t{1});
  CHECK_EQUAL(costs.within(0, 5000), size_t{1});
  CHECK_EQUAL(costs.within(1e9, 5000), size_t{5000});
}

TEST("step costs: a step too short for the clock is known all the same; no rows tell nothing") {
  StepCosts costs;
  costs.learn(0, 5);
  CHECK_EQUAL(costs.of(1), 0.0);
  costs.learn(1, 0);
  CHECK(costs.of(1) > 0);
  costs.learn(100000, 7);
  CHECK(near(costs.of(100000), 7, 1e-6) || costs.of(2048) <= 7);
}
