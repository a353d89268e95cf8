// Film strips: how a canvas came to be, step by step, from its trace.
#pragma once

#include <string>
#include <vector>

#include "pipelines/queries/query.h"
#include "pipelines/sampling/trace.h"

namespace palimpsest {

// A finished generation, as the sampler left it.
struct Film {
  const CanvasSchema& schema;
  const RoleTokenizers& tokenizers;
  const TokenCanvas& canvas;
  const Trace& trace;
};

// At most `frames` numbers of steps done, from 0 to all, evenly spaced.
std::vector<std::int64_t> film_steps(const Trace& trace, std::int64_t frames);

// One strip of pictures: a row a sample, a column a number of steps done. Cells of ids that are not written yet are
// grey; what is written is decoded beside the final ids. c10::Error when the role's tokenizer makes no pictures.
Image picture_strip(const Film& film, const std::string& role, const std::vector<std::int64_t>& steps_done);

// Lines of text by sample: "step: what is written", with a light shade for each id that is not. Same order.
std::string text_strip(const Film& film, const std::string& role, const std::vector<std::int64_t>& steps_done);

}  // namespace palimpsest
