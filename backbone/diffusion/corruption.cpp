#include "backbone/diffusion/corruption.h"

#include <algorithm>
#include <span>

#include "backbone/diffusion/pattern_draw.h"
#include "backbone/diffusion/role_noise.h"

namespace palimpsest {

namespace {

enum class Fate { kNoised, kGiven, kHidden };

// One document's draws. Twins share all but `twin`: the second has the complement of the first one's masks.
struct DocumentDraw {
  RandomKey key;
  const double* times_K = nullptr;
  bool twin = false;
};

// Whose losses are weighed: times that are not uniform, and twins.
bool has_weights(const DiffusionOptions& options) { return options.complementary || !options.times.density.empty(); }

std::vector<NoiseSchedule> schedules_of(const Vocabulary& vocabulary, const DiffusionOptions& options) {
  std::vector<NoiseSchedule> schedules;
  for (std::int64_t k = 0; k < vocabulary.num_modalities(); ++k)
    schedules.push_back(options.schedule_of(vocabulary.space(k).modality));
  return schedules;
}

// Writes the noise of one canvas, document by document, through plain pointers: a batch costs little more than its
// draws.
class Corruptor {
 public:
  Corruptor(const TokenCanvas& clean, const CanvasSchema& schema, const DiffusionOptions& options,
            const NoiseSource& source)
      : schema_(schema),
        options_(options),
        source_(source),
        schedules_(schedules_of(schema.vocabulary(), options)),
        patterns_(options.patterns, schema.vocabulary()),
        absorbing_(options.process.kind == ProcessKind::kAbsorbing),
        length_(clean.length()) {
    noisy_.canvas = clean;
    noisy_.canvas.tokens_BL = clean.tokens_BL.clone();
    noisy_.canvas.visible_BL = clean.visible_BL.clone();
    noisy_.t_BL = at::zeros(clean.tokens_BL.sizes(), at::kFloat);
    noisy_.masked_BL = at::zeros(clean.tokens_BL.sizes(), at::kBool);
    tokens_ = noisy_.canvas.tokens_BL.data_ptr<std::int64_t>();
    visible_ = noisy_.canvas.visible_BL.data_ptr<bool>();
    frozen_BL_ = clean.frozen_BL.contiguous();
    frozen_ = frozen_BL_.data_ptr<bool>();
    t_ = noisy_.t_BL.data_ptr<float>();
    masked_ = noisy_.masked_BL.data_ptr<bool>();
    TORCH_CHECK(!source.objects_BL.defined() ||
                    (source.objects_BL.sizes() == clean.tokens_BL.sizes() && source.objects_BL.is_contiguous()),
                "corrupt: objects have the canvas's shape, contiguous, got ", source.objects_BL.sizes());
    if (has_weights(options)) {
      noisy_.weight_BL = at::ones_like(noisy_.t_BL);
      weight_ = noisy_.weight_BL.data_ptr<float>();
    }
    for (const Role& role : schema.roles()) given_odds_.push_back(options.given_odds_of(role.name));
    coordinates_BLA_ = clean.coordinates_BLA.contiguous();
    legal_class_BL_ = clean.legal_class_BL.contiguous();
  }

  NoisyCanvas run() && {
    const at::Tensor times_BK = draw_times_BK();
    const std::span<const Span> spans = noisy_.canvas.spans;
    std::size_t document = 0;
    for (std::size_t begin = 0, end = 0; begin < spans.size(); begin = end, ++document) {
      while (end < spans.size() && spans[end].row == spans[begin].row && spans[end].document == spans[begin].document)
        ++end;
      TORCH_CHECK(document < source_.global_indices.size(), "corrupt: one global index a document, got ",
                  source_.global_indices.size());
      const std::int64_t index = source_.global_indices[document];
      const auto sample = static_cast<std::uint64_t>(options_.sample_of(index));
      corrupt_document(spans.subspan(begin, end - begin),
                       {source_.key.fold("document").fold(sample),
                        times_BK.data_ptr<double>() + static_cast<std::int64_t>(document) * times_BK.size(1),
                        options_.complementary && index % 2 == 1});
    }
    TORCH_CHECK(document == source_.global_indices.size(), "corrupt: ", document, " documents but ",
                source_.global_indices.size(), " global indices");
    return std::move(noisy_);
  }

