/* Fuzzer of the option parser: words separated by NUL bytes become argv. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *text = malloc(size + 1);
    char **argv = calloc(size + 3, sizeof(char *));
    if (text == NULL || argv == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    int argc = 0;
    argv[argc++] = (char *)"conmon";
    for (size_t i = 0; i < size; i += strlen(text + i) + 1)
        argv[argc++] = text + i;
    struct options options;
    char error[4096] = "";
    if (options_parse(&options, argc, argv, error, sizeof(error)) < 0) {
        if (error[0] == '\0' || strchr(error, '\n') == error)
            abort();
    } else if (options_check(&options, error, sizeof(error)) < 0 && error[0] == '\0') {
        abort();
    }
    options_free(&options);
    free(argv);
    free(text);
    return 0;
}
