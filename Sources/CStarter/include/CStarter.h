#ifndef CSTARTER_H
#define CSTARTER_H
#endif
