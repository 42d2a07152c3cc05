/* The pipes to the parent: found in the environment, spoken to in lines of JSON. */
#ifndef CONMON_SYNC_H
#define CONMON_SYNC_H

#include "conmon.h"

/* Takes the descriptors over from the environment and keeps them from children. */
void sync_adopt(struct conmon *c);
/* Waits on the start pipe for the parent's permission. */
void sync_wait_start(struct conmon *c);
/* Sends a number, with a message unless it is NULL. A parent that went away is no error. */
void sync_report(struct conmon *c, int *fd, int number, const char *message);
/* Tells whoever still waits that nothing will come of it. */
void sync_report_failure(struct conmon *c, const char *message);

#endif
