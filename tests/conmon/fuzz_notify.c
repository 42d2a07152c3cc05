/* Fuzzer of the notification filter: what passes must pass again, unchanged, and name nothing forbidden. */
#include "notify.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *text = malloc(size + 1), *again = malloc(size + 1);
    if (text == NULL || again == NULL)
        abort();
    memcpy(text, data, size);
    size_t kept = notify_filter(text, size);
    if (kept > size)
        abort();
    memcpy(again, text, kept);
    if (notify_filter(again, kept) != kept || memcmp(again, text, kept) != 0)
        abort();
    if (memmem(text, kept, "\nMAINPID", 8) != NULL || (kept >= 7 && memcmp(text, "MAINPID", 7) == 0))
        abort();
    char out[64];
    size_t used = json_escape(out, sizeof(out), (const char *)data, size);
    if (used >= sizeof(out) || memchr(out, '\n', used) != NULL)
        abort();
    free(text);
    free(again);
    return 0;
}
