/* Signals and child processes: what ended, and with which status. */
#ifndef CONMON_CHILDREN_H
#define CONMON_CHILDREN_H

#include "conmon.h"

/* Blocks what is taken as events and starts listening. Children restore c->original_mask. */
void children_listen(struct conmon *c);
/* Takes in everything that has ended by now. */
void children_reap(struct conmon *c);
/* Sets the container's pid; its end may already be known. */
void children_watch_container(struct conmon *c, pid_t pid);
/* True for a child of ours: alive, or dead and not yet waited for, so that the number is still its own. */
bool children_has(pid_t pid);
/* Sends a signal to the container; false when there is none any more. */
bool children_signal_container(struct conmon *c, int signal);
/* Shell convention: the status, or 128 + signal, or -1. */
int exit_code_of(int wait_status);

#endif
