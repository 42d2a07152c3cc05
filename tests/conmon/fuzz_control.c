/* Fuzzer of the control FIFOs' lines and of /proc/PID/cgroup. */
#include "control.h"
#include "oom.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    int type = -1, height = -1, width = -1;
    if (control_parse(text, &type, &height, &width) &&
        (type < CONTROL_RESIZE || type > CONTROL_HEALTH_RELOAD || height < 0 || width < 0 ||
         height > WINDOW_SIZE_MAX || width > WINDOW_SIZE_MAX))
        abort();
    if (winsz_parse(text, &height, &width) &&
        (height < 0 || width < 0 || height > WINDOW_SIZE_MAX || width > WINDOW_SIZE_MAX))
        abort();
    char path[PATH_MAX];
    oom_cgroup_path(text, "", path, sizeof(path));
    oom_cgroup_path(text, "memory", path, sizeof(path));
    free(text);
    return 0;
}
