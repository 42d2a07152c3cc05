/* The console socket through which the runtime sends the container's terminal. */
#ifndef CONMON_TERMINAL_H
#define CONMON_TERMINAL_H

#include "conmon.h"

/* Makes the socket and listens; c->console_path is for --console-socket. */
void terminal_open(struct conmon *c);
/* The runtime has ended: takes the terminal if it is waiting in the socket. */
void terminal_collect(struct conmon *c);
/* Removes socket and directory. */
void terminal_unlink(struct conmon *c);

#endif
