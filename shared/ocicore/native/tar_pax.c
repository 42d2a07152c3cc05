/* POSIX.1-2001 pax records "LENGTH KEY=VALUE\n", with the keys that matter on disk: names, ids, times, size,
 * extended attributes (SCHILY.xattr., LIBARCHIVE.xattr.) and GNU sparse maps. */
#include "tar_pax.h"

#include <stdlib.h>
#include <string.h>

#define SCHILY "SCHILY.xattr."
#define LIBARCHIVE "LIBARCHIVE.xattr."
#define MAX_XATTRS 4096

void tar_pax_reset(struct tar_pax *pax)
{
  buffer_free(&pax->path);
  buffer_free(&pax->link);
  buffer_free(&pax->sparse_name);
  buffer_free(&pax->sparse_map);
  for (size_t i = 0; i < pax->xattr_count; i++) {
    free(pax->xattrs[i].name);
    free(pax->xattrs[i].value);
  }
  free(pax->xattrs);
  memset(pax, 0, sizeof(*pax));
  pax->sparse_major = pax->sparse_minor = -1;
}

bool parse_decimal(const char *text, size_t length, int64_t *value)
{
  bool negative = false;
  if (length > 0 && (*text == '-' || *text == '+')) {
    negative = *text == '-';
    text++;
    length--;
  }
  if (length == 0)
    return false;
  uint64_t sum = 0;
  uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    unsigned int digit = (unsigned int)(text[i] - '0');
    if (sum > (most - digit) / 10)
      return false;
    sum = sum * 10 + digit;
  }
  *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
  return true;
}

static bool parse_time(const char *text, size_t length, struct tar_time *time)
{
  const char *point = memchr(text, '.', length);
  size_t whole = point ? (size_t)(point - text) : length;
  if (!parse_decimal(text, whole, &time->seconds))
    return false;
  long nanoseconds = 0;
  if (point) {
    long unit = 100000000;
    for (const char *digit = point + 1; digit < text + length; digit++) {
      if (*digit < '0' || *digit > '9')
        return false;
      nanoseconds += (*digit - '0') * unit;
      unit /= 10;
    }
  }
  if (nanoseconds > 0 && text[0] == '-') {
    if (time->seconds == INT64_MIN)
      return false;
    time->seconds--;
    nanoseconds = 1000000000 - nanoseconds;
  }
  time->nanoseconds = nanoseconds;
  return true;
}

static int sextet(unsigned char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '+' || c == '-')
    return 62;
  if (c == '/' || c == '_')
    return 63;
  return -1;
}

/* libarchive's values are base64; the result fits in place of the text. */
static bool decode_base64(const char *text, size_t length, unsigned char *out, size_t *out_length)
{
  uint32_t bits = 0;
  int count = 0;
  size_t made = 0;
  for (size_t i = 0; i < length && text[i] != '='; i++) {
    int value = sextet((unsigned char)text[i]);
    if (value < 0)
      return false;
    bits = bits << 6 | (uint32_t)value;
    if (++count == 4) {
      out[made++] = (unsigned char)(bits >> 16);
      out[made++] = (unsigned char)(bits >> 8);
      out[made++] = (unsigned char)bits;
      count = 0;
      bits = 0;
    }
  }
  if (count == 2)
    out[made++] = (unsigned char)(bits >> 4);
  if (count == 3) {
    out[made++] = (unsigned char)(bits >> 10);
    out[made++] = (unsigned char)(bits >> 2);
  }
  *out_length = made;
  return count != 1;
}

/* libarchive percent-encodes what it cannot write in a key. */
static void decode_percent(char *name)
{
  char *out = name;
  for (const char *in = name; *in; in++) {
    char hex[3] = {0, 0, 0};
    if (*in == '%' && in[1] && in[2]) {
      hex[0] = in[1];
      hex[1] = in[2];
      char *end;
      long value = strtol(hex, &end, 16);
      if (end == hex + 2 && value != 0) {
        *out++ = (char)value;
        in += 2;
        continue;
      }
    }
    *out++ = *in;
  }
  *out = '\0';
}

