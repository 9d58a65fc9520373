#include "transform.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "mlx/c/private/graph_utils.h"
#include "mlx/c/private/mlx.h"
#include "mlx/mlx.h"
#include "mlx/primitives.h"
#include "rows.hpp"

using mlx::core::array;
using mlx::core::Stream;

namespace {

using Ids = std::unordered_set<std::uintptr_t>;

// Stack that each of MLX's nested calls takes at most, and what is left for the rest.
constexpr size_t frame = 512;
constexpr size_t reserve = 128 * 1024;

Ids ids_of(const std::vector<array>& arrays) {
  Ids ids;
  for (auto& a : arrays) {
    ids.insert(a.id());
  }
  return ids;
}

size_t all_inputs(const array& a) {
  return a.inputs().size();
}

// Calls `visit` once for each array that `roots` depend on and that is not in `seen`, inputs first, in MLX's
// order but without recursion; of the inputs of each, as many as `count` says. Returns how many calls MLX would
// nest.
template <typename Visit>
size_t walk(const std::vector<array>& roots, Ids seen, Visit visit, size_t (*count)(const array&) = all_inputs) {
  size_t depth = 0;
  std::vector<std::pair<array, size_t>> path;
  auto enter = [&](const array& a) {
    if (!seen.insert(a.id()).second) {
      return;
    }
    for (auto& s : a.siblings()) {
      seen.insert(s.id());
    }
    path.emplace_back(a, 0);
    depth = std::max(depth, path.size());
  };
  for (auto& root : roots) {
    enter(root);
    while (!path.empty()) {
      auto& [a, next] = path.back();
      if (next < count(a)) {
        array input = a.inputs()[next++];
        enter(input);
      } else {
        visit(path.back().first);
        path.pop_back();
      }
    }
  }
  return depth;
}

// Bytes of stack below the caller.
size_t stack_left() {
  char here;
  auto at = reinterpret_cast<std::uintptr_t>(&here);
#ifdef __APPLE__
  auto self = pthread_self();
  auto bottom = reinterpret_cast<std::uintptr_t>(pthread_get_stackaddr_np(self)) - pthread_get_stacksize_np(self);
#else
  static thread_local std::uintptr_t bottom = [] {
    pthread_attr_t attributes;
    void* lowest = nullptr;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
      pthread_attr_getstack(&attributes, &lowest, &size);
      pthread_attr_destroy(&attributes);
    }
    return reinterpret_cast<std::uintptr_t>(lowest);
  }();
#endif
  return at > bottom ? at - bottom : 0;
}

[[noreturn]] void refuse(const array& a, const char* what) {
  throw std::invalid_argument(std::string(a.primitive().name()) + " " + what);
}

bool starts_with(const std::string& text, const char* start) {
  return text.rfind(start, 0) == 0;
}

// Primitives whose inputs and outputs all have one shape.
bool is_elementwise(const std::string& name) {
  static const std::unordered_set<std::string> names = {
      "Abs",        "Add",        "ArcCos",     "ArcCosh",  "ArcSin",     "ArcSinh",      "ArcTan",
      "ArcTan2",    "ArcTanh",    "AsType",     "Ceil",     "Conjugate",  "Contiguous",   "Copy",
      "Cos",        "Cosh",       "Divide",     "DivMod",   "Select",     "Remainder",    "Equal",
      "NaNEqual",   "Erf",        "ErfInv",     "Exp",      "Expm1",      "Floor",        "Full",
      "Greater",    "GreaterEqual", "Imag",     "Less",     "LessEqual",  "Log",          "Log2",
      "Log10",      "Log1p",      "LogicalNot", "LogicalAnd", "LogicalOr", "LogAddExp",   "Maximum",
      "Minimum",    "Multiply",   "Negative",   "NotEqual", "Power",      "Real",         "Round",
      "Sigmoid",    "Sign",       "Sin",        "Sinh",     "Softmax",    "Sort",         "ArgSort",
      "Square",     "Sqrt",       "Rsqrt",      "StopGradient", "Subtract", "Tan",        "Tanh",
      "BitwiseAnd", "BitwiseOr",  "BitwiseXor", "BitwiseInvert", "LeftShift", "RightShift"};
  return names.count(name) > 0;
}

// Primitives of one input, which infer their shape from it, and whose axes the trace has checked. Kernels check their
// inputs too.
bool is_inferred(const std::string& name) {
  return name == "ExpandDims" || name == "Transpose";
}

