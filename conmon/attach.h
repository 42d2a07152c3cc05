/* The attach socket and its clients. */
#ifndef CONMON_ATTACH_H
#define CONMON_ATTACH_H

#include "conmon.h"

/* Binds and listens; opens the bundle. */
void attach_open(struct conmon *c);
/* Takes in who has connected: a client that connected before the container wrote gets what it wrote. */
void attach_accept_waiting(struct conmon *c);
/* Offers a piece of output to every client. Never blocks. */
void attach_broadcast(struct conmon *c, int stream, const unsigned char *data, size_t size);
/* True when a client lags so far behind that reading must wait for it. */
bool attach_congested(struct conmon *c);
/* Gives clients' bytes to stdin, as many as it takes. */
void attach_flush_stdin(struct conmon *c);
void attach_discard_stdin(struct conmon *c);
/* The container has ended: no new clients, those without anything outstanding are let go. */
void attach_finish(struct conmon *c);

#endif
