#include "pipelines/sampling/constraint.h"

#include <limits>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr std::int64_t kCheckedAtOnce = 64;

// Ids of each role that may not be written.
class RoleConstraint : public Constraint {
 public:
  explicit RoleConstraint(at::Tensor forbidden_RV) : forbidden_RV_(std::move(forbidden_RV)) {}
  void forbid(const TokenCanvas& canvas, const at::Tensor& position_M, at::Tensor& logits_MV) const override {
    const at::Tensor role_M = canvas.role_BL.reshape({-1}).index_select(0, position_M);
    logits_MV.masked_fill_(forbidden_RV_.index_select(0, role_M).to(logits_MV.device()), kNever);
  }

 private:
  at::Tensor forbidden_RV_;
};

class BothConstraints : public Constraint {
 public:
  BothConstraints(std::shared_ptr<const Constraint> first, std::shared_ptr<const Constraint> second)
      : first_(std::move(first)), second_(std::move(second)) {}
  void forbid(const TokenCanvas& canvas, const at::Tensor& position_M, at::Tensor& logits_MV) const override {
    first_->forbid(canvas, position_M, logits_MV);
    second_->forbid(canvas, position_M, logits_MV);
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

void require_an_id(const CanvasSchema& schema, const TokenCanvas& canvas, const at::Tensor& position_M,
                   const at::Tensor& values_MV) {
  const at::Tensor without_M = values_MV.isfinite().any(1).logical_not().cpu();
  if (!without_M.any().item<bool>()) return;
  const std::int64_t flat = position_M.masked_select(without_M)[0].item<std::int64_t>();
  const std::int64_t column = flat % canvas.length();
  const std::int64_t role = canvas.role_BL.reshape({-1})[flat].item<std::int64_t>();
  throw InputError("", "constraint",
                   "leaves no legal id at position " + std::to_string(column - schema.role_begin(role)) + " of role '" +
                       schema.role(role).name + "' in row " + std::to_string(flat / canvas.length()));
}

void check_leaves_ids(const CanvasSchema& schema, const Constraint& constraint, const TokenCanvas& canvas,
                      const at::Tensor& position_M) {
  for (const at::Tensor& some_M : position_M.split(kCheckedAtOnce)) {
    at::Tensor logits_MV = at::zeros({some_M.numel(), schema.vocabulary().size()}, at::kFloat);
    constraint.forbid(canvas, some_M, logits_MV);
    const at::Tensor class_M = canvas.legal_class_BL.reshape({-1}).index_select(0, some_M);
    const at::Tensor legal_MV = schema.vocabulary().legal_CV().index_select(0, class_M);
    require_an_id(schema, canvas, some_M, logits_MV.masked_fill_(legal_MV.logical_not(), kNever));
  }
}

}  // namespace palimpsest
