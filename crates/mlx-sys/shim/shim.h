// What mlx-core needs and mlx-c does not offer.
#ifndef MLX_SHIM_H
#define MLX_SHIM_H

#include <stdbool.h>
#include <stddef.h>

#include "mlx/c/array.h"

#ifdef __cplusplus
extern "C" {
#endif

// The memory of an evaluated array, whatever its dtype.
typedef struct mlx_shim_view_ {
  const void* data;
  // Elements that the buffer holds from `data` on.
  size_t capacity;
  // Bytes of one element.
  size_t item_size;
  bool row_contiguous;
} mlx_shim_view;

// Fills `view`. Fails unless `array` is evaluated and done.
int mlx_shim_array_view(mlx_shim_view* view, const mlx_array array);

// Whether no length is negative, and the bytes of all elements are fewer than a process has addresses.
bool mlx_shim_array_fits(const mlx_array array);

#ifdef __cplusplus
}
#endif

#endif
