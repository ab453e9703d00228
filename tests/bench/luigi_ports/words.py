"""Word count, for Luigi: over the texts of some days, which no task makes."""

import collections

import luigi


class InputText(luigi.ExternalTask):
    date = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"texts/{self.date}.txt")


class WordCount(luigi.Task):
    days = luigi.DateIntervalParameter()

    def requires(self):
        return [InputText(date) for date in self.days]

    def output(self):
        return luigi.LocalTarget(f"out/words-{self.days}.txt")

    def run(self):
        counts = collections.Counter()
        for text in self.input():
            with text.open() as lines:
                for line in lines:
                    counts.update(line.split())
        with self.output().open("w") as out:
            for word in sorted(counts):
                out.write(f"{word}\t{counts[word]}\n")
