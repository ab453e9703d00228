/*
 * wrun_test.h: a native build of a plugin with a fake host, for its own tests. wrun.h includes it where the
 * compiler's target is not WebAssembly. `wrun test` compiles tests/NAME.c with the plugin and runs it.
 *
 * Paths under /in and /out are those of a folder that is thrown away; for that, the functions of stdio that
 * take a path are replaced in files that include wrun.h.
 */
#ifndef WRUN_TEST_H
#define WRUN_TEST_H

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts anew: no inputs, no outputs. */
void wrun_test_begin(void);
/* Puts a file at /in/<input>/<name>. */
void wrun_test_input(const char *input, const char *name, const char *text);
/* Runs a task of this plugin: first what it requires of this plugin, unless wrun_test_input gave it. Returns
 * what `run` did; wrun_test_error says why it failed. All params must be given. */
int wrun_test_run(const char *task, const char *params_json);
const char *wrun_test_error(void);
/* Text of an output file, or NULL. Stays until wrun_test_begin. */
const char *wrun_test_output(const char *name);
/* What a call requires, one `<input> <task> <params>` or `<input> <uri>` a line; first, where one does the work,
 * `container <image> <args>`. */
const char *wrun_test_requires(const char *task, const char *params_json);
/* Ends the test program with a message unless it holds. */
void wrun_test_check(int holds, const char *what, const char *file, int line);
#define WRUN_CHECK(condition) wrun_test_check(!!(condition), #condition, __FILE__, __LINE__)

FILE *wrun_test_fopen(const char *path, const char *mode);
DIR *wrun_test_opendir(const char *path);
int wrun_test_mkdir(const char *path, mode_t mode);
int wrun_test_remove(const char *path);
int wrun_test_rename(const char *from, const char *to);

#ifdef __cplusplus
}
#endif

#ifndef WRUN_TEST_SOURCE
#define fopen wrun_test_fopen
#define opendir wrun_test_opendir
#define mkdir wrun_test_mkdir
#define remove wrun_test_remove
#define rename wrun_test_rename
#endif

#endif
