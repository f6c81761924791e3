#include "openvino/kernels/packing.h"

#include <tbb/parallel_for.h>

#include <algorithm>

#include "kernels/huge_memory.h"
#include "openvino/kernels/tbb_threads.h"
#include "openvino/model/file_pages.h"

namespace llm {
namespace {

// Some bytes from here and there: reading all would cost what the file is to save.
void add_samples(Fingerprint& fingerprint, const uint8_t* data, size_t bytes) {
  constexpr size_t kSamples = 4;
  constexpr size_t kSample = 256;
  const size_t size = std::min(bytes, kSample);
  for (size_t i = 0; i < kSamples; ++i) fingerprint.add(data + (bytes - size) / (kSamples - 1) * i, size);
}

// Of the sources: their measures, their order and some of their bytes. The file's name says which model it is. This
// tells models that look alike apart, and the plans that different options make of one model.
uint64_t plan_of(std::span<const PackingPart> parts) {
  Fingerprint plan;
  for (const auto& [source, packed] : parts) {
    const size_t scales = source.rows * source.columns / source.group;
    const bool is_f16 = source.kind == WeightSource::ZeroPoints::kF16;
    const size_t bits = is_f16 ? 16 : static_cast<size_t>(source.bits);
    const size_t zero_points = source.kind == WeightSource::ZeroPoints::kNone ? 0 : source.one_zero_point ? 1 : scales;
    if (source.row_step > 1) {
      plan.add(source.first_row);
      plan.add(source.row_step);
    }
    for (const size_t measure :
         {source.rows, source.columns, source.group, static_cast<size_t>(source.bits),
          static_cast<size_t>(source.is_signed), static_cast<size_t>(source.kind), zero_points}) {
      plan.add(measure);
    }
    add_samples(plan, source.values, source.rows * source.columns * static_cast<size_t>(source.bits) / 8);
    add_samples(plan, source.scales, scales * 2);
    if (zero_points > 0) add_samples(plan, source.zero_points, (zero_points * bits + 7) / 8);
  }
  return plan.value();
}

void place(std::span<const PackingPart> parts, const uint8_t* data) {
  for (const auto& part : parts) {
    part.packed->place(data);
    data += part.packed->bytes();
  }
}

void pack_part(const PackingPart& part, uint8_t* memory) {
  constexpr size_t kBlocks = 8;
  const size_t blocks = part.packed->blocks();
  tbb::parallel_for(size_t{0}, (blocks + kBlocks - 1) / kBlocks, [&](size_t task) {
    part.packed->pack(part.source, memory, task * kBlocks, std::min((task + 1) * kBlocks, blocks));
  });
}

}  // namespace

Packing pack(std::span<const PackingPart> parts, const std::string& path, const EventSink& post) {
  size_t bytes = 0;
  for (const auto& part : parts) bytes += part.packed->bytes();
  const auto progress = [&](size_t done) {
    post(Progress{Stage::kPack, static_cast<int64_t>(done), static_cast<int64_t>(bytes)});
  };
  const TbbThreads threads;
  const PackedIdentity identity{path.empty() ? 0 : plan_of(parts), bytes};
  progress(0);
  if (!path.empty()) {
    const auto file = std::make_shared<PackedFile>(path, identity, threads);
    if (file->data()) {
      place(parts, file->data());
      progress(bytes);
      return {file, {static_cast<double>(bytes), path, true}, identity, nullptr};
    }
  }
  const auto memory = std::make_shared<HugeMemory>(bytes);
  const FilePages files;
  size_t done = 0;
  for (const auto& part : parts) {
    pack_part(part, memory->data() + done);
    done += part.packed->bytes();
    const auto& source = part.source;
    const size_t stored = source.rows * source.row_step * source.columns;
    files.give_back({source.values, stored * static_cast<size_t>(source.bits) / 8});
    progress(done);
  }
  place(parts, memory->data());
  return {memory, {static_cast<double>(bytes), "", false}, identity, path.empty() ? nullptr : memory->data()};
}

}  // namespace llm
