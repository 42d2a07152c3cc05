/* The OCI runtime: its command line, its start, and what it left behind. */
#ifndef CONMON_RUNTIME_H
#define CONMON_RUNTIME_H

#include "conmon.h"

/* Starts create, restore or exec; c->create_pid is set. */
void runtime_start(struct conmon *c);
/* To be called when it has ended: fails, or returns the container's pid. */
pid_t runtime_finish(struct conmon *c);
/* In a child: gives the signal mask and the OOM score back that conmon was started with. */
void runtime_restore_process(struct conmon *c);

#endif
