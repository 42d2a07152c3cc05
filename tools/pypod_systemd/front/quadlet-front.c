/* What systemd's generator starts where there are Quadlet files:
 *
 *     quadlet-front [-lasting COPY] KEPT GENERATOR [-user] FOLDER [EARLY LATE]
 *     quadlet-front -keep KEPT COPY
 *
 * KEPT is the file in which GENERATOR (Python, ten times slower to start than this) left what it made the last time, with
 * every answer of the file system and of the environment that this followed from. When all answers are still the same,
 * the services are written from there; else, or when anything at all is odd, GENERATOR does its work anew.
 * The file's form is told in ocicore/systemd/quadlet/kept.py.
 *
 * KEPT lies in /run, the only place that a generator may write to, and is gone after a boot; COPY is what -keep, started by
 * a service, made of it on a disk that may not be there yet. Both are believed under the same conditions.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "pypod quadlet kept 1\n"
#define LARGEST (32 << 20)

struct record {
    char kind;
    const char *first, *second; /* each ends with a NUL of its own */
    size_t first_size, second_size;
};

struct reader {
    const char *at, *end;
};

/* The whole of an open file, and a NUL after it; NULL for any difficulty. */
static char *read_all(int fd, size_t size)
{
    char *data = calloc(1, size + 1);
    if (data == NULL)
        return NULL;
    size_t have = 0;
    while (have < size) {
        ssize_t count = read(fd, data + have, size - have);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        have += (size_t)count;
    }
    char more;
    if (have != size || read(fd, &more, 1) != 0) {
        free(data);
        return NULL;
    }
    return data;
}

/* Nobody else may have written what we believe: ours, and writable by nobody else. */
static bool is_ours(int fd, mode_t type, struct stat *info)
{
    return fstat(fd, info) == 0 && (info->st_mode & S_IFMT) == type && info->st_uid == geteuid() &&
           (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static char *read_kept(const char *path, size_t *size)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(folder))
        return NULL;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    struct stat info;
    char *data = NULL;
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return NULL;
    if (is_ours(directory, S_IFDIR, &info)) {
        int fd = openat(directory, slash + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) {
            if (is_ours(fd, S_IFREG, &info) && info.st_size <= LARGEST)
                data = read_all(fd, *size = (size_t)info.st_size);
            close(fd);
        }
    }
    close(directory);
    return data;
}

static bool take_number(struct reader *from, char end, size_t *number)
{
    size_t found = 0;
    const char *start = from->at;
    while (from->at < from->end && *from->at >= '0' && *from->at <= '9' && found < LARGEST)
        found = found * 10 + (size_t)(*from->at++ - '0');
    if (from->at == start || from->at == from->end || *from->at++ != end)
        return false;
    *number = found;
    return true;
}

static bool take_text(struct reader *from, size_t size, const char **text)
{
    if ((size_t)(from->end - from->at) <= size || from->at[size] != '\0')
        return false;
    *text = from->at;
    from->at += size + 1;
    return true;
}

static bool take_record(struct reader *from, struct record *record)
{
    if (from->end - from->at < 2 || from->at[1] != ' ')
        return false;
    record->kind = from->at[0];
    from->at += 2;
    return take_number(from, ' ', &record->first_size) && take_number(from, '\n', &record->second_size) &&
           take_text(from, record->first_size, &record->first) &&
           take_text(from, record->second_size, &record->second);
}

/* -- the answers ----------------------------------------------------------------------------------------------- */

static bool same_file(const struct record *record)
{
    int fd = open(record->first, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct stat info;
    bool same = false;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (size_t)info.st_size == record->second_size) {
        char *data = read_all(fd, record->second_size);
        same = data != NULL && memcmp(data, record->second, record->second_size) == 0;
        free(data);
    }
    close(fd);
    return same;
}

/* The path without links; what is not there is taken as it is written. A link that leads to nothing is left to Python. */
static bool real_path(const char *path, char found[PATH_MAX])
{
    if (realpath(path, found) != NULL)
        return true;
    struct stat info;
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if ((errno != ENOENT && errno != ENOTDIR) || lstat(path, &info) == 0 || slash == NULL || slash == path)
        return false;
    const char *name = slash + 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (size_t)(slash - path) >= sizeof(above))
        return false;
    memcpy(above, path, (size_t)(slash - path));
    above[slash - path] = '\0';
    if (!real_path(above, found))
        return false;
    size_t size = strlen(found);
    return snprintf(found + size, PATH_MAX - size, "%s%s", size > 1 ? "/" : "", name) < (int)(PATH_MAX - size);
}

