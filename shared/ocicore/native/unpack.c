/* The loop over an archive's members: names cleaned, limits kept, tar-split written, the tree made below a root. */
#include "unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc64.h"
#include "owner.h"

/* What may follow the end of an archive: padding to a record, never a bomb of zeros. */
#define MAX_TRAILER ((uint64_t)1 << 30)

struct id_list {
  uint32_t **ids;
  size_t *count;
  struct key_set seen;
  uint32_t last;
};

static int note_id(struct id_list *list, uint32_t id, struct oci_error *error)
{
  if (*list->count > 0 && list->last == id)
    return 0;
  list->last = id;
  int added = key_set_add(&list->seen, (uint64_t)id + 1);
  if (added < 0)
    return oci_fail(error, NULL, "allocating owners");
  if (added == 0)
    return 0;
  /* Doubled whenever the count reaches a power of two. */
  if ((*list->count & (*list->count - 1)) == 0) {
    size_t capacity = *list->count ? *list->count * 2 : 1;
    uint32_t *grown = realloc(*list->ids, capacity * sizeof(*grown));
    if (grown == NULL)
      return oci_fail(error, NULL, "allocating owners");
    *list->ids = grown;
  }
  (*list->ids)[(*list->count)++] = id;
  return 0;
}

void oci_unpack_result_free(struct oci_unpack_result *result)
{
  free(result->uids);
  free(result->gids);
  memset(result, 0, sizeof(*result));
}

/* Read a member's data without keeping it; with tar-split its bytes become a segment, or a checksum for `file`. */
static int drop_payload(struct unpacker *unpacker, uint64_t *crc)
{
  const unsigned char *data;
  ssize_t got;
  while ((got = tar_payload(&unpacker->reader, &data, unpacker->error)) > 0) {
    if (crc) {
      *crc = crc64_iso(*crc, data, (size_t)got);
      continue;
    }
    if (unpacker->raw == NULL)
      continue;
    if (buffer_append(unpacker->raw, data, (size_t)got) < 0)
      return oci_fail(unpacker->error, NULL, "allocating");
    if (unpacker->raw->length >= (size_t)1 << 20 &&
        tar_split_segment(unpacker->split, unpacker->raw, unpacker->error) < 0)
      return -1;
  }
  return got < 0 ? -1 : 0;
}

static int resolve_owner(struct unpacker *unpacker, const struct tar_entry *entry, struct place *place)
{
  const struct oci_unpack_options *options = unpacker->options;
  if (options->has_owner) {
    place->uid = options->owner_uid;
    place->gid = options->owner_gid;
    return 0;
  }
  bool mapped = id_to_host(options->uid_map, options->uid_map_len, (uint32_t)entry->uid, &place->uid) &&
                id_to_host(options->gid_map, options->gid_map_len, (uint32_t)entry->gid, &place->gid);
  if (mapped)
    return 0;
  if (options->ignore_chown_errors) {
    place->uid = geteuid();
    place->gid = getegid();
    return 0;
  }
  errno = EINVAL;
  return oci_fail(unpacker->error, place->path, "its owner %u:%u has no mapping to the host", (uint32_t)entry->uid,
                  (uint32_t)entry->gid);
}

static int check_owner(struct unpacker *unpacker, const struct tar_entry *entry, const char *path)
{
  if (entry->uid < 0 || entry->uid >= UINT32_MAX || entry->gid < 0 || entry->gid >= UINT32_MAX)
    return oci_corrupted(unpacker->error, path, "owner out of range");
  return 0;
}

