#include "shim.h"

#include <exception>

#include "mlx/c/private/array.h"
#include "mlx/mlx.h"

extern "C" int mlx_shim_array_view(mlx_shim_view* view, const mlx_array array) {
  try {
    auto& a = mlx_array_get_(array);
    if (!a.is_available()) {
      mlx_error("the array is not evaluated");
      return 1;
    }
    bool empty = a.size() == 0;
    if (!empty && a.data_shared_ptr() == nullptr) {
      mlx_error("the array has no memory");
      return 1;
    }
    view->data = empty ? nullptr : a.data<char>();
    view->capacity = empty ? 0 : a.data_size();
    view->item_size = a.itemsize();
    // Whatever its strides are, one element is in order.
    view->row_contiguous = a.flags().row_contiguous || a.size() == 1;
    return 0;
  } catch (const std::exception& e) {
    mlx_error(e.what());
    return 1;
  }
}

extern "C" bool mlx_shim_array_fits(const mlx_array array) {
  if (array.ctx == nullptr) {
    return false;
  }
  auto& a = *static_cast<mlx::core::array*>(array.ctx);
  size_t bytes = a.itemsize();
  for (int length : a.shape()) {
    if (length < 0 || __builtin_mul_overflow(bytes, static_cast<size_t>(length), &bytes)) {
      return false;
    }
  }
  return bytes < size_t(1) << 47;
}
