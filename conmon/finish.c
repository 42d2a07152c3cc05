/*
 * Order matters: output first, then ports and other inherited descriptors are let go, then the exit
 * files (what a waiting parent looks for), only then clients see the end and the exit command runs.
 */
#include "finish.h"

#include "attach.h"
#include "children.h"
#include "control.h"
#include "diag.h"
#include "files.h"
#include "health.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "oom.h"
#include "runtime.h"
#include "socket.h"
#include "streams.h"
#include "sync.h"
#include "terminal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_LIMIT_MS 5000

/* Ours are all close-on-exec; what is not came from the parent (ports podman keeps reserved). */
static void close_inherited(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (fd > STDERR_FILENO && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
            close(fd);
    }
    closedir(directory);
}

/* True when somebody attached still holds the owner pipe, and so cleans up itself. */
static bool owner_is_there(struct conmon *c)
{
    if (c->owner_fd < 0)
        return false;
    struct pollfd owner = {.fd = c->owner_fd};
    return poll(&owner, 1, 0) == 0;
}

static void start_exit_command(struct conmon *c)
{
    if (c->options.exit_command == NULL || !c->exit_command_armed)
        return;
    c->exit_command_armed = false;
    if (owner_is_there(c)) {
        debug(c, "leaving the exit command to the attached owner");
        return;
    }
    char **argv = calloc(c->options.exit_args.count + 2, sizeof(char *));
    if (argv == NULL)
        return;
    argv[0] = c->options.exit_command;
    for (size_t i = 0; i < c->options.exit_args.count; i++)
        argv[i + 1] = c->options.exit_args.items[i];
    /* What the exit command leaves behind is not ours to wait for. */
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* Nobody shall wait for the delay: pipes and sockets go before it. */
        syscall(SYS_close_range, 3U, ~0U, 0U);
        runtime_restore_process(c);
        if (c->options.exit_delay > 0)
            sleep((unsigned)c->options.exit_delay);
        execv(argv[0], argv);
        _exit(EXIT_FAILURE);
    }
    if (pid < 0)
        warn(c, "Failed to fork the exit command: %s", strerror(errno));
    else
        c->exit_command_pid = pid;
    free(argv);
}

static void write_exit_file(struct conmon *c, const char *directory, const char *name, int status)
{
    if (directory == NULL)
        return;
    char text[16];
    int size = snprintf(text, sizeof(text), "%d", status);
    char *path = path_join(directory, name);
    if (path == NULL || file_replace(path, text, (size_t)size) < 0)
        warn(c, "Failed to write %s to exit file %s/%s: %s", text, directory, name, strerror(errno));
    free(path);
}

static void write_exit_files(struct conmon *c, int status)
{
    write_exit_file(c, c->options.persist_dir, EXIT_FILE_NAME, status);
    write_exit_file(c, c->options.exit_dir, c->options.cid, status);
}

static void kill_expired(struct conmon *c)
{
    info(c, "timed out, killing the container");
    /* An exec'd command leads a group of its own; our own group must never be hit. */
    pid_t group = getpgid(c->container_pid);
    if (group > 1 && group != getpgrp())
        kill(-group, SIGKILL);
    children_signal_container(c, SIGKILL);
    int64_t deadline = now_ms() + KILL_LIMIT_MS;
    while (c->container_pid > 0 && now_ms() < deadline) {
        struct pollfd ended = {.fd = c->pidfd.fd >= 0 ? c->pidfd.fd : c->signals.fd, .events = POLLIN};
        poll(&ended, 1, 100);
        children_reap(c);
    }
}

static void finish_clients(struct conmon *c)
{
    socket_unlink(c);
    attach_finish(c);
    control_close(c);
    notify_close(c);
    stdin_close(c);
}

int finish_container(struct conmon *c)
{
    bool expired = c->timed_out && c->container_pid > 0;
    if (expired)
        kill_expired(c);
    c->phase = PHASE_END;
    health_finish(c);
    oom_finish(c);
    streams_drain(c);
    log_finish(c);
    close_inherited();

    int status = expired ? -1 : exit_code_of(c->container_status);
    write_exit_files(c, status);
    finish_clients(c);
    if (c->options.exec)
        sync_report(c, &c->sync_fd, status, expired ? SYNC_TIMED_OUT : NULL);
    c->sync_done = true;
    if (c->sync_fd >= 0)
        close(c->sync_fd);
    c->sync_fd = -1;

    start_exit_command(c);
    while (c->exit_command_pid > 0 || c->clients != NULL)
        loop_run(c);
    /* Who manages the service looks for the container's status; a service manager that stops us ends the exit command too. */
    return status & 0xff;
}

void finish_abort(struct conmon *c)
{
    /* The intermediate process, and one that never got that far, have nothing to undo. */
    if (c->phase == PHASE_SETUP) {
        terminal_unlink(c);
        socket_unlink(c);
        return;
    }
    if (c->create_pid > 0) {
        kill(c->create_pid, SIGKILL);
        waitpid(c->create_pid, NULL, 0);
    }
    /* Without us nobody reads its output or tells of its end, and the parent is told that it failed. */
    if (c->container_pid > 0) {
        children_signal_container(c, SIGKILL);
        c->container_status = SIGKILL;
    }
    terminal_unlink(c);
    socket_unlink(c);
    log_finish(c);
    close_inherited();
    if (c->phase == PHASE_RUN)
        write_exit_files(c, exit_code_of(c->container_status));
    if (c->sync_fd >= 0)
        close(c->sync_fd);
    c->sync_fd = -1;
    start_exit_command(c);
    if (c->exit_command_pid > 0)
        waitpid(c->exit_command_pid, NULL, 0);
}
