/* What any processor can do: four floats a vector, which compilers map to whatever the target has. */
#include "isa.h"
#define FN(name) name##_generic
#define VECTOR_FLOATS 4
#include "isa.inc.h"
