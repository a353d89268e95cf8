#include "pipelines/sampling/trace.h"

#include "base/errors.h"

namespace palimpsest {

at::Tensor Trace::replay(std::int64_t steps_done) const {
  at::Tensor tokens_BL = start_BL.clone().contiguous();
  std::int64_t* tokens = tokens_BL.mutable_data_ptr<std::int64_t>();
  for (const TraceEvent& event : events) {
    if (event.step < steps_done) tokens[event.row * tokens_BL.size(1) + event.position] = event.id;
  }
  return tokens_BL;
}

nlohmann::json trace_to_json(const Trace& trace) {
  nlohmann::json start = nlohmann::json::array(), events = nlohmann::json::array();
  const at::Tensor tokens_BL = trace.start_BL.contiguous();
  const std::int64_t* tokens = tokens_BL.const_data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < tokens_BL.size(0); ++row) {
    const std::int64_t* begin = tokens + row * tokens_BL.size(1);
    start.push_back(std::vector<std::int64_t>(begin, begin + tokens_BL.size(1)));
  }
  for (const TraceEvent& e : trace.events) events.push_back({e.row, e.position, e.step, e.id, e.log_prob, e.implied});
  return {{"steps", trace.steps}, {"start", start}, {"events", events}};
}

namespace {

at::Tensor start_from_json(const nlohmann::json& start) {
  const auto rows = start.get<std::vector<std::vector<std::int64_t>>>();
  const auto length = static_cast<std::int64_t>(rows.empty() ? 0 : rows.front().size());
  std::vector<std::int64_t> flat;
  for (const auto& row : rows) {
    if (static_cast<std::int64_t>(row.size()) != length) throw std::invalid_argument("rows of unequal length");
    flat.insert(flat.end(), row.begin(), row.end());
  }
  return at::tensor(flat, at::kLong).view({static_cast<std::int64_t>(rows.size()), length});
}

TraceEvent event_from_json(const nlohmann::json& item, const at::Tensor& start_BL) {
  const TraceEvent event{item.at(0), item.at(1), item.at(2), item.at(3), item.at(4), item.at(5)};
  const bool inside = event.row >= 0 && event.row < start_BL.size(0) && event.position >= 0 &&
                      event.position < start_BL.size(1) && event.step >= 0;
  if (!inside) throw std::invalid_argument("event outside the canvas: " + item.dump());
  return event;
}

}  // namespace

Trace trace_from_json(const nlohmann::json& json, const std::string& file) {
  try {
    Trace trace{start_from_json(json.at("start")), json.at("steps"), {}};
    for (const auto& item : json.at("events")) trace.events.push_back(event_from_json(item, trace.start_BL));
    return trace;
  } catch (const std::exception& error) {
    throw InputError(file, "", std::string("is not a trace: ") + error.what());
  }
}

}  // namespace palimpsest
