#include "modalities/canvas/canvas.h"

#include <optional>

#include "modalities/canvas/filling.h"

namespace palimpsest {

namespace {

// The tensors of a canvas in one order, for what is done to each alike.
template <class Function>
TokenCanvas map_tensors(const TokenCanvas& canvas, const Function& function) {
  TokenCanvas mapped = canvas;
  for (at::Tensor* tensor : {&mapped.tokens_BL, &mapped.frozen_BL, &mapped.visible_BL, &mapped.document_BL,
                             &mapped.role_BL, &mapped.modality_BL, &mapped.legal_class_BL, &mapped.coordinates_BLA}) {
    *tensor = function(*tensor);
  }
  return mapped;
}

// Every role a mask that is seen, nothing given: the canvas before any filling.
TokenCanvas blank_canvas(const CanvasSchema& schema, std::int64_t rows) {
  const std::int64_t length = schema.length();
  TokenCanvas canvas;
  canvas.tokens_BL = at::full({rows, length}, kMaskId, at::kLong);
  canvas.frozen_BL = at::zeros({rows, length}, at::kBool);
  canvas.visible_BL = at::ones({rows, length}, at::kBool);
  canvas.document_BL = at::zeros({rows, length}, at::kLong);
  canvas.role_BL = schema.role_L().expand({rows, length}).contiguous();
  canvas.modality_BL = schema.modality_L().expand({rows, length}).contiguous();
  canvas.legal_class_BL = schema.legal_class_L().expand({rows, length}).contiguous();
  canvas.coordinates_BLA = schema.coordinates_LA().expand({rows, length, kAxes}).contiguous();
  return canvas;
}

// Local ids of one span, or nullopt when it still holds mask ids.
std::optional<Document::Filling> read_span(const CanvasSchema& schema, const Span& span, const std::int64_t* tokens,
                                           const bool* frozen) {
  const std::int64_t* end =
      schema.role(span.role).elastic ? std::find(tokens, tokens + span.length, kEndId) : tokens + span.length;
  if (std::find(tokens, end, kMaskId) != end) return std::nullopt;
  const IdRange range = schema.vocabulary().range(schema.modality_of(span.role));
  at::Tensor ids_L = at::empty({end - tokens}, at::kLong);
  std::int64_t* ids = ids_L.data_ptr<std::int64_t>();
  for (const std::int64_t* token = tokens; token != end; ++token) {
    TORCH_CHECK(*token >= range.begin && *token < range.end, "read_canvas: id ", *token,
                " is not of the modality of role '", schema.role(span.role).name, "'");
    *ids++ = *token - range.begin;
  }
  return Document::Filling{ids_L, frozen[0], {}};
}

void check_shapes(const TokenCanvas& canvas) {
  const auto sizes = canvas.tokens_BL.sizes();
  TORCH_CHECK(canvas.tokens_BL.dim() == 2 && canvas.tokens_BL.scalar_type() == at::kLong,
              "TokenCanvas: tokens are int64 [B,L]");
  for (const at::Tensor& flags : {canvas.frozen_BL, canvas.visible_BL}) {
    TORCH_CHECK(flags.sizes() == sizes && flags.scalar_type() == at::kBool, "TokenCanvas: flags are bool [B,L], got ",
                flags.sizes());
  }
  for (const at::Tensor& numbers : {canvas.document_BL, canvas.role_BL, canvas.modality_BL, canvas.legal_class_BL}) {
    TORCH_CHECK(numbers.sizes() == sizes && numbers.scalar_type() == at::kLong,
                "TokenCanvas: indices are int64 [B,L], got ", numbers.sizes());
  }
  TORCH_CHECK(canvas.coordinates_BLA.scalar_type() == at::kInt &&
                  canvas.coordinates_BLA.sizes() == at::IntArrayRef({sizes[0], sizes[1], kAxes}),
              "TokenCanvas: coordinates are int32 [B,L,", kAxes, "], got ", canvas.coordinates_BLA.sizes());
}

}  // namespace

TokenCanvas TokenCanvas::to(c10::Device device) const {
  return map_tensors(*this, [device](const at::Tensor& tensor) { return tensor.to(device); });
}

TokenCanvas TokenCanvas::slice_rows(std::int64_t begin, std::int64_t count) const {
  TokenCanvas slice =
      map_tensors(*this, [begin, count](const at::Tensor& tensor) { return tensor.narrow(0, begin, count).clone(); });
  slice.spans.clear();
  for (Span span : spans) {
    if (span.row < begin || span.row >= begin + count) continue;
    span.row -= begin;
    slice.spans.push_back(span);
  }
  return slice;
}

void TokenCanvas::validate(const Vocabulary& vocabulary) const {
  check_shapes(*this);
  const at::Tensor tokens = tokens_BL.cpu().contiguous(), classes = legal_class_BL.cpu().contiguous();
  const at::Tensor visible = visible_BL.cpu().contiguous();
  const std::int64_t* token = tokens.const_data_ptr<std::int64_t>();
  const std::int64_t* legal_class = classes.const_data_ptr<std::int64_t>();
  const bool* seen = visible.const_data_ptr<bool>();
  for (std::int64_t i = 0; i < tokens.numel(); ++i) {
    if (!seen[i] || token[i] == kMaskId) continue;
    const LegalClass& legal = vocabulary.legal_class(legal_class[i]);
    const bool in_range = token[i] >= legal.range.begin && token[i] < legal.range.end;
    TORCH_CHECK(in_range || (legal.with_end && token[i] == kEndId), "TokenCanvas: id ", token[i], " at row ",
                i / length(), ", position ", i % length(), " is neither mask nor legal there");
  }
}

TokenCanvas build_canvas(const CanvasSchema& schema, const std::vector<Document>& documents) {
  const std::int64_t length = schema.length();
  TokenCanvas canvas = blank_canvas(schema, static_cast<std::int64_t>(documents.size()));
  for (std::int64_t row = 0; row < canvas.rows(); ++row) {
    const Document& document = documents[static_cast<std::size_t>(row)];
    check_roles(schema, document);
    for (std::int64_t role = 0; role < schema.num_roles(); ++role) {
      if (!schema.holds(role)) continue;
      const std::int64_t begin = schema.role_begin(role), size = schema.role(role).length(),
                         first = row * length + begin;
      canvas.spans.push_back({row, 0, role, begin, size});
      const auto filling = document.roles.find(schema.role(role).name);
      if (filling != document.roles.end()) {
        write_filling(
            schema, role, filling->second,
            {canvas.tokens_BL.data_ptr<std::int64_t>() + first, canvas.frozen_BL.data_ptr<bool>() + first, size});
      } else if (document.hidden.count(schema.role(role).name) > 0) {
        std::fill_n(canvas.visible_BL.data_ptr<bool>() + first, size, false);
      }
    }
  }
  return canvas;
}

std::vector<Document> read_canvas(const CanvasSchema& schema, const TokenCanvas& canvas, bool partial) {
  const at::Tensor tokens = canvas.tokens_BL.cpu().contiguous(), frozen = canvas.frozen_BL.cpu().contiguous();
  std::vector<Document> documents;
  const Span* previous = nullptr;
  for (const Span& span : canvas.spans) {
    if (!previous || previous->row != span.row || previous->document != span.document) documents.emplace_back();
    previous = &span;
    const std::int64_t first = span.row * canvas.length() + span.begin;
    auto filling =
        read_span(schema, span, tokens.const_data_ptr<std::int64_t>() + first, frozen.const_data_ptr<bool>() + first);
    TORCH_CHECK(filling || partial, "read_canvas: role '", schema.role(span.role).name, "' of row ", span.row,
                " still holds mask ids");
    if (filling) documents.back().roles.emplace(schema.role(span.role).name, std::move(*filling));
  }
  return documents;
}

}  // namespace palimpsest
