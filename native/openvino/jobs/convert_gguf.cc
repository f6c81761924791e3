// Converts GGUF with the runtime's own front end and writes an IR, which every runner reads like any other.
//
// Q4_1 and Q4_K weights have zero points that are no integers. OpenVINO's int8 paths do not take those, so the prefill
// of such a model is about half as fast as that of an int4 export of the same model.
#include <cstdlib>
#include <openvino/frontend/extension/decoder_transformation.hpp>
#include <openvino/frontend/gguf/adapt_to_genai.hpp>
#include <openvino/frontend/gguf/make_stateful.hpp>
#include <openvino/frontend/manager.hpp>
#include <openvino/openvino.hpp>

#include "openvino/core.h"
#include "openvino/graph/gguf_mends.h"
#include "openvino/graph/gguf_rope.h"
#include "openvino/model/graph_info.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

// Without it the front end rounds the zero points of Q4_K to integers, which moves each group of 32 weights by up to
// half a step and changes answers.
void keep_zero_points() {
  constexpr const char* kName = "OV_GGUF_Q4_K_ZP_F16";
#ifdef _WIN32
  _putenv_s(kName, "1");
#else
  setenv(kName, "1", 1);
#endif
}

std::shared_ptr<ov::Model> read_gguf(const std::string& source) {
  namespace fe = ov::frontend;
  keep_zero_points();
  // Only its name finds it: read_model() and get_available_front_ends() do not know it.
  const auto front_end = fe::FrontEndManager().load_by_framework("gguf");
  if (!front_end) throw Failure(ERR_CONVERT, "OpenVINO's GGUF front end is not there");
  front_end->add_extension(
      std::make_shared<fe::DecoderTransformationExtension>(std::function<bool(std::shared_ptr<ov::Model>)>(
          [](std::shared_ptr<ov::Model> model) { return fe::gguf::pass::GGUFMakeStateful().run_on_model(model); })));
  const auto model = front_end->convert(front_end->load(path_of(source).native()));
  if (!fe::gguf::pass::AdaptToGenAI().run_on_model(model)) {
    throw Failure(ERR_UNSUPPORTED_MODEL,
                  source + ": OpenVINO's GGUF front end gave a graph without a text decoder's inputs");
  }
  return model;
}

}  // namespace

GraphInfo convert_gguf(const std::string& source, const std::string& target, const GgufMends& mends,
                       const std::atomic<bool>& cancelled, const EventSink& post) {
  const auto stage = [&](int64_t done) {
    if (cancelled) throw Interrupted();
    post(Progress{Stage::kConvert, done, 2});
  };
  std::shared_ptr<ov::Model> model;
  stage(0);
  try {
    model = read_gguf(source);
    const size_t unrotated = mend_gguf(*model, mends);
    rotate_halves(*model, unrotated);
  } catch (const Failure&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure(ERR_CONVERT, source + ": OpenVINO cannot convert it: " + plain_words(error));
  }
  stage(1);
  const GraphInfo info = graph_info(*model);
  try {
    ov::serialize(model, path_of(target) / "openvino_model.xml");
  } catch (const std::exception& error) {
    throw Failure(ERR_CONVERT, target + ": the converted model cannot be written: " + plain_words(error));
  }
  stage(2);
  return info;
}

}  // namespace llm
