/* The end: exit files, last words, the exit command. */
#ifndef CONMON_FINISH_H
#define CONMON_FINISH_H

#include "conmon.h"

/* The container has ended (or the time is up). Returns the monitor's own exit status. */
int finish_container(struct conmon *c);
/* The monitor cannot go on: undoes what is half done, runs the exit command if one is due. */
void finish_abort(struct conmon *c);

#endif
