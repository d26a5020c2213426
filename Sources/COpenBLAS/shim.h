/* Declarations only: the library is opened at run time, after its environment has been set (CPUBackend/OpenBLAS.swift). */
#include <cblas.h>
