"""Dynamic requirements, for Luigi: which tasks are needed stands in the output of another."""

import json

import luigi


class Config(luigi.Task):
    seed = luigi.IntParameter(default=1)

    def output(self):
        return luigi.LocalTarget(f"out/config-{self.seed}.json")

    def run(self):
        with self.output().open("w") as out:
            json.dump([self.seed * 7919 * i % 1000 for i in range(1, 11)], out)


class Data(luigi.Task):
    number = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"out/data-{self.number}.json")

    def run(self):
        with self.output().open("w") as out:
            json.dump(self.number * self.number, out)


class Dynamic(luigi.Task):
    seed = luigi.IntParameter(default=1)

    def requires(self):
        return Config(self.seed)

    def output(self):
        return luigi.LocalTarget(f"out/dynamic-{self.seed}.json")

    def run(self):
        with self.input().open() as lines:
            numbers = json.load(lines)
        total = 0
        for data in (yield [Data(number) for number in numbers]):
            with data.open() as lines:
                total += json.load(lines)
        last = yield Data(total % 1000)
        with last.open() as lines, self.output().open("w") as out:
            json.dump(total + json.load(lines), out)
