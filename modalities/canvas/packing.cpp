#include "modalities/canvas/packing.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/errors.h"
#include "modalities/canvas/filling.h"

namespace palimpsest {

namespace {

// Positions a filled role takes in a packed row: its ids, and one `end` when it is elastic and not full.
std::int64_t packed_role_length(const CanvasSchema& schema, std::int64_t role, const Document::Filling& filling) {
  const std::int64_t count = filling_length(schema, role, filling);
  return schema.role(role).elastic ? std::min(count + 1, schema.role(role).length()) : count;
}

void check_lengths(const std::vector<std::int64_t>& lengths, std::int64_t row_length) {
  for (const std::int64_t length : lengths) {
    TORCH_CHECK(0 < length && length <= row_length, "packing: a document takes 1..", row_length, " positions, got ",
                length);
  }
}

// Everything of one span but its tokens: which document, role, modality, class and coordinates stand there.
void write_description(const CanvasSchema& schema, const Span& span, TokenCanvas& canvas) {
  const std::int64_t first = span.row * canvas.length() + span.begin, source = schema.role_begin(span.role);
  std::fill_n(canvas.visible_BL.data_ptr<bool>() + first, span.length, true);
  std::fill_n(canvas.document_BL.data_ptr<std::int64_t>() + first, span.length, span.document);
  std::fill_n(canvas.role_BL.data_ptr<std::int64_t>() + first, span.length, span.role);
  std::fill_n(canvas.modality_BL.data_ptr<std::int64_t>() + first, span.length, schema.modality_of(span.role));
  std::copy_n(schema.legal_class_L().const_data_ptr<std::int64_t>() + source, span.length,
              canvas.legal_class_BL.data_ptr<std::int64_t>() + first);
  std::copy_n(schema.coordinates_LA().const_data_ptr<std::int32_t>() + source * kAxes, span.length * kAxes,
              canvas.coordinates_BLA.data_ptr<std::int32_t>() + first * kAxes);
}

// Writes a document from position `begin` of its row on; returns where it ends.
std::int64_t write_document(const CanvasSchema& schema, const Document& document, Span span, TokenCanvas& canvas) {
  for (span.role = 0; span.role < schema.num_roles(); ++span.role) {
    const auto filling = document.roles.find(schema.role(span.role).name);
    if (filling == document.roles.end()) continue;
    span.length = packed_role_length(schema, span.role, filling->second);
    const std::int64_t first = span.row * canvas.length() + span.begin;
    write_description(schema, span, canvas);
    write_filling(
        schema, span.role, filling->second,
        {canvas.tokens_BL.data_ptr<std::int64_t>() + first, canvas.frozen_BL.data_ptr<bool>() + first, span.length});
    canvas.spans.push_back(span);
    span.begin += span.length;
  }
  return span.begin;
}

}  // namespace

PackingPlan best_fit(const std::vector<std::int64_t>& lengths, std::int64_t row_length) {
  check_lengths(lengths, row_length);
  std::vector<std::size_t> longest_first(lengths.size());
  std::iota(longest_first.begin(), longest_first.end(), std::size_t{0});
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [&lengths](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  // Rows by the room they have left: a document of a length takes the first row of the least room that does.
  std::vector<std::vector<std::size_t>> rows_with_room(static_cast<std::size_t>(row_length) + 1);
  std::set<std::int64_t> rooms;
  PackingPlan plan;
  for (const std::size_t document : longest_first) {
    const auto room = rooms.lower_bound(lengths[document]);
    std::size_t row = plan.size();
    std::int64_t left = row_length;
    if (room == rooms.end()) {
      plan.emplace_back();
    } else {
      left = *room;
      auto& rows = rows_with_room[static_cast<std::size_t>(left)];
      row = rows.back();
      rows.pop_back();
      if (rows.empty()) rooms.erase(room);
    }
    plan[row].push_back(document);
    left -= lengths[document];
    if (left == 0) continue;
    rows_with_room[static_cast<std::size_t>(left)].push_back(row);
    rooms.insert(left);
  }
  return plan;
}

PackingPlan first_fit(const std::vector<std::int64_t>& lengths, std::int64_t row_length) {
  check_lengths(lengths, row_length);
  PackingPlan plan;
  std::vector<std::int64_t> used;
  for (std::size_t document = 0; document < lengths.size(); ++document) {
    std::size_t row = 0;
    while (row < plan.size() && used[row] + lengths[document] > row_length) ++row;
    if (row == plan.size()) {
      plan.emplace_back();
      used.push_back(0);
    }
    used[row] += lengths[document];
    plan[row].push_back(document);
  }
  return plan;
}

std::int64_t packed_length(const CanvasSchema& schema, const Document& document) {
  check_roles(schema, document);
  std::int64_t length = 0;
  for (const auto& [name, filling] : document.roles)
    length += packed_role_length(schema, schema.role_index(name), filling);
  return length;
}

TokenCanvas pack_canvas(const CanvasSchema& schema, const std::vector<Document>& documents, const PackingPlan& plan,
                        std::int64_t row_length) {
  TokenCanvas canvas = padded_canvas(static_cast<std::int64_t>(plan.size()), row_length);
  canvas.one_document_a_row = false;
  std::size_t placed = 0;
  for (std::int64_t row = 0; row < canvas.rows(); ++row) {
    std::int64_t begin = 0, number = 0;
    for (const std::size_t document : plan[static_cast<std::size_t>(row)]) {
      TORCH_CHECK(begin + packed_length(schema, documents.at(document)) <= row_length, "pack_canvas: row ", row,
                  " of the plan does not fit into ", row_length, " positions");
      begin = write_document(schema, documents[document], {row, number++, 0, begin, 0}, canvas);
      ++placed;
    }
  }
  TORCH_CHECK(placed == documents.size(), "pack_canvas: the plan has ", placed, " documents of ", documents.size());
  return canvas;
}

TokenCanvas pack_canvas(const CanvasSchema& schema, const std::vector<Document>& documents, std::int64_t row_length) {
  std::vector<std::int64_t> lengths;
  for (const Document& document : documents) {
    lengths.push_back(packed_length(schema, document));
    if (lengths.back() == 0) throw InputError("", "document", "holds no role, nothing to pack");
    if (lengths.back() <= row_length) continue;
    throw InputError(
        "", "document",
        "takes " + std::to_string(lengths.back()) + " positions, a packed row has " + std::to_string(row_length));
  }
  return pack_canvas(schema, documents, first_fit(lengths, row_length), row_length);
}

double fill_of(const TokenCanvas& canvas) {
  std::int64_t filled = 0;
  for (const Span& span : canvas.spans) filled += span.length;
  return static_cast<double>(filled) / static_cast<double>(canvas.rows() * canvas.length());
}

}  // namespace palimpsest
