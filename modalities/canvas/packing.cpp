#include "base/errors.h"
#include "modalities/canvas/canvas.h"
#include "modalities/canvas/filling.h"

namespace palimpsest {

namespace {

// Positions a filled role takes in a packed row: its ids, and one `end` when it is elastic and not full.
std::int64_t packed_length(const CanvasSchema& schema, std::int64_t role, const Document::Filling& filling) {
  const std::int64_t count = filling_length(schema, role, filling);
  return schema.role(role).elastic ? std::min(count + 1, schema.role(role).length()) : count;
}

// One document measured: its roles in schema order and the positions each takes.
struct Measured {
  const Document* document;
  std::vector<std::pair<std::int64_t, std::int64_t>> roles;  // role, positions
  std::int64_t length = 0;
};

Measured measure(const CanvasSchema& schema, const Document& document, std::int64_t row_length) {
  check_roles(schema, document);
  Measured measured{&document, {}, 0};
  for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
    const auto filling = document.roles.find(schema.role(role).name);
    if (filling == document.roles.end()) continue;
    measured.roles.emplace_back(role, packed_length(schema, role, filling->second));
    measured.length += measured.roles.back().second;
  }
  if (measured.length == 0) throw InputError("", "document", "holds no role, nothing to pack");
  if (measured.length > row_length) {
    throw InputError(
        "", "document",
        "takes " + std::to_string(measured.length) + " positions, a packed row has " + std::to_string(row_length));
  }
  return measured;
}

// First fit: each document goes to the first row with room for it.
std::vector<std::vector<Measured>> assign_rows(std::vector<Measured> documents, std::int64_t row_length) {
  std::vector<std::vector<Measured>> rows;
  std::vector<std::int64_t> used;
  for (Measured& measured : documents) {
    std::size_t row = 0;
    while (row < rows.size() && used[row] + measured.length > row_length) ++row;
    if (row == rows.size()) {
      rows.emplace_back();
      used.push_back(0);
    }
    used[row] += measured.length;
    rows[row].push_back(std::move(measured));
  }
  return rows;
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

}  // namespace

TokenCanvas pack_canvas(const CanvasSchema& schema, const std::vector<Document>& documents, std::int64_t row_length) {
  std::vector<Measured> measured;
  for (const Document& document : documents) measured.push_back(measure(schema, document, row_length));
  const auto rows = assign_rows(std::move(measured), row_length);
  TokenCanvas canvas = padded_canvas(static_cast<std::int64_t>(rows.size()), row_length);
  canvas.one_document_a_row = false;
  for (std::int64_t row = 0; row < canvas.rows(); ++row) {
    std::int64_t begin = 0, number = 0;
    for (const Measured& entry : rows[static_cast<std::size_t>(row)]) {
      for (const auto& [role, length] : entry.roles) {
        const Span span{row, number, role, begin, length};
        const std::int64_t first = row * row_length + begin;
        write_description(schema, span, canvas);
        write_filling(
            schema, role, entry.document->roles.at(schema.role(role).name),
            {canvas.tokens_BL.data_ptr<std::int64_t>() + first, canvas.frozen_BL.data_ptr<bool>() + first, length});
        canvas.spans.push_back(span);
        begin += length;
      }
      ++number;
    }
  }
  return canvas;
}

}  // namespace palimpsest