 private:
  // Uniform times of every document, float64 [documents,K]; twins have the same.
  at::Tensor draw_times_BK() const {
    TORCH_CHECK(!options_.complementary || source_.block % 2 == 0, "corrupt: pairs need an even block, got ",
                source_.block);
    std::vector<std::int64_t> samples;
    for (const std::int64_t index : source_.global_indices) samples.push_back(options_.sample_of(index));
    return uniform_times_BK(options_.times, source_.key.fold("times"), samples,
                            source_.block / (options_.complementary ? 2 : 1), schema_.vocabulary().num_modalities());
  }

  std::int64_t first(const Span& span) const { return span.row * length_ + span.begin; }

  // Is there anything to learn from? Absent roles are all mask, frozen ones are given already.
  bool can_be_noised(std::int64_t i) const { return visible_[i] && !frozen_[i] && tokens_[i] != kMaskId; }
  bool can_be_noised(const Span& span) const {
    for (std::int64_t i = first(span); i < first(span) + span.length; ++i) {
      if (can_be_noised(i)) return true;
    }
    return false;
  }

  void corrupt_document(std::span<const Span> spans, const DocumentDraw& draw) {
    const std::vector<Fate> fates = draw_fates(spans, draw.key);
    for (std::size_t s = 0; s < spans.size(); ++s) {
      if (fates[s] == Fate::kNoised) noise(spans[s], draw);
      if (fates[s] == Fate::kHidden) hide(spans[s]);
    }
  }

  // In a share `conditional` of the documents a non-empty proper subset of the present roles is given, each as likely
  // as the product of its roles' odds.
  std::vector<Fate> draw_fates(std::span<const Span> spans, RandomKey key) const {
    std::vector<Fate> fates(spans.size(), Fate::kNoised);
    std::vector<std::size_t> present;
    for (std::size_t s = 0; s < spans.size(); ++s) {
      if (can_be_noised(spans[s])) present.push_back(s);
    }
    TORCH_CHECK(present.size() <= 16, "corrupt: at most 16 roles a document, whose subsets are drawn from");
    if (present.size() < 2 || key.fold("conditional").uniform(0) >= options_.conditional) return fates;
    const std::uint64_t subset = draw_subset(spans, present, key.fold("given").uniform(0));
    for (std::size_t i = 0; i < present.size(); ++i) {
      if (!(subset >> i & 1)) continue;
      const auto role = static_cast<std::uint64_t>(spans[present[i]].role);
      fates[present[i]] = key.fold("hidden").uniform(role) < options_.hide_given ? Fate::kHidden : Fate::kGiven;
    }
    return fates;
  }

  // Bit i of the subset stands for present[i]; `uniform` falls among the subsets' odds, laid end to end.
  std::uint64_t draw_subset(std::span<const Span> spans, const std::vector<std::size_t>& present,
                            double uniform) const {
    const std::uint64_t last = (std::uint64_t{1} << present.size()) - 2;
    std::vector<double> up_to{0.0};  // summed odds of the subsets 1 .. n
    for (std::uint64_t subset = 1; subset <= last; ++subset) {
      double odds = 1;
      for (std::size_t i = 0; i < present.size(); ++i) {
        if (subset >> i & 1) odds *= given_odds_[static_cast<std::size_t>(spans[present[i]].role)];
      }
      up_to.push_back(up_to.back() + odds);
    }
    const auto found = std::upper_bound(up_to.begin() + 1, up_to.end(), uniform * up_to.back());
    return std::min<std::uint64_t>(static_cast<std::uint64_t>(found - up_to.begin()), last);
  }

  void hide(const Span& span) {
    for (std::int64_t i = first(span); i < first(span) + span.length; ++i) {
      tokens_[i] = kMaskId;
      visible_[i] = false;
    }
  }

