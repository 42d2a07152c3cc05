/* The container's stdin, stdout and stderr, seen from outside. */
#ifndef CONMON_STREAMS_H
#define CONMON_STREAMS_H

#include "conmon.h"

/* Makes the pipes the runtime gets as stdio (c->child_stdio). */
void streams_open(struct conmon *c);
/* Starts reading what the runtime and the container write. */
void streams_watch(struct conmon *c);
/* Takes a terminal's master as stdin and stdout. */
void streams_adopt_terminal(struct conmon *c, int master);
/* Collects what the runtime has written to stderr by now into c->early. */
void streams_take_stderr(struct conmon *c);
/* The runtime has succeeded: what it said belongs to the container's stderr. */
void streams_release_early(struct conmon *c);
/* After the container's end: takes what is still buffered. */
void streams_drain(struct conmon *c);
/* Reads on after clients had too much to catch up with. */
void streams_resume(struct conmon *c);

/* Bytes for stdin: as many as it takes now. Returns their number; -1: nobody reads them any more. */
ssize_t stdin_write(struct conmon *c, const unsigned char *data, size_t size);
/* Calls attach_flush_stdin() when stdin takes more. */
void stdin_want_write(struct conmon *c, bool wanted);
void stdin_close(struct conmon *c);

#endif
