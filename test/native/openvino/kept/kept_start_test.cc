#include "openvino/kept/kept_start.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

#include "kernels/flip_bit.h"
#include "openvino/kernels/tbb_threads.h"
#include "openvino/temporary_folder.h"
#include "tap.h"

using llm::GraphFile;

namespace {

namespace fs = std::filesystem;

const llm::TbbThreads kThreads;

llm::KeptStart some_start() {
  llm::KeptStart start;
  start.identity = "this machine";
  start.info.runner = "paged";
  start.info.model.weights["u4"] = 12;
  start.info.windows = {16, 2047};
  start.info.kernels.push_back({"u4 g32 symmetric", "small", 7, "avx2", {}, 0, false, "option cpuKernel"});
  start.decoder.axes.states.push_back({"past_key", 2});
  start.parts.layers.push_back({"0 q", false, 0, {{48, 64, 32, 4}}});
  llm::Step step;
  step.weights_id = "0 q";
  step.norm = {{1, 2}, {3}, 0.5F, true};
  start.parts.programs.push_back({"0 steps", 1, {64, 48}, {{1, true}}, {step}});
  llm::SharedAttention attention;
  attention.id = "0 attention";
  attention.shape = {4, 2, 64, 48, llm::KvType::kU8, llm::KvType::kU4, 0.125F, 512, {1, 2, 3, 4}, {5}};
  start.parts.blocks.push_back(attention);
  start.parts.attention["key_cache.0"]["k_head_size"] = 64;
  start.packed = {5, 1024};
  start.warnings.push_back({"logits", "all of them"});
  start.logits = {1, 2, 3};
  return start;
}

std::string write(const fs::path& path, const std::string& rest) {
  return llm::write_graph_file(path.string(), [](std::ostream& file) { file << "the graph"; }, rest, kThreads);
}

}  // namespace

TEST("kept start: what is read back is what was written") {
  const TemporaryFolder folder("kept");
  const auto path = folder / "a.graph";
  auto start = some_start();
  const auto text = llm::text_of(start);
  CHECK_EQUAL(write(path, text), std::string());
  const GraphFile file(path.string(), kThreads);
  CHECK(file.whole());
  CHECK_EQUAL(std::string(file.exported()), std::string("the graph"));
  auto read = llm::read_kept_start(file, "this machine");
  CHECK(read.has_value());
  CHECK_EQUAL(llm::text_of(*read), text);
  CHECK_EQUAL(read->info.kernels.at(0).kernel, std::string("avx2"));
  CHECK_EQUAL(read->parts.blocks.at(0).id, std::string("0 attention"));
  const auto& shape = read->parts.blocks.at(0).shape;
  CHECK_EQUAL(shape.window, size_t{512});
  CHECK(shape.value_type == llm::KvType::kU4 && shape.sinks == std::vector<float>{5});
  CHECK_EQUAL(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator()), std::ptrdiff_t{1});
}

TEST("kept start: one of another identity, or with parts missing or left over, is none") {
  const TemporaryFolder folder("kept");
  const auto path = folder / "a.graph";
  auto start = some_start();
  const auto text = llm::text_of(start);
  const auto taken = [&](const std::string& rest, const char* identity) {
    CHECK_EQUAL(write(path, rest), std::string());
    return llm::read_kept_start(GraphFile(path.string(), kThreads), identity).has_value();
  };
  CHECK(taken(text, "this machine"));
  CHECK(!taken(text, "another machine"));
  CHECK(!taken(text + "x", "this machine"));
  for (size_t length = 0; length < text.size(); ++length) CHECK(!taken(text.substr(0, length), "this machine"));
}

TEST("kept start: every flipped bit and every other size is noticed") {
  const TemporaryFolder folder("kept");
  const auto path = folder / "a.graph";
  CHECK_EQUAL(write(path, "rest"), std::string());
  const size_t whole = fs::file_size(path);
  for (size_t offset = 0; offset < whole; ++offset) {
    flip_bit(path, offset);
    if (GraphFile(path.string(), kThreads).whole()) throw tap::Mismatch("a flipped bit at " + std::to_string(offset));
    flip_bit(path, offset);
  }
  CHECK(GraphFile(path.string(), kThreads).whole());
  for (const size_t size : {whole - 1, whole + 1, size_t{10}, size_t{0}}) {
    fs::resize_file(path, size);
    CHECK(!GraphFile(path.string(), kThreads).whole());
  }
}

TEST("kept start: where nothing can be written it says why and leaves nothing") {
  const TemporaryFolder folder("kept");
  CHECK(!write(folder / "none" / "a.graph", "rest").empty());
  CHECK(!llm::write_graph_file((folder / "a.graph").string(),
                               [](std::ostream&) { throw std::runtime_error("no graph"); }, "rest", kThreads)
             .empty());
  CHECK(fs::is_empty((folder / "a.graph").parent_path()));
}
