/* One attach client, between attach.c (connections, output) and attach_input.c (input). */
#ifndef CONMON_ATTACH_CLIENT_H
#define CONMON_ATTACH_CLIENT_H

#include "conmon.h"

/* Input that the container has not taken yet. */
bool client_has_pending(const struct client *client);
/* Watches for what is wanted of the client now. */
void client_rewatch(struct conmon *c, struct client *client);
/* Lets go of a client that neither takes nor gives anything any more. */
void client_forget_if_done(struct conmon *c, struct client *client);
/* Throws a client out, with what it may still have to say. */
void client_expel(struct conmon *c, struct client *client);
/* Around every walk through the clients: until the outermost leave, none of them is freed. */
void clients_enter(struct conmon *c);
void clients_leave(struct conmon *c);

/* Takes one message and passes it on. */
void input_take(struct conmon *c, struct client *client);
/* The client has hung up: takes all it had sent. */
void input_keep_rest(struct conmon *c, struct client *client);
/* No more will come from a client; with -i that ends the container's stdin. */
void input_ended(struct conmon *c);

#endif
