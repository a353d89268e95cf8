#include "experiments/training/split_rows.h"

namespace palimpsest {

namespace {

// One row of the set or a part of one.
struct Piece {
  std::int64_t row = 0, number = 0, count = 1;
};

class SplitRows : public TokenSet {
 public:
  SplitRows(std::shared_ptr<TokenSet> set, std::map<std::string, std::int64_t> bounds)
      : set_(std::move(set)), bounds_(std::move(bounds)) {
    std::int64_t row = 0;
    for (const std::int64_t rows : set_->group_rows()) {
      const std::size_t before = pieces_.size();
      for (const std::int64_t end = row + rows; row < end; ++row) add(row);
      group_rows_.push_back(static_cast<std::int64_t>(pieces_.size() - before));
    }
  }

  std::int64_t rows() const override { return std::ssize(pieces_); }
  std::vector<std::int64_t> group_rows() const override { return group_rows_; }
  std::string key(std::int64_t row) const override {
    const Piece& piece = at(row);
    const std::string key = set_->key(piece.row);
    if (piece.count == 1) return key;
    return key + "#" + std::to_string(piece.number + 1) + "of" + std::to_string(piece.count);
  }
  nlohmann::json meta(std::int64_t row) const override { return set_->meta(at(row).row); }
  std::vector<std::string> roles() const override { return set_->roles(); }
  std::optional<at::Tensor> ids(std::int64_t row, const std::string& role) const override {
    const Piece& piece = at(row);
    const std::optional<at::Tensor> whole_L = set_->ids(piece.row, role);
    const auto bound = bounds_.find(role);
    if (!whole_L || bound == bounds_.end() || whole_L->numel() <= bound->second) return whole_L;
    const std::int64_t begin = piece.number * bound->second;
    if (begin >= whole_L->numel()) return std::nullopt;  // another role is longer still
    return whole_L->slice(0, begin, std::min(begin + bound->second, whole_L->numel()));
  }
  const std::string& fingerprint(const std::string& role) const override { return set_->fingerprint(role); }

 private:
  const Piece& at(std::int64_t row) const { return pieces_.at(static_cast<std::size_t>(row)); }

  void add(std::int64_t row) {
    std::int64_t count = 1;
    for (const auto& [role, bound] : bounds_) {
      const std::optional<at::Tensor> ids_L = set_->ids(row, role);
      if (ids_L) count = std::max(count, (ids_L->numel() + bound - 1) / bound);
    }
    for (std::int64_t number = 0; number < count; ++number) pieces_.push_back({row, number, count});
  }

  std::shared_ptr<TokenSet> set_;
  std::map<std::string, std::int64_t> bounds_;  // ids, of elastic roles
  std::vector<Piece> pieces_;
  std::vector<std::int64_t> group_rows_;
};

}  // namespace

std::shared_ptr<TokenSet> split_long_rows(std::shared_ptr<TokenSet> set, const CanvasSchema& schema) {
  std::map<std::string, std::int64_t> bounds;
  for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
    const Role& role = schema.role(r);
    if (schema.holds(r) && role.elastic) bounds[role.name] = role.length();
  }
  return std::make_shared<SplitRows>(std::move(set), std::move(bounds));
}

}  // namespace palimpsest
