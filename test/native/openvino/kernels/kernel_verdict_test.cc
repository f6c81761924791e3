#include "openvino/kernels/kernel_verdict.h"

#include <algorithm>
#include <cmath>

#include "tap.h"

using llm::judge;
using llm::KernelVerdict;
using llm::Turns;

namespace {

// A side whose runs take these seconds, the last of them for ever.
struct Scripted {
  std::vector<double> seconds;
  size_t runs = 0;
  double operator()() { return seconds[std::min(runs++, seconds.size() - 1)]; }
};

Turns turns_of(Scripted& openvino, Scripted& builtin) {
  return llm::take_turns([&] { return openvino(); }, [&] { return builtin(); });
}

Turns steady(double ratio) { return {std::vector<double>(8, ratio), std::vector<double>(8, 1)}; }

// Half of the turns a quarter lower, half a quarter higher.
Turns noisy(double ratio) {
  Turns turns;
  for (int i = 0; i < 8; ++i) {
    turns.openvino.push_back(ratio * (i % 2 == 0 ? 0.75 : 1.25));
    turns.builtin.push_back(1);
  }
  return turns;
}

KernelVerdict judged(const std::vector<Turns>& turns) { return judge(turns); }

bool near(double a, double b) { return std::abs(a - b) < 1e-9; }

}  // namespace

TEST("kernel verdict: sides take turns until they have run often and long enough") {
  constexpr double kShort = 1.0 / 512;
  Scripted openvino{{0.05, 0.06, kShort}};  // the first ones make kernels
  Scripted builtin{{0.07, 0.04, kShort}};
  const auto turns = turns_of(openvino, builtin);
  CHECK_EQUAL(turns.openvino, std::vector<double>(39, kShort));  // the first multiple of 1/256 from 0.15 s on
  CHECK_EQUAL(turns.builtin, turns.openvino);
  CHECK_EQUAL(openvino.runs, size_t{41});
}

TEST("kernel verdict: slow sides run often enough, as far as there is time") {
  Scripted openvino{{0.04}};
  Scripted builtin{{0.02}};
  CHECK_EQUAL(turns_of(openvino, builtin).builtin.size(), llm::kFewestTurns);
  Scripted slower{{0.125}};
  Scripted also_slower{{0.0625}};
  CHECK_EQUAL(turns_of(slower, also_slower).builtin.size(), size_t{2});  // with what warms up, 0.75 s
  Scripted slowest{{5}};
  Scripted also_slowest{{5}};
  CHECK_EQUAL(turns_of(slowest, also_slowest).builtin.size(), size_t{1});
  CHECK_EQUAL(slowest.runs, size_t{2});
}

TEST("kernel verdict: one row counts as much as all others together") {
  CHECK(judged({steady(2), steady(1), steady(1)}).builtin);
  CHECK(!judged({steady(0.5), steady(1), steady(1)}).builtin);
  CHECK(judged({steady(2), steady(0.51), steady(0.51)}).builtin);
  CHECK(!judged({steady(2), steady(0.3), steady(0.6)}).builtin);
  CHECK(judged({steady(0.98), steady(0.98), steady(0.98)}).builtin);
  CHECK(!judged({steady(0.96), steady(0.96), steady(0.96)}).builtin);
}

TEST("kernel verdict: the ratio is that of turns, so what slows both sides for a while changes nothing") {
  Turns turns;
  for (int i = 0; i < 9; ++i) {
    const double load = i < 4 ? 10 : 1;
    turns.openvino.push_back(2 * load);
    turns.builtin.push_back(load);
  }
  const auto verdict = judged({turns, turns});
  CHECK_EQUAL(verdict.ratios.size(), size_t{2});
  CHECK(near(verdict.ratios[0], 2) && near(verdict.spread, 0) && !verdict.in_doubt);
  turns.openvino[3] = 1000;  // and neither does a single slow run
  const auto same = judged({turns, turns});
  CHECK(near(same.ratios[0], 2) && near(same.spread, 0));
}

TEST("kernel verdict: it is in doubt where better and worse turns decide differently") {
  const auto clear = judged({noisy(4), noisy(4), noisy(4)});
  CHECK(clear.builtin && !clear.in_doubt);
  CHECK(near(clear.spread, 0.4));  // quartiles 3 and 5, of 5
  const auto against = judged({noisy(0.3), noisy(0.3), noisy(0.3)});
  CHECK(!against.builtin && !against.in_doubt);
  CHECK(judged({noisy(1), noisy(1), noisy(1)}).in_doubt);
  CHECK(judged({noisy(1), steady(1), steady(1)}).in_doubt);
  CHECK(!judged({steady(1), steady(1), steady(1)}).in_doubt);
}

TEST("kernel verdict: it is in doubt after too few turns") {
  const Turns few{std::vector<double>(llm::kFewestTurns - 1, 9), std::vector<double>(llm::kFewestTurns - 1, 1)};
  const auto verdict = judged({steady(9), few});
  CHECK(verdict.builtin && verdict.in_doubt);
  CHECK(judged({steady(9), {{9}, {1}}}).in_doubt);
}
