// Batches of functions, for the shim's own sources.
#ifndef MLX_SHIM_ROWS_H
#define MLX_SHIM_ROWS_H

#include <vector>

#include "mlx/mlx.h"

namespace shim {

using Arrays = std::vector<mlx::core::array>;

// The values of a function on batches, from its `arguments` and `values` on one row; see `mlx_shim_vmap_replace`.
Arrays replace_rows(
    const Arrays& inputs,
    const Arrays& arguments,
    const Arrays& values,
    const int* in_axes,
    const int* out_axes,
    mlx::core::Stream s);

// What the names of kernels begin with, as no name of MLX's does: MLX and this shim tell primitives by their names.
constexpr const char* kernel_prefix = "Kernel:";

} // namespace shim

#endif
