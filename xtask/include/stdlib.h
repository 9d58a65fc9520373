// What mlx-c needs of <stdlib.h>.
#include <stddef.h>
