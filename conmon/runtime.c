/*
 * Runs "RUNTIME … create|restore|exec …" with the container's stdio. What the runtime writes to
 * stderr before it ends is kept (streams.c): it is the error message if it fails.
 */
#include "runtime.h"

#include "children.h"
#include "diag.h"
#include "files.h"
#include "streams.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void add_list(char **argv, size_t *used, const struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        argv[(*used)++] = list->items[i];
}

static char **build_argv(struct conmon *c)
{
    const struct options *o = &c->options;
    char **argv = calloc(o->runtime_args.count + o->runtime_opts.count + 24, sizeof(char *));
    if (argv == NULL)
        fail(c, "no memory for the runtime's arguments");
    size_t n = 0;
    argv[n++] = o->runtime;
    if (o->systemd_cgroup && !o->exec)
        argv[n++] = (char *)"--systemd-cgroup";
    add_list(argv, &n, &o->runtime_args);
    argv[n++] = (char *)(o->exec ? "exec" : o->restore ? "restore" : "create");
    if (!o->exec) {
        argv[n++] = (char *)"--bundle";
        argv[n++] = o->bundle;
    }
    argv[n++] = (char *)"--pid-file";
    argv[n++] = o->container_pidfile;
    if (o->exec) {
        argv[n++] = (char *)"--process";
        argv[n++] = o->exec_process_spec;
        argv[n++] = (char *)"--detach";
    } else {
        if (o->no_pivot)
            argv[n++] = (char *)"--no-pivot";
        if (o->no_new_keyring)
            argv[n++] = (char *)"--no-new-keyring";
        if (o->restore != NULL) {
            /* restore starts the process at once, so it needs --detach to come back */
            argv[n++] = (char *)"--detach";
            argv[n++] = (char *)"--image-path";
            argv[n++] = o->restore;
            argv[n++] = (char *)"--work-path";
            argv[n++] = o->bundle;
        }
    }
    add_list(argv, &n, &o->runtime_opts);
    if (c->console_path != NULL) {
        argv[n++] = (char *)"--console-socket";
        argv[n++] = c->console_path;
    }
    argv[n++] = o->cid;
    for (size_t i = 0; i < n; i++)
        diag(c, LEVEL_TRACE, "runtime argument %zu: %s", i, argv[i]);
    return argv;
}

/* The child's stderr is what the parent gets to read as the runtime's error message. */
static _Noreturn void child_fail(const char *what)
{
    dprintf(STDERR_FILENO, "conmon: %s: %s\n", what, strerror(errno));
    _exit(127);
}

void runtime_restore_process(struct conmon *c)
{
    if (c->oom_score != NULL)
        file_write_existing("/proc/self/oom_score_adj", c->oom_score);
    sigprocmask(SIG_SETMASK, &c->original_mask, NULL);
}

static void adjust_listen_pid(const struct options *o, pid_t parent)
{
    const char *text = getenv("LISTEN_PID");
    if (text == NULL)
        return;
    char *end;
    errno = 0;
    long pid = strtol(text, &end, 10);
    if (errno != 0 || pid <= 0 || *end != '\0') {
        errno = EINVAL;
        child_fail("Invalid LISTEN_PID");
    }
    if (!o->replace_listen_pid && pid != parent)
        return;
    char number[16];
    snprintf(number, sizeof(number), "%d", (int)getpid());
    if (setenv("LISTEN_PID", number, 1) < 0)
        child_fail("Failed to set LISTEN_PID");
}