static bool same_real_path(const struct record *record)
{
    char found[PATH_MAX];
    return real_path(record->first, found) && strcmp(found, record->second) == 0;
}

static bool same_program(const struct record *record)
{
    struct stat info;
    char text[160];
    if (stat(record->first, &info) < 0)
        return false;
    snprintf(text, sizeof(text), "%llu %llu %lld %lld.%09ld %lld.%09ld", (unsigned long long)info.st_dev,
             (unsigned long long)info.st_ino, (long long)info.st_size, (long long)info.st_mtim.tv_sec,
             info.st_mtim.tv_nsec, (long long)info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    return strcmp(text, record->second) == 0;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static bool is_folder(int directory, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    struct stat info;
    return fstatat(directory, entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

/* Names in the folder, sorted, "/" after those of folders. */
static bool same_names(DIR *folder, const struct record *record)
{
    char **names = NULL;
    size_t count = 0, room = 0;
    bool same = false;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (count == room) {
            room = room * 2 + 64;
            char **more = realloc(names, room * sizeof(char *));
            if (more == NULL)
                goto out;
            names = more;
        }
        if (asprintf(&names[count], "%s%s", entry->d_name, is_folder(dirfd(folder), entry) ? "/" : "") < 0)
            goto out;
        count++;
    }
    if (errno != 0)
        goto out;
    if (count > 0)
        qsort(names, count, sizeof(char *), compare_names);
    const char *at = record->second, *end = record->second + record->second_size;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]);
        if (at > end || (size_t)(end - at) < size || strcmp(at, names[i]) != 0)
            goto out;
        at += size + 1;
    }
    same = count == 0 ? record->second_size == 0 : at == end + 1;
out:
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return same;
}

static bool same_folder(const struct record *record)
{
    DIR *folder = opendir(record->first);
    if (folder == NULL)
        return false;
    bool same = same_names(folder, record);
    closedir(folder);
    return same;
}

static bool cannot_be_read(const char *path)
{
    DIR *folder = opendir(path);
    if (folder != NULL)
        closedir(folder);
    return folder == NULL;
}

static bool same_number(const char *text, unsigned long number)
{
    char own[24];
    snprintf(own, sizeof(own), "%lu", number);
    return strcmp(text, own) == 0;
}

static bool still_holds(const struct record *record, const char *generator, bool is_user)
{
    struct stat info;
    const char *value;
    switch (record->kind) {
    case 'I': /* the user */
        return same_number(record->first, getuid());
    case 'P': /* the generator's name, which stands in the services */
        return strcmp(record->first, generator) == 0;
    case 'M':
        return strcmp(record->first, is_user ? "user" : "system") == 0;
    case 'E': /* a variable */
        value = getenv(record->first);
        return value != NULL && strcmp(value, record->second) == 0;
    case 'A': /* a variable that is not there */
        return getenv(record->first) == NULL;
    case 'S':
        return same_program(record);
    case 'R':
        return same_real_path(record);
    case 'X':
        return stat(record->first, &info) == 0;
    case 'N':
        return stat(record->first, &info) < 0;
    case 'U':
        return cannot_be_read(record->first);
    case 'L':
        return same_folder(record);
    case 'F':
        return same_file(record);
    case 'O':
    case 'Y':
        return true; /* what was made */
    default:
        return false;
    }
}

/* -- the services ---------------------------------------------------------------------------------------------- */

