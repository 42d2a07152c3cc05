/*
 * JSON must be UTF-8, but what a runtime or a container says need not be, and a text cut at a limit may end
 * inside a character. One bad byte may not cost the reader the whole message, so it is replaced.
 */
#include "json.h"

#include <string.h>

#define REPLACEMENT "\\ufffd"

size_t utf8_length(const unsigned char *data, size_t size)
{
    unsigned char first = data[0];
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned char low = 0x80, high = 0xbf;
    if (first < 0xc2 || first > 0xf4 || length > size)
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (data[1] < low || data[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (data[i] < 0x80 || data[i] > 0xbf)
            return 0;
    return length;
}

size_t utf8_unfinished(const unsigned char *data, size_t size)
{
    for (size_t tail = 1; tail <= 3 && tail <= size; tail++) {
        unsigned char byte = data[size - tail];
        if (byte < 0x80)
            return 0;
        if (byte >= 0xc2 && byte <= 0xf4)
            return tail < (byte < 0xe0 ? 2U : byte < 0xf0 ? 3U : 4U) ? tail : 0;
    }
    return 0;
}

/* One character below 0x80; returns the length of its escape. */
static size_t escape_ascii(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char plain[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    _Static_assert(sizeof(plain) == sizeof(letters), "tables differ");
    const char *found = byte != '\0' ? strchr(plain, byte) : NULL;
    if (found != NULL) {
        out[0] = '\\';
        out[1] = letters[found - plain];
        return 2;
    }
    if (byte >= 0x20 && byte != 0x7f) {
        out[0] = (char)byte;
        return 1;
    }
    memcpy(out, "\\u00", 4);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return 6;
}

size_t json_escape(char *out, size_t size, const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used + 7 < size;) {
        const unsigned char *data = (const unsigned char *)text + i;
        size_t taken = data[0] < 0x80 ? 1 : utf8_length(data, length - i);
        if (taken == 0) {
            memcpy(out + used, REPLACEMENT, sizeof(REPLACEMENT) - 1);
            used += sizeof(REPLACEMENT) - 1;
            i++;
        } else if (taken == 1) {
            used += escape_ascii(out + used, data[0]);
            i++;
        } else {
            memcpy(out + used, data, taken);
            used += taken;
            i += taken;
        }
    }
    if (size > 0)
        out[used] = '\0';
    return used;
}
