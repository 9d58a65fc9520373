// Included before every source of mlx-c.
#pragma once

// mlx-c hands exception texts to printf as the format; a `%` in a file's name would then read memory.
#include "mlx/c/error.h"
#undef mlx_error
#define mlx_error(text) _mlx_error(__FILE__, __LINE__, "%s", text)

// std::format for standard libraries that lack <format>; mlx-c uses only plain `{}` fields.

#ifdef __cplusplus
#if __has_include(<format>)
#include <format>
#else
#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>

namespace std {

template <typename... Args>
string format(string_view pattern, const Args&... args) {
  ostringstream out;
  [[maybe_unused]] auto field = [&](const auto& value) {
    size_t at = pattern.find("{}");
    out << pattern.substr(0, at) << value;
    pattern.remove_prefix(at == string_view::npos ? pattern.size() : at + 2);
  };
  (field(args), ...);
  out << pattern;
  return out.str();
}

} // namespace std
#endif
#endif
