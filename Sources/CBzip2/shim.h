/* The library's own header uses FILE without saying where it comes from. */
#include <stdio.h>
#include <bzlib.h>
