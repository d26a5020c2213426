const puna_gemm_kernels FN(puna_gemm_table) = {0};