static int add_xattr(struct tar_pax *pax, const char *key, size_t key_length, const char *value,
                     size_t value_length, bool libarchive, struct oci_error *error)
{
  char *name = strndup(key, key_length);
  unsigned char *bytes = malloc(value_length + 1);
  size_t length = value_length;
  if (name == NULL || bytes == NULL) {
    free(name);
    free(bytes);
    return oci_fail(error, NULL, "allocating extended attribute");
  }
  if (libarchive) {
    decode_percent(name);
    if (!decode_base64(value, value_length, bytes, &length)) {
      free(name);
      free(bytes);
      return oci_corrupted(error, NULL, "malformed base64 in a pax record");
    }
  } else if (value_length > 0) {
    memcpy(bytes, value, value_length);
  }
  for (size_t i = 0; i < pax->xattr_count; i++)
    if (strcmp(pax->xattrs[i].name, name) == 0) {
      free(name);
      /* libarchive writes both forms; the plain one counts. */
      if (libarchive) {
        free(bytes);
        return 0;
      }
      free(pax->xattrs[i].value);
      pax->xattrs[i].value = bytes;
      pax->xattrs[i].length = length;
      return 0;
    }
  struct tar_xattr *grown = NULL;
  if (pax->xattr_count < MAX_XATTRS)
    grown = realloc(pax->xattrs, (pax->xattr_count + 1) * sizeof(*grown));
  if (grown == NULL) {
    free(name);
    free(bytes);
    return pax->xattr_count >= MAX_XATTRS ? oci_limit(error, NULL, "too many extended attributes")
                                          : oci_fail(error, NULL, "allocating extended attribute");
  }
  pax->xattrs = grown;
  pax->xattrs[pax->xattr_count++] = (struct tar_xattr){.name = name, .value = bytes, .length = length};
  return 0;
}

static bool key_is(const char *key, size_t length, const char *wanted)
{
  return length == strlen(wanted) && memcmp(key, wanted, length) == 0;
}

static bool starts_with(const char *key, size_t length, const char *prefix)
{
  return length > strlen(prefix) && memcmp(key, prefix, strlen(prefix)) == 0;
}

static int small_number(const char *value, size_t length)
{
  if (length == 1 && value[0] >= '0' && value[0] <= '9')
    return value[0] - '0';
  return length == 0 ? -1 : -2;
}

static int bad_value(struct oci_error *error)
{
  return oci_corrupted(error, NULL, "malformed value in a pax record");
}

static int add_sparse_field(struct tar_pax *pax, bool is_offset, const char *value, size_t length,
                            struct oci_error *error)
{
  /* Format 0.0 repeats two keys in turn; they are rewritten as 0.1's list. */
  if (is_offset != (pax->sparse_fields % 2 == 0) || memchr(value, ',', length))
    return bad_value(error);
  if (pax->sparse_fields == 0)
    pax->sparse_map.length = 0;
  if ((pax->sparse_fields > 0 && buffer_append(&pax->sparse_map, ",", 1) < 0) ||
      buffer_append(&pax->sparse_map, value, length) < 0)
    return oci_fail(error, NULL, "allocating sparse map");
  pax->sparse_fields++;
  return 0;
}

