#include "datasets/loading/mixture.h"

#include <algorithm>

namespace palimpsest {

namespace {

constexpr std::int64_t kPatternLength = 4096;  // weights are honoured to one part in this many

// Slots of each part in a pattern, by largest remainder; at least one each.
std::vector<std::int64_t> slot_counts(const std::vector<MixturePart>& parts) {
  double total = 0;
  for (const MixturePart& part : parts) total += part.weight;
  std::vector<std::int64_t> counts;
  std::vector<std::pair<double, std::size_t>> remainders;
  std::int64_t given = 0;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const double exact = parts[part].weight / total * static_cast<double>(kPatternLength);
    counts.push_back(std::max<std::int64_t>(1, static_cast<std::int64_t>(exact)));
    given += counts.back();
    remainders.emplace_back(static_cast<double>(counts.back()) - exact, part);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t next = 0; given < kPatternLength; ++given, ++next) ++counts[remainders[next % parts.size()].second];
  for (; given > kPatternLength; --given) --*std::max_element(counts.begin(), counts.end());
  return counts;
}

}  // namespace

struct Mixture::Epoch {
  std::int64_t number = -1;
  std::shared_ptr<const ShuffledOrder> order;
};

Mixture::~Mixture() = default;

Mixture::Mixture(std::vector<MixturePart> parts, RandomKey key, std::int64_t window_rows)
    : parts_(std::move(parts)), key_(key), window_rows_(window_rows), epochs_(parts_.size()) {
  TORCH_CHECK(!parts_.empty() && parts_.size() <= 256, "Mixture: 1 to 256 parts, got ", parts_.size());
  for (const MixturePart& part : parts_) {
    TORCH_CHECK(part.set && part.set->rows() > 0, "Mixture: a part has no rows");
    TORCH_CHECK(part.weight > 0.0 && part.weight < 1e9, "Mixture: weights are positive, got ", part.weight);
  }
  counts_ = slot_counts(parts_);
  // Each slot goes to the part that is furthest behind its share, so that any stretch holds the parts evenly.
  std::vector<std::int64_t> given(parts_.size(), 0);
  for (std::int64_t slot = 0; slot < kPatternLength; ++slot) {
    std::size_t behind = 0;
    for (std::size_t part = 1; part < parts_.size(); ++part) {
      const auto due = [&](std::size_t index) { return counts_[index] * (slot + 1) - given[index] * kPatternLength; };
      if (due(part) > due(behind)) behind = part;
    }
    pattern_.push_back({static_cast<std::uint32_t>(behind), static_cast<std::uint32_t>(given[behind]++)});
  }
}

Mixture::Place Mixture::place(std::int64_t global_index) const {
  TORCH_CHECK(global_index >= 0, "Mixture: an index is not negative, got ", global_index);
  const Slot& slot = pattern_[static_cast<std::size_t>(global_index % kPatternLength)];
  const std::int64_t rows = parts_[slot.part].set->rows();
  const std::int64_t drawn =
      global_index / kPatternLength * counts_[slot.part] + slot.earlier;  // rows of the part so far
  const std::int64_t epoch = drawn / rows;
  return {slot.part, order(slot.part, epoch)->row(drawn % rows), epoch};
}

std::shared_ptr<const ShuffledOrder> Mixture::order(std::size_t part, std::int64_t number) const {
  const std::lock_guard lock(mutex_);
  Epoch& epoch = epochs_[part];
  if (epoch.number != number) {
    const RandomKey key = key_.fold("order").fold(part).fold(static_cast<std::uint64_t>(number));
    epoch = {number, std::make_shared<const ShuffledOrder>(parts_[part].set->group_rows(), window_rows_, key)};
  }
  return epoch.order;
}

Document Mixture::document(const Place& place) const {
  const TokenSet& set = *parts_.at(place.part).set;
  Document document;
  for (const std::string& role : set.roles()) {
    if (auto ids_L = set.ids(place.row, role)) {
      document.roles[role] = {*ids_L, false, {}};
    } else {
      document.hidden.insert(role);
    }
  }
  return document;
}

std::vector<std::int64_t> share_of_step(std::int64_t step, std::int64_t batch, std::int64_t rank, std::int64_t ranks) {
  TORCH_CHECK(0 <= rank && rank < ranks && batch % ranks == 0, "share_of_step: ", ranks,
              " ranks must divide a batch of ", batch, ", got rank ", rank);
  std::vector<std::int64_t> indices;
  for (std::int64_t sample = rank; sample < batch; sample += ranks) indices.push_back(step * batch + sample);
  return indices;
}

}  // namespace palimpsest