static _Noreturn void run_child(struct conmon *c, char **argv, pid_t parent)
{
    if (!c->log.passthrough)
        for (int i = 0; i < 3; i++) {
            if (dup2(c->child_stdio[i], i) < 0)
                child_fail("Failed to dup stdio");
            /* So that another user inside can open /dev/stdout again; not all kinds of file allow it. */
            struct stat status;
            if (fstat(i, &status) == 0 && S_ISFIFO(status.st_mode) && fchmod(i, 0777) < 0 && errno != EINVAL)
                dprintf(STDERR_FILENO, "conmon: Failed to chmod stdio: %s\n", strerror(errno));
        }
    /* The runtime must not go on without us; the check closes the race before prctl. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        child_fail("Failed to set PDEATHSIG");
    if (getppid() != parent)
        _exit(127);
    adjust_listen_pid(&c->options, parent);
    if (c->options.exec_attach && c->start_fd >= 0) {
        char buffer[512];
        ssize_t count;
        do
            count = read(c->start_fd, buffer, sizeof(buffer));
        while (count < 0 && errno == EINTR);
        if (count < 0)
            child_fail("start-pipe read failed");
    }
    runtime_restore_process(c);
    execv(argv[0], argv);
    char what[600];
    snprintf(what, sizeof(what), "Failed to execute runtime %.500s", argv[0]);
    child_fail(what);
}

void runtime_start(struct conmon *c)
{
    char **argv = build_argv(c);
    /* For exec a pid file that nobody wrote means failure, so an old one must not be there. */
    struct stat status;
    if (c->options.exec && lstat(c->options.container_pidfile, &status) == 0 && S_ISREG(status.st_mode))
        unlink(c->options.container_pidfile);
    pid_t parent = getpid();
    c->phase = PHASE_CREATE;
    pid_t pid = fork();
    if (pid < 0)
        fail_errno(c, "Failed to fork the %s command", c->options.exec ? "exec" : "create");
    if (pid == 0)
        run_child(c, argv, parent);
    c->create_pid = pid;
    free(argv);
    for (int i = 0; i < 3; i++) {
        if (c->child_stdio[i] >= 0)
            close(c->child_stdio[i]);
        c->child_stdio[i] = -1;
    }
    if (c->start_fd >= 0)
        close(c->start_fd);
    c->start_fd = -1;
}

static void fail_with_stderr(struct conmon *c, const char *otherwise)
{
    streams_take_stderr(c);
    size_t size = c->early_size;
    while (size > 0 && (c->early[size - 1] == '\n' || c->early[size - 1] == ' '))
        size--;
    if (size == 0)
        fail(c, "%s", otherwise);
    /* What matters of a long message is its end. */
    size_t start = size > 6000 ? size - 6000 : 0;
    char *message = strndup((const char *)c->early + start, size - start);
    warn(c, "%s; runtime stderr: %s", otherwise, message ? message : "");
    sync_report_failure(c, message ? message : otherwise);
    free(message);
    fail(c, "%s", otherwise);
}

pid_t runtime_finish(struct conmon *c)
{
    const char *verb = c->options.exec ? "exec" : c->options.restore ? "restore" : "create";
    char otherwise[400];
    bool failed = !WIFEXITED(c->create_status) || WEXITSTATUS(c->create_status) != 0;
    /* Some runtimes end exec with the command's status; then there is a pid file. */
    if (failed && !c->options.exec) {
        snprintf(otherwise, sizeof(otherwise), "Failed to %s container: exit status %d", verb,
                 exit_code_of(c->create_status));
        fail_with_stderr(c, otherwise);
    }
    char text[32];
    if (file_read(c->options.container_pidfile, text, sizeof(text)) < 0) {
        if (failed)
            snprintf(otherwise, sizeof(otherwise), "Failed to exec in container: exit status %d",
                     exit_code_of(c->create_status));
        else
            snprintf(otherwise, sizeof(otherwise), "Failed to read pidfile %.200s: %s",
                     c->options.container_pidfile, strerror(errno));
        fail_with_stderr(c, otherwise);
    }
    char *end;
    long pid = strtol(text, &end, 10);
    if (pid <= 0 || pid > 1 << 30 || (*end != '\0' && *end != '\n'))
        fail(c, "Failed to read pidfile %.200s: not a pid: \"%.20s\"", c->options.container_pidfile, text);
    if (c->options.terminal && c->out.source.fd < 0) {
        /* What the parent is told has failed must not be left running. */
        if (children_has((pid_t)pid))
            kill((pid_t)pid, SIGKILL);
        fail(c, "Runtime did not set up terminal");
    }
    debug(c, "container PID: %ld", pid);
    return (pid_t)pid;
}
