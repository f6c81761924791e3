#include "openvino/kernels/kernel_choice.h"

#include <map>
#include <openvino/op/ops.hpp>

#include "kernels/kernel.h"
#include "openvino/kernels/kernel_measurement.h"
#include "openvino/kernels/measured_layer.h"
#include "tap.h"

using llm::CompressedWeights;
using llm::KernelChoice;
using ZeroPoints = llm::WeightSource::ZeroPoints;

namespace {

constexpr size_t kRealBytes = 100'000'000;

// The measures of a layer, whose weights are nowhere.
CompressedWeights layer(size_t rows, size_t columns, size_t group = 128, int bits = 4) {
  CompressedWeights weights;
  weights.source.rows = rows;
  weights.source.columns = columns;
  weights.source.group = group;
  weights.source.bits = bits;
  weights.scheme = "u4 g128 symmetric";
  return weights;
}

llm::EngineConfig config(std::vector<std::string> choices = {}, const std::string& kernel = "auto") {
  llm::EngineConfig config;
  config.cpu_kernel = kernel;
  config.kernel_choices = std::move(choices);
  return config;
}

struct Chosen {
  KernelChoice choice;
  std::vector<CompressedWeights> measured;
};

Chosen choose(const CompressedWeights& example, size_t packed_bytes, const llm::EngineConfig& config,
              const llm::KernelVerdict& verdict = {}) {
  Chosen chosen;
  const auto measure = [&](const CompressedWeights& layer) {
    chosen.measured.push_back(layer);
    return verdict;
  };
  chosen.choice = llm::choose_kernel(example.scheme, {example, 3}, packed_bytes, config, measure);
  return chosen;
}

bool has_kernels() { return llm::kernels().front() != &llm::portable_kernel(); }

}  // namespace

TEST("kernel choice: a toy is not measured, and neither is what an option decides") {
  const auto toy = choose(layer(64, 128), 31'000'000, config({"small u4 g128 symmetric=openvino"}));
  CHECK(toy.measured.empty() && toy.choice.size.empty());
  if (has_kernels()) CHECK_EQUAL(toy.choice.kernel, std::string("builtin"));
  const auto asked = choose(layer(4096, 4096), kRealBytes, config({}, "builtin"));
  CHECK(asked.measured.empty());
  CHECK_EQUAL(asked.choice.reason, std::string("option cpuKernel"));
}

TEST("kernel choice: what is known of this scheme and size decides; else it is measured") {
  if (!has_kernels()) return;
  const auto known = [&](const std::vector<std::string>& lines) {
    return choose(layer(4096, 4096), kRealBytes, config(lines));
  };
  const auto before = known({"small u4 g128 symmetric=builtin", "large u4 g128 symmetric=openvino"});
  CHECK(before.measured.empty());
  CHECK_EQUAL(before.choice.kernel, std::string("openvino"));
  CHECK_EQUAL(before.choice.size, std::string("large"));
  for (const auto* other : {"small u4 g128 symmetric=openvino", "large u4 g128=openvino", "u4 g128 symmetric=openvino",
                            "large u4 g128 symmetric asymmetric=openvino"}) {
    CHECK_EQUAL(known({other}).measured.size(), size_t{1});
  }
  const auto measured = choose(layer(4096, 4096), kRealBytes, config(), {false, {0.5, 1, 1}, 0.25, true});
  CHECK_EQUAL(measured.choice.kernel, std::string("openvino"));
  CHECK_EQUAL(measured.choice.layers, int64_t{3});
  CHECK_EQUAL(measured.choice.ratios, (std::vector<double>{0.5, 1, 1}));
  CHECK(measured.choice.spread == 0.25 && measured.choice.in_doubt);
  CHECK_EQUAL(choose(layer(4096, 4096), kRealBytes, config(), {true, {2, 1, 1}, 0, false}).choice.kernel,
              std::string("builtin"));
}

