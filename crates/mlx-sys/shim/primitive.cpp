#include "primitive.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "mlx/backend/cpu/encoder.h"
#include "mlx/c/error.h"
#include "mlx/c/private/mlx.h"
#include "mlx/primitives.h"
#include "mlx/transforms_impl.h"
#include "rows.hpp"

namespace mx = mlx::core;

namespace {

using shim::Arrays;
using Function = std::function<Arrays(const Arrays&)>;

// The kernel, shared by the op and the tasks that run it.
class Kernel {
 public:
  explicit Kernel(const mlx_shim_kernel& kernel) : kernel_(kernel), name_(kernel.name) {}
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    kernel_.drop(kernel_.payload);
  }

  const char* name() const {
    return name_.c_str();
  }

  // Not every byte is a truth value.
  bool fills(mlx_dtype dtype) const {
    return kernel_.fills && dtype != MLX_BOOL;
  }

  bool same(const Kernel& other) const {
    return kernel_.run == other.kernel_.run && kernel_.same(kernel_.payload, other.kernel_.payload);
  }

  // The same function in ops of MLX. It is made when a transformation asks for it, which for most ops none does.
  Function fallback() const {
    mlx_closure closure = mlx_closure_new();
    if (kernel_.fallback(kernel_.payload, &closure) != 0) {
      throw std::runtime_error(name_ + ": no fallback");
    }
    Function function = mlx_closure_get_(closure);
    mlx_closure_free(closure);
    return function;
  }

  void run(const std::vector<mlx_shim_buffer>& inputs, const std::vector<mlx_shim_buffer>& outputs) const {
    mlx_string error = mlx_string_new();
    int status = kernel_.run(
        kernel_.payload, &error, inputs.data(), inputs.size(), outputs.data(), outputs.size());
    std::string text = error.ctx ? mlx_string_data(error) : "";
    mlx_string_free(error);
    if (status != 0) {
      throw std::runtime_error(name_ + ": " + text);
    }
  }

 private:
  mlx_shim_kernel kernel_;
  std::string name_;
};

// Where an array lies, with its own copy of lengths and strides: the array changes while the task waits.
struct Place {
  explicit Place(const mx::array& a)
      // An array without elements may have no memory to ask for.
      : data(a.size() == 0 ? nullptr : const_cast<char*>(a.data<char>())),
        shape(a.shape()),
        strides(a.strides()),
        dtype(mlx_dtype_to_c(a.dtype())) {}

  mlx_shim_buffer buffer() const {
    return {data, shape.data(), strides.data(), shape.size(), dtype};
  }

  void* data;
  mx::Shape shape;
  mx::Strides strides;
  mlx_dtype dtype;
};

std::vector<mlx_shim_buffer> buffers(const std::vector<Place>& places) {
  std::vector<mlx_shim_buffer> out;
  out.reserve(places.size());
  for (auto& place : places) {
    out.push_back(place.buffer());
  }
  return out;
}

// Shape and type of each output.
using Specs = std::pair<std::vector<mx::Shape>, std::vector<mx::Dtype>>;

