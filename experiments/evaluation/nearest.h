// Nearest neighbours in the training data: what copying, without any learning, would answer.
//
// Shapes: T training rows, N items, D features.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/evaluation/held_out.h"

namespace palimpsest {

// Features in which items of one kind are compared. Texts: counts of words and three-letter pieces. Pictures: 16x16
// thumbnails. All else: how often each id occurs. All float32 [N,D]; texts and counts have length one.
at::Tensor text_features_ND(const std::vector<std::string>& texts);
at::Tensor picture_features_ND(const std::vector<Image>& pictures);
at::Tensor histogram_features_ND(const std::vector<at::Tensor>& ids, std::int64_t num_ids);

// Minus the squared distances of rows of a to rows of b: [Na,Nb].
at::Tensor closeness(const at::Tensor& a_ND, const at::Tensor& b_ND);

class NearestNeighbours {
 public:
  // `train` must have the roles. Features of a role are made when first asked for.
  NearestNeighbours(const Model& model, std::shared_ptr<HeldOut> train);

  // Features of rows of any split, by the modality of the role's tokenizer.
  at::Tensor features_ND(const HeldOut& split, const std::vector<std::int64_t>& rows, const std::string& role);

  // For each of the split's rows the training row whose `role` is closest.
  std::vector<std::int64_t> nearest(const HeldOut& split, const std::vector<std::int64_t>& rows,
                                    const std::string& role);

  // scores_NN[i][j] of a block for "`answer` for `query`": how close candidate j's answer is to the answer of the
  // training row nearest to item i's query.
  at::Tensor block_scores(const HeldOut& split, const QueryBlock& block, const std::string& query,
                          const std::string& answer);

  const HeldOut& train() const { return *train_; }

 private:
  const at::Tensor& train_features_TD(const std::string& role);

  const Model& model_;
  std::shared_ptr<HeldOut> train_;
  std::map<std::string, at::Tensor> train_features_;
  std::map<std::string, std::vector<std::int64_t>> train_rows_;
};

}  // namespace palimpsest
