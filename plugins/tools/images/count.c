/* Counts the words of all files below /in into /out/words.tsv: `word<TAB>count` in the order of the words' bytes. It is
   the whole of its image: no shell, no library, no other file. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **words;
static size_t count, room;

static void fail(const char *doing, const char *what) {
  fprintf(stderr, "cannot %s ", doing);
  perror(what);
  exit(1);
}

static void add(const char *word) {
  if (count == room) {
    room = room ? 2 * room : 1024;
    words = realloc(words, room * sizeof *words);
  }
  if (!words || !(words[count++] = strdup(word))) fail("keep", word);
}

static void read_words(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) fail("open", path);
  char word[256];
  size_t length = 0;
  for (int c; (c = getc(file)) != EOF;) {
    if (isalnum(c) && length < sizeof word - 1) {
      word[length++] = (char)tolower(c);
    } else if (length && !isalnum(c)) {
      word[length] = 0;
      add(word);
      length = 0;
    }
  }
  if (length) {
    word[length] = 0;
    add(word);
  }
  if (ferror(file) || fclose(file)) fail("read", path);
}

static void walk(const char *path) {
  DIR *folder = opendir(path);
  if (!folder) fail("list", path);
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    char below[4096];
    snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
    entry->d_type == DT_DIR ? walk(below) : read_words(below);
  }
  closedir(folder);
}

static int order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(void) {
  walk("/in");
  qsort(words, count, sizeof *words, order);
  FILE *out = fopen("/out/words.tsv", "w");
  if (!out) fail("write", "/out/words.tsv");
  for (size_t i = 0, n; i < count; i += n) {
    for (n = 1; i + n < count && !strcmp(words[i], words[i + n]); n++) {}
    fprintf(out, "%s\t%zu\n", words[i], n);
  }
  if (fclose(out)) fail("write", "/out/words.tsv");
  return 0;
}
