#include "openvino/runners/open_kept.h"

#include <chrono>
#include <future>

#include "engine/kept_runner.h"
#include "openvino/attention/attention_choice.h"
#include "openvino/kept/kept_start.h"
#include "openvino/kernels/kernel_choice.h"
#include "openvino/kernels/tbb_threads.h"
#include "openvino/runners/compile.h"
#include "openvino/runners/first_step.h"
#include "openvino/runners/runners.h"

namespace llm {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

using Layers = std::vector<std::shared_ptr<SharedWeights>>;

// Where their weights lie is not known yet.
Layers layers_of(const KeptStart& start, const KernelUse& use) {
  Layers layers;
  for (const auto& kept : start.parts.layers) {
    auto layer = std::make_shared<SharedWeights>();
    layer->use = use;
    layer->gated = kept.gated;
    layer->experts = kept.experts;
    layer->id = kept.id;
    for (const auto& part : kept.parts) {
      WeightSource measures;
      measures.rows = part.rows;
      measures.columns = part.columns;
      measures.group = part.group;
      measures.bits = part.bits;
      layer->parts.emplace_back(measures);
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

// False where the file does not have them.
bool place(const Layers& layers, const std::shared_ptr<const PackedFile>& file, const PackedIdentity& identity) {
  if (layers.empty()) return true;
  if (!file || !file->data()) return false;
  size_t bytes = 0;
  for (const auto& layer : layers) {
    layer->memory = file;
    for (auto& part : layer->parts) {
      part.place(file->data() + bytes);
      bytes += part.bytes();
    }
  }
  return bytes == identity.bytes;
}

std::unique_ptr<Runner> runner_of(ov::CompiledModel compiled, KeptStart& start,
                                  const std::shared_ptr<const GraphFile>& file, const EngineConfig& config) {
  const auto exported = file->exported();
  MappedConstants mapped({reinterpret_cast<const uint8_t*>(exported.data()), exported.size()});
  if (start.info.runner == "paged") {
    return make_paged_runner(std::move(compiled), start.info, std::move(mapped), config);
  }
  auto decoder = std::move(start.decoder);
  decoder.mapped = std::move(mapped);
  return make_stateful_runner(std::move(compiled), start.info, std::move(decoder), config);
}

}  // namespace

KeptOpening open_kept(const EngineConfig& config, const ov::AnyMap& properties, const EventSink& post) {
  if (config.graph_path.empty()) return {};
  const auto reading = Clock::now();
  const TbbThreads threads;
  const auto file = std::make_shared<const GraphFile>(config.graph_path, threads);
  auto start = read_kept_start(*file, identity_of(config, properties));
  if (!start || !still_chosen(start->info.kernels, config)) return {};
  if (file->exported().empty()) return {nullptr, true};
  RunnerInfo& info = start->info;
  try {
    // The weights are compared with their sum while OpenVINO makes the graph, which does not look at them.
    auto weights = std::async(std::launch::async, [&] {
      const bool any = start->packed.bytes > 0;
      return any ? std::make_shared<const PackedFile>(config.packed_path, start->packed, TbbThreads()) : nullptr;
    });
    const auto layers = layers_of(*start, kernel_use(config));
    for (auto& attention : start->parts.blocks) attention.kernel = &wanted_attention(config.cpu_kernel);
    info.read_ms = since(reading);
    const auto compiling = Clock::now();
    auto compiled = import_graph(file->exported(), start->parts, SharedLayers(layers.begin(), layers.end()),
                                 config.device.name, with_kernels(properties, info.kernels));
    if (!place(layers, weights.get(), start->packed)) return {};
    note_compiled(compiled, config, info);
    info.compile_ms = since(compiling);
    if (start->packed.bytes > 0) info.packed = {static_cast<double>(start->packed.bytes), config.packed_path, true};
    auto runner = runner_of(std::move(compiled), *start, file, config);
    if (same_logits(first_logits(*runner), start->logits)) {
      for (const auto& warning : start->warnings) post(warning);
      for (const Stage stage : {Stage::kRead, Stage::kCompile}) post(Progress{stage, 1, 1});
      return {std::make_unique<KeptRunner>(std::move(runner), file)};
    }
  } catch (const Failure& failure) {
    if (failure.code() == ERR_OUT_OF_MEMORY) throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    // Whatever it is, the model itself says it better.
  }
  // A whole file of this very model: the next one would be no better.
  write_graph_file(config.graph_path, [](std::ostream&) {}, text_of(*start), threads);
  return {nullptr, true};
}

}  // namespace llm
