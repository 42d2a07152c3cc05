/* Sockets in the bundle, whose path may be longer than a socket address can hold. */
#ifndef CONMON_SOCKET_H
#define CONMON_SOCKET_H

#include "conmon.h"

#include <sys/socket.h>
#include <sys/un.h>

/* Opens the bundle directory; the second call and later ones do nothing. */
void socket_open_bundle(struct conmon *c);
/* Makes the link to the bundle that clients come through; nothing with --full-attach. */
void socket_link_bundle(struct conmon *c);
/* Binds a new non-blocking socket to BUNDLE/name with these permissions. */
int socket_bind_in_bundle(struct conmon *c, int type, const char *name, unsigned mode);
/* The address of a path, or of an abstract name written with '@'. Returns its size, 0: too long. */
socklen_t socket_address(struct sockaddr_un *address, const char *path);
/* Removes what was made for attaching. */
void socket_unlink(struct conmon *c);

#endif
