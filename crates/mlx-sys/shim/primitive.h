// A CPU op whose kernel is a callback.
#ifndef MLX_SHIM_PRIMITIVE_H
#define MLX_SHIM_PRIMITIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mlx/c/array.h"
#include "mlx/c/closure.h"
#include "mlx/c/stream.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

// The memory of one array while a kernel runs.
typedef struct mlx_shim_buffer_ {
  // The first element.
  void* data;
  const int* shape;
  // In elements; zero where an axis is repeated, negative where it goes backwards.
  const int64_t* strides;
  size_t ndim;
  mlx_dtype dtype;
} mlx_shim_buffer;

// The kernel of an op. `run` is called on threads of MLX's own, several at once.
typedef struct mlx_shim_kernel_ {
  const char* name;
  void* payload;
  // Whether `run` writes all of the outputs, so that they need not be zero before.
  bool fills;
  // Fills the outputs, which are in order. Fails with a text in `error`, which the caller frees.
  int (*run)(
      void* payload,
      mlx_string* error,
      const mlx_shim_buffer* inputs,
      size_t num_inputs,
      const mlx_shim_buffer* outputs,
      size_t num_outputs);
  // Sets `res` to the same function in ops of MLX, which fails rather than give other outputs than those of the op.
  int (*fallback)(const void* payload, mlx_closure* res);
  // Whether two kernels give the same results for the same inputs.
  bool (*same)(const void* payload, const void* other);
  void (*drop)(void* payload);
} mlx_shim_kernel;

// Adds an op to the graph. Output `i` has `ndims[i]` lengths, which follow each other in `lengths`.
// `kernel` is taken over. Its name stands in errors; in graphs it begins with "Kernel:".
int mlx_shim_primitive(
    mlx_vector_array* res,
    const mlx_vector_array inputs,
    const mlx_shim_kernel* kernel,
    const int* lengths,
    const size_t* ndims,
    const mlx_dtype* dtypes,
    size_t num_outputs,
    const mlx_stream s);

#ifdef __cplusplus
}
#endif

#endif
