/* Out-of-memory reports of the container's cgroup. */
#ifndef CONMON_OOM_H
#define CONMON_OOM_H

#include "conmon.h"

/* Makes the monitor itself an unlikely victim; remembers what children get back. */
void oom_protect_self(struct conmon *c);
void oom_watch(struct conmon *c, pid_t pid);
/* A last look after the container's end. */
void oom_finish(struct conmon *c);
/* Takes the path of a controller ("" for version 2) out of /proc/PID/cgroup text. Pure. */
bool oom_cgroup_path(const char *text, const char *controller, char *path, size_t size);

#endif
