// What the addon knows of the boundary, for lib/addon/load.ts to compare with what TypeScript knows.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace llm {

using FieldTypes = std::map<std::string, std::string>;

struct BoundaryDescription {
  std::map<std::string, FieldTypes> structures;
  std::map<std::string, FieldTypes> events;
  std::map<std::string, FieldTypes> job_arguments;
  std::map<std::string, std::string> job_results;
  std::map<std::string, std::vector<std::string>> names;
};

template <class Visit>
void each_field(const BoundaryDescription& boundary, Visit&& visit) {
  visit("structures", boundary.structures);
  visit("events", boundary.events);
  visit("jobArguments", boundary.job_arguments);
  visit("jobResults", boundary.job_results);
  visit("names", boundary.names);
}

BoundaryDescription describe_boundary();

}  // namespace llm
