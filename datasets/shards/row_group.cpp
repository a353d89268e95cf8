#include "datasets/shards/row_group.h"

#include <ATen/ops/empty.h>

#include <cstring>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kOffsetBytes = sizeof(std::int64_t);

std::int64_t bytes_of(const TextColumn& column) {
  return static_cast<std::int64_t>(column.values.size()) +
         kOffsetBytes * static_cast<std::int64_t>(column.offsets.size());
}

}  // namespace

std::string_view TextColumn::at(std::int64_t row) const {
  const auto index = static_cast<std::size_t>(row);
  return std::string_view(values).substr(static_cast<std::size_t>(offsets[index]),
                                         static_cast<std::size_t>(offsets[index + 1] - offsets[index]));
}

template <class Id>
void RoleColumn::copy_as(std::int64_t begin, std::int64_t count, std::int64_t* out) const {
  const char* from = values_.data() + begin * static_cast<std::int64_t>(sizeof(Id));
  for (std::int64_t i = 0; i < count; ++i) {
    Id id;
    std::memcpy(&id, from + i * static_cast<std::int64_t>(sizeof(Id)), sizeof(Id));
    out[i] = static_cast<std::int64_t>(id);
  }
}

void RoleColumn::copy(std::int64_t begin, std::int64_t count, std::int64_t* out) const {
  if (width_ == 1) return copy_as<std::uint8_t>(begin, count, out);
  if (width_ == 2) return copy_as<std::uint16_t>(begin, count, out);
  if (width_ == 4) return copy_as<std::uint32_t>(begin, count, out);
  copy_as<std::int64_t>(begin, count, out);
}

void RoleColumn::copy_ids(std::int64_t row, std::int64_t* out) const {
  copy(offsets_[static_cast<std::size_t>(row)], length(row), out);
}

at::Tensor RoleColumn::ids_L(std::int64_t row) const {
  at::Tensor ids_L = at::empty({length(row)}, at::kLong);
  copy_ids(row, ids_L.mutable_data_ptr<std::int64_t>());
  return ids_L;
}

at::Tensor RoleColumn::all_ids_M() const {
  at::Tensor ids_M = at::empty({offsets_.back()}, at::kLong);
  copy(0, offsets_.back(), ids_M.mutable_data_ptr<std::int64_t>());
  return ids_M;
}

std::int64_t RoleColumn::bytes() const {
  return static_cast<std::int64_t>(values_.size() + present_.size()) +
         kOffsetBytes * static_cast<std::int64_t>(offsets_.size());
}

RowGroup::RowGroup(TextColumn keys, TextColumn meta, std::map<std::string, RoleColumn> roles)
    : keys_(std::move(keys)), meta_(std::move(meta)), roles_(std::move(roles)) {
  bytes_ = bytes_of(keys_) + bytes_of(meta_);
  for (const auto& [name, column] : roles_) bytes_ += column.bytes();
}

std::string RowGroup::key(std::int64_t row) const {
  TORCH_CHECK(0 <= row && row < rows(), "RowGroup: row ", row, " of ", rows());
  return std::string(keys_.at(row));
}

nlohmann::json RowGroup::meta(std::int64_t row) const {
  TORCH_CHECK(0 <= row && row < rows(), "RowGroup: row ", row, " of ", rows());
  try {
    return nlohmann::json::parse(meta_.at(row));
  } catch (const nlohmann::json::exception& error) {
    throw InputError("", "meta of " + key(row), error.what());
  }
}

const RoleColumn& RowGroup::role(const std::string& name) const {
  const auto found = roles_.find(name);
  TORCH_CHECK(found != roles_.end(), "RowGroup: no role ", name);
  return found->second;
}

}  // namespace palimpsest
