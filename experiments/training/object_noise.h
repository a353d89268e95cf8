// Where the pattern `objects` finds the objects of training's samples.
#pragma once

#include <string>
#include <vector>

#include "backbone/diffusion/diffusion_options.h"
#include "datasets/loading/mixture.h"
#include "modalities/canvas/canvas.h"

namespace palimpsest {

// Is the pattern among the options', for a modality that the schema's rows hold?
bool wants_objects(const DiffusionOptions& options, const CanvasSchema& schema);

// InputError at diffusion.patterns.objects of `file`: rows of the set, called `name`, whose meta has no boxes.
void require_boxes(const TokenSet& set, const std::string& name, const std::string& file);

// int64 [B,L], as NoiseSource has it, of documents that are these samples of the mixture, in the canvas's order.
// InputError naming the sample whose meta has no boxes, or none that can be.
at::Tensor objects_BL(const Mixture& mixture, const CanvasSchema& schema, const TokenCanvas& canvas,
                      const std::vector<std::int64_t>& samples);

}  // namespace palimpsest
