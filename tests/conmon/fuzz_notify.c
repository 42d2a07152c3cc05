/* Fuzzer of the notification filter: what passes must pass again, unchanged, and name nothing forbidden. */
#include "json.h"
#include "notify.h"

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
    /* What was escaped is UTF-8, so escaping it again may only double its backslashes and quotes. */
    for (size_t i = 0; i < used;) {
        size_t length = (unsigned char)out[i] < 0x80 ? 1 : utf8_length((unsigned char *)out + i, used - i);
        if (length == 0)
            abort();
        i += length;
    }
    if (utf8_unfinished(data, size) > (size < 3 ? size : 3) || utf8_unfinished((unsigned char *)out, used) > 0)
        abort();
    free(text);
    free(again);
    return 0;
}
