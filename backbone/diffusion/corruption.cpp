#include "backbone/diffusion/corruption.h"

#include <span>

#include "backbone/diffusion/times.h"

namespace palimpsest {

namespace {

enum class Fate { kNoised, kGiven, kHidden };

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
  }

  NoisyCanvas run() && {
    const at::Tensor times_BK = stratified_times_BK(source_.key.fold("times"), source_.global_indices, source_.block,
                                                    schema_.vocabulary().num_modalities());
    const std::span<const Span> spans = noisy_.canvas.spans;
    std::size_t document = 0;
    for (std::size_t begin = 0, end = 0; begin < spans.size(); begin = end, ++document) {
      while (end < spans.size() && spans[end].row == spans[begin].row && spans[end].document == spans[begin].document)
        ++end;
      TORCH_CHECK(document < source_.global_indices.size(), "corrupt: one global index a document, got ",
                  source_.global_indices.size());
      const auto index = static_cast<std::uint64_t>(source_.global_indices[document]);
      corrupt_document(spans.subspan(begin, end - begin), source_.key.fold("document").fold(index),
                       times_BK.data_ptr<double>() + static_cast<std::int64_t>(document) * times_BK.size(1));
    }
    TORCH_CHECK(document == source_.global_indices.size(), "corrupt: ", document, " documents but ",
                source_.global_indices.size(), " global indices");
    return std::move(noisy_);
  }

 private:
  std::int64_t first(const Span& span) const { return span.row * length_ + span.begin; }

  // Has the role anything to learn from? Absent roles are all mask, frozen ones are given already.
  bool can_be_noised(const Span& span) const {
    for (std::int64_t i = first(span); i < first(span) + span.length; ++i) {
      if (visible_[i] && !frozen_[i] && tokens_[i] != kMaskId) return true;
    }
    return false;
  }

  void corrupt_document(std::span<const Span> spans, RandomKey key, const double* times_K) {
    const std::vector<Fate> fates = draw_fates(spans, key);
    for (std::size_t s = 0; s < spans.size(); ++s) {
      if (fates[s] == Fate::kNoised) noise(spans[s], key, times_K[schema_.modality_of(spans[s].role)]);
      if (fates[s] == Fate::kHidden) hide(spans[s]);
    }
  }

  // A non-empty proper subset of the present roles, every one as likely, is given in a share `conditional` of the
  // documents.
  std::vector<Fate> draw_fates(std::span<const Span> spans, RandomKey key) const {
    std::vector<Fate> fates(spans.size(), Fate::kNoised);
    std::vector<std::size_t> present;
    for (std::size_t s = 0; s < spans.size(); ++s) {
      if (can_be_noised(spans[s])) present.push_back(s);
    }
    TORCH_CHECK(present.size() < 63, "corrupt: more roles in a document than bits in a draw");
    if (present.size() < 2 || key.fold("conditional").uniform(0) >= options_.conditional) return fates;
    const std::uint64_t subset = 1 + key.fold("given").below((std::uint64_t{1} << present.size()) - 2, 0);
    for (std::size_t i = 0; i < present.size(); ++i) {
      if (!(subset >> i & 1)) continue;
      const auto role = static_cast<std::uint64_t>(spans[present[i]].role);
      fates[present[i]] = key.fold("hidden").uniform(role) < options_.hide_given ? Fate::kHidden : Fate::kGiven;
    }
    return fates;
  }

  void hide(const Span& span) {
    for (std::int64_t i = first(span); i < first(span) + span.length; ++i) {
      tokens_[i] = kMaskId;
      visible_[i] = false;
    }
  }

  void noise(const Span& span, RandomKey key, double uniform_time) {
    const NoiseSchedule& schedule = schedules_[static_cast<std::size_t>(schema_.modality_of(span.role))];
    const double t = schedule.options().floor + (1 - schedule.options().floor) * uniform_time;
    const double masked_share = 1 - schedule.alpha(t);
    const RandomKey role_key = key.fold("mask").fold(static_cast<std::uint64_t>(span.role));
    for (std::int64_t offset = 0, i = first(span); offset < span.length; ++offset, ++i) {
      if (frozen_[i]) continue;
      if (!visible_[i] || tokens_[i] == kMaskId) {
        visible_[i] = false;
        continue;
      }
      t_[i] = static_cast<float>(t);
      masked_[i] = role_key.uniform(static_cast<std::uint64_t>(offset)) < masked_share;
      if (masked_[i]) tokens_[i] = kMaskId;
    }
  }

  const CanvasSchema& schema_;
  const DiffusionOptions& options_;
  const NoiseSource& source_;
  std::vector<NoiseSchedule> schedules_;
  std::int64_t length_;
  NoisyCanvas noisy_;
  at::Tensor frozen_BL_;
  std::int64_t* tokens_;
  bool* visible_;
  const bool* frozen_;
  float* t_;
  bool* masked_;
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