bool is_reduction(const std::string& name) {
  return name == "And" || name == "Or" || name == "Sum" || name == "Prod" || name == "Min" || name == "Max";
}

// Whether `in`, with its last axes over those of `out`, broadcasts to it.
bool broadcasts(const array& in, const array& out) {
  if (in.ndim() > out.ndim()) {
    return false;
  }
  for (int i = 1; i <= static_cast<int>(in.ndim()); ++i) {
    if (in.shape(-i) != 1 && in.shape(-i) != out.shape(-i)) {
      return false;
    }
  }
  return true;
}

bool matmul_fits(const array& out) {
  auto &a = out.inputs()[0], &b = out.inputs()[1];
  bool fits = a.ndim() >= 2 && a.ndim() == b.ndim() && a.ndim() == out.ndim() && a.shape(-1) == b.shape(-2);
  for (int i = 3; fits && i <= static_cast<int>(a.ndim()); ++i) {
    fits = a.shape(-i) == b.shape(-i) && a.shape(-i) == out.shape(-i);
  }
  return fits && out.shape(-2) == a.shape(-2) && out.shape(-1) == b.shape(-1);
}

// Parts that are joined along one axis differ along that only.
bool concatenate_fits(const array& out) {
  for (auto& in : out.inputs()) {
    if (in.ndim() != out.ndim()) {
      return false;
    }
  }
  int differing = 0;
  for (int i = 0; i < static_cast<int>(out.ndim()); ++i) {
    int64_t total = 0;
    bool same = true;
    for (auto& in : out.inputs()) {
      total += in.shape(i);
      same = same && in.shape(i) == out.shape(i);
    }
    if (!same) {
      differing++;
      if (total != out.shape(i)) {
        return false;
      }
    }
  }
  return differing <= 1;
}

// MLX reads past the end to reduce axes of length 1 only, and the greatest of nothing is not defined.
bool reduction_fits(const std::string& name, const array& out) {
  auto& in = out.inputs()[0];
  bool has_start = name != "Min" && name != "Max";
  return in.shape() != out.shape() && (has_start || in.size() > 0 || out.size() == 0);
}

void check_shape(const array& out) {
  std::string name = out.primitive().name();
  auto& ins = out.inputs();
  auto all = [&](auto fits) { return std::all_of(ins.begin(), ins.end(), fits); };
  bool fits = true;
  if (is_elementwise(name)) {
    fits = all([&](auto& in) { return in.shape() == out.shape(); });
  } else if (starts_with(name, "Compiled")) {
    fits = all([&](auto& in) { return broadcasts(in, out); });
  } else if (name == "Broadcast") {
    fits = broadcasts(ins[0], out);
  } else if (name == "BroadcastAxes") {
    fits = ins[0].ndim() == out.ndim() && broadcasts(ins[0], out);
  } else if (name == "Matmul") {
    fits = matmul_fits(out);
  } else if (name == "AddMM") {
    fits = matmul_fits(out) && ins[2].shape() == out.shape();
  } else if (name == "Concatenate") {
    fits = concatenate_fits(out);
  } else if (name == "Flatten" || name == "Unflatten" || name == "Reshape" || name == "Squeeze") {
    fits = ins[0].size() == out.size();
  } else if (is_reduction(name)) {
    fits = reduction_fits(name, out);
  } else if (name == "ArgReduce" || name == "LogSumExp") {
    fits = ins[0].size() > 0 || out.size() == 0;
  } else if (!is_inferred(name) && !starts_with(name, shim::kernel_prefix) && !ins.empty()) {
    refuse(out, "may not run on other shapes than it was traced with: compile for exact shapes");
  }
  if (!fits) {
    refuse(out, "does not fit the shapes of this call: compile for exact shapes");
  }
}

void check_size(const array& a, uint64_t limit) {
  uint64_t bytes = a.itemsize();
  for (auto length : a.shape()) {
    if (length < 0) {
      refuse(a, "would have a negative length");
    }
    if (length > 0 && bytes > limit / length) {
      refuse(a, "would have an array that does not fit in memory");
    }
    bytes *= length;
  }
}

// An array of all rows, and which axis they are along; -1 if it is the same in all rows.
using Rows = std::pair<array, int>;

