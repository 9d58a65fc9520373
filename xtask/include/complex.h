// What mlx-c needs of <complex.h>.
#define complex _Complex
