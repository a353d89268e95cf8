// ScorerTask: what the trainer needs to train a ContrastiveScorer on real pictures.
//
// Shapes: B samples, H rows, W columns, C channels.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/recipe.h"
#include "experiments/evaluation/scorer.h"
#include "experiments/training/task.h"

namespace palimpsest {

// One real picture with what is said about it.
struct CaptionedPicture {
  at::Tensor pixels_HWC;  // uint8, of the scorer's size
  std::string caption;
  std::vector<std::string> keywords;
  std::string concept_name;
};

class ScorerTask : public TrainingTask {
 public:
  // `batch` pictures a micro-batch, all of different concepts (so that no other text in the batch is right), fewer only
  // when there are fewer concepts. `key` names initial values, order, augmentation.
  struct Settings {
    ScorerOptions scorer;
    std::int64_t batch = 256;
    RandomKey key;
  };
  ScorerTask(const Settings& settings, std::vector<CaptionedPicture> train, std::vector<CaptionedPicture> held_out);

  ParameterSet& parameters() override { return scorer_.parameters(); }
  LossReport loss(const StepPosition& position) override;
  // "accuracy": how often a held-out picture's own caption wins among 32.
  std::map<std::string, double> validate(std::int64_t step) override;
  std::map<std::string, double> units_a_step() const override;
  void save_extras(const std::filesystem::path&) const override {}

 private:
  const CaptionedPicture& picked(std::uint64_t drawn, RandomKey key) const;
  at::Tensor augmented_HWC(const at::Tensor& pixels_HWC, RandomKey key) const;
  std::string text_of(const CaptionedPicture& sample, RandomKey key) const;

  Settings settings_;
  ContrastiveScorer scorer_;
  std::vector<CaptionedPicture> train_, held_out_;
  std::vector<std::vector<std::size_t>> by_concept_;  // indices into train_
};

// Of the pictures in blocks of 32, how often the scorer prefers each one's own caption.
std::vector<bool> preferred_captions(const ContrastiveScorer& scorer, const std::vector<Image>& pictures,
                                     const std::vector<std::string>& captions);

}  // namespace palimpsest
