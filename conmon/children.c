/*
 * SIGCHLD arrives through a signalfd. The container is a grandchild that becomes our child when the
 * runtime ends (we are its subreaper), perhaps already dead; so ends nobody waits for yet are kept.
 * A pidfd covers runtimes that leave the container to another parent.
 */
#include "children.h"

#include "diag.h"
#include "health.h"
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/pidfd.h of Linux 6.15 and later; older headers lack it, older kernels answer ENOTTY. */
struct pidfd_exit_info {
    uint64_t mask, cgroup_id;
    uint32_t ids[11];
    int32_t exit_code;
    uint32_t reserved[8];
};
#define PIDFD_EXIT_INFO_BIT (1ULL << 3)
#define PIDFD_GET_EXIT_INFO _IOWR(0xFF, 11, struct pidfd_exit_info)

int exit_code_of(int wait_status)
{
    if (wait_status >= 0 && WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    if (wait_status >= 0 && WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return -1;
}

static void container_ended(struct conmon *c, int status)
{
    info(c, "container %d exited with status %d", (int)c->container_pid, exit_code_of(status));
    c->container_status = status;
    c->container_pid = -1;
    loop_close(c, &c->pidfd);
    c->stop = true;
}

static void child_ended(struct conmon *c, pid_t pid, int status)
{
    if (pid == c->create_pid) {
        c->create_pid = -1;
        c->create_status = status;
        c->stop = true;
    } else if (pid == c->container_pid) {
        container_ended(c, status);
    } else if (pid == c->exit_command_pid) {
        c->exit_command_pid = -1;
        c->stop = true;
    } else if (!health_child_ended(c, pid, status) && c->phase == PHASE_CREATE) {
        unsigned slot = c->unknown_count++ % UNKNOWN_CHILDREN;
        c->unknown[slot].pid = pid;
        c->unknown[slot].status = status;
    }
}

void children_reap(struct conmon *c)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return;
        child_ended(c, pid, status);
    }
}

bool children_signal_container(struct conmon *c, int signal)
{
    if (c->container_pid <= 0)
        return false;
    if (c->pidfd.fd >= 0)
        return syscall(SYS_pidfd_send_signal, c->pidfd.fd, signal, NULL, 0) == 0;
    return kill(c->container_pid, signal) == 0;
}

static void on_signal(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    struct signalfd_siginfo received;
    while (read(source->fd, &received, sizeof(received)) == sizeof(received)) {
        int number = (int)received.ssi_signo;
        if (number != SIGTERM && number != SIGINT && number != SIGQUIT)
            continue;
        debug(c, "passing on signal %d", number);
        if (!children_signal_container(c, number) && c->create_pid > 0)
            kill(c->create_pid, number);
    }
    children_reap(c);
}

void children_listen(struct conmon *c)
{
    sigset_t set;
    sigemptyset(&set);
    int taken[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        fail_errno(c, "Failed to block signals");
    c->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (c->signals.fd < 0)
        fail_errno(c, "Failed to create signalfd");
    c->signals.ready = on_signal;
    loop_watch(c, &c->signals, EPOLLIN);
}

static void on_pidfd(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    children_reap(c);
    if (c->container_pid <= 0)
        return;
    /* Ended, and not as our child. The kernel may still tell how; if not, upstream says 0. */
    struct pidfd_exit_info information = {.mask = PIDFD_EXIT_INFO_BIT};
    int status = 0;
    if (ioctl(source->fd, PIDFD_GET_EXIT_INFO, &information) == 0 &&
        (information.mask & PIDFD_EXIT_INFO_BIT) != 0)
        status = information.exit_code;
    else
        warn(c, "container %d was not our child: its exit status is unknown", (int)c->container_pid);
    container_ended(c, status);
}

bool children_has(pid_t pid)
{
    siginfo_t information;
    return waitid(P_PID, (id_t)pid, &information, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void children_watch_container(struct conmon *c, pid_t pid)
{
    c->container_pid = pid;
    /* A child of this number is the container; an earlier one that has gone may have had the same. */
    for (unsigned i = 0; i < UNKNOWN_CHILDREN && !children_has(pid); i++)
        if (c->unknown[i].pid == pid) {
            container_ended(c, c->unknown[i].status);
            return;
        }
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0) {
        c->pidfd = (struct source){.fd = fd, .ready = on_pidfd};
        loop_watch(c, &c->pidfd, EPOLLIN);
        return;
    }
    if (errno != ESRCH) {
        debug(c, "no pidfd for %d: %s", (int)pid, strerror(errno));
        return;
    }
    children_reap(c);
    if (c->container_pid > 0) {
        warn(c, "container %d has gone and was not our child", (int)pid);
        container_ended(c, 0);
    }
}
