#include "experiments/evaluation/held_out.h"

#include <numeric>

#include "base/errors.h"

namespace palimpsest {

namespace {

constexpr std::size_t kDecodedAtOnce = 64;

}  // namespace

HeldOut::HeldOut(const Model& model, std::shared_ptr<TokenSet> set, std::string split)
    : model_(model), set_(std::move(set)), split_(std::move(split)) {
  for (const std::string& role : set_->roles()) {
    if (!model_.tokenizers.contains(role)) continue;
    const std::string own = tokenizer_fingerprint(model_.directory / "tokenizers" / role);
    if (set_->fingerprint(role) != own) {
      throw InputError(split_, role,
                       "the shards' ids come from tokenizer " + set_->fingerprint(role) + ", the checkpoint's is " +
                           own + "; prepare the data with the checkpoint's");
    }
  }
}

std::string HeldOut::concept_of(std::int64_t row) const { return set_->meta(row).value("concept", set_->key(row)); }

bool HeldOut::has(const std::string& role) const {
  const auto roles = set_->roles();
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

at::Tensor HeldOut::ids(std::int64_t row, const std::string& role) const {
  const std::optional<at::Tensor> found = set_->ids(row, role);
  if (!found) throw InputError(split_, set_->key(row), "has no " + role);
  return *found;
}

Contents HeldOut::contents(std::int64_t row, const std::vector<std::string>& roles) const {
  Contents contents;
  for (const std::string& role : roles) contents[role] = ids(row, role);
  return contents;
}

std::vector<Media> HeldOut::media(const std::vector<std::int64_t>& rows, const std::string& role) const {
  std::vector<at::Tensor> contents;
  for (const std::int64_t row : rows) contents.push_back(ids(row, role));
  return decode_ids(model_, role, contents);
}

std::vector<std::string> HeldOut::texts(const std::vector<std::int64_t>& rows, const std::string& role) const {
  std::vector<std::string> texts;
  for (const Media& media : media(rows, role)) {
    const auto* text = std::get_if<Text>(&media);
    TORCH_CHECK(text, "evaluation: role ", role, " is not text");
    texts.push_back(text->utf8);
  }
  return texts;
}

std::vector<std::int64_t> HeldOut::rows_with(const std::vector<std::string>& roles) const {
  std::vector<std::int64_t> kept;
  for (std::int64_t row = 0; row < rows(); ++row) {
    if (std::all_of(roles.begin(), roles.end(), [&](const auto& role) { return set_->ids(row, role).has_value(); })) {
      kept.push_back(row);
    }
  }
  return kept;
}

std::vector<QueryBlock> HeldOut::blocks(const std::vector<std::int64_t>& rows, std::int64_t queries,
                                        RandomKey key) const {
  std::vector<std::string> concepts;
  for (const std::int64_t row : rows) concepts.push_back(concept_of(row));
  std::vector<QueryBlock> blocks = draw_blocks(concepts, queries, key, split_);
  for (QueryBlock& block : blocks) {
    for (std::int64_t& place : block) place = rows[static_cast<std::size_t>(place)];
  }
  return blocks;
}

std::vector<Media> decode_ids(const Model& model, const std::string& role, const std::vector<at::Tensor>& ids) {
  const Tokenizer& tokenizer = *model.tokenizers.at(role);
  std::vector<Media> all;
  for (std::size_t begin = 0; begin < ids.size(); begin += kDecodedAtOnce) {
    std::vector<Codes> batch;
    for (std::size_t i = begin; i < std::min(ids.size(), begin + kDecodedAtOnce); ++i) {
      batch.push_back({ids[i], tokenizer.layout(ids[i].numel())});
    }
    for (Media& media : tokenizer.decode(batch)) all.push_back(std::move(media));
  }
  return all;
}

}  // namespace palimpsest
