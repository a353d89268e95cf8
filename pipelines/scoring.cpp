#include "pipelines/scoring.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/errors.h"
#include "base/interrupt.h"
#include "pipelines/sampling/times.h"

namespace palimpsest {

void ScoringOptions::validate() const {
  if (times < 1) throw InputError("", "times", "must be at least 1, got " + std::to_string(times));
  if (rows < 1) throw InputError("", "rows", "must be at least 1, got " + std::to_string(rows));
}

double Bound::Part::nats_per_token() const { return tokens == 0 ? 0 : nats / static_cast<double>(tokens); }
double Bound::Part::bits_per_token() const { return nats_per_token() / std::numbers::ln2; }
double Bound::Part::bits_per_dimension(std::int64_t dimensions) const {
  TORCH_CHECK(dimensions > 0, "bits_per_dimension: there must be dimensions, got ", dimensions);
  return nats / std::numbers::ln2 / static_cast<double>(dimensions);
}

at::Tensor ScoreMatrix::pointwise_information_QC(bool hidden_prior) const {
  return log_prob_QC - (hidden_prior ? log_prior_C : log_mean_prior_C);
}

namespace {

using Contents = std::map<std::string, at::Tensor>;

// One draw of which positions are masked: the `count` of `total` scored positions with the smallest uniforms.
struct MaskDraw {
  at::Tensor masked_L;  // bool, over a row
  double share = 0;     // count / total
};

// Rows to be scored: clean contents and what each row's positions are for.
struct ScoringRows {
  CanvasSchema schema;
  TokenCanvas clean;
  at::Tensor scored_BL;   // bool: noised
  at::Tensor counted_BL;  // bool: of those, the ones in the figures
};

std::vector<std::string> names_of(const CanvasSchema& schema, const ScoredDocument& document) {
  std::vector<std::string> names;
  for (const auto& [role, ids] : document.given) names.push_back(role);
  for (const auto& [role, ids] : document.scored) {
    if (document.given.count(role)) throw InputError("", role, "is both given and scored");
    names.push_back(role);
  }
  for (const std::string& name : names) schema.role_index(name);
  if (document.scored.empty()) throw InputError("", "", "nothing is to be scored: name a role");
  return names;
}

// True up to and with the first `end` of each role; true everywhere in roles without.
at::Tensor before_filling_BL(const CanvasSchema& schema, const at::Tensor& tokens_BL) {
  at::Tensor result_BL = at::ones_like(tokens_BL, at::kBool);
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    if (!schema.holds(role) || !schema.role(role).elastic) continue;
    const std::int64_t begin = schema.role_begin(role), length = schema.role(role).length();
    const at::Tensor is_end_BL = tokens_BL.narrow(1, begin, length).eq(kEndId);
    const at::Tensor ends_before_BL = is_end_BL.cumsum(1).sub(is_end_BL.to(at::kLong));
    result_BL.narrow(1, begin, length).copy_(ends_before_BL.eq(0));
  }
  return result_BL;
}

// All documents have the same roles.
ScoringRows make_rows(const DiffusionModel& model, std::span<const ScoredDocument> documents, bool count_filling) {
  ScoringRows rows;
  rows.schema = model.schema.with_roles(names_of(model.schema, documents.front()));
  std::vector<Document> filled;
  for (const ScoredDocument& document : documents) {
    Document whole;
    for (const auto& [role, ids_L] : document.given) whole.roles[role] = {ids_L, true, {}};
    for (const auto& [role, ids_L] : document.scored) whole.roles[role] = {ids_L, false, {}};
    filled.push_back(std::move(whole));
  }
  rows.clean = build_canvas(rows.schema, filled);
  rows.scored_BL = rows.clean.frozen_BL.logical_not().logical_and(rows.clean.visible_BL);
  rows.counted_BL =
      count_filling ? rows.scored_BL : rows.scored_BL.logical_and(before_filling_BL(rows.schema, rows.clean.tokens_BL));
  return rows;
}

// Draw k of K over the scored positions of a row; the same for every document with these roles.
MaskDraw draw_mask(const at::Tensor& scored_L, const ScoringOptions& options, std::int64_t k) {
  const at::Tensor position_N = scored_L.nonzero().view({-1});
  const std::int64_t total = position_N.numel();
  const std::int64_t pair = std::min(k, options.times - 1 - k);
  const bool mirrored = k != pair;  // the middle of an odd number is alone
  const RandomKey key =
      RandomKey::root(static_cast<std::uint64_t>(options.seed)).fold("score").fold(static_cast<std::uint64_t>(pair));
  const double offset = mirrored ? 1.0 - key.fold("time").uniform(0) : key.fold("time").uniform(0);
  const double time = (static_cast<double>(k) + offset) / static_cast<double>(options.times);
  const auto count = std::min<std::int64_t>(total, 1 + static_cast<std::int64_t>(time * static_cast<double>(total)));
  const RandomKey stream = key.fold("position");
  const at::Tensor uniform_N = uniform_BN(std::span(&stream, 1), total)[0];
  const at::Tensor order_N = at::argsort(mirrored ? uniform_N.neg() : uniform_N);
  MaskDraw draw{at::zeros_like(scored_L), static_cast<double>(count) / static_cast<double>(total)};
  draw.masked_L.index_fill_(0, position_N.index_select(0, order_N.narrow(0, 0, count)), true);
  return draw;
}

// Noise times float32 [L]: of each modality, the time at which its schedule masks the share.
at::Tensor times_L(const ScoringRows& rows, const DiffusionModel& model, const at::Tensor& scored_L, double share) {
  std::vector<float> times;
  for (const NoiseSchedule& schedule : modality_schedules(rows.schema, model.diffusion)) {
    times.push_back(static_cast<float>(time_of_masked_share(schedule, share)));
  }
  return at::tensor(times, at::kFloat).index_select(0, rows.schema.modality_L()) * scored_L;
}

NoisyCanvas mask_rows(const ScoringRows& rows, const DiffusionModel& model, const MaskDraw& draw) {
  const at::Tensor masked_BL = rows.scored_BL.logical_and(draw.masked_L);
  NoisyCanvas noisy{rows.clean, {}, masked_BL};
  noisy.canvas.tokens_BL = rows.clean.tokens_BL.masked_fill(masked_BL, kMaskId);
  noisy.t_BL = times_L(rows, model, rows.scored_BL[0], draw.share).expand_as(masked_BL).contiguous();
  noisy.canvas = noisy.canvas.to(model.device);
  noisy.t_BL = noisy.t_BL.to(model.device);
  noisy.masked_BL = noisy.masked_BL.to(model.device);
  return noisy;
}

// Draw k of the absorbing process: weighted negative log-probabilities float64 [B,L], 0 where nothing is masked or
// counted.
at::Tensor mask_nats_BL(const ScoringRows& rows, const DiffusionModel& model, const MaskDraw& draw) {
  const at::Tensor wanted_BL = rows.counted_BL.logical_and(draw.masked_L);
  at::Tensor nats_BL = at::zeros(wanted_BL.sizes(), at::kDouble);
  const at::Tensor position_M = wanted_BL.reshape({-1}).nonzero().view({-1});
  if (position_M.numel() == 0) return nats_BL;
  const NoisyCanvas noisy = mask_rows(rows, model, draw);
  const at::Tensor nats_M =
      legal_nll_M(*model.denoiser, rows.clean.to(model.device), noisy, rows.schema, position_M.to(model.device));
  nats_BL.view({-1}).index_copy_(0, position_M, nats_M.cpu().to(at::kDouble).div(draw.share));
  return nats_BL;
}

// The model's process with nothing given but what is frozen, and draws s uniform in the root of the noise's share: at
// small shares the bound is rare hits of cost 1/share, whose variance is finite only when they are drawn this often.
DiffusionOptions drawn_by_root(const DiffusionModel& model) {
  DiffusionOptions options = model.diffusion.for_validation();
  options.conditional = 0;
  options.times.one_per = TimeCoupling::kDocument;
  options.schedules.clear();
  options.schedule = {.kind = ScheduleKind::kPolynomial, .exponent = 2.0, .floor = 0.0};
  return options;
}

// dt/ds of each modality's time t at the draw s, where its schedule has the share s^2: float64 [L].
at::Tensor time_rates_L(const ScoringRows& rows, const DiffusionModel& model, double s) {
  std::vector<double> rates;
  for (const NoiseSchedule& schedule : modality_schedules(rows.schema, model.diffusion)) {
    rates.push_back(2 * s / -schedule.dalpha_dt(schedule.time_of(1 - s * s)));
  }
  return at::tensor(rates, at::kDouble).index_select(0, rows.schema.modality_L());
}

// Draw k: every document has the noise of sample k of a block of K.
NoiseSource noise_source(const ScoringRows& rows, const ScoringOptions& options, std::int64_t k) {
  const RandomKey key = RandomKey::root(static_cast<std::uint64_t>(options.seed)).fold("score");
  return {key, std::vector<std::int64_t>(static_cast<std::size_t>(rows.clean.rows()), k), options.times};
}

// A draw of any process: the integrand of its bound over s, float64 [B,L].
at::Tensor process_nats_BL(const ScoringRows& rows, const DiffusionModel& model, const NoiseSource& source) {
  NoisyCanvas noisy = corrupt(rows.clean, rows.schema, drawn_by_root(model), source);
  const at::Tensor wanted_BL = rows.counted_BL.logical_and(noisy.masked_BL);
  at::Tensor nats_BL = at::zeros(wanted_BL.sizes(), at::kDouble);
  const at::Tensor position_M = wanted_BL.reshape({-1}).nonzero().view({-1});
  if (position_M.numel() == 0) return nats_BL;
  const double s = noisy.t_BL.max().item<double>();
  noisy.t_BL = times_L(rows, model, rows.scored_BL[0], s * s).expand_as(wanted_BL).contiguous();
  noisy = noisy.to(model.device);
  const TokenCanvas clean = rows.clean.to(model.device);
  const Prediction prediction{clean, noisy, rows.schema, position_M.to(model.device)};
  const at::Tensor nats_M = position_terms(*model.denoiser, prediction, model.diffusion.for_validation()).nats_M;
  nats_BL.view({-1}).index_copy_(0, position_M, nats_M.cpu().to(at::kDouble));
  return nats_BL * time_rates_L(rows, model, s);
}

// Draws that are independent of one another come in groups: mirrored pairs, or single ones.
struct DrawGroups {
  std::int64_t times = 1;
  bool paired = true;