int rows_of(const Rows& rows) {
  return rows.second < 0 ? -1 : rows.first.shape(rows.second);
}

array moved(const Rows& rows, int axis, Stream s) {
  return rows.second == axis ? rows.first : mlx::core::moveaxis(rows.first, rows.second, axis, s);
}

// `count` rows along axis 0.
Rows repeated(const Rows& rows, int count, Stream s) {
  if (rows.second >= 0) {
    return {moved(rows, 0, s), 0};
  }
  auto shape = rows.first.shape();
  shape.insert(shape.begin(), count);
  return {mlx::core::broadcast_to(rows.first, shape, s), 0};
}

bool is_scatter(const std::string& name) {
  return starts_with(name, "Scatter") && !starts_with(name, "ScatterAxis");
}

// Some of MLX's rules do not broadcast what has no rows, and write past the end or into the first row; others are
// wrong for rows along the last axis. They are right for rows along axis 0.
bool needs_rows_in_front(const std::string& name) {
  return name == "BitwiseAnd" || name == "BitwiseOr" || name == "BitwiseXor" || name == "LeftShift" ||
      name == "RightShift" || starts_with(name, "SliceUpdate") || starts_with(name, "DynamicSliceUpdate") ||
      starts_with(name, "View") || is_scatter(name);
}

// Whether `rows` are `count` of `row`.
bool are_rows_of(const array& row, const Rows& rows, int count) {
  auto shape = row.shape();
  if (rows.second >= 0) {
    if (rows.second > static_cast<int>(shape.size())) {
      return false;
    }
    shape.insert(shape.begin() + rows.second, count);
  }
  return rows.first.shape() == shape;
}

// The rule that MLX lacks: the first `count` inputs are passed on, after the rest.
std::pair<std::vector<array>, std::vector<int>>
depends_rule(const std::vector<array>& inputs, const std::vector<int>& axes, size_t count) {
  auto middle = inputs.begin() + count;
  auto outputs = mlx::core::depends({inputs.begin(), middle}, {middle, inputs.end()});
  return {std::move(outputs), {axes.begin(), axes.begin() + count}};
}

using RowMap = std::unordered_map<std::uintptr_t, Rows>;

// The primitive of `a` on one row after the other.
std::pair<std::vector<array>, std::vector<int>>
row_by_row(const array& a, const std::vector<array>& inputs, const std::vector<int>& axes, int count) {
  auto s = a.primitive().stream();
  std::vector<array> outputs;
  for (int row = 0; row < count; ++row) {
    std::vector<array> ins;
    for (size_t i = 0; i < inputs.size(); ++i) {
      ins.push_back(axes[i] < 0 ? inputs[i] : mlx::core::take(inputs[i], row, axes[i], s));
    }
    outputs.push_back(array(a.shape(), a.dtype(), a.primitive_ptr(), std::move(ins)));
  }
  if (count == 0) {
    auto shape = a.shape();
    shape.insert(shape.begin(), 0);
    return {{mlx::core::zeros(shape, a.dtype(), s)}, {0}};
  }
  return {{mlx::core::stack(outputs, 0, s)}, {0}};
}

// MLX makes groups of a convolution whose kernels differ between rows, and its kernels for groups write past the
// end where padding is negative, as it is in gradients. Where there are groups already, it mixes them between rows.
bool is_grouped(const array& a, const std::vector<int>& axes) {
  if (!starts_with(a.primitive().name(), "Convolution") || axes.size() != 2 || axes[1] < 0) {
    return false;
  }
  return axes[0] >= 0 || a.inputs()[0].shape(-1) != a.inputs()[1].shape(-1);
}

// MLX numbers the rows of a scatter in the type of its indices, which may not reach them.
void widen_indices(const array& a, std::vector<array>& inputs) {
  if (!is_scatter(a.primitive().name())) {
    return;
  }
  for (size_t i = 1; i + 1 < inputs.size(); ++i) {
    if (inputs[i].itemsize() < 4) {
      inputs[i] = mlx::core::astype(inputs[i], mlx::core::int32, a.primitive().stream());
    }
  }
}

// A function with rules has its own values as its last inputs, which its rule does not use.
size_t inputs_of_rule(const array& a) {
  bool has_rules = a.has_primitive() && starts_with(a.primitive().name(), "CustomTransforms");
  return a.inputs().size() - (has_rules ? a.siblings().size() + 1 : 0);
}

