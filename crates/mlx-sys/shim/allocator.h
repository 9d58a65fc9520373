// What the program's allocator can be told.
#ifndef MLX_SHIM_ALLOCATOR_H
#define MLX_SHIM_ALLOCATOR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// Has mimalloc keep for so many milliseconds what is freed. False if that is not the program's allocator.
bool mlx_shim_keep_freed(long milliseconds);

#ifdef __cplusplus
}
#endif

#endif
