// Shapes: M positions, D widths of both nets' features, R ids of some ranges.
#include "backbone/diffusion/distillation.h"

#include <c10/core/GradMode.h>

namespace palimpsest {

namespace {

// Both nets side by side: features are laid beside each other, and so are logits.
class BothNets : public Denoiser {
 public:
  BothNets(Denoiser& student, Denoiser& teacher) : student_(student), teacher_(teacher) {}

  at::Tensor logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    return logits_MR(features_MD(noisy, rows_M), {IdRange{0, vocabulary_size()}});
  }
  at::Tensor features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) override {
    const at::Tensor students_MD = student_.features_MD(noisy, rows_M);
    student_width_ = students_MD.size(1);
    const c10::NoGradGuard no_grad_for_the_teacher;
    const at::Tensor teachers_MD = teacher_.features_MD(noisy, rows_M);
    const c10::AutoGradMode with_grad(students_MD.requires_grad());
    return at::cat({students_MD, teachers_MD.to(students_MD.scalar_type())}, 1);
  }
  at::Tensor logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) override {
    const at::Tensor students_MR = student_.logits_MR(features_MD.narrow(1, 0, student_width_), ranges);
    const std::int64_t rest = features_MD.size(1) - student_width_;
    const at::Tensor teachers_MD = features_MD.narrow(1, student_width_, rest).detach();
    const c10::NoGradGuard no_grad_for_the_teacher;
    const at::Tensor teachers_MR = teacher_.logits_MR(teachers_MD, ranges);
    const c10::AutoGradMode with_grad(students_MR.requires_grad());
    return at::cat({students_MR.to(at::kFloat), teachers_MR.to(at::kFloat)}, 1);
  }
  std::int64_t vocabulary_size() const override { return student_.vocabulary_size(); }

 private:
  Denoiser& student_;
  Denoiser& teacher_;
  std::int64_t student_width_ = 0;
};

}  // namespace

at::Tensor distillation_terms_M(Denoiser& student, Denoiser& teacher, const Prediction& prediction,
                                double temperature) {
  TORCH_CHECK(student.vocabulary_size() == teacher.vocabulary_size(), "distillation: vocabularies differ, ",
              student.vocabulary_size(), " ids and the teacher's ", teacher.vocabulary_size());
  BothNets both(student, teacher);
  return terms_by_class(both, prediction, [temperature](const at::Tensor& logits_MR, const ClassRows&) {
    const std::int64_t ids = logits_MR.size(1) / 2;
    const at::Tensor log_student_MR = at::log_softmax(logits_MR.narrow(1, 0, ids) / temperature, 1);
    const at::Tensor log_teacher_MR = at::log_softmax(logits_MR.narrow(1, ids, ids) / temperature, 1);
    const at::Tensor divergence_M = (log_teacher_MR.exp() * (log_teacher_MR - log_student_MR)).sum(1);
    return divergence_M * (temperature * temperature);  // so that gradients do not shrink with the temperature
  });
}

at::Tensor OnePassDenoiser::features_MD(const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  const bool same = features_MD_.defined() && noisy.canvas.tokens_BL.is_same(tokens_BL_) && at::equal(rows_M, rows_M_);
  if (same) return features_MD_;
  tokens_BL_ = noisy.canvas.tokens_BL;
  rows_M_ = rows_M;
  features_MD_ = denoiser_.features_MD(noisy, rows_M);
  return features_MD_;
}

at::Tensor OnePassDenoiser::logits_MR(const at::Tensor& features_MD, const std::vector<IdRange>& ranges) {
  return denoiser_.logits_MR(features_MD, ranges);
}

at::Tensor OnePassDenoiser::logits_MV(const NoisyCanvas& noisy, const at::Tensor& rows_M) {
  return denoiser_.logits_MV(noisy, rows_M);
}

}  // namespace palimpsest
