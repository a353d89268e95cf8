#include "pipelines/queries/query.h"

#include "base/errors.h"
#include "pipelines/queries/hole.h"

namespace palimpsest {

namespace {

bool has_hole(const CodedQuery& query, const std::string& role) { return query.known_L.count(role) > 0; }

void check_query(const CanvasSchema& schema, const CodedQuery& query) {
  for (const auto& [role, ids] : query.given) schema.role_index(role);
  for (const auto& [role, known] : query.known_L) {
    schema.role_index(role);
    if (!query.given.count(role)) throw InputError("", role, "has a hole but is not given");
  }
  for (const std::string& role : query.wanted) {
    schema.role_index(role);
    if (query.given.count(role) && !has_hole(query, role)) {
      throw InputError("", role, "is both given and wanted; give it a hole, or leave one out");
    }
  }
  if (query.wanted.empty() && query.known_L.empty()) throw InputError("", "", "nothing is wanted: name a role to make");
}

// Roles of any of the queries, in the schema's order.
std::vector<std::string> roles_of(const CanvasSchema& schema, const std::vector<CodedQuery>& queries) {
  std::set<std::string> used;
  for (const CodedQuery& query : queries) {
    for (const auto& [role, ids] : query.given) used.insert(role);
    used.insert(query.wanted.begin(), query.wanted.end());
  }
  std::vector<std::string> names;
  for (const Role& role : schema.roles()) {
    if (used.count(role.name)) names.push_back(role.name);
  }
  return names;
}

Document document_of(const CodedQuery& query) {
  Document document;
  for (const auto& [role, ids_L] : query.given) {
    Document::Filling filling{ids_L, true, {}};
    if (has_hole(query, role)) filling.known_L = query.known_L.at(role);
    document.roles[role] = filling;
  }
  return document;
}

bool takes_part(const CodedQuery& query, const std::string& role) {
  return query.given.count(role) || std::find(query.wanted.begin(), query.wanted.end(), role) != query.wanted.end();
}

// Roles of other queries in the same batch are nobody's business here.
void hide_absent(const CanvasSchema& schema, const std::vector<CodedQuery>& queries, TokenCanvas& canvas) {
  for (std::size_t row = 0; row < queries.size(); ++row) {
    for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
      if (!schema.holds(role) || takes_part(queries[row], schema.role(role).name)) continue;
      canvas.visible_BL[static_cast<std::int64_t>(row)]
          .narrow(0, schema.role_begin(role), schema.role(role).length())
          .fill_(false);
    }
  }
}

// Tokenizes role by role, so that each tokenizer sees one batch.
std::vector<CodedQuery> encode_queries(const CanvasSchema& schema, const RoleTokenizers& tokenizers,
                                       const std::vector<Query>& queries) {
  std::vector<CodedQuery> coded(queries.size());
  std::map<std::string, std::vector<std::size_t>> users;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    coded[i].wanted = queries[i].wanted;
    for (const auto& [role, media] : queries[i].given) {
      schema.role_index(role);
      users[role].push_back(i);
    }
    for (const auto& [role, hole] : queries[i].holes) {
      if (!queries[i].given.count(role)) throw InputError("", role, "has a hole but is not given");
    }
  }
  for (const auto& [role, indices] : users) {
    std::vector<Media> batch;
    for (const std::size_t i : indices) batch.push_back(queries[i].given.at(role));
    const std::vector<Codes> codes = tokenizers.at(role)->encode(batch);
    for (std::size_t k = 0; k < indices.size(); ++k) {
      coded[indices[k]].given[role] = codes[k].ids_L;
      const auto hole = queries[indices[k]].holes.find(role);
      if (hole != queries[indices[k]].holes.end()) {
        coded[indices[k]].known_L[role] = known_outside(hole->second, codes[k].layout, role);
      }
    }
  }
  return coded;
}

}  // namespace

TokenCanvas query_canvas(const CanvasSchema& schema, const std::vector<CodedQuery>& queries) {
  for (const CodedQuery& query : queries) check_query(schema, query);
  const CanvasSchema held = schema.with_roles(roles_of(schema, queries));
  std::vector<Document> documents;
  for (const CodedQuery& query : queries) documents.push_back(document_of(query));
  TokenCanvas canvas = build_canvas(held, documents);
  hide_absent(held, queries, canvas);
  return canvas;
}

TokenCanvas query_canvas(const CanvasSchema& schema, const RoleTokenizers& tokenizers,
                         const std::vector<Query>& queries) {
  return query_canvas(schema, encode_queries(schema, tokenizers, queries));
}

std::vector<std::map<std::string, Media>> read_media(const CanvasSchema& schema, const RoleTokenizers& tokenizers,
                                                     const TokenCanvas& canvas,
                                                     const std::vector<std::string>& wanted) {
  std::set<std::string> held;
  for (const Span& span : canvas.spans) held.insert(schema.role(span.role).name);
  const auto documents = read_canvas(schema.with_roles({held.begin(), held.end()}), canvas, true);
  std::vector<std::map<std::string, Media>> result(documents.size());
  for (const std::string& role : wanted) {
    const Tokenizer& tokenizer = *tokenizers.at(role);
    std::vector<Codes> batch;
    std::vector<std::size_t> owners;
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const auto filling = documents[i].roles.find(role);
      if (filling == documents[i].roles.end()) continue;
      batch.push_back({filling->second.ids_L, tokenizer.layout(filling->second.ids_L.numel())});
      owners.push_back(i);
    }
    const std::vector<Media> media = tokenizer.decode(batch);
    for (std::size_t k = 0; k < owners.size(); ++k) result[owners[k]].insert_or_assign(role, media[k]);
  }
  return result;
}

}  // namespace palimpsest
