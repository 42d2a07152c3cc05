/* Health checks: when to run them, what they mean, where the result goes. */
#ifndef CONMON_HEALTH_H
#define CONMON_HEALTH_H

#include "conmon.h"

struct health_result {
    int64_t start_ns, end_ns;
    int exit_code;
    char *output;
};

/* The container has been created; checks begin once it runs. */
void health_start(struct conmon *c);
/* True if the child was a check. */
bool health_child_ended(struct conmon *c, pid_t pid, int status);
void health_finish(struct conmon *c);
/* CONTROL_HEALTH_RUN: a check as soon as none is under way. */
void health_run_now(struct conmon *c);
/* CONTROL_HEALTH_RELOAD: takes the options of HEALTH_OPTIONS_FILE in place of those so far. */
void health_reload(struct conmon *c);

/* Writes the state file and appends to the event file. */
void health_publish(struct conmon *c, bool changed, const struct health_result *latest);

#endif