class CallbackPrimitive : public mx::Primitive {
 public:
  CallbackPrimitive(
      mx::Stream stream,
      std::shared_ptr<Kernel> kernel,
      const Arrays& inputs,
      Specs specs)
      : Primitive(stream),
        kernel_(std::move(kernel)),
        input_shapes_(shapes_of(inputs)),
        specs_(std::move(specs)),
        name_(std::string(shim::kernel_prefix) + kernel_->name()) {}

  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    std::vector<Place> in(inputs.begin(), inputs.end());
    std::vector<Place> out;
    std::vector<size_t> bytes;
    for (auto& output : outputs) {
      auto buffer = mx::allocator::malloc(output.nbytes());
      if (buffer.ptr() == nullptr) {
        throw std::runtime_error(
            std::string(kernel_->name()) + ": no memory for " + std::to_string(output.nbytes()) + " bytes");
      }
      output.set_data(buffer);
      out.emplace_back(output);
      bytes.push_back(output.nbytes());
    }
    auto& encoder = mx::cpu::get_command_encoder(stream());
    encoder.dispatch([kernel = kernel_, in = std::move(in), out = std::move(out), bytes = std::move(bytes)] {
      for (size_t i = 0; i < out.size(); i++) {
        if (bytes[i] > 0 && !kernel->fills(out[i].dtype)) {
          std::memset(out[i].data, 0, bytes[i]);
        }
      }
      kernel->run(buffers(in), buffers(out));
    });
  }

  void eval_gpu(const Arrays&, Arrays&) override {
    throw std::runtime_error(std::string(kernel_->name()) + " runs on the CPU only");
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&)
      override {
    return mx::vjp(of_some(primals, argnums), pick(primals, argnums), cotangents).second;
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    return mx::jvp(of_some(primals, argnums), pick(primals, argnums), tangents).second;
  }

  // MLX's own last step of vmap trusts the rules of all ops in the fallback.
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    auto [arguments, values] = mx::detail::vmap_trace(kernel_->fallback(), inputs, axes);
    std::vector<int> front(values.size(), 0);
    auto batches = shim::replace_rows(inputs, arguments, values, axes.data(), front.data(), stream());
    return {std::move(batches), std::move(front)};
  }

  std::vector<mx::Shape> output_shapes(const Arrays& inputs) override {
    if (shapes_of(inputs) != input_shapes_) {
      throw std::invalid_argument(
          std::string(kernel_->name()) + " may not run on other shapes than it was traced with: compile for exact shapes");
    }
    return specs_.first;
  }

  const char* name() const override {
    return name_.c_str();
  }

  // Who asks puts the outputs of one in the place of the other's.
  bool is_equivalent(const mx::Primitive& other) const override {
    auto* callback = dynamic_cast<const CallbackPrimitive*>(&other);
    return callback && specs_ == callback->specs_ && kernel_->same(*callback->kernel_);
  }

 private:
  // The fallback as a function of the arguments at `argnums`. The others, packed weights say, may have no
  // derivative, so they must not be traced.
  Function of_some(const Arrays& primals, const std::vector<int>& argnums) const {
    return [fallback = kernel_->fallback(), primals, argnums](const Arrays& some) {
      Arrays all = primals;
      for (size_t i = 0; i < argnums.size(); i++) {
        all[argnums[i]] = some[i];
      }
      return fallback(all);
    };
  }

  static std::vector<mx::Shape> shapes_of(const Arrays& arrays) {
    std::vector<mx::Shape> shapes;
    for (auto& a : arrays) {
      shapes.push_back(a.shape());
    }
    return shapes;
  }

  static Arrays pick(const Arrays& arrays, const std::vector<int>& argnums) {
    Arrays out;
    for (int at : argnums) {
      out.push_back(arrays[at]);
    }
    return out;
  }

  std::shared_ptr<Kernel> kernel_;
  std::vector<mx::Shape> input_shapes_;
  Specs specs_;
  std::string name_;
};

} // namespace

extern "C" int mlx_shim_primitive(
    mlx_vector_array* res,
    const mlx_vector_array inputs,
    const mlx_shim_kernel* kernel,
    const int* lengths,
    const size_t* ndims,
    const mlx_dtype* dtypes,
    size_t num_outputs,
    const mlx_stream s) {
  try {
    auto owned = std::make_shared<Kernel>(*kernel);
    Specs specs;
    auto& [shapes, types] = specs;
    for (size_t i = 0; i < num_outputs; i++) {
      shapes.emplace_back(lengths, lengths + ndims[i]);
      types.push_back(mlx_dtype_to_cpp(dtypes[i]));
      lengths += ndims[i];
    }
    auto& ins = mlx_vector_array_get_(inputs);
    auto primitive = std::make_shared<CallbackPrimitive>(
        mlx_stream_get_(s), std::move(owned), ins, specs);
    mlx_vector_array_set_(*res, mx::array::make_arrays(shapes, types, primitive, ins));
    return 0;
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return 1;
  }
}
