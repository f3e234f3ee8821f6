/* What lwIP wants to know of the compiler and the C library: glibc has nearly all of it. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define LWIP_ERRNO_INCLUDE <errno.h>
#define LWIP_RAND() ((u32_t)rand())
#define LWIP_PLATFORM_DIAG(words) \
  do {                            \
    printf words;                 \
  } while (0)
#define LWIP_PLATFORM_ASSERT(text)       \
  do {                                   \
    fprintf(stderr, "lwIP: %s\n", text); \
    abort();                             \
  } while (0)

#endif