TEST("kernel choice: what a kept graph was made with must still be known") {
  if (!has_kernels()) return;
  std::vector<KernelChoice> kept(2);
  kept[0].scheme = "u4 g128 symmetric";
  kept[0].size = "small";
  kept[0].kernel = "avx2";
  kept[1].scheme = "u8 per channel asymmetric";  // of a toy, or of experts: nothing was measured
  kept[1].kernel = "avx2";
  CHECK(llm::still_chosen(kept, config({"small u4 g128 symmetric=builtin"})));
  CHECK(!llm::still_chosen(kept, config({"small u4 g128 symmetric=openvino"})));
  CHECK(!llm::still_chosen(kept, config({"large u4 g128 symmetric=builtin"})));
  CHECK(!llm::still_chosen(kept, config()));
  CHECK(llm::still_chosen(kept, config({}, "builtin")));
}

TEST("measured layer: the largest one that takes no time") {
  const auto small = layer(576, 1536), real = layer(4096, 4096), head = layer(32'064, 3072),
             larger = layer(1 << 17, 4096);
  CHECK(llm::is_better_example(real, small) && !llm::is_better_example(small, real));
  CHECK(llm::is_better_example(small, head) && !llm::is_better_example(head, real));
  CHECK(llm::is_better_example(head, larger) && !llm::is_better_example(larger, head));
  CHECK_EQUAL(llm::layer_size(small), std::string("small"));
  CHECK_EQUAL(llm::layer_size(layer(4864, 896)), std::string("small"));
  CHECK_EQUAL(llm::layer_size(layer(3072, 3072)), std::string("large"));
  CHECK_EQUAL(llm::layer_size(head), std::string("large"));
}

TEST("measured layer: the model's own, or one of its scheme and a real size") {
  const auto own = layer(2048, 2048);
  CHECK_EQUAL(llm::measured_layer(own).source.rows, size_t{2048});
  CHECK(llm::measured_layer(own).output.get_node() == nullptr);
  const ZeroPoints kinds[] = {ZeroPoints::kNone, ZeroPoints::kLikeValues, ZeroPoints::kF16};
  for (const size_t group : {size_t{32}, size_t{96}, size_t{128}, size_t{576}}) {
    for (const int bits : {4, 8}) {
      for (const auto kind : kinds) {
        auto example = layer(64, 576, group, bits);
        example.source.kind = kind;
        example.source.is_signed = kind == ZeroPoints::kNone;
        example.source.one_zero_point = kind == ZeroPoints::kF16;
        const auto measured = llm::measured_layer(example);
        const auto& source = measured.source;
        const size_t weights = source.rows * source.columns;
        CHECK(weights > llm::kFewestMeasured * 9 / 10 && weights <= llm::kFewestMeasured);
        CHECK_EQUAL(source.group, group == 576 ? source.columns : group);
        CHECK_EQUAL(source.bits, bits);
        CHECK(source.is_signed == example.source.is_signed && source.kind == kind);
        CHECK(source.one_zero_point == example.source.one_zero_point);
        CHECK_EQUAL(llm::layer_size(measured), llm::layer_size(example));
      }
    }
  }
  const auto large = llm::measured_layer(layer(32'064, 3072));
  CHECK_EQUAL(large.source.rows * large.source.columns, llm::kLargeLayer);
  CHECK_EQUAL(llm::layer_size(large), std::string("large"));
}

TEST("kernel measurement: both sides compute the layer through the plugin") {
  const auto measured = llm::measured_layer(layer(64, 128));
  const auto verdict = llm::measure_kernels(measured, {llm::kernels().front(), 32}, "CPU", {});
  CHECK_EQUAL(verdict.ratios.size(), std::size(llm::kMeasuredRows));
  for (const double ratio : verdict.ratios) CHECK(ratio > 0 && ratio < 1e6);
  CHECK(verdict.spread >= 0);
}
