/* join OUT IN...: writes the bytes of the inputs, in order, to OUT. The work of every rule that make
 * and ninja run: about the smallest program there can be, so that what is timed is the tool. */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static char buffer[1 << 16];
  int out = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
  if (out < 0) return 1;
  for (int i = 2; i < argc; i++) {
    int in = open(argv[i], O_RDONLY);
    if (in < 0) return 1;
    ssize_t n;
    while ((n = read(in, buffer, sizeof buffer)) > 0)
      if (write(out, buffer, (size_t)n) != n) return 1;
    if (n < 0) return 1;
    close(in);
  }
  return close(out);
}
