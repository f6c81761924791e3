// How long a token takes from its row of logits, by vocabulary and options. Run by bench/features.mjs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "engine/sampling/step_sampler.h"

namespace {

using llm::RequestParams;
using llm::Token;

constexpr size_t kSequences = 16, kPrompt = 1000, kAnswer = 200;

struct Case {
  const char* name;
  void (*set)(RequestParams& params);
};

void penalties(RequestParams& p) {
  p.repetition_penalty = 1.1;
  p.presence_penalty = 0.2;
  p.frequency_penalty = 0.1;
}

void nucleus(RequestParams& p) {
  p.temperature = 0.8;
  p.top_p = 0.95;
}

const Case kCases[]{
    {"greedy", [](RequestParams&) {}},
    {"top-k 50, top-p", [](RequestParams& p) { nucleus(p), p.top_k = 50; }},
    {"top-p", nucleus},
    {"penalties, top-p", [](RequestParams& p) { nucleus(p), penalties(p); }},
    {"every step",
     [](RequestParams& p) {
       nucleus(p), penalties(p);
       p.logit_bias = {1, 5};
       p.logit_bias_values = {1};
       p.bad_words_ids = {2, 6, 7};
       p.dry_multiplier = 0.8;
       p.no_repeat_ngram_size = 6;
       p.suppress_tokens = {9};
       p.min_p = 0.02;
       p.typical_p = 0.95;
       p.epsilon = 3e-4;
       p.eta = 3e-4;
       p.xtc_probability = 0.5;
     }},
};

// Like a model's: most tokens far below, and a few that share most of the probability.
std::vector<float> row_of(size_t vocabulary, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 2);
  std::exponential_distribution<float> above(0.4F);
  std::vector<float> row(vocabulary);
  for (float& logit : row) logit = normal(random);
  for (int i = 0; i < 40; ++i) row[random() % vocabulary] = 8 + above(random);
  return row;
}

// Milliseconds a token, one value a repetition.
std::vector<double> measure(size_t vocabulary, const Case& chosen, int repetitions) {
  std::mt19937 random(1);
  RequestParams params;
  params.max_new_tokens = 4096;
  chosen.set(params);
  std::vector<std::vector<float>> rows;
  std::vector<llm::Sequence> sequences;
  for (size_t i = 0; i < kSequences; ++i) {
    rows.push_back(row_of(vocabulary, random));
    std::vector<Token> prompt(kPrompt);
    for (Token& token : prompt) token = static_cast<Token>(random() % vocabulary);
    sequences.emplace_back(static_cast<llm::SequenceId>(i + 1), prompt, params, llm::Clock::now());
    for (size_t j = 0; j < kAnswer; ++j) sequences.back().tokens.push_back(prompt[random() % kPrompt]);
  }
  llm::StepSampler sampler(vocabulary);
  std::vector<double> found;
  for (int i = -2; i < repetitions; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (size_t j = 0; j < kSequences; ++j) sampler.sample(sequences[j], kPrompt + kAnswer, rows[j]);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (i >= 0) found.push_back(took.count() / kSequences);
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc == 2 ? std::atoi(argv[1]) : 0;
  if (repetitions < 1) {
    std::fprintf(stderr, "sampling_bench REPETITIONS\n");
    return 2;
  }
  const char* comma = "";
  std::printf("[");
  for (const size_t vocabulary : {32'064, 151'936}) {
    for (const auto& chosen : kCases) {
      std::printf("%s{\"vocabulary\":%zu,\"options\":\"%s\",\"ms\":[", comma, vocabulary, chosen.name);
      comma = "";
      for (const double ms : measure(vocabulary, chosen, repetitions)) {
        std::printf("%s%.5f", comma, ms);
        comma = ",";
      }
      std::printf("]}");
    }
  }
  std::printf("]\n");
  return 0;
}