static int add_record(struct tar_pax *pax, const char *key, size_t key_length, const char *value, size_t length,
                      struct oci_error *error)
{
  if (key_length == 0 || memchr(key, '\0', key_length))
    return oci_corrupted(error, NULL, "malformed key in a pax record");
  bool is_path = key_is(key, key_length, "path");
  bool is_link = key_is(key, key_length, "linkpath");
  if (is_path || is_link || key_is(key, key_length, "uname") || key_is(key, key_length, "gname"))
    if (memchr(value, '\0', length))
      return bad_value(error);
  if (starts_with(key, key_length, SCHILY))
    return add_xattr(pax, key + strlen(SCHILY), key_length - strlen(SCHILY), value, length, false, error);
  if (starts_with(key, key_length, LIBARCHIVE))
    return add_xattr(pax, key + strlen(LIBARCHIVE), key_length - strlen(LIBARCHIVE), value, length, true, error);
  if (key_is(key, key_length, "GNU.sparse.offset") || key_is(key, key_length, "GNU.sparse.numbytes"))
    return add_sparse_field(pax, key_is(key, key_length, "GNU.sparse.offset"), value, length, error);
  /* An empty value takes a record back: the ustar header's value counts again. */
  bool given = length > 0;
  if (is_path) {
    pax->has_path = given;
    return buffer_set(&pax->path, value, length) < 0 ? oci_fail(error, NULL, "allocating name") : 0;
  }
  if (is_link) {
    pax->has_link = given;
    return buffer_set(&pax->link, value, length) < 0 ? oci_fail(error, NULL, "allocating name") : 0;
  }
  if (key_is(key, key_length, "GNU.sparse.name"))
    return buffer_set(&pax->sparse_name, value, length) < 0 ? oci_fail(error, NULL, "allocating name") : 0;
  if (key_is(key, key_length, "GNU.sparse.map")) {
    if (pax->sparse_fields > 0)
      return 0;
    return buffer_set(&pax->sparse_map, value, length) < 0 ? oci_fail(error, NULL, "allocating sparse map") : 0;
  }
  if (key_is(key, key_length, "GNU.sparse.major"))
    pax->sparse_major = small_number(value, length);
  else if (key_is(key, key_length, "GNU.sparse.minor"))
    pax->sparse_minor = small_number(value, length);
  struct {
    const char *key;
    bool *has;
    int64_t *number;
    struct tar_time *time;
  } const fields[] = {
      {"uid", &pax->has_uid, &pax->uid, NULL},
      {"gid", &pax->has_gid, &pax->gid, NULL},
      {"size", &pax->has_size, &pax->size, NULL},
      {"mtime", &pax->has_mtime, NULL, &pax->mtime},
      {"atime", &pax->has_atime, NULL, &pax->atime},
      {"GNU.sparse.size", &pax->has_sparse_size, &pax->sparse_size, NULL},
      {"GNU.sparse.realsize", &pax->has_sparse_size, &pax->sparse_size, NULL},
      {"GNU.sparse.numblocks", &pax->has_sparse_blocks, &pax->sparse_blocks, NULL},
  };
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    if (!key_is(key, key_length, fields[i].key))
      continue;
    *fields[i].has = given;
    if (given && !(fields[i].number ? parse_decimal(value, length, fields[i].number)
                                    : parse_time(value, length, fields[i].time)))
      return bad_value(error);
  }
  return 0;
}

int tar_pax_parse(struct tar_pax *pax, const unsigned char *data, size_t length, struct oci_error *error)
{
  const char *text = (const char *)data;
  tar_pax_reset(pax);
  while (length > 0) {
    const char *space = memchr(text, ' ', length);
    int64_t record;
    if (space == NULL || !parse_decimal(text, (size_t)(space - text), &record) || record < 5 ||
        (uint64_t)record > length || text[record - 1] != '\n' || space + 1 >= text + record)
      return oci_corrupted(error, NULL, "malformed pax record");
    const char *key = space + 1;
    const char *end = text + record - 1;
    const char *equals = memchr(key, '=', (size_t)(end - key));
    if (equals == NULL)
      return oci_corrupted(error, NULL, "malformed pax record");
    if (add_record(pax, key, (size_t)(equals - key), equals + 1, (size_t)(end - equals - 1), error) < 0)
      return -1;
    text += record;
    length -= (size_t)record;
  }
  return 0;
}
