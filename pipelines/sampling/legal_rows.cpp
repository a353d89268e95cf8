#include "pipelines/sampling/legal_rows.h"

namespace palimpsest {

std::int64_t num_ids(const LegalClass& legal) { return legal.range.size() + (legal.with_end ? 1 : 0); }

std::int64_t id_at(const LegalClass& legal, std::int64_t place) {
  if (!legal.with_end) return legal.range.begin + place;
  return place == 0 ? kEndId : legal.range.begin + place - 1;
}

std::int64_t place_of(const LegalClass& legal, std::int64_t id) {
  if (legal.with_end && id == kEndId) return 0;
  if (id < legal.range.begin || id >= legal.range.end) return -1;
  return id - legal.range.begin + (legal.with_end ? 1 : 0);
}

std::span<const float> LegalRows::row(std::int64_t n) const {
  return {numbers_.const_data_ptr<float>() + at(n).begin, static_cast<std::size_t>(num_ids(legal(n)))};
}

std::span<float> LegalRows::row(std::int64_t n) {
  return {numbers_.mutable_data_ptr<float>() + at(n).begin, static_cast<std::size_t>(num_ids(legal(n)))};
}

LegalRows LegalRows::part(std::int64_t begin, std::int64_t count) const {
  return {numbers_, {place_N_.begin() + begin, place_N_.begin() + begin + count}};
}

}  // namespace palimpsest
