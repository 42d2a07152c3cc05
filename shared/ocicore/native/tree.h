/* Trees on disk by descriptor, never following a symbolic link. */
#ifndef OCI_TREE_H
#define OCI_TREE_H

#include "native.h"

/* Remove a file or a tree; what is not there is no error. -1 with errno. */
int tree_remove(int parent_fd, const char *name);

/* The path of a descriptor below /proc, for calls that have no *at form. */
struct fd_path {
  char text[32];
};
const char *fd_path(struct fd_path *path, int fd);

#endif
