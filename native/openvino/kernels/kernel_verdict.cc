#include "openvino/kernels/kernel_verdict.h"

#include <algorithm>
#include <cmath>

namespace llm {
namespace {

bool wins(const std::vector<double>& ratios) {
  double score = std::log(ratios[0]) / 2;
  for (size_t i = 1; i < ratios.size(); ++i) score += std::log(ratios[i]) / 2 / static_cast<double>(ratios.size() - 1);
  return score > std::log(0.97);
}

// Both sides of a turn had the same neighbours: what slows the machine for a while slows them alike.
std::vector<double> sorted_ratios(const Turns& turns) {
  std::vector<double> ratios;
  for (size_t i = 0; i < turns.builtin.size(); ++i) ratios.push_back(turns.openvino[i] / turns.builtin[i]);
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

}  // namespace

Turns take_turns(const TimedRun& openvino, const TimedRun& builtin) {
  constexpr int kWarmups = 2;
  double warming = 0;
  for (int i = 0; i < kWarmups && warming < kMostSeconds / 2; ++i) {
    warming += openvino();
    warming += builtin();
  }
  Turns turns;
  for (double seconds = 0;;) {
    turns.openvino.push_back(openvino());
    turns.builtin.push_back(builtin());
    seconds += turns.openvino.back() + turns.builtin.back();
    const bool enough = turns.builtin.size() >= kFewestTurns && seconds >= kEnoughSeconds;
    if (enough || warming + seconds >= kMostSeconds) return turns;
  }
}

KernelVerdict judge(std::span<const Turns> turns) {
  KernelVerdict verdict;
  std::vector<double> low;
  std::vector<double> high;
  for (const auto& each : turns) {
    const auto ratios = sorted_ratios(each);
    const size_t last = ratios.size() - 1;
    low.push_back(ratios[last / 4]);
    verdict.ratios.push_back(ratios[ratios.size() / 2]);
    high.push_back(ratios[last - last / 4]);
    verdict.spread = std::max(verdict.spread, (high.back() - low.back()) / verdict.ratios.back());
    if (ratios.size() < kFewestTurns) verdict.in_doubt = true;
  }
  verdict.builtin = wins(verdict.ratios);
  verdict.in_doubt = verdict.in_doubt || wins(low) != wins(high);
  return verdict;
}

}  // namespace llm
