"""Stage two: the STAR network, its clips and its metrics (MindSpore); it reads the cache and nothing of stage one."""
