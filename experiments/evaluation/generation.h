// Generation for evaluation and report: given contents in, made media out.
//
// Shapes: B queries, L positions, H rows, W columns.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/evaluation/held_out.h"
#include "modalities/media/media.h"
#include "pipelines/queries/query.h"
#include "pipelines/sampling/sampler.h"

namespace palimpsest {

struct Made {
  std::vector<std::map<std::string, Media>> media;  // the wanted roles of each query
  TokenCanvas canvas;
  Trace trace;
};

// One sample a query; query i of a seed is the same alone and in any batch.
Made generate(const Model& model, const std::vector<CodedQuery>& queries, const SamplerOptions& options,
              std::uint64_t seed);

// Queries that give some roles of a split's rows and want others.
std::vector<CodedQuery> queries_for(const HeldOut& split, const std::vector<std::int64_t>& rows,
                                    const std::vector<std::string>& given, const std::vector<std::string>& wanted);

// The same, where part of a given picture is a hole to be made anew.
std::vector<CodedQuery> hole_queries(const Model& model, const HeldOut& split, const std::vector<std::int64_t>& rows,
                                     const std::string& role, const Hole& hole);

// bool [H,W]: the pixels that the ids inside the hole stand for.
at::Tensor hole_pixels_HW(const Model& model, const std::string& role, const Hole& hole, const Image& like);

// The picture with the masked pixels in the mean colour of the others.
Image mean_filled(const Image& picture, const at::Tensor& mask_HW);

}  // namespace palimpsest
