/* Text as the inside of a JSON string. */
#ifndef CONMON_JSON_H
#define CONMON_JSON_H

#include <stddef.h>

/* Room for one escaped character, and what json_escape() wants beside it. */
#define JSON_CHARACTER_MAX 16

/* Length of the UTF-8 sequence at data, 0 if it is none (RFC 3629: no surrogates, no overlong). */
size_t utf8_length(const unsigned char *data, size_t size);
/* How many bytes at the end are the beginning of a sequence that goes on in what comes next: 0 to 3. */
size_t utf8_unfinished(const unsigned char *data, size_t size);
/* Escapes the text; what is not UTF-8 becomes U+FFFD. Stops in time; returns the length, at most size - 1. */
size_t json_escape(char *out, size_t size, const char *text, size_t length);

#endif
