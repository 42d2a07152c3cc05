/*
 * The monitor reads what a hostile container writes. As root it keeps only the capabilities to
 * signal any process and to write files in anyone's directories. Programs it executes as uid 0 get
 * theirs back from the bounding set, unless no_new_privs or securebits forbid that; then all stay.
 */
#include "privileges.h"

#include "diag.h"
#include "files.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT ((1U << CAP_KILL) | (1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH))

/* LeakSanitizer traces its own process. */
#ifdef __SANITIZE_ADDRESS__
#define TRACED true
#else
#define TRACED false
#endif

/* Root of the machine, not of a user namespace. */
static bool real_root(void)
{
    char map[128], *rest = map;
    return file_read("/proc/self/uid_map", map, sizeof(map)) > 0 && strtoul(rest, &rest, 10) == 0 &&
           strtoul(rest, &rest, 10) == 0 && strtoul(rest, &rest, 10) == 4294967295UL;
}

void privileges_drop(struct conmon *c)
{
    if (getuid() != 0 || geteuid() != 0 || prctl(PR_GET_SECUREBITS) != 0 ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
        return;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return;
    data[0].effective &= KEPT;
    data[0].permitted &= KEPT;
    data[1].effective = data[1].permitted = 0;
    if (syscall(SYS_capset, &header, data) < 0)
        debug(c, "Failed to give up capabilities: %s", strerror(errno));
    /*
     * In a user namespace engines join it through our /proc/PID/ns/user, for which an ordinary
     * user needs us to be dumpable.
     */
    if (real_root() && !TRACED)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
