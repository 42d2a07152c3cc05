/*
 * sun_path holds 108 bytes, bundles have longer paths. We bind through /proc/self/fd/N/NAME;
 * clients come through SOCKET_DIR/CUUID, a link to the bundle, or do as we do (--full-attach).
 */
#include "socket.h"

#include "diag.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void socket_link_bundle(struct conmon *c)
{
    if (c->options.full_attach || c->socket_link != NULL)
        return;
    char *link = path_join(c->options.socket_dir, c->options.cuuid ? c->options.cuuid : c->options.cid);
    if (link == NULL)
        fail(c, "no memory for the path of the attach socket");
    /* Upstream makes a link one character shorter when it would fill sun_path; clients expect it. */
    size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (strlen(link) == longest)
        link[longest - 1] = '\0';
    if (unlink(link) < 0 && errno != ENOENT)
        fail_errno(c, "Failed to remove existing symlink for socket directory %s", link);
    if (symlink(c->options.bundle, link) < 0)
        fail_errno(c, "Failed to create symlink %s for the attach socket", link);
    c->socket_link = link;
}

void socket_open_bundle(struct conmon *c)
{
    if (c->bundle_fd < 0)
        c->bundle_fd = open(c->options.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->bundle_fd < 0)
        fail_errno(c, "failed to open bundle %s", c->options.bundle);
}

int socket_bind_in_bundle(struct conmon *c, int type, const char *name, unsigned mode)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_errno(c, "Failed to create socket %s/%s", c->options.bundle, name);
    if (unlinkat(c->bundle_fd, name, 0) < 0 && errno != ENOENT)
        fail_errno(c, "Failed to remove existing socket: %s/%s", c->options.bundle, name);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", c->bundle_fd, name);
    /* Never open to others, not even between bind and chmod. */
    mode_t old_mask = umask(0077);
    int result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    int reason = errno;
    umask(old_mask);
    errno = reason;
    if (result < 0)
        fail_errno(c, "Failed to bind to socket %s/%s", c->options.bundle, name);
    if (fchmodat(c->bundle_fd, name, (mode_t)mode, 0) < 0)
        fail_errno(c, "Failed to change socket permissions %s/%s", c->options.bundle, name);
    return fd;
}

socklen_t socket_address(struct sockaddr_un *address, const char *path)
{
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address->sun_path))
        return 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length);
    if (path[0] == '@') {
        address->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

void socket_unlink(struct conmon *c)
{
    if (c->attach_bound)
        unlinkat(c->bundle_fd, ATTACH_SOCKET_NAME, 0);
    c->attach_bound = false;
    if (c->socket_link != NULL && unlink(c->socket_link) < 0 && errno != ENOENT)
        warn(c, "Failed to remove symlink %s: %s", c->socket_link, strerror(errno));
    free(c->socket_link);
    c->socket_link = NULL;
}
