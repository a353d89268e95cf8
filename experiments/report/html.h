// HTML by hand: escaped text, elements, bytes as data URIs, one self-contained page.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace palimpsest {

// Standard base64 with padding (RFC 4648).
std::string base64(std::string_view bytes);

// "data:image/png;base64,...".
std::string data_uri(std::string_view mime, std::string_view bytes);

// Text made safe between tags and inside double-quoted attributes.
std::string escape_html(std::string_view text);

using HtmlAttributes = std::vector<std::pair<std::string, std::string>>;

// <name a="b">content</name>; attribute values are escaped, content is HTML already.
std::string element(std::string_view name, const HtmlAttributes& attributes, std::string_view content);
// An element that has no content: <img .../>.
std::string void_element(std::string_view name, const HtmlAttributes& attributes);

// A whole document with the house's style sheet inside; nothing is loaded from anywhere.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace palimpsest
