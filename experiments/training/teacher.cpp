#include "experiments/training/teacher.h"

#include "backbone/diffusion/distillation.h"
#include "base/errors.h"

namespace palimpsest {

namespace {

MachineOptions same_machine(const Machine& machine) {
  MachineOptions options;
  options.device = machine.device.str();
  options.dtype = machine.dtype == at::kBFloat16 ? ComputeType::kBf16 : ComputeType::kFp32;
  return options;
}

void check_page(const Model& teacher, const PageMakeup& page, const std::string& file) {
  const auto refuse = [&](const std::string& why) {
    throw InputError(file, "teacher.checkpoint", teacher.directory.string() + " " + why);
  };
  if (teacher.schema.num_roles() != page.schema.num_roles()) refuse("has other roles than this canvas");
  for (std::int64_t r = 0; r < page.schema.num_roles(); ++r) {
    const Role &mine = page.schema.role(r), &other = teacher.schema.role(r);
    if (other.name != mine.name) refuse("has role '" + other.name + "' where this canvas has '" + mine.name + "'");
    if (other.length() < mine.length()) refuse("is shorter in role '" + mine.name + "'");
    if (tokenizer_fingerprint(teacher.directory / "tokenizers" / mine.name) != page.fingerprints.at(mine.name)) {
      refuse("has another tokenizer for role '" + mine.name + "'");
    }
  }
}

}  // namespace

void TeacherOptions::validate() const {
  if (weight < 0) throw InputError("", "weight", "must not be negative");
  if (temperature <= 0) throw InputError("", "temperature", "must be above 0");
}

Teacher::Teacher(const TeacherOptions& options, const PageMakeup& page, const Machine& machine, const std::string& file)
    : options_(options) {
  const Model model = load_model(options.checkpoint, same_machine(machine));
  check_page(model, page, file);
  denoiser_ = model.denoiser;
}

at::Tensor Teacher::loss(Denoiser& student, const TokenCanvas& clean, const NoisyCanvas& noisy,
                         const CanvasSchema& schema) const {
  const at::Tensor rows_M = noisy.masked_BL.flatten().nonzero().squeeze(1);
  const double noised = std::max(1.0, noisy.t_BL.gt(0).sum().item<double>());
  const at::Tensor terms_M =
      distillation_terms_M(student, *denoiser_, {clean, noisy, schema, rows_M}, options_.temperature);
  return terms_M.sum() * (options_.weight / noised);
}

std::optional<Teacher> make_teacher(const Recipe& recipe, const PageMakeup& page, const Machine& machine) {
  const auto options = recipe_options<TeacherOptions>(recipe, "teacher");
  if (options.checkpoint.empty()) return std::nullopt;
  return Teacher(options, page, machine, recipe.file);
}

}  // namespace palimpsest
