{-# LANGUAGE OverloadedStrings #-}
-- | @wrun test@ compiles this natively, with a fake host.
module Main (main) where

import Carriers (statistics)
import qualified Data.Text as T
import Plugin (plugin)
import WRun.Testing

call :: [(String, Value)]
call = ["date" .= T.pack "2013-01-07", "source" .= T.pack "f", "airlines" .= T.pack "a"]

main :: IO ()
main = do
  -- What computes is pure.
  expect "the mean is rounded, the median is one of them"
    (Right "carrier,name,flights,cancelled,mean_delay,median_delay\nAA,American,4,1,17,2\nUA,?,1,1,NA,NA\n")
    (statistics "carrier,name\nAA,American\n" "carrier,dep_delay\nAA,2\nAA,NA\nAA,-1\nUA,NA\nAA,4\n")
  expect "a flight that lacks a column" (Left "a flight without all columns: AA")
    (statistics "" "carrier,dep_delay\nAA\n")
  expect "no flights at all" (Left "the flights are empty") (statistics "" "")

  -- The task, over a fake host.
  expect "what it requires"
    (Right ["flights split-by-day {\"source\":\"f\"}", "airlines a"]) (requirements plugin "carriers" call)
  let names = given "airlines" [("airlines.csv", "carrier,name\nUA,United\n")]
  made <- testTask plugin "carriers" call [names, given "flights" [("2013-01-07.csv", "carrier,dep_delay\nUA,5\nUA,-2\n")]]
  expect "its table" (Right (Just "carrier,name,flights,cancelled,mean_delay,median_delay\nUA,United,2,0,15,5\n"))
    (fmap (output "carriers.csv") made)
  failed <- testTask plugin "carriers" call [names, given "flights" [("2013-01-07.csv", "carrier,dep_delay\nUA,late\n")]]
  expect "a delay that is none" (Left "a delay that is no number: UA,late") (fmap ran failed)
  bare <- testTask plugin "carriers" call [names]
  expect "an input that the test does not give" (Left "the test does not give the input `flights`") (fmap ran bare)
