#include "openvino/runners/device_presence.h"

#include <algorithm>
#include <set>

namespace llm {

std::string plugin_of(const std::string& device) { return device.substr(0, device.find('.')); }

bool is_present(const std::string& device, const std::vector<std::string>& ids) {
  const auto dot = device.find('.');
  if (dot == std::string::npos) return !ids.empty();
  const auto id = device.substr(dot + 1);
  return !id.empty() && std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string list_present(const std::vector<std::string>& available_devices,
                         const std::function<std::vector<std::string>(const std::string&)>& ids_of) {
  std::set<std::string> plugins;
  std::string list;
  for (const auto& device : available_devices) {
    const auto plugin = plugin_of(device);
    if (!plugins.insert(plugin).second) continue;
    for (const auto& id : ids_of(plugin)) {
      list += (list.empty() ? "" : ", ") + plugin + (id.empty() ? "" : "." + id);
    }
  }
  return list;
}

}  // namespace llm
