#include "experiments/report/html.h"

namespace palimpsest {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::string_view kStyle = R"(
:root { --ink: #1d2330; --soft: #5c667a; --faint: #8b94a6; --line: #e2e6ee; --paper: #fbfaf7; --card: #ffffff; --accent: #a8442a; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 "Source Serif 4", "Iowan Old Style", Palatino, Georgia, serif; }
main { max-width: 1200px; margin: 0 auto; padding: 56px 28px 96px; }
h1 { font-size: 40px; line-height: 1.15; letter-spacing: -0.015em; margin: 0 0 10px; }
h2 { font-size: 26px; letter-spacing: -0.01em; margin: 64px 0 6px; padding-top: 18px; border-top: 2px solid var(--ink); }
h3 { font-size: 18px; margin: 34px 0 4px; }
p { margin: 6px 0 14px; max-width: 72ch; }
.lead { font-size: 19px; color: var(--soft); }
.soft { color: var(--soft); font-size: 14.5px; }
table, figure, nav, .facts, svg text { font-family: Inter, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
nav { font-size: 14px; margin: 22px 0 0; display: flex; flex-wrap: wrap; gap: 6px 20px; }
nav a { color: var(--accent); text-decoration: none; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin: 14px 0 24px; background: var(--card); border: 1px solid var(--line); }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); padding: 9px 12px; vertical-align: bottom; }
td { padding: 7px 12px; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.strong { font-weight: 650; }
td .note { display: block; color: var(--soft); font-size: 12px; line-height: 1.4; font-weight: 400; white-space: nowrap; }
td.metric .note { white-space: normal; max-width: 52ch; }
.bar { display: block; height: 4px; background: var(--line); border-radius: 2px; margin-top: 4px; min-width: 84px; position: relative; }
.bar i { position: absolute; left: 0; top: 0; bottom: 0; background: var(--accent); border-radius: 2px; }
.bar b { position: absolute; top: -3px; bottom: -3px; width: 2px; background: var(--ink); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); margin: 18px 0; font-size: 13.5px; }
.facts div { background: var(--card); padding: 9px 13px; overflow-wrap: anywhere; }
.facts span { display: block; color: var(--faint); font-size: 12px; }
.grid { display: grid; gap: 14px; margin: 16px 0 26px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 10px; }
figure > * + * { margin-top: 8px; }
figure .pictures { display: flex; gap: 8px; align-items: flex-end; }
figure .pictures > div { flex: 1; min-width: 0; max-width: 160px; }
figure img { width: 100%; display: block; image-rendering: pixelated; border: 1px solid var(--line); border-radius: 3px; background: #fff; }
figure, figcaption { font-size: 13.5px; line-height: 1.35; overflow-wrap: anywhere; }
figure .words { font-weight: 600; }
.label { display: block; font: 11px/1.35 Inter, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; color: var(--faint); margin-bottom: 2px; }
audio { width: 100%; height: 34px; display: block; margin: 2px 0 4px; }
.strip { padding: 10px; background: #22252d; border-radius: 6px; margin: 10px 0 4px; }
.strip img { width: 100%; display: block; image-rendering: pixelated; }
.strip div { display: flex; }
.strip span { flex: 1; color: #b9bfcc; font: 11px/1.3 Inter, Arial, sans-serif; margin-top: 6px; text-align: center; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 16px; margin: 16px 0; }
.plots > div { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px 6px; }
pre { font: 13px/1.5 "JetBrains Mono", "DejaVu Sans Mono", monospace; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 14px 16px; overflow-x: auto; }
svg { width: 100%; height: auto; display: block; }
)";

std::string format_attributes(const HtmlAttributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes) text += " " + name + "=\"" + escape_html(value) + "\"";
  return text;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t begin = 0; begin < bytes.size(); begin += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - begin);
    std::uint32_t triple = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      triple = triple << 8 | (i < count ? static_cast<unsigned char>(bytes[begin + i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) text.push_back(i <= count ? kAlphabet[triple >> (18 - 6 * i) & 63u] : '=');
  }
  return text;
}

std::string data_uri(std::string_view mime, std::string_view bytes) {
  return "data:" + std::string(mime) + ";base64," + base64(bytes);
}

std::string escape_html(std::string_view text) {
  std::string safe;
  for (const char byte : text) {
    switch (byte) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe.push_back(byte);
    }
  }
  return safe;
}

std::string element(std::string_view name, const HtmlAttributes& attributes, std::string_view content) {
  const std::string tag(name);
  return "<" + tag + format_attributes(attributes) + ">" + std::string(content) + "</" + tag + ">";
}

std::string void_element(std::string_view name, const HtmlAttributes& attributes) {
  return "<" + std::string(name) + format_attributes(attributes) + "/>";
}

std::string html_page(std::string_view title, std::string_view body) {
  const std::string head =
      void_element("meta", {{"charset", "utf-8"}}) +
      void_element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}) +
      element("title", {}, escape_html(title)) + element("style", {}, kStyle);
  return "<!DOCTYPE html>\n" +
         element("html", {{"lang", "en"}},
                 element("head", {}, head) + "\n" + element("body", {}, element("main", {}, body))) +
         "\n";
}

}  // namespace palimpsest
