// Which of two kernels is the quicker, from runs that take turns. It neither runs nor times anything itself.
#pragma once
#include <functional>
#include <span>
#include <vector>

namespace llm {

// Seconds of each run, in the order of the runs: as many of one side as of the other, at least one.
struct Turns {
  std::vector<double> openvino;
  std::vector<double> builtin;
};

// Runs once and gives the seconds that it took, > 0.
using TimedRun = std::function<double()>;

// Lets both run until there are kFewestTurns of them and they have taken kEnoughSeconds, or they have taken
// kMostSeconds: the last run alone goes beyond. Runs that warm up come first, and count as time alone.
inline constexpr size_t kFewestTurns = 5;
inline constexpr double kEnoughSeconds = 0.15;
inline constexpr double kMostSeconds = 0.6;
Turns take_turns(const TimedRun& openvino, const TimedRun& builtin);

struct KernelVerdict {
  bool builtin = false;
  // How many times quicker the built-in kernel is: the median of the turns, for each number of rows.
  std::vector<double> ratios;
  // Distance of the quartiles of the turns' ratios, as a part of the median: that of the rows where it is largest.
  double spread = 0;
  // Turns that went better and those that went worse decide differently, or there were too few: a busy moment.
  bool in_doubt = false;
};

// `turns`: of each number of rows, one row first, at least two. One row counts as much as the other numbers of rows
// together. The built-in kernel may be up to 3 % slower, because it needs less memory and no repacking.
KernelVerdict judge(std::span<const Turns> turns);

}  // namespace llm
