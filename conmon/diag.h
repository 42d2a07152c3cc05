/* The monitor's own messages: stderr, syslog on request, and failures up the sync pipe. */
#ifndef CONMON_DIAG_H
#define CONMON_DIAG_H

#include "conmon.h"

enum { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_TRACE };

/* Returns -1 for an unknown level name. */
int diag_set_level(struct conmon *c, const char *name);

void diag(struct conmon *c, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define warn(c, ...) diag(c, LEVEL_WARN, __VA_ARGS__)
#define info(c, ...) diag(c, LEVEL_INFO, __VA_ARGS__)
#define debug(c, ...) diag(c, LEVEL_DEBUG, __VA_ARGS__)

/* Says what went wrong to everyone who listens, undoes what is half done, exits 1. */
_Noreturn void fail(struct conmon *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with ": strerror(errno)" added. */
_Noreturn void fail_errno(struct conmon *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
