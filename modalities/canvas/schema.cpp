#include "modalities/canvas/schema.h"

#include "base/errors.h"

namespace palimpsest {

namespace {

std::vector<std::string> names_of(const std::vector<Role>& roles) {
  std::vector<std::string> names;
  for (const Role& role : roles) names.push_back(role.name);
  return names;
}

void check_role(const Role& role, const Vocabulary& vocabulary) {
  TORCH_CHECK(!role.name.empty(), "CanvasSchema: a role has a name");
  role.layout.validate();
  TORCH_CHECK(role.length() > 0, "CanvasSchema: role '", role.name, "' is empty");
  bool known = false;
  for (std::int64_t m = 0; m < vocabulary.num_modalities(); ++m)
    known |= vocabulary.space(m).modality == role.layout.modality;
  TORCH_CHECK(known, "CanvasSchema: role '", role.name, "' is of modality '", role.layout.modality,
              "', which the vocabulary lacks");
}

}  // namespace

CanvasSchema::CanvasSchema(std::vector<Role> roles, Vocabulary vocabulary)
    : roles_(std::move(roles)), vocabulary_(std::move(vocabulary)) {
  for (std::size_t index = 0; index < roles_.size(); ++index) {
    check_role(roles_[index], vocabulary_);
    roles_[index].layout.coordinates_LA = roles_[index].layout.coordinates_LA.contiguous();
    for (std::size_t other = 0; other < index; ++other) {
      TORCH_CHECK(roles_[other].name != roles_[index].name, "CanvasSchema: role '", roles_[index].name,
                  "' is named twice");
    }
  }
  lay_out(std::vector<bool>(roles_.size(), true));
}

void CanvasSchema::lay_out(const std::vector<bool>& held) {
  begins_.assign(roles_.size(), -1);
  length_ = 0;
  for (std::size_t index = 0; index < roles_.size(); ++index) {
    if (!held[index]) continue;
    begins_[index] = length_;
    length_ += roles_[index].length();
  }
  role_L_ = at::zeros({length_}, at::kLong);
  modality_L_ = at::zeros({length_}, at::kLong);
  legal_class_L_ = at::zeros({length_}, at::kLong);
  coordinates_LA_ = at::zeros({length_, kAxes}, at::kInt);
  for (std::int64_t index = 0; index < num_roles(); ++index) {
    if (!holds(index)) continue;
    const Role& entry = role(index);
    const std::int64_t begin = role_begin(index), modality = modality_of(index);
    role_L_.narrow(0, begin, entry.length()).fill_(index);
    modality_L_.narrow(0, begin, entry.length()).fill_(modality);
    coordinates_LA_.narrow(0, begin, entry.length()).copy_(entry.layout.coordinates_LA);
    const std::int32_t* coordinates = entry.layout.coordinates_LA.const_data_ptr<std::int32_t>();
    std::int64_t* classes = legal_class_L_.data_ptr<std::int64_t>() + begin;
    for (std::int64_t i = 0; i < entry.length(); ++i) {
      classes[i] = vocabulary_.class_of(modality, coordinates[i * kAxes], entry.elastic);
    }
  }
}

CanvasSchema CanvasSchema::with_roles(const std::vector<std::string>& names) const {
  std::vector<bool> held(roles_.size(), false);
  for (const std::string& name : names) {
    const std::int64_t index = role_index(name);
    if (!holds(index)) throw InputError("", name, "this canvas has no place for the role");
    held[static_cast<std::size_t>(index)] = true;
  }
  CanvasSchema restricted = *this;
  restricted.lay_out(held);
  return restricted;
}

bool CanvasSchema::holds(std::int64_t role) const { return begins_.at(static_cast<std::size_t>(role)) >= 0; }

std::int64_t CanvasSchema::role_index(const std::string& name) const {
  for (std::size_t index = 0; index < roles_.size(); ++index) {
    if (roles_[index].name == name) return static_cast<std::int64_t>(index);
  }
  throw InputError("", name, "no such role" + suggest(name, names_of(roles_)));
}

std::int64_t CanvasSchema::role_begin(std::int64_t index) const {
  const std::int64_t begin = begins_.at(static_cast<std::size_t>(index));
  TORCH_CHECK(begin >= 0, "CanvasSchema: a row has no place for role '", role(index).name, "'");
  return begin;
}

std::int64_t CanvasSchema::modality_of(std::int64_t role_number) const {
  return vocabulary_.modality_index(role(role_number).layout.modality);
}

}  // namespace palimpsest