// Adds the outputs of `a` for all rows, if it has an input that differs between them.
void add_rows(RowMap& known, const array& a, int count) {
  std::vector<array> inputs;
  std::vector<int> axes;
  bool differs = false;
  for (auto& in : a.inputs()) {
    auto found = known.find(in.id());
    Rows rows = found == known.end() ? Rows{in, -1} : found->second;
    differs = differs || rows.second >= 0;
    inputs.push_back(rows.first);
    axes.push_back(rows.second);
  }
  if (!differs) {
    return;
  }
  if (needs_rows_in_front(a.primitive().name())) {
    // Where a slice begins is one for all rows.
    bool begins = starts_with(a.primitive().name(), "DynamicSliceUpdate");
    for (size_t i = 0; i < inputs.size() - begins; ++i) {
      std::tie(inputs[i], axes[i]) = repeated({inputs[i], axes[i]}, count, a.primitive().stream());
    }
  }
  widen_indices(a, inputs);
  auto rows = a.outputs();
  auto [outputs, out_axes] = starts_with(a.primitive().name(), "Depends")
      ? depends_rule(inputs, axes, rows.size())
      : is_grouped(a, axes) ? row_by_row(a, inputs, axes, count)
                            : a.primitive().vmap(inputs, axes);
  if (starts_with(a.primitive().name(), "DivMod")) {
    // MLX names the axis once for both.
    out_axes.resize(rows.size(), out_axes.at(0));
  }
  if (outputs.size() != rows.size() || out_axes.size() < rows.size()) {
    refuse(a, "has a rule for vmap that gives another number of arrays");
  }
  if (rows.size() == 1 && !are_rows_of(a, {outputs[0], out_axes[0]}, count)) {
    std::tie(outputs, out_axes) = row_by_row(a, inputs, axes, count);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    Rows result{outputs[i], out_axes[i]};
    if (!are_rows_of(rows[i], result, count)) {
      refuse(a, "has a rule for vmap that gives arrays of other shapes");
    }
    // What is the same in all rows is repeated, so that ops on it are known to be no longer those of the trace.
    known.insert({rows[i].id(), result.second < 0 ? repeated(result, count, a.primitive().stream()) : result});
  }
}

template <typename F>
int guarded(F f) {
  try {
    f();
    return 0;
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return 1;
  }
}

} // namespace

extern "C" int mlx_shim_check_depth(const mlx_vector_array outputs) {
  return guarded([&] {
    auto depth = walk(mlx_vector_array_get_(outputs), {}, [](auto&) {});
    auto left = stack_left();
    auto fits = (left > reserve ? left - reserve : 0) / frame;
    if (depth > fits) {
      throw std::invalid_argument(
          "the graph is " + std::to_string(depth) + " ops deep and this thread's stack holds " +
          std::to_string(fits) + ": evaluate captured arrays first, or use a thread with a larger stack");
    }
  });
}

extern "C" int mlx_shim_check_sizes(const mlx_vector_array outputs, uint64_t limit) {
  return guarded([&] {
    walk(mlx_vector_array_get_(outputs), {}, [&](const array& a) {
      if (a.status() != array::Status::unscheduled || !a.has_primitive()) {
        return;
      }
      check_size(a, limit);
      for (auto& s : a.siblings()) {
        check_size(s, limit);
      }
    });
  });
}

extern "C" int mlx_shim_check_shapes(const mlx_vector_array outputs, const mlx_vector_array inputs) {
  return guarded([&] {
    walk(mlx_vector_array_get_(outputs), ids_of(mlx_vector_array_get_(inputs)), [&](const array& a) {
      if (!a.has_primitive()) {
        return;
      }
      check_shape(a);
      for (auto& s : a.siblings()) {
        check_shape(s);
      }
    });
  });
}

extern "C" int mlx_shim_captures_tracer(
    bool* captured,
    const mlx_vector_array outputs,
    const mlx_vector_array inputs) {
  return guarded([&] {
    *captured = false;
    // While MLX keeps graphs, it calls every array a tracer.
    if (array(0).is_tracer()) {
      return;
    }
    walk(mlx_vector_array_get_(outputs), ids_of(mlx_vector_array_get_(inputs)), [&](const array& a) {
      auto& ins = a.inputs();
      bool origin = std::none_of(ins.begin(), ins.end(), [](auto& in) { return in.is_tracer(); });
      *captured = *captured || (origin && a.is_tracer());
    });
  });
}

