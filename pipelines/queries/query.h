// Query: given roles and wanted roles on one schema. Every task is a query.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "modalities/canvas/canvas.h"
#include "modalities/media/media.h"
#include "pipelines/queries/hole.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

using RoleTokenizers = std::map<std::string, std::shared_ptr<Tokenizer>>;

struct Query {
  std::map<std::string, Media> given;
  std::map<std::string, Hole> holes;  // part of a given role to be made anew
  std::vector<std::string> wanted;    // roles to make; a role with a hole is wanted too
};

// One document a row: given roles frozen, wanted roles mask (to be made). Rows hold only the roles that some query
// gives or wants, in the schema's order; a role that a query of the batch does not use is invisible in its row.
// InputError: unknown role (nearest suggested), a role both given and wanted without a hole, nothing wanted, media
// longer than the role.
TokenCanvas query_canvas(const CanvasSchema& schema, const RoleTokenizers& tokenizers,
                         const std::vector<Query>& queries);

// Same, with given contents already tokenized (local ids by role).
struct CodedQuery {
  std::map<std::string, at::Tensor> given;    // role -> local ids
  std::map<std::string, at::Tensor> known_L;  // role -> bool, false in the hole
  std::vector<std::string> wanted;
};
TokenCanvas query_canvas(const CanvasSchema& schema, const std::vector<CodedQuery>& queries);

// Decodes the wanted roles of a finished canvas: one map a document. `schema` is the one that query_canvas had. A role
// that still holds masks is left out.
std::vector<std::map<std::string, Media>> read_media(const CanvasSchema& schema, const RoleTokenizers& tokenizers,
                                                     const TokenCanvas& canvas, const std::vector<std::string>& wanted);

}  // namespace palimpsest
