/* The event loop: descriptors through epoll, and a fixed set of one-shot timers. */
#ifndef CONMON_LOOP_H
#define CONMON_LOOP_H

#include "conmon.h"

#include <sys/epoll.h>

void loop_open(struct conmon *c);
/* Watches source->fd; called again it changes the events. EPOLLHUP and EPOLLERR always come. False with errno. */
bool loop_try_watch(struct conmon *c, struct source *source, uint32_t events);
/* The same, and a failure is the monitor's end. */
void loop_watch(struct conmon *c, struct source *source, uint32_t events);
void loop_unwatch(struct conmon *c, struct source *source);
/* Unwatches and closes; source->fd becomes -1. */
void loop_close(struct conmon *c, struct source *source);
/* Runs until c->stop, which it clears. */
void loop_run(struct conmon *c);

void timer_start(struct conmon *c, enum timer_id id, int64_t delay_ms, void (*expired)(struct conmon *));
void timer_cancel(struct conmon *c, enum timer_id id);
int64_t now_ms(void); /* CLOCK_BOOTTIME: a suspended machine's timeouts go on */

#endif
