// What transforms of functions need and mlx-c does not offer.
#ifndef MLX_SHIM_TRANSFORM_H
#define MLX_SHIM_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mlx/c/array.h"
#include "mlx/c/closure.h"
#include "mlx/c/export.h"
#include "mlx/c/graph_utils.h"
#include "mlx/c/map.h"
#include "mlx/c/stream.h"
#include "mlx/c/string.h"
#include "mlx/c/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

// Fails if the calls that MLX nests to walk over the graph of `outputs` do not fit on this thread's stack.
int mlx_shim_check_depth(const mlx_vector_array outputs);

// Fails if an array that is still to be computed for `outputs` has a negative length, or more bytes than `limit`.
int mlx_shim_check_sizes(const mlx_vector_array outputs, uint64_t limit);

// Fails if a primitive between `inputs` and `outputs` does not fit the shapes that it is given, or cannot tell.
int mlx_shim_check_shapes(const mlx_vector_array outputs, const mlx_vector_array inputs);

// Sets `captured` if `outputs` depend on a traced array other than through `inputs`.
int mlx_shim_captures_tracer(bool* captured, const mlx_vector_array outputs, const mlx_vector_array inputs);

// The values of a function on batches, from its `arguments` and `values` on one row as `mlx_detail_vmap_trace` gives
// them. An input axis of -1 is for an input that is the same in all rows; other axes must exist.
int mlx_shim_vmap_replace(
    mlx_vector_array* batches,
    const mlx_vector_array inputs,
    const mlx_vector_array arguments,
    const mlx_vector_array values,
    const int* in_axes,
    const int* out_axes,
    const mlx_stream s);

// Whether a transform traces `array` now.
int mlx_shim_is_tracer(bool* tracer, const mlx_array array);

// The graph of `outputs` as lines, or in the language of Graphviz.
int mlx_shim_graph_text(mlx_string* text, bool dot, const mlx_node_namer namer, const mlx_vector_array outputs);

// Runs the primitives between `inputs` and `outputs` on this thread's default streams: those from a file may have
// the stream of another thread.
int mlx_shim_adopt_streams(const mlx_vector_array outputs, const mlx_vector_array inputs);

// Replaces the constants between `inputs` and `outputs` by ones that lie in memory in order. Fails if one has no
// value.
int mlx_shim_pack_constants(mlx_vector_array* outputs, const mlx_vector_array inputs, const mlx_stream s);

// An exporter of a function with keywords, with a text for the file's head.
mlx_function_exporter mlx_shim_function_exporter_new(
    const char* file,
    const mlx_closure_kwargs fun,
    bool shapeless,
    const char* metadata);

// Traces a function and describes what it does as JSON; its constants come by the names that they have there.
int mlx_shim_describe(
    mlx_string* json,
    mlx_map_string_to_array* constants,
    const mlx_closure_kwargs fun,
    const mlx_vector_array arguments,
    const mlx_map_string_to_array keywords,
    bool shapeless);

#ifdef __cplusplus
}
#endif

#endif
