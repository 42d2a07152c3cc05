/* Where the container's output goes: any number of drivers at once. */
#ifndef CONMON_LOG_H
#define CONMON_LOG_H

#include "conmon.h"

/* Reads --log-path and its companions, opens the files. Fails with upstream's messages. */
void log_open(struct conmon *c);
void log_write(struct conmon *c, int stream, const unsigned char *data, size_t size);
/* Writes out what is held back: a line without its end (journald), half a character (json-file). */
void log_flush_partial(struct conmon *c);
/* Control message: opens the files anew, or rotates them. */
void log_reopen(struct conmon *c);
/* fsync, unless not wanted or nothing was written; closes. */
void log_finish(struct conmon *c);

/* "2026-01-02T03:04:05.000000000+01:00" or, in UTC, "…Z". Returns the length. */
size_t log_timestamp(struct conmon *c, char *text, size_t size, bool utc);

/* The drivers. */
void k8s_write(struct conmon *c, int stream, const unsigned char *data, size_t size);
void json_open(struct conmon *c);
void json_write(struct conmon *c, int stream, const unsigned char *data, size_t size);
void json_flush(struct conmon *c, int stream);
void journal_open(struct conmon *c);
void journal_write(struct conmon *c, int stream, const unsigned char *data, size_t size);
void journal_flush(struct conmon *c, int stream);

#endif