shim::Arrays shim::replace_rows(
    const Arrays& inputs,
    const Arrays& arguments,
    const Arrays& values,
    const int* in_axes,
    const int* out_axes,
    Stream s) {
  RowMap known;
  int count = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (in_axes[i] >= 0) {
      Rows rows{inputs[i], in_axes[i]};
      count = rows_of(rows);
      known.insert({arguments[i].id(), rows});
    }
  }
  walk(values, ids_of(arguments), [&](const array& a) { add_rows(known, a, count); }, inputs_of_rule);
  Arrays out;
  for (size_t i = 0; i < values.size(); ++i) {
    auto found = known.find(values[i].id());
    Rows rows = found == known.end() ? Rows{values[i], -1} : found->second;
    auto batch = moved(rows.second < 0 ? repeated(rows, count, s) : rows, out_axes[i], s);
    out.push_back(mlx::core::astype(batch, values[i].dtype(), s));
  }
  return out;
}

extern "C" int mlx_shim_vmap_replace(
    mlx_vector_array* batches,
    const mlx_vector_array inputs,
    const mlx_vector_array arguments,
    const mlx_vector_array values,
    const int* in_axes,
    const int* out_axes,
    const mlx_stream s) {
  return guarded([&] {
    mlx_vector_array_set_(
        *batches,
        shim::replace_rows(
            mlx_vector_array_get_(inputs),
            mlx_vector_array_get_(arguments),
            mlx_vector_array_get_(values),
            in_axes,
            out_axes,
            mlx_stream_get_(s)));
  });
}

extern "C" int mlx_shim_is_tracer(bool* tracer, const mlx_array array) {
  return guarded([&] { *tracer = mlx_array_get_(array).is_tracer(); });
}

extern "C" int mlx_shim_graph_text(
    mlx_string* text,
    bool dot,
    const mlx_node_namer namer,
    const mlx_vector_array outputs) {
  return guarded([&] {
    std::ostringstream out;
    if (dot) {
      mlx::core::export_to_dot(out, mlx_node_namer_get_(namer), mlx_vector_array_get_(outputs));
    } else {
      mlx::core::print_graph(out, mlx_node_namer_get_(namer), mlx_vector_array_get_(outputs));
    }
    mlx_string_set_(*text, out.str());
  });
}

extern "C" int mlx_shim_adopt_streams(const mlx_vector_array outputs, const mlx_vector_array inputs) {
  return guarded([&] {
    walk(mlx_vector_array_get_(outputs), ids_of(mlx_vector_array_get_(inputs)), [](const array& a) {
      if (a.has_primitive()) {
        auto& stream = const_cast<mlx::core::Stream&>(a.primitive().stream());
        stream = mlx::core::default_stream(stream.device);
      }
    });
  });
}

extern "C" int mlx_shim_pack_constants(
    mlx_vector_array* outputs,
    const mlx_vector_array inputs,
    const mlx_stream s) {
  return guarded([&] {
    auto stream = mlx_stream_get_(s);
    auto ids = ids_of(mlx_vector_array_get_(inputs));
    auto pack = [&](array& a) {
      if (a.has_primitive() || ids.count(a.id()) > 0) {
        return;
      }
      if (a.status() == array::Status::unscheduled) {
        throw std::invalid_argument("the function captures an array that another transform let out, without a value");
      }
      a.wait();
      if (!a.flags().row_contiguous || a.data_size() < a.size()) {
        auto packed = mlx::core::contiguous(a, false, stream);
        packed.eval();
        a = packed;
      }
    };
    auto& roots = mlx_vector_array_get_(*outputs);
    walk(roots, ids, [&](array a) {
      for (auto& in : a.inputs()) {
        pack(in);
      }
      for (auto s : a.siblings()) {
        for (auto& in : s.inputs()) {
          pack(in);
        }
      }
    });
    for (auto& root : roots) {
      pack(root);
    }
  });
}

extern "C" mlx_function_exporter mlx_shim_function_exporter_new(
    const char* file,
    const mlx_closure_kwargs fun,
    bool shapeless,
    const char* metadata) {
  try {
    return mlx_function_exporter_new_(
        mlx::core::exporter(std::string(file), mlx_closure_kwargs_get_(fun), shapeless, std::string(metadata)));
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return {nullptr};
  }
}
