// Query: given roles and wanted roles on one schema. Every task is a query.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "modalities/canvas/canvas.h"
#include "modalities/media/media.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

// A hole in a given picture, in fractions of its sides (top, left, bottom, right), or in sound (left, right as fractions of time).
struct Hole {
  double top = 0, left = 0, bottom = 0, right = 0;
};

struct Query {
  std::map<std::string, Media> given;
  std::map<std::string, Hole> holes;  // part of a given role to be made anew
  std::vector<std::string> wanted;    // roles to make; a role with a hole is wanted too
};

// One document a query: given roles frozen, wanted roles mask (to be made), the rest absent and invisible. InputError: unknown role
// (nearest suggested), a role both given and wanted without a hole, nothing wanted, media longer than the role.
TokenCanvas query_canvas(const CanvasSchema& schema, const std::map<std::string, std::shared_ptr<Tokenizer>>& tokenizers,
                         const std::vector<Query>& queries);

// Same, with given contents already tokenized (local ids by role).
struct CodedQuery {
  std::map<std::string, at::Tensor> given;    // role -> local ids
  std::map<std::string, at::Tensor> known_L;  // role -> bool, false in the hole
  std::vector<std::string> wanted;
};
TokenCanvas query_canvas(const CanvasSchema& schema, const std::vector<CodedQuery>& queries);

// Decodes the wanted roles of a finished canvas: one map a document.
std::vector<std::map<std::string, Media>> read_media(const CanvasSchema& schema,
                                                     const std::map<std::string, std::shared_ptr<Tokenizer>>& tokenizers,
                                                     const TokenCanvas& canvas, const std::vector<std::string>& wanted);

}  // namespace palimpsest
