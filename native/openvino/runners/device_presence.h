// Whether a device string names a device that is there.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace llm {

// GPU of GPU.1.
std::string plugin_of(const std::string& device);

// `ids` are the plugin's AVAILABLE_DEVICES: {"0"} of one GPU, {"0", "1"} of two, {""} of the CPU, which takes no
// number,
// {} where there is none. A plugin's bare name means its first device. OpenVINO's own list of devices says `GPU` alone
// where there is one, although it takes GPU.0 too.
bool is_present(const std::string& device, const std::vector<std::string>& ids);

// As a message lists them: "CPU, GPU.0, GPU.1". `ids_of` gives a plugin's AVAILABLE_DEVICES.
std::string list_present(const std::vector<std::string>& available_devices,
                         const std::function<std::vector<std::string>(const std::string& plugin)>& ids_of);

}  // namespace llm