static bool write_service(int folder, const struct record *record)
{
    char new[NAME_MAX + 8];
    if (snprintf(new, sizeof(new), ".%s.new", record->first) >= (int)sizeof(new))
        return false;
    int fd = openat(folder, new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    size_t done = 0;
    while (done < record->second_size) {
        ssize_t count = write(fd, record->second + done, record->second_size - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    close(fd);
    if (done == record->second_size && renameat(folder, new, folder, record->first) == 0)
        return true;
    unlinkat(folder, new, 0);
    return false;
}

static bool make_link(int folder, const struct record *record)
{
    if (symlinkat(record->second, folder, record->first) == 0)
        return true;
    if (errno == ENOENT) {
        char parent[PATH_MAX];
        const char *slash = strrchr(record->first, '/');
        if (slash == NULL || (size_t)(slash - record->first) >= sizeof(parent))
            return false;
        memcpy(parent, record->first, (size_t)(slash - record->first));
        parent[slash - record->first] = '\0';
        if (mkdirat(folder, parent, 0777) < 0 && errno != EEXIST)
            return false;
    } else if (errno != EEXIST || unlinkat(folder, record->first, 0) < 0) {
        return false;
    }
    return symlinkat(record->second, folder, record->first) == 0;
}

/* True when everything was made from what is kept. */
static bool replay(const char *kept, const char *generator, bool is_user, const char *target)
{
    size_t size;
    char *data = read_kept(kept, &size);
    const size_t first_line = strlen(FIRST_LINE);
    if (data == NULL || size < first_line || memcmp(data, FIRST_LINE, first_line) != 0)
        return false;
    struct reader from = {.at = data + first_line, .end = data + size};
    struct record record;
    bool any = false;
    for (;;) {
        if (!take_record(&from, &record))
            return false;
        if (record.kind == 'Z')
            break;
        any = any || record.kind == 'O';
        if (!still_holds(&record, generator, is_user))
            return false;
    }
    if (!any)
        return true;
    if (mkdir(target, 0777) < 0 && errno != EEXIST)
        return false;
    int folder = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    from.at = data + first_line;
    while (take_record(&from, &record) && record.kind != 'Z') {
        if (record.kind == 'O' && !write_service(folder, &record))
            return false;
        if (record.kind == 'Y' && !make_link(folder, &record))
            return false;
    }
    return true;
}

/* -- the copy -------------------------------------------------------------------------------------------------- */

/* From its first line to the record that ends it. */
static bool is_whole(const char *data, size_t size)
{
    const size_t first_line = strlen(FIRST_LINE);
    if (size < first_line || memcmp(data, FIRST_LINE, first_line) != 0)
        return false;
    struct reader from = {.at = data + first_line, .end = data + size};
    struct record record;
    while (take_record(&from, &record))
        if (record.kind == 'Z')
            return from.at == from.end;
    return false;
}

static bool write_whole(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        data += count;
        size -= (size_t)count;
    }
    return fsync(fd) == 0;
}

/* The folders above a path, for this user alone. */
static bool make_folders(const char *path)
{
    char folder[PATH_MAX];
    if (path[0] != '/' || snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
        return false;
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

/* A power cut leaves the former copy, the new one, or none. */
static int keep(const char *kept, const char *copy)
{
    size_t size, had = 0;
    char *data = read_kept(kept, &size);
    if (data == NULL)
        return 0; /* nothing was kept, which is no mistake */
    if (!is_whole(data, size)) {
        fprintf(stderr, "quadlet-front: %s is not whole\n", kept);
        return 1;
    }
    char *before = read_kept(copy, &had);
    if (before != NULL && had == size && memcmp(before, data, size) == 0)
        return 0;
    char new[PATH_MAX];
    int fd = -1;
    if (snprintf(new, sizeof(new), "%s.new", copy) < (int)sizeof(new) && make_folders(copy)) {
        unlink(new); /* of one that was killed */
        fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (fd < 0 || !write_whole(fd, data, size) || rename(new, copy) < 0) {
        fprintf(stderr, "quadlet-front: cannot write %s: %s\n", copy, strerror(errno));
        if (fd >= 0)
            unlink(new);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "-keep") == 0)
        return keep(argv[2], argv[3]);
    const char *copy = NULL;
    if (argc > 2 && strcmp(argv[1], "-lasting") == 0) {
        copy = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 4) {
        fprintf(stderr, "usage: quadlet-front [-lasting COPY] KEPT GENERATOR [-user] FOLDER [EARLY LATE]\n"
                        "       quadlet-front -keep KEPT COPY\n");
        return 2;
    }
    const char *kept = argv[1], *generator = argv[2];
    bool is_user = strcmp(argv[3], "-user") == 0;
    int folder = is_user ? 4 : 3;
    /* Whoever wants to hear something asks the generator itself. */
    bool plain = folder < argc && argv[folder][0] != '-';
    if (plain && (replay(kept, generator, is_user, argv[folder]) ||
                  (copy != NULL && replay(copy, generator, is_user, argv[folder]))))
        return 0;
    char *option;
    char **words = calloc((size_t)argc + 1, sizeof(char *));
    if (words == NULL || asprintf(&option, "-kept=%s", kept) < 0)
        return 1;
    int count = 0;
    words[count++] = argv[2];
    if (plain)
        words[count++] = option;
    for (int i = 3; i < argc; i++)
        words[count++] = argv[i];
    execv(generator, words);
    fprintf(stderr, "quadlet-front: cannot start %s: %s\n", generator, strerror(errno));
    return 1;
}
