#include "modalities/canvas/filling.h"

#include "base/errors.h"

namespace palimpsest {

std::int64_t filling_length(const CanvasSchema& schema, std::int64_t role_number, const Document::Filling& filling) {
  const Role& role = schema.role(role_number);
  if (!schema.holds(role_number)) throw InputError("", role.name, "this canvas has no place for the role");
  if (!filling.ids_L.defined() || filling.ids_L.dim() != 1 || filling.ids_L.scalar_type() != at::kLong) {
    throw InputError("", role.name, "ids are one row of int64");
  }
  const std::int64_t count = filling.ids_L.size(0);
  if (role.elastic ? count > role.length() : count != role.length()) {
    throw InputError("", role.name,
                     (role.elastic ? "holds at most " : "holds exactly ") + std::to_string(role.length()) +
                         " ids, got " + std::to_string(count));
  }
  if (filling.known_L.defined() &&
      (filling.known_L.scalar_type() != at::kBool || filling.known_L.dim() != 1 || filling.known_L.size(0) != count)) {
    throw InputError("", role.name, "known flags are one bool an id");
  }
  return count;
}

void write_filling(const CanvasSchema& schema, std::int64_t role, const Document::Filling& filling,
                   const Place& place) {
  const at::Tensor ids_L = filling.ids_L.contiguous();
  const at::Tensor known_L = filling.known_L.defined() ? filling.known_L.contiguous() : at::Tensor();
  const std::int64_t* ids = ids_L.const_data_ptr<std::int64_t>();
  const bool* known = known_L.defined() ? known_L.const_data_ptr<bool>() : nullptr;
  const std::int64_t* classes = schema.legal_class_L().const_data_ptr<std::int64_t>() + schema.role_begin(role);
  const std::int64_t offset = schema.vocabulary().range(schema.modality_of(role)).begin;
  for (std::int64_t i = 0; i < ids_L.size(0); ++i) {
    const IdRange range = schema.vocabulary().legal_class(classes[i]).range;
    const std::int64_t id = ids[i] + offset;
    if (id < range.begin || id >= range.end) {
      throw InputError("", schema.role(role).name,
                       "id " + std::to_string(ids[i]) + " at place " + std::to_string(i) + " is out of range [" +
                           std::to_string(range.begin - offset) + "," + std::to_string(range.end - offset) + ")");
    }
    const bool hole = known && !known[i];
    place.tokens[i] = hole ? kMaskId : id;
    place.frozen[i] = filling.frozen && !hole;
  }
  std::fill(place.tokens + ids_L.size(0), place.tokens + place.length, kEndId);
  std::fill(place.frozen + ids_L.size(0), place.frozen + place.length, filling.frozen);
}

void check_roles(const CanvasSchema& schema, const Document& document) {
  for (const auto& [name, filling] : document.roles) filling_length(schema, schema.role_index(name), filling);
  for (const std::string& name : document.hidden) {
    schema.role_index(name);
    if (document.roles.count(name) > 0) throw InputError("", name, "a role is either filled or hidden");
  }
}

TokenCanvas padded_canvas(std::int64_t rows, std::int64_t length) {
  TokenCanvas canvas;
  canvas.tokens_BL = at::full({rows, length}, kPadId, at::kLong);
  canvas.frozen_BL = at::zeros({rows, length}, at::kBool);
  canvas.visible_BL = at::zeros({rows, length}, at::kBool);
  canvas.document_BL = at::full({rows, length}, -1, at::kLong);
  canvas.role_BL = at::zeros({rows, length}, at::kLong);
  canvas.modality_BL = at::zeros({rows, length}, at::kLong);
  canvas.legal_class_BL = at::zeros({rows, length}, at::kLong);
  canvas.coordinates_BLA = at::zeros({rows, length, kAxes}, at::kInt);
  return canvas;
}

}  // namespace palimpsest