  std::int64_t count() const { return paired ? (times + 1) / 2 : times; }
  std::int64_t of(std::int64_t k) const { return paired ? std::min(k, times - 1 - k) : k; }
  // Share of the draws that each has, float64 [G].
  at::Tensor shares_G() const {
    at::Tensor shares_G = at::zeros({count()}, at::kDouble);
    for (std::int64_t k = 0; k < times; ++k) shares_G[of(k)] += 1.0 / static_cast<double>(times);
    return shares_G;
  }
};

// Means over all draws by position, and what each group of draws adds to the mean of each modality.
struct RowNats {
  at::Tensor nats_BL;
  at::Tensor group_nats_BGK;
  at::Tensor shares_G;
};

RowNats estimate(const ScoringRows& rows, const DiffusionModel& model, const ScoringOptions& options) {
  const at::NoGradGuard no_grad;
  const bool absorbing = model.diffusion.process.kind == ProcessKind::kAbsorbing;
  const DrawGroups groups{options.times, absorbing};
  const std::int64_t modalities = rows.schema.vocabulary().num_modalities();
  const at::Tensor modality_LK = at::one_hot(rows.schema.modality_L(), modalities).to(at::kDouble);
  RowNats result{at::zeros(rows.scored_BL.sizes(), at::kDouble),
                 at::zeros({rows.clean.rows(), groups.count(), modalities}, at::kDouble), groups.shares_G()};
  for (std::int64_t k = 0; k < options.times; ++k) {
    stop_if_interrupted();
    const at::Tensor nats_BL = absorbing ? mask_nats_BL(rows, model, draw_mask(rows.scored_BL[0], options, k))
                                         : process_nats_BL(rows, model, noise_source(rows, options, k));
    result.nats_BL.add_(nats_BL, 1.0 / static_cast<double>(options.times));
    result.group_nats_BGK.select(1, groups.of(k))
        .add_(nats_BL.matmul(modality_LK), 1.0 / static_cast<double>(options.times));
  }
  return result;
}

// Of a sum of groups' contributions: with G groups of shares w, sqrt(G/(G-1) sum (contribution - w total)^2).
double standard_error(const at::Tensor& contribution_G, const at::Tensor& shares_G) {
  const auto groups = static_cast<double>(shares_G.numel());
  if (groups < 2) return std::numeric_limits<double>::infinity();
  const at::Tensor left_G = contribution_G - shares_G * contribution_G.sum();
  return std::sqrt(groups / (groups - 1) * left_G.square().sum().item<double>());
}

Bound bound_of(const ScoringRows& rows, const RowNats& nats, std::int64_t row) {
  Bound bound;
  const at::Tensor group_nats_GK = nats.group_nats_BGK[row];
  bound.nats = group_nats_GK.sum().item<double>();
  bound.standard_error = standard_error(group_nats_GK.sum(1), nats.shares_G);
  for (std::int64_t modality = 0; modality < rows.schema.vocabulary().num_modalities(); ++modality) {
    const at::Tensor own_L = rows.counted_BL[row].logical_and(rows.schema.modality_L().eq(modality));
    if (!own_L.any().item<bool>()) continue;
    bound.by_modality[rows.schema.vocabulary().space(modality).modality] = {
        nats.nats_BL[row].masked_select(own_L).sum().item<double>(), own_L.sum().item<std::int64_t>(),
        standard_error(group_nats_GK.select(1, modality), nats.shares_G)};
  }
  return bound;
}

}  // namespace

