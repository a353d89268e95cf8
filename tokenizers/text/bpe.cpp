#include "tokenizers/text/bpe.h"

#include <queue>

#include "base/errors.h"
#include "base/files.h"
#include "modalities/media/text.h"

namespace palimpsest {

namespace {

std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
  return (static_cast<std::uint64_t>(left) << 32) | static_cast<std::uint64_t>(right);
}

// Broken sequences become U+FFFD, one for each byte that starts none.
std::string repair_utf8(std::string_view bytes) {
  std::string repaired;
  while (!bytes.empty()) {
    const std::size_t bad = std::min(first_invalid_utf8(bytes), bytes.size());
    repaired += bytes.substr(0, bad);
    bytes.remove_prefix(bad);
    if (bytes.empty()) break;
    repaired += "\xEF\xBF\xBD";
    bytes.remove_prefix(1);
  }
  return repaired;
}

// A piece while it merges: ids in a doubly linked list over the positions of its bytes.
struct Link {
  std::int64_t id = 0, previous = -1, next = -1;
};

// A possible merge; stale when the ids at its place have changed since.
struct Candidate {
  std::int64_t rank = 0, position = 0, left = 0, right = 0, merged = 0;
  bool operator>(const Candidate& other) const {
    return std::pair(rank, position) > std::pair(other.rank, other.position);
  }
};

}  // namespace

BytePairTable byte_table() {
  BytePairTable table;
  for (int byte = 0; byte < 256; ++byte) table.bytes_of_id.emplace_back(1, static_cast<char>(byte));
  return table;
}

BytePairTokenizer::BytePairTokenizer(BytePairTable table)
    : table_(std::move(table)),
      space_{"text", {static_cast<std::int64_t>(table_.bytes_of_id.size())}},
      id_of_byte_(256, -1) {
  std::unordered_map<std::string_view, std::int64_t> id_of;
  for (std::size_t id = 0; id < table_.bytes_of_id.size(); ++id) {
    const std::string& bytes = table_.bytes_of_id[id];
    TORCH_CHECK(id_of.emplace(bytes, id).second, "BytePairTokenizer: two ids stand for the same bytes, the second is ",
                id);
    if (bytes.size() == 1) id_of_byte_[static_cast<unsigned char>(bytes[0])] = static_cast<std::int64_t>(id);
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    TORCH_CHECK(id_of_byte_[byte] >= 0, "BytePairTokenizer: byte ", byte, " has no id");
  }
  for (std::size_t rank = 0; rank < table_.merges.size(); ++rank) {
    const auto [left, right] = table_.merges[rank];
    const auto found = id_of.find(table_.bytes_of_id.at(static_cast<std::size_t>(left)) +
                                  table_.bytes_of_id.at(static_cast<std::size_t>(right)));
    TORCH_CHECK(found != id_of.end(), "BytePairTokenizer: merge ", rank, " makes bytes that have no id");
    merge_of_pair_.try_emplace(pair_key(left, right), Merge{static_cast<std::int64_t>(rank), found->second});
  }
}

const BytePairTokenizer::Merge* BytePairTokenizer::find_merge(std::int64_t left, std::int64_t right) const {
  const auto found = merge_of_pair_.find(pair_key(left, right));
  return found == merge_of_pair_.end() ? nullptr : &found->second;
}

// Always the best-ranked pair, the leftmost of equals, until no pair merges: n log n in the piece's length.
void BytePairTokenizer::append_piece(std::string_view piece, std::vector<std::int64_t>& ids) const {
  const auto size = static_cast<std::int64_t>(piece.size());
  std::vector<Link> links(piece.size());
  const auto link = [&](std::int64_t position) -> Link& { return links[static_cast<std::size_t>(position)]; };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](std::int64_t left, std::int64_t right) {
    if (left < 0 || right < 0) return;
    if (const Merge* merge = find_merge(link(left).id, link(right).id)) {
      queue.push({merge->rank, left, link(left).id, link(right).id, merge->id});
    }
  };
  for (std::int64_t position = 0; position < size; ++position) {
    const auto byte = static_cast<unsigned char>(piece[static_cast<std::size_t>(position)]);
    link(position) = {id_of_byte_[byte], position - 1, position + 1 < size ? position + 1 : -1};
  }
  for (std::int64_t position = 0; position + 1 < size; ++position) offer(position, position + 1);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Link& left = link(best.position);
    if (left.id != best.left || left.next < 0 || link(left.next).id != best.right) continue;
    Link& right = link(left.next);
    left.id = best.merged;
    left.next = right.next;
    right.id = -1;  // gone: no candidate matches it any more
    if (left.next >= 0) link(left.next).previous = best.position;
    offer(left.previous, best.position);
    offer(best.position, left.next);
  }
  for (std::int64_t position = 0; position >= 0; position = link(position).next) ids.push_back(link(position).id);
}

std::vector<std::int64_t> BytePairTokenizer::encode_bytes(std::string_view bytes) const {
  std::vector<std::int64_t> ids;
  for (const std::string_view piece : pretokenizer_.split(bytes)) append_piece(piece, ids);
  return ids;
}

std::string BytePairTokenizer::decode_bytes(const std::vector<std::int64_t>& ids) const {
  std::string bytes;
  for (const std::int64_t id : ids) {
    TORCH_CHECK(id >= 0 && id < space_.size(), "bpe: ids must be in [0,", space_.size(), "), got ", id);
    bytes += table_.bytes_of_id[static_cast<std::size_t>(id)];
  }
  return bytes;
}

std::vector<Codes> BytePairTokenizer::encode(const std::vector<Media>& batch) const {
  std::vector<Codes> all;
  for (const Media& media : batch) {
    const Text* text = std::get_if<Text>(&media);
    if (!text) throw InputError("", "", "bpe reads text, got " + std::string(media_kind(media)));
    const at::Tensor ids_L = at::tensor(encode_bytes(text->utf8), at::kLong);
    all.push_back({ids_L, layout(ids_L.size(0))});
  }
  return all;
}

std::vector<Media> BytePairTokenizer::decode(const std::vector<Codes>& batch) const {
  std::vector<Media> all;
  for (const Codes& codes : batch) {
    TORCH_CHECK(codes.ids_L.dim() == 1 && codes.ids_L.scalar_type() == at::kLong, "bpe: ids must be int64 [L], got ",
                codes.ids_L.sizes());
    const at::Tensor ids_L = codes.ids_L.cpu().contiguous();
    const std::int64_t* first = ids_L.const_data_ptr<std::int64_t>();
    all.emplace_back(Text{repair_utf8(decode_bytes({first, first + ids_L.numel()}))});
  }
  return all;
}

void BytePairTokenizer::save(const std::filesystem::path& directory) const {
  write_gpt2_table(directory, table_);
  const nlohmann::json settings{{"kind", kind()}, {"options", {{"vocabulary", space_.size()}}}};
  write_file_atomically(directory / "tokenizer.json", settings.dump(2) + "\n");
}

}  // namespace palimpsest