  // Ranks of the positions that can be noised, in order; none where each is drawn for itself.
  std::vector<double> pattern_ranks(const Span& span, RandomKey document_key, RandomKey role_key) const {
    const std::int64_t modality = schema_.modality_of(span.role);
    if (!patterns_.any(modality)) return {};
    std::vector<std::int64_t> offsets;
    for (std::int64_t offset = 0; offset < span.length; ++offset) {
      if (can_be_noised(first(span) + offset)) offsets.push_back(offset);
    }
    if (offsets.empty()) return {};
    const std::int32_t* coordinates = coordinates_BLA_.data_ptr<std::int32_t>() + first(span) * kAxes;
    const RandomKey modality_key = document_key.fold("pattern").fold(static_cast<std::uint64_t>(modality));
    const std::int64_t* objects =
        source_.objects_BL.defined() ? source_.objects_BL.const_data_ptr<std::int64_t>() + first(span) : nullptr;
    return patterns_.ranks({offsets, coordinates, &schema_.role(span.role), role_key, modality_key, objects}, modality);
  }

  void noise(const Span& span, const DocumentDraw& draw) {
    const std::int64_t modality = schema_.modality_of(span.role);
    const RoleNoise noise =
        role_noise(schedules_[static_cast<std::size_t>(modality)], options_, draw.times_K[modality], draw.twin);
    const RandomKey role_key = draw.key.fold("mask").fold(static_cast<std::uint64_t>(span.role));
    const std::vector<double> ranks = pattern_ranks(span, draw.key, role_key);
    auto rank = ranks.begin();
    for (std::int64_t offset = 0, i = first(span); offset < span.length; ++offset, ++i) {
      if (frozen_[i]) continue;
      if (!can_be_noised(i)) {
        visible_[i] = false;
        continue;
      }
      const double drawn = ranks.empty() ? role_key.uniform(static_cast<std::uint64_t>(offset)) : *rank++;
      t_[i] = static_cast<float>(noise.t);
      if (weight_ != nullptr) weight_[i] = static_cast<float>(noise.weight);
      const bool hit = (drawn < noise.hit) != noise.complement;
      masked_[i] = hit || !absorbing_;
      if (hit)
        tokens_[i] = absorbing_
                         ? kMaskId
                         : noise_id(i, noise.level, role_key.fold("id").uniform(static_cast<std::uint64_t>(offset)));
    }
  }

  // What noise makes of position i: the mask in its share of the hits, else any id that is legal there.
  std::int64_t noise_id(std::int64_t i, const NoiseLevel<double>& level, double uniform) const {
    const double beyond_mask = uniform * level.hit - level.mask;
    if (beyond_mask < 0) return kMaskId;
    const LegalClass& legal = schema_.vocabulary().legal_class(legal_class_BL_.data_ptr<std::int64_t>()[i]);
    const std::int64_t num_ids = legal.range.size() + (legal.with_end ? 1 : 0);
    const auto drawn = static_cast<std::int64_t>(beyond_mask / (level.hit - level.mask) * static_cast<double>(num_ids));
    const std::int64_t place = std::min(drawn, num_ids - 1);
    return place == legal.range.size() ? kEndId : legal.range.begin + place;
  }

  const CanvasSchema& schema_;
  const DiffusionOptions& options_;
  const NoiseSource& source_;
  std::vector<NoiseSchedule> schedules_;
  PatternDraw patterns_;
  std::vector<double> given_odds_;  // by role
  bool absorbing_;
  std::int64_t length_;
  NoisyCanvas noisy_;
  at::Tensor frozen_BL_, coordinates_BLA_, legal_class_BL_;
  std::int64_t* tokens_;
  bool* visible_;
  const bool* frozen_;
  float* t_;
  bool* masked_;
  float* weight_ = nullptr;
};

}  // namespace

NoisyCanvas corrupt(const TokenCanvas& clean, const CanvasSchema& schema, const DiffusionOptions& options,
                    const NoiseSource& source) {
  const c10::Device device = clean.tokens_BL.device();
  if (device.is_cpu()) return Corruptor(clean, schema, options, source).run();
  return Corruptor(clean.to(c10::DeviceType::CPU), schema, options, source).run().to(device);
}

NoisyCanvas corrupt(const TokenCanvas& clean, const CanvasSchema& schema, const DiffusionOptions& options,
                    RandomKey key, const std::vector<std::int64_t>& global_indices, std::int64_t block) {
  return corrupt(clean, schema, options, NoiseSource{key, global_indices, block});
}

}  // namespace palimpsest
