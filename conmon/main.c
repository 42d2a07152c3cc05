/*
 * conmon: stays with one container. Start-up in order: what the parent must hear about at once
 * (options, logs), the daemon's fork, the sockets, the runtime; then the loop; then the end.
 */
#include "attach.h"
#include "children.h"
#include "control.h"
#include "diag.h"
#include "files.h"
#include "finish.h"
#include "health.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "notify.h"
#include "oom.h"
#include "privileges.h"
#include "runtime.h"
#include "socket.h"
#include "streams.h"
#include "sync.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef GIT_COMMIT
#define GIT_COMMIT "unknown"
#endif

/* After this time a container is no short-lived one, and what starting took is given back. */
#define SETTLED_MS 1000

static struct conmon state;

static void initialise(struct conmon *c)
{
    c->log_level = LEVEL_WARN;
    c->create_status = c->container_status = -1;
    c->create_pid = c->container_pid = c->exit_command_pid = c->health.pid = -1;
    int *descriptors[] = {
        &c->epoll_fd, &c->sync_fd, &c->start_fd, &c->attach_fd, &c->owner_fd, &c->signals.fd,
        &c->pidfd.fd, &c->out.source.fd, &c->err.source.fd, &c->in.fd, &c->console.fd, &c->ctl.fd,
        &c->winsz.fd, &c->ctl_writer, &c->winsz_writer, &c->listener.fd, &c->bundle_fd, &c->notify.fd,
        &c->notify_out, &c->log.k8s.fd, &c->log.k8s.dir_fd, &c->log.json.fd, &c->log.json.dir_fd,
        &c->log.journal_fd, &c->oom.fd, &c->oom_control_fd, &c->health.output.fd,
        &c->child_stdio[0], &c->child_stdio[1], &c->child_stdio[2],
    };
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
        *descriptors[i] = -1;
    c->out.number = ATTACH_STREAM_STDOUT;
    c->err.number = ATTACH_STREAM_STDERR;
}

/* Descriptors 0 to 2 must be taken, or a pipe of ours would end up as somebody's stdio. */
static void occupy_stdio(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static void ignore_broken_pipes(struct conmon *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    /* Blocked, not ignored: children get the mask back, but would inherit an ignored signal. */
    sigprocmask(SIG_BLOCK, &set, &c->original_mask);
    signal(SIGCHLD, SIG_DFL);
}

static void read_options(struct conmon *c, int argc, char **argv)
{
    char error[4096];
    if (options_parse(&c->options, argc, argv, error, sizeof(error)) < 0)
        fail(c, "option parsing failed: %s", error);
    if (c->options.help) {
        options_help(stdout);
        exit(EXIT_SUCCESS);
    }
    if (c->options.version) {
        printf("conmon version " CONMON_VERSION "\ncommit: " GIT_COMMIT "\n");
        exit(EXIT_SUCCESS);
    }
    if (c->options.log_level != NULL && diag_set_level(c, c->options.log_level) < 0)
        fail(c, "No such log level %.100s", c->options.log_level);
    if (options_check(&c->options, error, sizeof(error)) < 0)
        fail(c, "%s", error);
    if (c->options.exec_attach && c->attach_fd < 0)
        fail(c, "--attach specified but " ENV_ATTACH_PIPE " was not");
}

/* Defaults that depend on the working directory; the bundle's path must hold in a link, too. */
static void complete_paths(struct conmon *c)
{
    char cwd[PATH_MAX];
    if (getcwd(cwd, sizeof(cwd)) == NULL)
        fail_errno(c, "Failed to get working directory");
    struct options *o = &c->options;
    if (o->bundle == NULL && !o->exec)
        o->bundle = strdup(cwd);
    else if (o->bundle != NULL && o->bundle[0] != '/')
        o->bundle = path_join(cwd, o->bundle);
    if (o->container_pidfile == NULL) {
        size_t size = strlen(cwd) + strlen(o->cid) + 16;
        o->container_pidfile = malloc(size);
        if (o->container_pidfile != NULL)
            snprintf(o->container_pidfile, size, "%s/pidfile-%s", cwd, o->cid);
    }
    if (o->container_pidfile == NULL || (o->bundle == NULL && !o->exec))
        fail(c, "no memory for paths");
}

static void write_own_pid(struct conmon *c, pid_t pid)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "%d", (int)pid);
    if (c->options.conmon_pidfile != NULL && file_replace(c->options.conmon_pidfile, text, (size_t)size) < 0) {
        int reason = errno;
        if (pid != getpid())
            kill(pid, SIGKILL);
        errno = reason;
        fail_errno(c, "Failed to write conmon pidfile %s", c->options.conmon_pidfile);
    }
}

