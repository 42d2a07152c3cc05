/* Relay of service notifications (sd_notify) from the container to the host. */
#ifndef CONMON_NOTIFY_H
#define CONMON_NOTIFY_H

#include "conmon.h"

void notify_open(struct conmon *c);
void notify_close(struct conmon *c);
/* Keeps the lines that may pass, in place. Returns the new length. Pure, for the fuzzer. */
size_t notify_filter(char *text, size_t size);

#endif
