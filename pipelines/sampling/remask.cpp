#include "pipelines/sampling/remask.h"

#include <algorithm>
#include <cmath>

namespace palimpsest {

double remask_probability(const RemaskOptions& options, const StepTimes& times) {
  if (options.kind == RemaskKind::kNone || options.kind == RemaskKind::kEdit) return 0;
  if (times.t > options.from || times.t < options.until) return 0;
  const double kept_t = 1.0 - times.masked_t;
  if (kept_t <= 0) return 0;  // nothing is written
  const double most = std::min(1.0, times.masked_s / kept_t);
  switch (options.kind) {
    case RemaskKind::kRescale:
      return options.rate * most;
    case RemaskKind::kLoop:
      return stands_still(times) ? std::min(options.rate, most) : 0;
    case RemaskKind::kForwardBackward:
      return std::min((times.masked_t - times.masked_s) / kept_t, most);
    default:
      return std::min(options.rate, most);
  }
}

double stay_probability(const StepTimes& times, double sigma) {
  if (times.masked_t <= 0) return 0;
  return (times.masked_s - sigma * (1.0 - times.masked_t)) / times.masked_t;
}

namespace {

// How sure each of a role's written positions is.
std::vector<double> sureness(const WrittenView& written, const std::vector<std::size_t>& members, RemaskKind kind) {
  std::vector<double> psi;
  for (const std::size_t member : members) {
    psi.push_back(kind == RemaskKind::kQuality ? written.quality[member] : std::exp(written.log_prob[member]));
  }
  return psi;
}

// Probabilities in proportion to exp(-psi), at most 1, with mean sigma.
std::vector<double> shared_out(const std::vector<double>& psi, double sigma) {
  std::vector<double> weights, result(psi.size(), 0);
  for (const double sure : psi) weights.push_back(std::exp(-sure));
  double left = sigma * static_cast<double>(psi.size());
  for (bool full = true; full;) {  // what is above 1 is full, and its surplus goes to the others
    full = false;
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += result[i] < 1 ? weights[i] : 0;
    const double scale = sum > 0 ? left / sum : 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (result[i] >= 1 || scale * weights[i] < 1) continue;
      result[i] = 1;
      left -= 1;
      full = true;
    }
    for (std::size_t i = 0; i < weights.size() && !full; ++i) {
      if (result[i] < 1) result[i] = scale * weights[i];
    }
  }
  return result;
}

// The id that should replace the one at a spot of the view's W, or the one that is there.
Write edit_at(const StepView& view, const Spot& spot) {
  const LegalClass& legal = view.written.log_prob_WR.legal(spot.index);
  const std::span<const float> log_prob_R = view.written.log_prob_WR.row(spot.index);
  const auto best = std::max_element(log_prob_R.begin() + (legal.with_end ? 1 : 0), log_prob_R.end());
  return {spot.position, id_at(legal, best - log_prob_R.begin()), *best};
}

std::vector<Write> plan_edits(const StepView& view, const std::vector<Spot>& spots, double threshold) {
  const std::int64_t* tokens = view.canvas.tokens_BL.const_data_ptr<std::int64_t>();
  std::vector<Write> edits;
  for (const Spot& spot : spots) {
    if (tokens[spot.position] == kEndId) continue;  // lengths are not edited
    const Write edit = edit_at(view, spot);
    if (edit.id != tokens[spot.position] && std::exp(edit.log_prob) >= threshold) edits.push_back(edit);
  }
  return edits;
}

}  // namespace

RemaskPlan plan_remask(const StepView& view, const RemaskOptions& options) {
  const auto cells = view.pace.size();
  RemaskPlan plan{{}, {}, std::vector<double>(cells), std::vector<std::int64_t>(cells)};
  if (options.kind == RemaskKind::kNone) return plan;
  const auto written = spots(view, view.written.position_W);
  if (options.kind == RemaskKind::kEdit) {
    plan.edits = plan_edits(view, written, options.edit_threshold);
    return plan;
  }
  for (std::size_t cell = 0; cell < cells; ++cell) {
    if (view.pace[cell].active) plan.sigma[cell] = remask_probability(options, view.pace[cell].times);
  }
  for (const auto& [key, members] : by_role(written)) {
    const auto cell = static_cast<std::size_t>(key.first * view.schema.num_roles() + key.second);
    std::vector<double> probabilities(members.size(), plan.sigma[cell]);
    if (options.kind == RemaskKind::kConfidence || options.kind == RemaskKind::kQuality) {
      probabilities = shared_out(sureness(view.written, members, options.kind), plan.sigma[cell]);
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Spot& spot = written[members[i]];
      if (uniform_at(view, spot, "remask") >= probabilities[i]) continue;
      plan.mask_again.push_back(spot.position);
      ++plan.count[cell];
    }
  }
  return plan;
}

}  // namespace palimpsest