/* Make the member's tree part. `stored` becomes true when tar-split has a line for its content. */
static int place_member(struct unpacker *unpacker, struct tar_entry *entry, const char *cleaned, bool *stored)
{
  struct place place = {.path = cleaned};
  size_t parent_length;
  if (entry->type == 'g')
    return 0;
  if (resolve_owner(unpacker, entry, &place) < 0)
    return -1;
  if (strcmp(cleaned, ".") == 0)
    return unpack_root_entry(unpacker, entry, &place);
  place.name = base_name(cleaned, &parent_length);
  bool is_whiteout = strncmp(place.name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
  /* "/.wh.foo" and then "/foo/.wh.bar", as some builders write: the second says nothing new. */
  place.parent_fd = unpack_parent(unpacker, cleaned, parent_length,
                                  is_whiteout && unpacker->options->whiteouts == WHITEOUTS_OVERLAY);
  if (place.parent_fd == -2)
    return 0;
  if (place.parent_fd < 0)
    return -1;
  int done = unpack_whiteout(unpacker, entry, &place);
  if (done != 0)
    return done < 0 ? -1 : 0;
  return unpack_member(unpacker, entry, &place, stored);
}

static int one_member(struct unpacker *unpacker, struct tar_entry *entry, struct id_list *uids, struct id_list *gids)
{
  const struct oci_unpack_options *options = unpacker->options;
  struct oci_unpack_result *result = unpacker->result;
  const char *name = (const char *)entry->name.data;
  bool stored = false;
  unpacker->cleaned.length = 0;
  if (buffer_reserve(&unpacker->cleaned, entry->name.length + 2) < 0)
    return oci_fail(unpacker->error, name, "allocating");
  char *cleaned = (char *)unpacker->cleaned.data;
  if (!clean_path(name, entry->name.length, cleaned))
    return oci_corrupted(unpacker->error, name, "name outside of the root");
  if (++result->entries > options->max_entries)
    return oci_limit(unpacker->error, name, "more than %llu entries", (unsigned long long)options->max_entries);
  if ((uint64_t)entry->size > options->max_bytes - result->bytes)
    return oci_limit(unpacker->error, name, "more than %llu bytes of files",
                     (unsigned long long)options->max_bytes);
  if (entry->type != 'g') {
    result->bytes += (uint64_t)entry->size;
    if (check_owner(unpacker, entry, cleaned) < 0 || note_id(uids, (uint32_t)entry->uid, unpacker->error) < 0 ||
        note_id(gids, (uint32_t)entry->gid, unpacker->error) < 0)
      return -1;
  }
  if (unpacker->split && tar_split_segment(unpacker->split, unpacker->raw, unpacker->error) < 0)
    return -1;
  if (unpacker->root.fd >= 0 && place_member(unpacker, entry, cleaned, &stored) < 0)
    return -1;
  if (stored)
    return 0;
  /* With nothing unpacked the content is expected in place already. */
  bool summed = unpacker->split && unpacker->root.fd < 0 && !entry->sparse;
  uint64_t crc = 0;
  int64_t size = summed ? entry->physical : 0;
  if (drop_payload(unpacker, summed ? &crc : NULL) < 0)
    return -1;
  return unpacker->split ? tar_split_file(unpacker->split, &entry->name, cleaned, size, crc, unpacker->error) : 0;
}

/* Everything up to the end of the stream, for tar-split and for the writer's sake. */
static int read_trailer(struct unpacker *unpacker, struct stream *stream)
{
  const unsigned char *data;
  uint64_t trailer = 0;
  ssize_t got;
  while ((got = stream_take(stream, (size_t)1 << 20, &data, unpacker->error)) > 0) {
    trailer += (uint64_t)got;
    if (trailer > MAX_TRAILER)
      return oci_limit(unpacker->error, NULL, "more than 1 GiB after the end of the archive");
    if (unpacker->split &&
        (buffer_append(unpacker->raw, data, (size_t)got) < 0 ||
         (unpacker->raw->length >= (size_t)1 << 20 &&
          tar_split_segment(unpacker->split, unpacker->raw, unpacker->error) < 0)))
      return oci_fail(unpacker->error, NULL, "allocating");
  }
  return got < 0 ? -1 : 0;
}

static int unpack_stream(struct unpacker *unpacker, struct stream *stream)
{
  struct oci_unpack_result *result = unpacker->result;
  struct id_list uids = {.ids = &result->uids, .count = &result->uid_count};
  struct id_list gids = {.ids = &result->gids, .count = &result->gid_count};
  struct tar_entry entry = {0};
  int more;
  int done = -1;
  while ((more = tar_next(&unpacker->reader, &entry, unpacker->error)) > 0)
    if (one_member(unpacker, &entry, &uids, &gids) < 0)
      goto out;
  if (more < 0)
    goto out;
  if (unpacker->split && tar_split_segment(unpacker->split, unpacker->raw, unpacker->error) < 0)
    goto out;
  if (read_trailer(unpacker, stream) < 0)
    goto out;
  if (unpacker->split && (tar_split_segment(unpacker->split, unpacker->raw, unpacker->error) < 0 ||
                          tar_split_flush(unpacker->split, unpacker->error) < 0))
    goto out;
  if (unpacker->root.fd >= 0 && unpack_directory_times(unpacker) < 0)
    goto out;
  result->stream_bytes = stream->total;
  done = 0;
out:
  tar_entry_free(&entry);
  key_set_free(&uids.seen);
  key_set_free(&gids.seen);
  return done;
}

static void free_unpacker(struct unpacker *unpacker)
{
  root_forget(&unpacker->root);
  for (size_t i = 0; i < unpacker->directory_count; i++)
    free(unpacker->directories[i].path);
  free(unpacker->directories);
  key_set_free(&unpacker->made);
  buffer_free(&unpacker->cleaned);
  buffer_free(&unpacker->link);
}

int oci_unpack(int stream_fd, int root_fd, const struct oci_unpack_options *options,
               struct oci_unpack_result *result, struct oci_error *error)
{
  struct stream stream;
  struct tar_split split;
  struct buffer raw = {NULL, 0, 0};
  bool wants_split = options->tar_split_fd >= 0;
  struct unpacker unpacker = {
      .options = options,
      .result = result,
      .error = error,
      .split = wants_split ? &split : NULL,
      .raw = wants_split ? &raw : NULL,
      .opaque_xattr = options->in_user_namespace ? "user.overlay.opaque" : "trusted.overlay.opaque",
  };
  if (stream_open(&stream, stream_fd, error) < 0)
    return -1;
  tar_split_init(&split, options->tar_split_fd);
  root_init(&unpacker.root, root_fd);
  tar_reader_init(&unpacker.reader, &stream, unpacker.raw, (size_t)options->max_name);
  int done = unpack_stream(&unpacker, &stream);
  free_unpacker(&unpacker);
  tar_split_free(&split);
  buffer_free(&raw);
  stream_close(&stream);
  return done;
}
