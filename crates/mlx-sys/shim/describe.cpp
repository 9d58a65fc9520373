#include <cmath>
#include <exception>
#include <iomanip>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mlx/c/private/mlx.h"
#include "mlx/export.h"
#include "mlx/mlx.h"
#include "transform.h"

namespace {

using namespace mlx::core;

std::string text(const Dtype& dtype) {
  std::ostringstream out;
  out << dtype;
  return out.str();
}

// Writes JSON. Each kind of value has one function, found by overloading.
struct Json {
  std::ostringstream out;

  void write(bool value) {
    out << (value ? "true" : "false");
  }

  template <typename T, std::enable_if_t<std::is_arithmetic_v<T> && !std::is_same_v<T, bool>, int> = 0>
  void write(T value) {
    if (std::is_floating_point_v<T> && !std::isfinite(static_cast<double>(value))) {
      write(std::string(std::isnan(static_cast<double>(value)) ? "nan" : value > 0 ? "inf" : "-inf"));
    } else {
      out << std::setprecision(17) << value;
    }
  }

  void write(const std::string& value) {
    out << '"';
    for (unsigned char c : value) {
      if (c == '"' || c == '\\') {
        out << '\\' << c;
      } else if (c < 0x20) {
        out << "\\u" << std::hex << std::setw(4) << std::setfill('0') << int(c) << std::dec;
      } else {
        out << c;
      }
    }
    out << '"';
  }

  void write(const Dtype& value) {
    write(text(value));
  }

  template <typename T>
  void write(const std::optional<T>& value) {
    value ? write(*value) : void(out << "null");
  }

  template <typename... T>
  void write(const std::variant<T...>& value) {
    std::visit([this](auto& v) { write(v); }, value);
  }

  template <typename... T>
  void write(const std::tuple<T...>& value) {
    std::apply([this](auto&... v) { write_all(v...); }, value);
  }

  template <typename A, typename B>
  void write(const std::pair<A, B>& value) {
    write_all(value.first, value.second);
  }

  template <typename List, typename = decltype(std::declval<const List&>().begin())>
  void write(const List& list) {
    out << '[';
    const char* comma = "";
    for (auto it = list.begin(); it != list.end(); ++it) {
      out << comma;
      typename List::value_type value = *it;
      write(value);
      comma = ",";
    }
    out << ']';
  }

  template <typename... T>
  void write_all(const T&... values) {
    out << '[';
    const char* comma = "";
    ((out << comma, write(values), comma = ","), ...);
    out << ']';
  }
};

using Constants = std::vector<std::pair<std::string, array>>;

// Adds what MLX tells about a trace to an array of JSON objects; arrays go to `constants`.
void add(Json& json, Constants& constants, const ExportCallbackInput& event) {
  json.out << (json.out.tellp() > 1 ? ",{" : "{");
  const char* comma = "";
  for (auto& [key, value] : event) {
    if (auto* arrays = std::get_if<Constants>(&value)) {
      constants.insert(constants.end(), arrays->begin(), arrays->end());
      continue;
    }
    json.out << comma;
    comma = ",";
    json.write(key);
    json.out << ':';
    std::visit(
        [&](auto& v) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(v)>, Constants>) {
            json.write(v);
          }
        },
        value);
  }
  json.out << '}';
}

} // namespace

extern "C" int mlx_shim_describe(
    mlx_string* out,
    mlx_map_string_to_array* constants_out,
    const mlx_closure_kwargs fun,
    const mlx_vector_array arguments,
    const mlx_map_string_to_array keywords,
    bool shapeless) {
  try {
    Json json;
    Constants constants;
    json.out << '[';
    export_function(
        [&](const ExportCallbackInput& event) { add(json, constants, event); },
        mlx_closure_kwargs_get_(fun),
        mlx_vector_array_get_(arguments),
        mlx_map_string_to_array_get_(keywords),
        shapeless);
    json.out << ']';
    mlx_string_set_(*out, json.out.str());
    std::unordered_map<std::string, array> map(constants.begin(), constants.end());
    mlx_map_string_to_array_set_(*constants_out, map);
    return 0;
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return 1;
  }
}
