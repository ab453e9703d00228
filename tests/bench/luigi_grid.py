"""The grid for Luigi, in one process: luigi_grid.py N, in a folder with src/."""

import sys

import luigi

BLOCK = 100


class Leaf(luigi.Task):
    i = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"out/leaf-{self.i}.txt")

    def run(self):
        with open(f"src/leaf-{self.i}.txt") as source, self.output().open("w") as out:
            out.write(source.read())


class Joined(luigi.Task):
    def run(self):
        with self.output().open("w") as out:
            for part in self.input():
                with part.open() as source:
                    out.write(source.read())


class Reduce(Joined):
    block = luigi.IntParameter()
    count = luigi.IntParameter()

    def requires(self):
        first = self.block * BLOCK
        return [Leaf(i=i) for i in range(first, first + self.count)]

    def output(self):
        return luigi.LocalTarget(f"out/block-{self.block}.txt")


class Root(Joined):
    n = luigi.IntParameter()

    def requires(self):
        blocks = range((self.n + BLOCK - 1) // BLOCK)
        return [Reduce(block=b, count=min(BLOCK, self.n - b * BLOCK)) for b in blocks]

    def output(self):
        return luigi.LocalTarget("out/root.txt")


if __name__ == "__main__":
    done = luigi.build([Root(n=int(sys.argv[1]))], local_scheduler=True, workers=1, log_level="ERROR")
    sys.exit(0 if done else 1)
