/* What the monitor may still do once the container is there. */
#ifndef CONMON_PRIVILEGES_H
#define CONMON_PRIVILEGES_H

#include "conmon.h"

/* As root: gives up the capabilities that are not needed any more. */
void privileges_drop(struct conmon *c);

#endif
