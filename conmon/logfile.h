/* A log file: appended to in whole records, kept within its limits. */
#ifndef CONMON_LOGFILE_H
#define CONMON_LOGFILE_H

#include "conmon.h"

/* file->path is set. Checks --log-allowlist-dir. */
void logfile_open(struct conmon *c, struct logfile *file);
/*
 * To be called before each record with its full size: makes room by rotating or truncating.
 * False: the limit over all files is reached, and the record is to be left out.
 */
bool logfile_begin(struct conmon *c, struct logfile *file, size_t record_size);
/* Adds a piece of a record. Large pieces are not copied: flush before the data goes away. */
void logfile_put(struct conmon *c, struct logfile *file, const void *data, size_t size);
void logfile_flush(struct conmon *c, struct logfile *file);
void logfile_reopen(struct conmon *c, struct logfile *file);
void logfile_close(struct conmon *c, struct logfile *file, bool sync);

#endif