std::vector<Bound> likelihood_bounds(const DiffusionModel& model, const std::vector<ScoredDocument>& documents,
                                     const ScoringOptions& options) {
  options.validate();
  std::vector<Bound> bounds(documents.size());
  std::map<std::pair<std::vector<std::string>, std::size_t>, std::vector<std::size_t>>
      groups;  // documents of the same roles
  for (std::size_t i = 0; i < documents.size(); ++i) {
    groups[{names_of(model.schema, documents[i]), documents[i].given.size()}].push_back(i);
  }
  const auto step = static_cast<std::size_t>(options.rows);
  for (const auto& [roles, members] : groups) {
    for (std::size_t first = 0; first < members.size(); first += step) {
      std::vector<ScoredDocument> block;
      for (std::size_t i = first; i < std::min(first + step, members.size()); ++i)
        block.push_back(documents[members[i]]);
      const ScoringRows rows = make_rows(model, block, options.count_filling);
      const RowNats nats = estimate(rows, model, options);
      for (std::size_t i = 0; i < block.size(); ++i) {
        bounds[members[first + i]] = bound_of(rows, nats, static_cast<std::int64_t>(i));
      }
    }
  }
  return bounds;
}

namespace {

void check_same_roles(const std::vector<Contents>& items, const char* what) {
  if (items.empty()) throw InputError("", what, "must not be empty");
  for (const Contents& item : items) {
    const bool same = item.size() == items.front().size() &&
                      std::equal(item.begin(), item.end(), items.front().begin(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; });
    if (!same) throw InputError("", what, "must all have the same roles");
  }
}

// log p float64 [N] of pairs, in blocks of rows.
at::Tensor log_probs_of(const DiffusionModel& model, const std::vector<ScoredDocument>& documents,
                        const ScoringOptions& options) {
  std::vector<at::Tensor> parts;
  const auto step = static_cast<std::size_t>(options.rows);
  for (std::size_t first = 0; first < documents.size(); first += step) {
    const std::size_t count = std::min(step, documents.size() - first);
    const ScoringRows rows = make_rows(model, std::span(documents).subspan(first, count), options.count_filling);
    parts.push_back(estimate(rows, model, options).nats_BL.sum(1).neg());
  }
  return at::cat(parts);
}

// The same rows as with a query, but nobody sees it.
at::Tensor log_priors_of(const DiffusionModel& model, const Contents& query, const std::vector<Contents>& candidates,
                         const ScoringOptions& options) {
  std::vector<at::Tensor> parts;
  const auto step = static_cast<std::size_t>(options.rows);
  for (std::size_t first = 0; first < candidates.size(); first += step) {
    std::vector<ScoredDocument> block;
    for (std::size_t i = first; i < std::min(first + step, candidates.size()); ++i)
      block.push_back({query, candidates[i]});
    ScoringRows rows = make_rows(model, block, options.count_filling);
    const at::Tensor given_BL = rows.scored_BL.logical_not();
    rows.clean.tokens_BL = rows.clean.tokens_BL.masked_fill(given_BL, kMaskId);
    rows.clean.visible_BL = rows.clean.visible_BL.logical_and(rows.scored_BL);
    parts.push_back(estimate(rows, model, options).nats_BL.sum(1).neg());
  }
  return at::cat(parts);
}

}  // namespace

ScoreMatrix score_matrix(const DiffusionModel& model, const std::vector<Contents>& queries,
                         const std::vector<Contents>& candidates, const ScoringOptions& options) {
  options.validate();
  check_same_roles(queries, "queries");
  check_same_roles(candidates, "candidates");
  std::vector<ScoredDocument> pairs;
  for (const Contents& query : queries) {
    for (const Contents& candidate : candidates) pairs.push_back({query, candidate});
  }
  const auto num_queries = static_cast<std::int64_t>(queries.size());
  const auto num_candidates = static_cast<std::int64_t>(candidates.size());
  ScoreMatrix matrix;
  matrix.log_prob_QC = log_probs_of(model, pairs, options).view({num_queries, num_candidates});
  matrix.log_prior_C = log_priors_of(model, queries.front(), candidates, options);
  matrix.log_mean_prior_C = matrix.log_prob_QC.logsumexp(0) - std::log(static_cast<double>(num_queries));
  return matrix;
}

}  // namespace palimpsest
