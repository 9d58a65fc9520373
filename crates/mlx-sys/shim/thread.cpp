#include "thread.h"

#include <exception>

#include "mlx/c/private/array.h"
#include "mlx/c/private/stream.h"
#include "mlx/mlx.h"

namespace mx = mlx::core;

extern "C" int mlx_shim_array_share(mlx_array* res, const mlx_array array) {
  try {
    const auto& from = mlx_array_get_(array);
    // `is_available` would write to `from`.
    if (from.status() != mx::array::Status::available) {
      mlx_error("the array is not evaluated");
      return 1;
    }
    auto shared = mx::array(from.shape(), from.dtype(), nullptr, {});
    if (from.data_shared_ptr() != nullptr) {
      // Where memory can move between a GPU and the host, it moves now and stays.
      static_cast<void>(from.data<char>());
      shared.copy_shared_buffer(from);
    } else if (from.size() != 0) {
      mlx_error("the array has no memory");
      return 1;
    }
    shared.set_status(mx::array::Status::available);
    mlx_array_set_(*res, shared);
    return 0;
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return 1;
  }
}

extern "C" int mlx_shim_thread_begin(const mlx_stream stream) {
  try {
    auto s = mlx_stream_get_(stream);
    mx::set_default_stream(s);
    mx::eval(mx::negative(mx::array(1.0f), s));
    return 0;
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return 1;
  }
}
