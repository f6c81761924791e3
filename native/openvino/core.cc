#include "openvino/core.h"

#include <regex>
#include <sstream>

#include "openvino/runtime.h"

namespace llm {

ov::Core& core() {
  static ov::Core instance;
  return instance;
}

std::string openvino_version() { return ov::get_openvino_version().buildNumber; }

std::filesystem::path path_of(const std::string& utf8) { return std::u8string(utf8.begin(), utf8.end()); }

std::string plain_words(const std::exception& error) {
  std::istringstream lines(error.what());
  std::string words;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line.compare(begin, 15, "Exception from ") == 0) continue;
    line = line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
    // "Check 'condition' failed at src/....cpp:123:" says where in OpenVINO, the next line says what.
    if (line.rfind("Check '", 0) == 0 && line.find("' failed at ") != std::string::npos) continue;
    if (words.find(line) != std::string::npos) continue;
    words += (words.empty() ? "" : " ") + line;
  }
  return words.empty() ? error.what() : words;
}

ErrorCode code_of(const std::string& words, ErrorCode otherwise) {
  // OpenCL's -4 and -6, and where memory was to be allocated -5 and -61 too. A launch also gives -5
  // (CL_OUT_OF_RESOURCES) when a kernel read beyond its memory.
  static const std::regex no_memory(
      "CL_MEM_OBJECT_ALLOCATION_FAILURE|CL_OUT_OF_HOST_MEMORY|failed with -[46] code|"
      "Can not allocate .*error: -(4|5|6|61)\\b|Exceeded max size of memory|bad_alloc");
  return std::regex_search(words, no_memory) ? ERR_OUT_OF_MEMORY : otherwise;
}

namespace {

std::vector<std::string> names_of(const std::string& plugin) {
  if (plugin.empty()) return core().get_available_devices();
  std::vector<std::string> names;
  for (const auto& id : core().get_property(plugin, ov::available_devices)) {
    names.push_back(id.empty() ? plugin : plugin + "." + id);
  }
  // As OpenVINO lists them: a device that is the only one of its kind needs no number.
  if (names.size() == 1) names[0] = plugin;
  return names;
}

}  // namespace

std::vector<DeviceInfo> list_devices(const std::string& plugin) {
  std::vector<DeviceInfo> devices;
  std::vector<std::string> names;
  try {
    names = names_of(plugin);
  } catch (const std::exception& error) {
    return {{plugin, "", {}, plain_words(error)}};
  }
  for (const auto& name : names) {
    DeviceInfo device{name, "", {}, ""};
    try {
      device.full_name = core().get_property(name, ov::device::full_name);
      for (const auto& property : core().get_property(name, ov::supported_properties)) {
        try {
          device.properties[property] = core().get_property(name, property).as<std::string>();
        } catch (const std::exception&) {
          // A property that is write-only or has no text form is not listed.
        }
      }
    } catch (const std::exception& error) {
      device.error = plain_words(error);
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace llm
