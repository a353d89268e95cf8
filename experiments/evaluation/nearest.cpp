#include "experiments/evaluation/nearest.h"

#include "base/files.h"
#include "experiments/evaluation/ngrams.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

constexpr std::int64_t kTextBuckets = 1024;
constexpr std::int64_t kThumbnail = 16;
constexpr std::int64_t kRowsAtOnce = 256;

at::Tensor unit_rows(const at::Tensor& x_ND) { return x_ND / x_ND.norm(2, 1, true).clamp_min(1e-6); }

}  // namespace

at::Tensor text_features_ND(const std::vector<std::string>& texts) {
  at::Tensor counts_ND = at::zeros({static_cast<std::int64_t>(texts.size()), kTextBuckets});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    float* row = counts_ND.data_ptr<float>() + static_cast<std::ptrdiff_t>(i) * kTextBuckets;
    for (const std::string& feature : features_of(texts[i])) row[hash64(feature) % kTextBuckets] += 1;
  }
  return unit_rows(counts_ND);
}

at::Tensor picture_features_ND(const std::vector<Image>& pictures) {
  std::vector<at::Tensor> thumbnails;
  for (const Image& picture : pictures) {
    thumbnails.push_back(fit_image(picture, kThumbnail, kThumbnail, FitPolicy::kPad).pixels_HWC.flatten());
  }
  return at::stack(thumbnails).to(at::kFloat) / 255.0;
}

at::Tensor histogram_features_ND(const std::vector<at::Tensor>& ids, std::int64_t num_ids) {
  std::vector<at::Tensor> counts;
  for (const at::Tensor& one : ids) counts.push_back(at::bincount(one, {}, num_ids).to(at::kFloat));
  return unit_rows(at::stack(counts));
}

at::Tensor closeness(const at::Tensor& a_ND, const at::Tensor& b_ND) {
  return 2 * at::matmul(a_ND, b_ND.t()) - a_ND.square().sum(1, true) - b_ND.square().sum(1).unsqueeze(0);
}

NearestNeighbours::NearestNeighbours(const Model& model, std::shared_ptr<HeldOut> train)
    : model_(model), train_(std::move(train)) {}

at::Tensor NearestNeighbours::features_ND(const HeldOut& split, const std::vector<std::int64_t>& rows,
                                          const std::string& role) {
  std::vector<at::Tensor> parts;
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsAtOnce) {
    const std::size_t end = std::min(rows.size(), begin + kRowsAtOnce);
    const std::vector<std::int64_t> some(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                         rows.begin() + static_cast<std::ptrdiff_t>(end));
    const std::string& modality = model_.tokenizers.at(role)->space().modality;
    if (modality == "text") {
      parts.push_back(text_features_ND(split.texts(some, role)));
    } else if (modality == "image") {
      std::vector<Image> pictures;
      for (Media& media : split.media(some, role)) pictures.push_back(std::get<Image>(std::move(media)));
      parts.push_back(picture_features_ND(pictures));
    } else {
      std::vector<at::Tensor> ids;
      for (const std::int64_t row : some) ids.push_back(split.ids(row, role));
      parts.push_back(histogram_features_ND(ids, model_.tokenizers.at(role)->space().size()));
    }
  }
  return at::cat(parts);
}

const at::Tensor& NearestNeighbours::train_features_TD(const std::string& role) {
  if (!train_features_.contains(role)) {
    train_rows_[role] = train_->rows_with({role});
    train_features_[role] = features_ND(*train_, train_rows_[role], role);
  }
  return train_features_.at(role);
}

std::vector<std::int64_t> NearestNeighbours::nearest(const HeldOut& split, const std::vector<std::int64_t>& rows,
                                                     const std::string& role) {
  const at::Tensor& train_TD = train_features_TD(role);
  const at::Tensor best_N = closeness(features_ND(split, rows, role), train_TD).argmax(1).contiguous();
  std::vector<std::int64_t> found;
  for (std::int64_t i = 0; i < best_N.numel(); ++i) {
    found.push_back(train_rows_.at(role)[static_cast<std::size_t>(best_N.data_ptr<std::int64_t>()[i])]);
  }
  return found;
}

at::Tensor NearestNeighbours::block_scores(const HeldOut& split, const QueryBlock& block, const std::string& query,
                                           const std::string& answer) {
  const std::vector<std::int64_t> copied = nearest(split, block, query);
  return closeness(features_ND(*train_, copied, answer), features_ND(split, block, answer));
}

}  // namespace palimpsest
