#include "experiments/training/object_noise.h"

#include <algorithm>

#include "base/errors.h"
#include "modalities/canvas/objects.h"

namespace palimpsest {

namespace {

RoleBoxes boxes_of(const Mixture& mixture, std::int64_t sample) {
  const Mixture::Place place = mixture.place(sample);
  const TokenSet& set = *mixture.part(place.part).set;
  const nlohmann::json meta = set.meta(place.row);
  const std::string key = set.key(place.row);
  if (!meta.is_object() || !meta.contains(kObjectsKey)) {
    throw InputError(key, kObjectsKey, "are not in the sample's meta, and diffusion.patterns.objects needs them");
  }
  return boxes_from_json(meta.at(kObjectsKey), key);
}

}  // namespace

bool wants_objects(const DiffusionOptions& options, const CanvasSchema& schema) {
  const auto found = options.patterns.find(enum_name(PatternKind::kObjects));
  if (found == options.patterns.end() || found->second.weight == 0) return false;
  const std::vector<std::string>& modalities = found->second.modalities;
  for (std::int64_t r = 0; r < schema.num_roles(); ++r) {
    const std::string& modality = schema.role(r).layout.modality;
    const bool meant =
        modalities.empty() || std::find(modalities.begin(), modalities.end(), modality) != modalities.end();
    if (schema.holds(r) && meant) return true;
  }
  return false;
}

void require_boxes(const TokenSet& set, const std::string& name, const std::string& file) {
  const nlohmann::json meta = set.rows() > 0 ? set.meta(0) : nlohmann::json();
  if (meta.is_object() && meta.contains(kObjectsKey)) return;
  throw InputError(file, "diffusion.patterns.objects",
                   "needs object boxes, which " + name + " does not have: the meta of its rows has no '" +
                       std::string(kObjectsKey) + "' (prepared scenes have)");
}

at::Tensor objects_BL(const Mixture& mixture, const CanvasSchema& schema, const TokenCanvas& canvas,
                      const std::vector<std::int64_t>& samples) {
  at::Tensor result_BL = at::zeros({canvas.rows(), canvas.length()}, at::kLong);
  std::size_t document = 0;
  for (std::size_t begin = 0, end = 0; begin < canvas.spans.size(); begin = end, ++document) {
    const RoleBoxes boxes = boxes_of(mixture, samples.at(document));
    for (; end < canvas.spans.size(); ++end) {
      const Span& span = canvas.spans[end];
      if (span.row != canvas.spans[begin].row || span.document != canvas.spans[begin].document) break;
      const Role& role = schema.role(span.role);
      const auto own = boxes.find(role.name);
      if (own == boxes.end()) continue;
      result_BL[span.row]
          .narrow(0, span.begin, span.length)
          .copy_(objects_L(role.layout, own->second).narrow(0, 0, span.length));
    }
  }
  return result_BL;
}

}  // namespace palimpsest
