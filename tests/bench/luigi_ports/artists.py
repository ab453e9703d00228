"""Top artists, for Luigi: what was played on each day, summed up over an interval."""

import collections
import datetime

import luigi


class Streams(luigi.Task):
    date = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"out/streams-{self.date}.txt")

    def run(self):
        state = abs((self.date - datetime.date(1970, 1, 1)).days)

        def random(below):
            nonlocal state
            state = (state * 1103515245 + 12345) % (1 << 31)
            return (state >> 8) % below

        with self.output().open("w") as out:
            for _ in range(1000):
                out.write(f"{random(86400)} artist-{random(100)} track-{random(1000)}\n")


class Plays(luigi.Task):
    days = luigi.DateIntervalParameter()

    def requires(self):
        return [Streams(date) for date in self.days]

    def output(self):
        return luigi.LocalTarget(f"out/plays-{self.days}.txt")

    def run(self):
        plays = collections.Counter()
        for day in self.input():
            with day.open() as lines:
                for line in lines:
                    plays[line.split(" ")[1]] += 1
        with self.output().open("w") as out:
            for artist in sorted(plays):
                out.write(f"{artist}\t{plays[artist]}\n")


class TopArtists(luigi.Task):
    days = luigi.DateIntervalParameter()
    most = luigi.IntParameter(default=10)

    def requires(self):
        return Plays(self.days)

    def output(self):
        return luigi.LocalTarget(f"out/top-{self.most}-{self.days}.txt")

    def run(self):
        with self.input().open() as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines]
        top = sorted((-int(plays), artist) for artist, plays in rows)
        with self.output().open("w") as out:
            for plays, artist in top[: self.most]:
                out.write(f"{artist}\t{-plays}\n")
