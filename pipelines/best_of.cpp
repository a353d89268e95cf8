#include "pipelines/best_of.h"

#include <algorithm>

#include "base/errors.h"
#include "pipelines/scoring.h"

namespace palimpsest {

namespace {

// What a row's roles are for: roles given whole, and roles with something to write.
struct RowRoles {
  std::vector<std::string> given, made;
};

std::vector<RowRoles> roles_of_rows(const CanvasSchema& schema, const TokenCanvas& start) {
  const at::Tensor open_BL = open_mask_BL(start);
  std::vector<RowRoles> rows(static_cast<std::size_t>(start.rows()));
  for (const Span& span : start.spans) {
    const auto within = [&](const at::Tensor& tensor_BL) {
      return tensor_BL[span.row].narrow(0, span.begin, span.length);
    };
    RowRoles& row = rows[static_cast<std::size_t>(span.row)];
    const std::string& name = schema.role(span.role).name;
    if (within(open_BL).any().item<bool>()) {
      row.made.push_back(name);
    } else if (within(start.frozen_BL.logical_and(start.visible_BL)).all().item<bool>()) {
      row.given.push_back(name);
    }
  }
  return rows;
}

std::int64_t candidates_of(const RowRoles& row, const SamplerOptions& options) {
  std::int64_t most = 1;
  if (row.given.empty()) return most;
  for (const std::string& role : row.made) most = std::max(most, options.best_of_for(role));
  return most;
}

// The row of each candidate, rows ascending.
std::vector<std::int64_t> rows_of_candidates(const std::vector<RowRoles>& rows, const SamplerOptions& options) {
  std::vector<std::int64_t> row_of;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    row_of.insert(row_of.end(), static_cast<std::size_t>(candidates_of(rows[row], options)),
                  static_cast<std::int64_t>(row));
  }
  return row_of;
}

// The first candidate has the row's own key.
std::vector<RandomKey> keys_of_candidates(std::span<const RandomKey> keys, const std::vector<std::int64_t>& row_of) {
  std::vector<RandomKey> all;
  std::uint64_t candidate = 0;
  for (std::size_t i = 0; i < row_of.size(); ++i) {
    candidate = i > 0 && row_of[i] == row_of[i - 1] ? candidate + 1 : 0;
    const RandomKey& own = keys[static_cast<std::size_t>(row_of[i])];
    all.push_back(candidate == 0 ? own : own.fold("candidate").fold(candidate));
  }
  return all;
}

// Of each row the first of its best candidates.
std::vector<std::int64_t> best_of_rows(const std::vector<double>& score, const std::vector<std::int64_t>& row_of) {
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < row_of.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    if (i == 0 || row_of[i] != row_of[i - 1]) {
      kept.push_back(index);
    } else if (score[i] > score[static_cast<std::size_t>(kept.back())]) {
      kept.back() = index;
    }
  }
  return kept;
}

Trace trace_of(const Trace& trace, const TokenCanvas& start, const std::vector<std::int64_t>& kept) {
  Trace own{start.tokens_BL.clone(), trace.steps, {}};
  for (TraceEvent event : trace.events) {
    const auto found = std::lower_bound(kept.begin(), kept.end(), event.row);
    if (found == kept.end() || *found != event.row) continue;
    event.row = found - kept.begin();
    own.events.push_back(event);
  }
  return own;
}

// log p(given | made) of each candidate; 0 where there is nothing to choose between.
std::vector<double> read_back(const DiffusionModel& model, const SamplerOptions& options,
                              const std::vector<RowRoles>& rows, const TokenCanvas& made,
                              const std::vector<std::int64_t>& row_of) {
  const std::vector<Document> documents = read_canvas(schema_of(model.schema, made), made, /*partial=*/true);
  std::vector<ScoredDocument> pairs;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < row_of.size(); ++i) {
    const RowRoles& row = rows[static_cast<std::size_t>(row_of[i])];
    if (candidates_of(row, options) == 1) continue;
    ScoredDocument pair;
    for (const std::string& role : row.made) pair.given[role] = documents[i].roles.at(role).ids_L;
    for (const std::string& role : row.given) pair.scored[role] = documents[i].roles.at(role).ids_L;
    pairs.push_back(std::move(pair));
    places.push_back(i);
  }
  ScoringOptions scoring;
  scoring.times = options.best_of_draws;
  std::vector<double> score(row_of.size(), 0);
  const std::vector<Bound> bounds = likelihood_bounds(model, pairs, scoring);
  for (std::size_t k = 0; k < places.size(); ++k) score[places[k]] = -bounds[k].nats;
  return score;
}

}  // namespace

BestOfSampler::BestOfSampler(DiffusionModel model, SamplerOptions options)
    : model_(model), options_(options), sampler_(std::move(model), std::move(options)) {}

std::int64_t BestOfSampler::candidates(const TokenCanvas& start) const {
  return std::ssize(rows_of_candidates(roles_of_rows(model_.schema, start), options_));
}

std::int64_t BestOfSampler::run_steps(const TokenCanvas& start) const { return sampler_.run_steps(candidates(start)); }

SampleResult BestOfSampler::run(const TokenCanvas& start, std::span<const RandomKey> keys,
                                const std::function<void(std::int64_t)>& on_step) const {
  TORCH_CHECK(static_cast<std::int64_t>(keys.size()) == start.rows(), "BestOfSampler: needs a key a row, got ",
              keys.size(), " for ", start.rows(), " rows");
  sampler_.check(start);
  const std::vector<RowRoles> rows = roles_of_rows(model_.schema, start);
  const auto row_of = rows_of_candidates(rows, options_);
  if (std::ssize(row_of) == start.rows()) return sampler_.run(start, keys, on_step);
  const TokenCanvas candidates = pick_rows(start, at::tensor(row_of, at::kLong));
  const SampleResult all = sampler_.run(candidates, keys_of_candidates(keys, row_of), on_step);
  const auto kept = best_of_rows(read_back(model_, options_, rows, all.canvas, row_of), row_of);
  return {pick_rows(all.canvas, at::tensor(kept, at::kLong)), trace_of(all.trace, start, kept)};
}

}  // namespace palimpsest
