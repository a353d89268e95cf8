#include "pipelines/sampling/apply.h"

#include <set>

#include "pipelines/sampling/elastic.h"

namespace palimpsest {

namespace {

std::int64_t* tokens_of(Batch& batch) { return batch.canvas.tokens_BL.mutable_data_ptr<std::int64_t>(); }

void check_id(const Batch& batch, const Write& write) {
  const std::int64_t legal_class = batch.canvas.legal_class_BL.const_data_ptr<std::int64_t>()[write.position];
  const LegalClass& legal = batch.schema.vocabulary().legal_class(legal_class);
  TORCH_CHECK((write.id >= legal.range.begin && write.id < legal.range.end) || (legal.with_end && write.id == kEndId),
              "Sampler: a policy wrote id ", write.id, ", which is not legal at flat position ", write.position);
}

void check_write(Batch& batch, const Write& write) {
  TORCH_CHECK(may_touch(batch, write.position) && tokens_of(batch)[write.position] == kMaskId,
              "Sampler: a policy wrote where nothing is to be written, at flat position ", write.position);
  check_id(batch, write);
}

void check_edit(Batch& batch, const Write& edit) {
  TORCH_CHECK(may_touch(batch, edit.position) && tokens_of(batch)[edit.position] != kMaskId,
              "Sampler: a policy changed what it had not written, at flat position ", edit.position);
  check_id(batch, edit);
}

TraceEvent event_at(const Batch& batch, std::int64_t flat, std::int64_t step, std::int64_t id) {
  return {flat / batch.canvas.length(), flat % batch.canvas.length(), step, id, 0, false};
}

void put(Batch& batch, const Write& write, std::int64_t step, std::vector<TraceEvent>& events) {
  tokens_of(batch)[write.position] = write.id;
  batch.log_prob[static_cast<std::size_t>(write.position)] = write.log_prob;
  events.push_back(event_at(batch, write.position, step, write.id));
  events.back().log_prob = write.log_prob;
}

// Fills what follows an `end`; `end` is then as sure as can be.
void fill_ends(Batch& batch, Pace& pace, const StepView& view, std::vector<TraceEvent>& events) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> filled;  // masks, by row and role
  for (const std::int64_t flat : implied_ends(batch.schema, batch.canvas)) {
    TraceEvent event = event_at(batch, flat, view.step, kEndId);
    if (event.row >= batch.real_rows) continue;
    event.implied = true;
    const std::int64_t role = batch.canvas.role_BL.const_data_ptr<std::int64_t>()[flat];
    const RoleStep& now = view.at(event.row, role);
    filled[{event.row, role}] += tokens_of(batch)[flat] == kMaskId && event.position < now.end;
    tokens_of(batch)[flat] = kEndId;
    batch.log_prob[static_cast<std::size_t>(flat)] = 0;
    events.push_back(event);
  }
  for (const auto& [cell, count] : filled) {
    const RoleStep& now = view.at(cell.first, cell.second);
    const std::int64_t after = count_open(batch.canvas, cell.first, now.begin, now.end);
    pace.shrink(cell.first, cell.second, after + count, after);
  }
}

}  // namespace

void apply(Batch& batch, Pace& pace, const StepView& view, const Decision& decision, std::vector<TraceEvent>& events) {
  for (const Write& write : decision.writes) {
    check_write(batch, write);
    put(batch, write, view.step, events);
  }
  for (const std::int64_t flat : decision.mask_again) {
    TORCH_CHECK(may_touch(batch, flat), "Sampler: a policy masked what is given, at flat position ", flat);
    tokens_of(batch)[flat] = kMaskId;
    events.push_back(event_at(batch, flat, view.step, kMaskId));
  }
  for (const Write& edit : decision.edits) {
    check_edit(batch, edit);
    put(batch, edit, view.step, events);
  }
  fill_ends(batch, pace, view, events);
}

}  // namespace palimpsest
