// TokenCanvas: a batch of filled schemas, as the backbone reads them.
//
// Shapes: B rows, L positions, A coordinates (3).
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "modalities/canvas/schema.h"

namespace palimpsest {

// Where a role of a document lies.
struct Span {
  std::int64_t row = 0, document = 0, role = 0, begin = 0, length = 0;
};

struct TokenCanvas {
  at::Tensor tokens_BL;        // int64 joint ids
  at::Tensor frozen_BL;        // bool: given, never noised
  at::Tensor visible_BL;       // bool: false where nobody may look (padding, hidden or absent roles)
  at::Tensor document_BL;      // int64 document within the row, -1 at padding; attention runs per document
  at::Tensor role_BL;          // int64 role index in the schema; 0 at padding
  at::Tensor modality_BL;      // int64 modality index in the vocabulary; 0 at padding
  at::Tensor legal_class_BL;   // int64 index into Vocabulary::legal_class; 0 at padding
  at::Tensor coordinates_BLA;  // int32
  std::vector<Span> spans;     // in row, document, role order
  bool one_document_a_row = true;

  std::int64_t rows() const { return tokens_BL.size(0); }
  std::int64_t length() const { return tokens_BL.size(1); }
  TokenCanvas to(c10::Device device) const;
  // Rows [begin, begin+count), copied; spans renumbered.
  TokenCanvas slice_rows(std::int64_t begin, std::int64_t count) const;
  // c10::Error when shapes disagree or a visible position holds an id that is neither legal there nor mask.
  void validate(const Vocabulary& vocabulary) const;
};

// The contents of one document: tokenizer-local ids per role. A role that is absent is all mask and seen as mask.
struct Document {
  struct Filling {
    at::Tensor ids_L;     // int64 local ids, at most the role's bound (exactly it when fixed)
    bool frozen = false;  // given by the person
    at::Tensor known_L;   // optional bool, one an id: false where the filling is a hole (mask, not frozen)
  };
  std::map<std::string, Filling> roles;
  std::set<std::string> hidden;  // absent roles that nobody may look at: mask and invisible
};

// One document a row, each of schema.length() positions. Elastic roles are filled with `end` to their bound (frozen
// with the role). InputError: unknown role, longer than the bound, wrong size for a fixed role, id out of range.
TokenCanvas build_canvas(const CanvasSchema& schema, const std::vector<Document>& documents);

// Several documents a row, first fit in the order given, rows of `row_length` padded with pad. Roles of a packed
// document are as short as their content (plus one `end` when elastic and room is left); absent roles take no place.
// InputError as above, and for a document that holds nothing or is longer than a row.
TokenCanvas pack_canvas(const CanvasSchema& schema, const std::vector<Document>& documents, std::int64_t row_length);

// The exact inverse: local ids of each role of each document (row-major order of documents), cut at the first `end`,
// frozen when its first position is; a role that still holds mask ids before its end is an error (c10::Error) unless
// `partial`, which skips it.
std::vector<Document> read_canvas(const CanvasSchema& schema, const TokenCanvas& canvas, bool partial = false);

}  // namespace palimpsest
