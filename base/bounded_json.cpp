#include "base/bounded_json.h"

#include "base/errors.h"

namespace palimpsest {

namespace {

using nlohmann::json;

constexpr std::size_t kNode = 96;  // bytes of an object's entry or an array's element, with what the allocator adds

// Builds the value as the parser goes.
class BoundedJson : public json::json_sax_t {
 public:
  BoundedJson(std::string name, const JsonLimits& limits) : name_(std::move(name)), limits_(limits) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(json::binary_t&) override { return false; }  // no JSON text has any
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    const auto [place, fresh] = open_.back()->get_ref<json::object_t&>().emplace(name, nullptr);
    if (!fresh) throw InputError(name_, "", "has the key '" + name.substr(0, 100) + "' twice in one object");
    slot_ = &place->second;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const json::exception&) override {
    throw InputError(name_, "byte " + std::to_string(byte), "is not valid JSON");
  }

  json take() { return std::move(root_); }

 private:
  bool add(json value) {
    put(std::move(value));
    return true;
  }
  bool open(json value) {
    if (static_cast<std::int64_t>(open_.size()) == limits_.levels) {
      throw InputError(name_, "", "has values more than " + std::to_string(limits_.levels) + " levels deep");
    }
    open_.push_back(put(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  // Where the value now lies; it stays there as long as it is the last of those that are open.
  json* put(json value) {
    if (++values_ > limits_.values) {
      throw InputError(name_, "", "has more than " + std::to_string(limits_.values) + " values");
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) return &open_.back()->get_ref<json::array_t&>().emplace_back(std::move(value));
    *slot_ = std::move(value);
    return slot_;
  }

  std::string name_;
  JsonLimits limits_;
  json root_;
  std::vector<json*> open_;
  json* slot_ = nullptr;  // of the key that was read last
  std::int64_t values_ = 0;
};

}  // namespace

json parse_json(std::string_view text, const std::string& name, const JsonLimits& limits) {
  if (static_cast<std::int64_t>(text.size()) > limits.bytes)
    throw InputError(name, "", "has more than " + std::to_string(limits.bytes) + " bytes");
  BoundedJson builder(name, limits);
  if (!json::sax_parse(text.begin(), text.end(), &builder)) throw InputError(name, "", "is not valid JSON");
  return builder.take();
}

std::size_t memory_of(const json& value) {
  std::size_t bytes = kNode;
  if (const auto* text = value.get_ptr<const json::string_t*>()) bytes += text->size();
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) bytes += key.size() + memory_of(inner);
  } else if (value.is_array()) {
    for (const json& inner : value) bytes += memory_of(inner);
  }
  return bytes;
}

}  // namespace palimpsest
