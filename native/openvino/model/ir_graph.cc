#include "openvino/model/ir_graph.h"

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "openvino/core.h"

namespace llm {
namespace {

// A number that no layer has stands for an attribute that is missing or no number: OpenVINO says what is wrong with
// those.
constexpr int64_t kNone = -1;

int64_t attribute(std::string_view element, std::string_view name) {
  const auto at = element.find(name);
  if (at == std::string_view::npos) return kNone;
  const auto rest = element.substr(at + name.size());
  int64_t value = kNone;
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

// Removes layers that nothing leads to until none is left (Kahn, CACM 5(11), 1962); what remains is a cycle.
bool has_cycle(std::string_view edges) {
  std::unordered_map<int64_t, std::vector<int64_t>> followers;
  std::unordered_map<int64_t, size_t> incoming;
  for (auto at = edges.find("<edge "); at != std::string_view::npos; at = edges.find("<edge ", at + 1)) {
    const auto element = edges.substr(at, edges.find('>', at) - at);
    const auto from = attribute(element, "from-layer=\"");
    const auto to = attribute(element, "to-layer=\"");
    if (from == kNone || to == kNone) continue;
    followers[from].push_back(to);
    incoming.try_emplace(from, 0);
    ++incoming[to];
  }
  std::vector<int64_t> open;
  for (const auto& [layer, count] : incoming) {
    if (count == 0) open.push_back(layer);
  }
  size_t removed = 0;
  for (; !open.empty(); ++removed) {
    const auto layer = open.back();
    open.pop_back();
    for (const auto next : followers[layer]) {
      if (--incoming[next] == 0) open.push_back(next);
    }
  }
  return removed != incoming.size();
}

}  // namespace

void require_acyclic(const std::string& xml_path) {
  std::ifstream file(path_of(xml_path), std::ios::binary);
  const std::string xml{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) throw Failure(ERR_MODEL_INVALID, xml_path + ": cannot be read");
  const std::string_view text = xml;
  for (auto begin = text.find("<edges>"); begin != std::string_view::npos; begin = text.find("<edges>", begin + 1)) {
    if (has_cycle(text.substr(begin, text.find("</edges>", begin) - begin))) {
      throw Failure(ERR_MODEL_INVALID, xml_path + ": expected a graph without cycles, found edges that form one");
    }
  }
}

}  // namespace llm
