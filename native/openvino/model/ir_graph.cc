#include "openvino/model/ir_graph.h"

#include <charconv>
#include <fstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "openvino/core.h"
#include "openvino/model/xml_reader.h"

namespace llm {
namespace {

using LayerId = int64_t;
using Edges = std::vector<std::pair<LayerId, LayerId>>;  // from, to

// OpenVINO takes spaces and a sign before the digits too; nobody writes those.
LayerId layer_id(const XmlReader& xml, const char* attribute) {
  const auto text = xml.attribute(attribute);
  LayerId id = -1;
  if (text && !text->empty() && text->front() != '-') {
    const auto* end = text->data() + text->size();
    const auto [last, error] = std::from_chars(text->data(), end, id);
    if (error == std::errc() && last == end) return id;
  }
  std::string message = "expected every edge to have the number of a layer as its ";
  message.append(attribute).append(", found ").append(text ? *text : "none");
  throw XmlError(message);
}

// Removes layers that nothing leads to until none is left (Kahn, CACM 5(11), 1962). What remains is a cycle.
void require_acyclic(const Edges& edges) {
  struct Layer {
    std::vector<LayerId> followers;
    size_t incoming = 0;
  };
  std::unordered_map<LayerId, Layer> layers;
  for (const auto& [from, to] : edges) {
    layers[from].followers.push_back(to);
    ++layers[to].incoming;
  }
  std::vector<const Layer*> open;
  for (const auto& [id, layer] : layers) {
    if (layer.incoming == 0) open.push_back(&layer);
  }
  size_t removed = 0;
  for (; !open.empty(); ++removed) {
    const Layer& layer = *open.back();
    open.pop_back();
    for (const LayerId id : layer.followers) {
      Layer& next = layers.at(id);
      if (--next.incoming == 0) open.push_back(&next);
    }
  }
  if (removed != layers.size()) throw XmlError("expected a graph without cycles, found edges that form one");
}

}  // namespace

void require_acyclic_graph(std::string_view text) {
  XmlReader xml(text);
  std::vector<std::pair<size_t, Edges>> open;  // the <edges> elements that we are in, with their depths
  for (;;) {
    switch (xml.next()) {
      case XmlReader::Event::kDone:
        return;
      case XmlReader::Event::kStart:
        if (xml.name() == "edges") {
          open.emplace_back(xml.depth(), Edges{});
        } else if (xml.name() == "edge" && !open.empty() && open.back().first + 1 == xml.depth()) {
          open.back().second.emplace_back(layer_id(xml, "from-layer"), layer_id(xml, "to-layer"));
        }
        break;
      case XmlReader::Event::kEnd:
        if (xml.name() != "edges") break;
        require_acyclic(open.back().second);
        open.pop_back();
        break;
    }
  }
}

void require_acyclic_file(const std::string& xml_path) {
  std::ifstream file(path_of(xml_path), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) throw Failure(ERR_MODEL_INVALID, xml_path + ": cannot be read");
  try {
    require_acyclic_graph(text);
  } catch (const XmlError& error) {
    throw Failure(ERR_MODEL_INVALID, xml_path + ": " + error.what());
  }
}

}  // namespace llm
