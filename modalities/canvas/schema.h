// CanvasSchema: the declared roles of a canvas, their modalities and sizes. Data, from the recipe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modalities/canvas/layout.h"
#include "modalities/canvas/vocabulary.h"

namespace palimpsest {

// A named place in a canvas.
struct Role {
  std::string name;
  Layout layout;         // at full size: length() is the role's bound
  bool elastic = false;  // filled with `end` up to the bound; otherwise always exactly full

  std::int64_t length() const { return layout.length(); }
};

class CanvasSchema {
 public:
  CanvasSchema() = default;
  // c10::Error for a role named twice, an empty role or a modality the vocabulary lacks.
  CanvasSchema(std::vector<Role> roles, Vocabulary vocabulary);

  // The same roles and role indices, but rows that hold only the named ones, in this schema's order: a query's canvas
  // pays for no absent role. InputError: unknown role.
  CanvasSchema with_roles(const std::vector<std::string>& names) const;
  bool holds(std::int64_t role) const;  // does a row have a place for it?

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const std::vector<Role>& roles() const { return roles_; }
  std::int64_t num_roles() const { return static_cast<std::int64_t>(roles_.size()); }
  std::int64_t length() const { return length_; }  // sum of the held roles' lengths: the padded length of a canvas row
  std::int64_t role_index(const std::string& name) const;  // InputError with the nearest name
  const Role& role(std::int64_t index) const { return roles_.at(static_cast<std::size_t>(index)); }
  std::int64_t role_begin(std::int64_t index) const;  // first position of the role in a row
  std::int64_t modality_of(std::int64_t role) const;  // index in the vocabulary

  // Per position of one row, all of length L = length().
  const at::Tensor& role_L() const { return role_L_; }                  // int64, role index
  const at::Tensor& modality_L() const { return modality_L_; }          // int64
  const at::Tensor& legal_class_L() const { return legal_class_L_; }    // int64
  const at::Tensor& coordinates_LA() const { return coordinates_LA_; }  // int32 [L,3]

 private:
  void lay_out(const std::vector<bool>& held);

  std::vector<Role> roles_;
  Vocabulary vocabulary_;
  std::vector<std::int64_t> begins_;  // of each role, -1 where a row has no place for it
  std::int64_t length_ = 0;
  at::Tensor role_L_, modality_L_, legal_class_L_, coordinates_LA_;
};

}  // namespace palimpsest
