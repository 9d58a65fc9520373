// What mlx-c needs of <stdbool.h>.
#define bool _Bool
