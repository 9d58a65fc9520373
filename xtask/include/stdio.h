// What mlx-c needs of <stdio.h>: FILE as an opaque type.
#pragma once
#include <stddef.h>
typedef struct FILE FILE;