static void become_daemon(struct conmon *c)
{
    if (c->options.sync) {
        write_own_pid(c, getpid());
        return;
    }
    pid_t pid = fork();
    if (pid < 0)
        fail_errno(c, "Failed to fork the monitor");
    if (pid > 0) {
        write_own_pid(c, pid);
        _exit(EXIT_SUCCESS);
    }
}

/* The parent waits for its pipes to close: nothing of its stdio may stay open here. */
static void leave_stdio(struct conmon *c)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        fail_errno(c, "Failed to open /dev/null");
    for (int i = 0; i <= STDERR_FILENO; i++)
        if (dup2(null, i) < 0)
            fail_errno(c, "Failed to dup over stdio");
    close(null);
}

static void open_endpoints(struct conmon *c)
{
    loop_open(c);
    if (c->options.sdnotify_socket != NULL)
        notify_open(c);
    if (!c->log.passthrough)
        streams_open(c);
    if (c->options.terminal)
        terminal_open(c);
    if (c->options.bundle != NULL && !c->log.passthrough) {
        attach_open(c);
        control_open(c);
    }
    if (c->options.exec_attach)
        sync_report(c, &c->attach_fd, 0, NULL);
    if (c->attach_fd >= 0)
        close(c->attach_fd);
    c->attach_fd = -1;
    children_listen(c);
}

static void on_timeout(struct conmon *c)
{
    c->timed_out = true;
    c->stop = true;
}

static void on_settled(struct conmon *c)
{
    (void)c;
    memory_release_start();
}

static void run(struct conmon *c)
{
    runtime_start(c);
    c->exit_command_armed = true;
    if (c->log.passthrough)
        leave_stdio(c);
    streams_watch(c);
    while (c->create_pid > 0)
        loop_run(c);
    if (c->options.terminal)
        terminal_collect(c);
    pid_t pid = runtime_finish(c);
    c->phase = PHASE_RUN;
    streams_release_early(c);
    children_watch_container(c, pid);
    /*
     * Everything is in place before the parent hears of it: it will start the container at once,
     * and the window size it sends before that must not come late.
     */
    if (c->container_pid > 0) {
        oom_watch(c, pid);
        privileges_drop(c);
        health_start(c);
    }
    /* The old exec protocol knows only one answer, the exit status. */
    if (c->options.api_version || !c->options.exec)
        sync_report(c, &c->sync_fd, (int)pid, NULL);
    if (!c->options.exec) {
        c->sync_done = true;
        if (c->sync_fd >= 0)
            close(c->sync_fd);
        c->sync_fd = -1;
    }
    if (c->options.timeout > 0)
        timer_start(c, TIMER_TIMEOUT, (int64_t)c->options.timeout * 1000, on_timeout);
    timer_start(c, TIMER_SETTLED, SETTLED_MS, on_settled);
    while (c->container_pid > 0 && !c->timed_out)
        loop_run(c);
}

int main(int argc, char **argv)
{
    struct conmon *c = &state;
    initialise(c);
    occupy_stdio();
    umask(0022);
    ignore_broken_pipes(c);
    sync_adopt(c);
    read_options(c, argc, argv);
    complete_paths(c);
    control_initial_size(c);
    log_open(c);
    if (c->start_fd >= 0)
        sync_wait_start(c);
    become_daemon(c);
    prctl(PR_SET_NAME, "conmon");
    oom_protect_self(c);
    if (!c->log.passthrough)
        leave_stdio(c);
    setsid();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        fail_errno(c, "Failed to set as subreaper");
    open_endpoints(c);
    run(c);
    return finish_container(c);
}
