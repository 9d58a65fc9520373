// What it takes to use MLX from several threads.
#ifndef MLX_SHIM_THREAD_H
#define MLX_SHIM_THREAD_H

#include "mlx/c/array.h"
#include "mlx/c/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

// Makes `res` an array of its own over the memory of `array`. Fails unless `array` is evaluated and done.
// What it reads of `array` it does not change, so several threads may share from one array at a time.
int mlx_shim_array_share(mlx_array* res, const mlx_array array);

// Makes `stream`, which is of the CPU and made by `mlx_stream_new_thread_unsafe`, the default CPU stream of
// this thread, and computes something, so that MLX's own data of this thread are there.
int mlx_shim_thread_begin(const mlx_stream stream);

#ifdef __cplusplus
}
#endif

#endif
