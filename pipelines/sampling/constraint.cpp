#include "pipelines/sampling/constraint.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backbone/denoiser.h"
#include "backbone/diffusion/cross_entropy.h"
#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Ids of each role that may not be written.
class RoleConstraint : public Constraint {
 public:
  explicit RoleConstraint(at::Tensor forbidden_by_role) : forbidden_by_role_(std::move(forbidden_by_role)) {}
  void forbid(const TokenCanvas& canvas, const at::Tensor& position_M, const LegalClass& legal,
              at::Tensor& logits_MR) const override {
    const at::Tensor role_M = canvas.role_BL.reshape({-1}).index_select(0, position_M);
    const at::Tensor of_roles = select_ranges(forbidden_by_role_, legal_ranges(legal), 1);
    logits_MR.masked_fill_(of_roles.index_select(0, role_M).to(logits_MR.device()), kNever);
  }

 private:
  at::Tensor forbidden_by_role_;  // bool [roles, vocabulary]
};

class BothConstraints : public Constraint {
 public:
  BothConstraints(std::shared_ptr<const Constraint> first, std::shared_ptr<const Constraint> second)
      : first_(std::move(first)), second_(std::move(second)) {}
  void forbid(const TokenCanvas& canvas, const at::Tensor& position_M, const LegalClass& legal,
              at::Tensor& logits_MR) const override {
    first_->forbid(canvas, position_M, legal, logits_MR);
    second_->forbid(canvas, position_M, legal, logits_MR);
  }
  bool vetoes(const TokenCanvas& canvas, const Write& write) const override {
    return first_->vetoes(canvas, write) || second_->vetoes(canvas, write);
  }

 private:
  std::shared_ptr<const Constraint> first_, second_;
};

// Joint ids of local ones; InputError for those that the role's tokenizer does not have.
std::vector<std::int64_t> joint_ids(const CanvasSchema& schema, std::int64_t role, const std::string& key,
                                    const std::vector<std::int64_t>& local) {
  const IdRange range = schema.vocabulary().range(schema.modality_of(role));
  std::vector<std::int64_t> joint;
  for (const std::int64_t id : local) {
    if (id < 0 || id >= range.size()) {
      throw InputError("", "roles." + schema.role(role).name + "." + key,
                       "must be ids from 0 to " + std::to_string(range.size() - 1) + ", got " + std::to_string(id));
    }
    joint.push_back(range.begin + id);
  }
  return joint;
}

at::Tensor forbidden_V(const CanvasSchema& schema, std::int64_t role, const RoleSamplerOptions& own) {
  at::Tensor result_V = at::zeros({schema.vocabulary().size()}, at::kBool);
  bool* forbidden = result_V.mutable_data_ptr<bool>();
  const IdRange range = schema.vocabulary().range(schema.modality_of(role));
  std::fill(forbidden + range.begin, forbidden + range.end, !own.allow.empty());
  for (const std::int64_t id : joint_ids(schema, role, "allow", own.allow)) forbidden[id] = false;
  for (const std::int64_t id : joint_ids(schema, role, "forbid", own.forbid)) forbidden[id] = true;
  return result_V;
}

// Every position of the role must keep an id beside `end`, which cannot stand everywhere.
void check_role_keeps_ids(const CanvasSchema& schema, std::int64_t role, const at::Tensor& forbidden_V) {
  const Role& own = schema.role(role);
  for (std::int64_t n = 0; n < own.length(); ++n) {
    const auto depth = own.layout.coordinates_LA[n][static_cast<std::int64_t>(Axis::kDepth)].item<std::int32_t>();
    const auto& vocabulary = schema.vocabulary();
    const IdRange range = vocabulary.legal_class(vocabulary.class_of(schema.modality_of(role), depth, false)).range;
    if (!forbidden_V.slice(0, range.begin, range.end).all().item<bool>()) continue;
    throw InputError("", "roles." + own.name, "allow and forbid leave no legal id at position " + std::to_string(n));
  }
}

}  // namespace

std::shared_ptr<const Constraint> role_constraint(const CanvasSchema& schema, const SamplerOptions& options) {
  std::vector<at::Tensor> forbidden;
  bool any = false;
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    const auto found = options.roles.find(schema.role(role).name);
    const RoleSamplerOptions own = found == options.roles.end() ? RoleSamplerOptions() : found->second;
    forbidden.push_back(forbidden_V(schema, role, own));
    if (own.allow.empty() && own.forbid.empty()) continue;
    any = true;
    check_role_keeps_ids(schema, role, forbidden.back());
  }
  return any ? std::make_shared<RoleConstraint>(at::stack(forbidden)) : nullptr;
}

std::shared_ptr<const Constraint> both(std::shared_ptr<const Constraint> first,
                                       std::shared_ptr<const Constraint> second) {
  if (!first || !second) return first ? first : second;
  return std::make_shared<BothConstraints>(std::move(first), std::move(second));
}

namespace {

[[noreturn]] void refuse(const CanvasSchema& schema, const TokenCanvas& canvas, std::int64_t flat) {
  const std::int64_t column = flat % canvas.length();
  const std::int64_t role = canvas.role_BL.reshape({-1})[flat].item<std::int64_t>();
  throw InputError("", "constraint",
                   "leaves no legal id at position " + std::to_string(column - schema.role_begin(role)) + " of role '" +
                       schema.role(role).name + "' in row " + std::to_string(flat / canvas.length()));
}

bool any_finite(std::span<const float> values) {
  return std::any_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

void require_ids(const CanvasSchema& schema, const TokenCanvas& canvas, const at::Tensor& position_M,
                 const LegalRows& values_MR) {
  const std::int64_t* position = position_M.const_data_ptr<std::int64_t>();
  for (std::int64_t m = 0; m < values_MR.size(); ++m) {
    if (!any_finite(values_MR.row(m))) refuse(schema, canvas, position[m]);
  }
}

void check_leaves_ids(const CanvasSchema& schema, const Constraint& constraint, const TokenCanvas& canvas,
                      const at::Tensor& position_M) {
  const at::Tensor class_BL = canvas.legal_class_BL.reshape({-1});
  for (std::int64_t m = 0; m < position_M.numel(); ++m) {
    const at::Tensor one_M = position_M.narrow(0, m, 1);
    const auto flat = one_M.item<std::int64_t>();
    const LegalClass& legal = schema.vocabulary().legal_class(class_BL[flat].item<std::int64_t>());
    at::Tensor logits_MR = at::zeros({1, num_ids(legal)}, at::kFloat);
    constraint.forbid(canvas, one_M, legal, logits_MR);
    if (!logits_MR.isfinite().any().item<bool>()) refuse(schema, canvas, flat);
  }
}

}  // namespace palimpsest
