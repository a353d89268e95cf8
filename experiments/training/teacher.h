// A teacher: a finished checkpoint whose predictions a run learns from besides its data.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "pipelines/model.h"

namespace palimpsest {

// The recipe's table [teacher].
struct TeacherOptions {
  std::string checkpoint;    // checkpoint, run or name; empty: no teacher
  double weight = 1.0;       // of its term in the loss, beside the data's 1
  double temperature = 1.0;  // of both softmaxes

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("checkpoint", self.checkpoint, "checkpoint, run or name to learn from; empty: none");
    visitor("weight", self.weight, "weight of its term, beside the data's 1");
    visitor("temperature", self.temperature, "temperature of both softmaxes");
  }
  void validate() const;
};

// What the teacher's page must have in common with the run's.
struct PageMakeup {
  const CanvasSchema& schema;
  const std::map<std::string, std::string>& fingerprints;  // of the tokenizers, by role
};

class Teacher {
 public:
  // InputError when its page is another: roles and their order, tokenizers, shorter bounds.
  Teacher(const TeacherOptions& options, const PageMakeup& page, const Machine& machine, const std::string& file);

  // Mean over the noised positions of T^2 KL(teacher || student), weighted: what it adds to a loss.
  at::Tensor loss(Denoiser& student, const TokenCanvas& clean, const NoisyCanvas& noisy,
                  const CanvasSchema& schema) const;

 private:
  TeacherOptions options_;
  std::shared_ptr<Transformer> denoiser_;
};

// None when the recipe has none.
std::optional<Teacher> make_teacher(const Recipe& recipe, const PageMakeup& page, const Machine& machine);

}  // namespace palimpsest
