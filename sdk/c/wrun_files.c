/* Inputs and outputs. */
#define WRUN_TEST_SOURCE
#include "wrun_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __wasm__
#include <wasi/api.h>
#include <wasi/libc-find-relpath.h>
#endif

static FILE *opened(const char *path, const char *mode) {
#ifdef __wasm__
  return fopen(path, mode);
#else
  return wrun_test_fopen(path, mode);
#endif
}

/* What is read or written at once goes without stdio, whose buffers cost as much as a small task, and without open,
 * which asks first, twice over the border, what the folder allows. */
static int descriptor(const char *path, int flags) {
#ifdef __wasm__
  const char *prefix, *below;
  int folder = __wasilibc_find_abspath(path, &prefix, &below), file;
  if (folder < 0) return -1;
  bool reads = flags == O_RDONLY;
  __wasi_rights_t rights = (reads ? __WASI_RIGHTS_FD_READ : __WASI_RIGHTS_FD_WRITE) | __WASI_RIGHTS_FD_SEEK;
  __wasi_errno_t error = __wasi_path_open(folder, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, below,
                                          reads ? 0 : __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, rights, 0, 0, &file);
  if (!error) return file;
  errno = error;
  return -1;
#else
  return wrun_test_open_(path, flags);
#endif
}

static DIR *listed(const char *path) {
#ifdef __wasm__
  return opendir(path);
#else
  return wrun_test_opendir(path);
#endif
}

static int made(const char *path) {
#ifdef __wasm__
  return mkdir(path, 0777);
#else
  return wrun_test_mkdir(path, 0777);
#endif
}

static int by_name(const void *one, const void *two) {
  return strcmp(*(const char *const *)one, *(const char *const *)two);
}

const char *const *wrun_list(const char *input, const char *folder) {
  const char *path = wrun_format("/in/%s%s%s", input, folder ? "/" : "", folder ? folder : "");
  DIR *dir = listed(path);
  if (!dir) {
    wrun_fail("cannot list `%s`: %s", path, strerror(errno));
    return NULL;
  }
  const char **names = NULL;
  size_t count = 0;
  for (struct dirent *found; (found = readdir(dir));) {
    if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
    names = wrun_grown_(names, count, sizeof *names);
    names[count++] = wrun_copy_of_(found->d_name, strlen(found->d_name));
  }
  closedir(dir);
  if (count) qsort(names, count, sizeof *names, by_name);
  names = wrun_grown_(names, count, sizeof *names);
  names[count] = NULL;
  return (const char *const *)names;
}

/* The path of a file of an input, or of its only one; or NULL, where wrun_fail has said why. */
static const char *place(const char *input, const char *name) {
  if (!name) {
    const char *const *names = wrun_list(input, NULL);
    if (!names) return NULL;
    if (!names[0] || names[1]) {
      wrun_fail(names[0] ? "there is more than one file in `/in/%s`" : "`/in/%s` is empty: one file is due",
                input);
      return NULL;
    }
    name = names[0];
  }
  return wrun_format("/in/%s/%s", input, name);
}

FILE *wrun_open(const char *input, const char *name) {
  const char *path = place(input, name);
  FILE *file = path ? opened(path, "rb") : NULL;
  if (path && !file) wrun_fail("cannot open `%s`: %s", path, strerror(errno));
  return file;
}

char *wrun_read(const char *input, const char *name, size_t *length) {
  const char *path = place(input, name);
  int file = path ? descriptor(path, O_RDONLY) : -1;
  if (file < 0) {
    if (path) wrun_fail("cannot open `%s`: %s", path, strerror(errno));
    return NULL;
  }
  size_t size = 0, room = 4096;
  char *bytes = wrun_room_(room + 1);
  ssize_t got;
  while ((got = read(file, bytes + size, room - size)) > 0) {
    size += (size_t)got;
    if (size < room) continue;
    char *more = wrun_room_(room * 2 + 1);
    memcpy(more, bytes, size);
    bytes = more;
    room *= 2;
  }
  if (got < 0) wrun_fail("cannot read `%s`: %s", path, strerror(errno));
  close(file);
  if (got < 0) return NULL;
  bytes[size] = 0;
  if (length) *length = size;
  return bytes;
}

int64_t wrun_read_int(const char *input, const char *name) {
  char *text = wrun_read(input, name, NULL), *end;
  if (!text) {
    wrun_misused_ = true;
    return 0;
  }
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (end == text || errno || end[strspn(end, " \t\r\n")])
    wrun_misuse_(wrun_format("`/in/%s/%s` is no whole number of 64 bits", input, name ? name : ""));
  return number;
}

/* The path of an output, with the folders above it made. */
static const char *new_place(const char *name) {
  char *path = wrun_format("/out/%s", wrun_carried_(name, "the name of an output"));
  for (char *at = path + 5; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    /* What stands in its way, opening the file will say. */
    made(path);
  }
  return path;
}

FILE *wrun_create(const char *name) {
  const char *path = new_place(name);
  FILE *file = opened(path, "wb");
  if (!file) wrun_fail("cannot create `%s`: %s", path, strerror(errno));
  return file;
}

int wrun_close(FILE *file) {
  if (!file) return *wrun_failure_() ? WRUN_FAILED : wrun_fail("wrun_close was given NULL");
  bool bad = ferror(file);
  if (fclose(file) || bad) return wrun_fail("an output cannot be written: %s", strerror(errno));
  return WRUN_OK;
}

int wrun_write(const char *name, const void *bytes, size_t length) {
  const char *path = new_place(name), *from = bytes;
  int file = descriptor(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (file < 0) return wrun_fail("cannot create `%s`: %s", path, strerror(errno));
  ssize_t put = 0;
  while (length && (put = write(file, from, length)) > 0) {
    from += put;
    length -= (size_t)put;
  }
  if (length) wrun_fail("an output cannot be written: %s", strerror(errno));
  if (close(file) && !length) return wrun_fail("an output cannot be written: %s", strerror(errno));
  return length ? WRUN_FAILED : WRUN_OK;
}
