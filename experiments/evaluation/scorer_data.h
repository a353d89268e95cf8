// The scorer's data: real pictures with captions and keywords, and the trainer's task made of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "datasets/sources/data_options.h"
#include "experiments/evaluation/scorer_task.h"
#include "experiments/training/task_factory.h"

namespace palimpsest {

// [pictures] of a scorer's recipe: which roles and splits of [data] are looked at.
struct ScorerDataOptions {
  std::string picture = "picture";
  std::string caption = "caption";
  std::string train = "train";
  std::string held_out = "unseen-style";  // validation; "" for none

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("picture", self.picture, "role of the pictures");
    visitor("caption", self.caption, "role of the captions");
    visitor("train", self.train, "split to train on");
    visitor("held_out", self.held_out, "split to validate on, empty for none");
  }
};

// Pictures of one split, fitted to `size` pixels a side; keywords and concept come from the sample's meta ("keywords",
// "concept"; without a concept the caption is one).
std::vector<CaptionedPicture> load_captioned_pictures(const DataOptions& data, const std::string& split,
                                                      const ScorerDataOptions& options, std::int64_t size);

// The task of a recipe of kind "scorer": tables [data], [pictures], [scorer], [training].
std::unique_ptr<TrainingTask> make_scorer_task(const TaskRequest& request);

}  // namespace palimpsest
