// mlx-c needs nothing of <float.h>.
